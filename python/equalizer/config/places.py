"""Where each key of a TOML document stands.

The standard library reads values and forgets their lines. This scanner finds the lines and leaves the values
alone; it runs on text that the standard library has accepted, so it need not judge.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}\n#]*")


def find(text: str) -> Mapping[Path, int]:
    """The line (from 1) of every table, key and list item of a valid document."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.last: dict[Path, int] = {}  # index of the newest table of each `[[array]]`
        self._line, self._counted = 1, 0

    def document(self) -> None:
        table: Path = ()
        while self._blank():
            if self._next("[["):
                table = self._header(self._key())
                self.last[table] = self.last.get(table, -1) + 1
                table = (*table, self.last[table])
                self._note(table)
                self._skip("]]")
            elif self._next("["):
                table = self._header(self._key())
                self.lines[table] = self._here()  # better than a first mention as somebody's parent
                self._skip("]")
            else:
                self._pair(table)

    def _header(self, parts: list[str]) -> Path:
        """The path of a header; its parents may be the newest tables of arrays."""
        path: Path = ()
        for part in parts:
            index = self.last.get(path)
            path = (*path, part) if index is None else (*path, index, part)
            self._note(path)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._skip("=")
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._match(_SPACE)
            if self._peek("\"'"):
                parts.append(_unquote(self._match(_BASIC if self._peek('"') else _LITERAL)))
            else:
                parts.append(self._match(_BARE))
            self._match(_SPACE)
            if not self._next("."):
                return parts

    def _value(self, path: Path) -> None:
        self._match(_SPACE)
        if self._next("["):
            self._list(path)
        elif self._next("{"):
            self._inline(path)
        elif self.text.startswith('"""', self.at):
            self._match(_LONG_BASIC)
        elif self.text.startswith("'''", self.at):
            self._match(_LONG_LITERAL)
        elif self._peek("\"'"):
            self._match(_BASIC if self._peek('"') else _LITERAL)
        else:
            self._match(_PLAIN)

    def _list(self, path: Path) -> None:
        index = 0
        while self._blank() and not self._next("]"):
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._blank()
            self._next(",")

    def _inline(self, path: Path) -> None:
        while self._blank() and not self._next("}"):
            self._pair(path)
            self._blank()
            self._next(",")

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self._here())

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def _blank(self) -> bool:
        """Skip spaces, lines and comments; whether something is left."""
        self._match(_BLANK)
        return self.at < len(self.text)

    def _peek(self, characters: str) -> bool:
        return self.at < len(self.text) and self.text[self.at] in characters

    def _next(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def _skip(self, mark: str) -> None:
        self._match(_SPACE)
        if not self._next(mark):
            raise ValueError(f"not TOML: {mark} expected in line {self._here()}")

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"not TOML in line {self._here()}")
        self.at = match.end()
        return match[0]


def _unquote(literal: str) -> str:
    return str(tomllib.loads(f"key = {literal}")["key"])
