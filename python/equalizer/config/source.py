"""What was read and where it came from, so that every later complaint can name its place."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from equalizer.config import places
from equalizer.errors import Problem
from equalizer.model import duration
from equalizer.model.address import Address

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# Long runs of base64 and PEM blocks are what secrets look like; an "@" may follow a password.
_SECRET = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}|.*(-----BEGIN|@).*", re.DOTALL)
_SHOWN = 80


@dataclass(frozen=True)
class Source:
    """A document as it was written, before it becomes a model."""

    name: str
    """What to call it in messages: the file as the user gave it, or a word."""
    data: Mapping[str, object]
    lines: Mapping[places.Path, int] | None = None
    """None when the document has no lines."""
    base: Path = field(default_factory=Path)
    """Where relative paths start."""

    def problem(self, path: Iterable[str | int], message: str) -> Problem:
        """A problem at a key; a path may go deeper than the document does."""
        key = self.locate(path)
        return Problem(self.name, self._line(key), dotted(key), message)

    def locate(self, path: Iterable[str | int], *, missing: bool = False) -> places.Path:
        """The longest part of a path that was written; `missing` keeps a last part that was not.

        Parts without a counterpart are left out: a validator's own marks, and the levels that a short
        form (a bare string, one table for a list of one) does not have.
        """
        value: object = self.data
        found: list[str | int] = []
        rest = list(path)
        for position, part in enumerate(rest):
            index = int(part) if str(part).isdecimal() else None
            if isinstance(value, Mapping) and part in value:
                value = value[part]
                found.append(part)
            elif isinstance(value, list | tuple) and index is not None and index < len(value):
                value = value[index]
                found.append(index)
            elif missing and position == len(rest) - 1 and isinstance(value, Mapping):
                found.append(part)
        return tuple(found)

    def value(self, path: places.Path) -> object:
        """What was written at a path that `locate` found; None when nothing was."""
        value: object = self.data
        for part in path:
            if isinstance(value, Mapping):
                value = value.get(part)
            elif isinstance(value, list | tuple) and isinstance(part, int):
                value = value[part]
        return value

    def _line(self, path: places.Path) -> int | None:
        if self.lines is None:
            return None
        nearest = (
            self.lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self.lines
        )
        return next(nearest, 1)


def dotted(path: places.Path) -> str:
    """A path as TOML writes keys, with `[0]` for items of lists."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def show(value: object) -> str:  # noqa: PLR0911 - a table of types
    """A value as TOML would write it, short, and never one that looks like a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:_SHOWN]
        case timedelta():
            return f'"{duration.write(value)}"'
        case str() | Path() | Address():
            return _show_text(str(value))
        case Mapping():
            return "a table" if value else "an empty table"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case _:
            return f"a {type(value).__name__}"


def _show_text(text: str) -> str:
    if _SECRET.fullmatch(text):
        return "a text that is not shown here, as it may hold a secret"
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return json.dumps(short, ensure_ascii=False)
