"""The line of every key, in every way that TOML lets one be written."""

import json
import tomllib
from collections.abc import Iterator
from typing import TypeGuard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equalizer.config import places


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("# a = 0\n\n  a = 1", ("a",), 3),
        ("[a]\nb = 1", ("a", "b"), 2),
        ("[a]\n[ a . 'b c' ]\nd = 1", ("a", "b c", "d"), 3),
        ("[a.b]\nc = 1\n[a]\nd = 1", ("a",), 3),
        ("a.b.c = 1\na.b.d = 2", ("a", "b", "d"), 2),
        ('"a.b"."c\\u0064" = 1', ("a.b", "cd"), 1),
        ("a = { b = 1, c = { d = 2 } }", ("a", "c", "d"), 1),
        ("a = [ # one ]\n  1,\n  { b = 2 },\n]\nc = 3", ("a", 1, "b"), 3),
        ("a = [ # one ]\n  1,\n  { b = 2 },\n]\nc = 3", ("c",), 5),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), 4),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a",), 1),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2", ("a", 1, "b", 1, "c"), 8),
        ('a = """\nb = 1\n""""\nc = 2', ("c",), 4),
        ("a = '''\nb = 1\n\\'''\nc = 2", ("c",), 4),
        ('a = """\\""" """\nc = 2', ("c",), 2),
        ("a = 1979-05-27 07:32:00Z # [x]\nb = 'c'", ("b",), 2),
        ("a = [[1, 2], ['#', \"]\"]]\nb = inf", ("b",), 2),
    ],
)
def test_a_key_stands_in_its_line(text: str, path: places.Path, line: int) -> None:
    tomllib.loads(text)
    assert places.find(text)[path] == line


_text = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t\"\\'#[]{}=,."), max_size=8
)
_leaf = st.integers(-9, 9) | st.booleans() | st.floats(allow_nan=False) | _text
_value = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=12,
)
_document = st.dictionaries(_text, _value, max_size=5)


class _Writer:
    """Writes a document in a style that chance chooses, and remembers the line of each key."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.text = ""
        self.lines: dict[places.Path, int] = {}

    def chance(self) -> bool:
        return self.data.draw(st.booleans())

    def table(self, path: places.Path, header: str, table: dict[str, object]) -> None:
        """Keys with values first, as TOML wants it, then the tables that get headers of their own."""
        late: list[tuple[str, dict[str, object] | list[dict[str, object]]]] = []
        for key, value in table.items():
            if _takes_header(value) and self.chance():
                late.append((key, value))
            elif isinstance(value, dict) and value and self.chance():
                self.dotted((*path, key), self.key(key), value)
            else:
                self.pair((*path, key), self.key(key), value)
                self.end()
        for key, tables in late:
            name = f"{header}.{self.key(key)}" if header else self.key(key)
            self.headed((*path, key), name, tables)

    def headed(
        self, path: places.Path, name: str, value: dict[str, object] | list[dict[str, object]]
    ) -> None:
        self.note(path)
        if isinstance(value, dict):
            self.text += f"[{name}]"
            self.end()
            self.table(path, name, value)
            return
        for index, each in enumerate(value):
            self.note((*path, index))
            self.text += f"[[ {name} ]]"
            self.end()
            self.table((*path, index), name, each)

    def dotted(self, path: places.Path, name: str, table: dict[str, object]) -> None:
        for key, value in table.items():
            self.note(path)
            inner = f"{name} . {self.key(key)}"
            if isinstance(value, dict) and value:
                self.dotted((*path, key), inner, value)
            else:
                self.pair((*path, key), inner, value)
                self.end()

    def pair(self, path: places.Path, name: str, value: object) -> None:
        self.note(path)
        self.text += f"{name} = "
        self.value(path, value)

    def value(self, path: places.Path, value: object) -> None:
        match value:
            case dict():
                self.text += "{"
                for number, (key, inner) in enumerate(value.items()):
                    self.text += "," if number else ""
                    self.pair((*path, key), self.key(key), inner)
                self.text += "}"
            case list():
                self.text += "["
                for index, inner in enumerate(value):
                    self.text += " # ] note\n\n" if self.chance() else ""
                    self.note((*path, index))
                    self.value((*path, index), inner)
                    self.text += ","
                self.text += "]"
            case str():
                self.text += self.string(value)
            case bool():
                self.text += str(value).lower()
            case _:
                self.text += str(value)

    def string(self, value: str) -> str:
        if "'" not in value and "\n" not in value and self.chance():
            return f"'{value}'"
        if "\\n" not in value and self.chance():
            inside = json.dumps(value, ensure_ascii=False)[1:-1].replace("\\n", "\n")
            # A line feed that stands first is not part of the value.
            return '"""' + ("\n" if inside.startswith("\n") else "") + inside + '"""'
        return json.dumps(value, ensure_ascii=False)

    def key(self, key: str) -> str:
        return key if key.isascii() and key.isalnum() else json.dumps(key, ensure_ascii=False)

    def note(self, path: places.Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def end(self) -> None:
        self.text += " # a note = [\n\n" if self.chance() else "\n"


def _takes_header(value: object) -> TypeGuard[dict[str, object] | list[dict[str, object]]]:
    tables = value if isinstance(value, list) and value else [value]
    return all(isinstance(table, dict) for table in tables)


def _paths(value: object, path: places.Path = ()) -> Iterator[places.Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


@given(document=_document, data=st.data())
def test_every_key_of_any_document_stands_in_its_line(
    document: dict[str, object], data: st.DataObject
) -> None:
    writer = _Writer(data)
    writer.table((), "", document)
    assert tomllib.loads(writer.text) == document
    assert places.find(writer.text) == writer.lines
    assert set(writer.lines) == set(_paths(document))
