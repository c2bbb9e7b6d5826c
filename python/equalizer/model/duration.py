"""How a time is written: `"500ms"`, `"10s"`, `"5m"`, `"2h"`, or plain seconds."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from equalizer.model.noun import refuse

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_TEXT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h)?", re.ASCII)
_MOST = timedelta(hours=24)
_HOW = 'a time such as "10s", "500ms" or "5m"'


def parse(value: object) -> timedelta | None:
    """The time that was written, to the millisecond; None when it is not one."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return timedelta(seconds=value) if 0 <= value < 1e9 else None
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    milliseconds = float(match[1]) * _UNITS[match[2] or "s"]
    return timedelta(milliseconds=round(milliseconds)) if milliseconds < 1e12 else None


def write(value: timedelta) -> str:
    """The shortest text that `parse` reads as this time."""
    total = milliseconds(value)
    unit = next(unit for unit in ("h", "m", "s", "ms") if total % _UNITS[unit] == 0)
    return f"{total // _UNITS[unit]}{unit}" if total else "0s"


def milliseconds(value: timedelta) -> int:
    """Whole milliseconds."""
    return round(value / timedelta(milliseconds=1))


def _between(least: timedelta) -> Callable[[object], timedelta]:
    def check(value: object) -> timedelta:
        found = parse(value)
        if found is None:
            raise refuse(_HOW)
        if not least <= found <= _MOST:
            raise refuse(f"a time from {write(least)} to {write(_MOST)}")
        return found

    return check


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)?\s*$"},
            {"type": "number", "minimum": 0, "description": "Seconds"},
        ],
        "examples": ["10s"],
    }
)

Duration = Annotated[
    timedelta, BeforeValidator(_between(timedelta(milliseconds=1))), PlainSerializer(write), _SCHEMA
]
"""A time that passes: at least a millisecond."""

Patience = Annotated[timedelta, BeforeValidator(_between(timedelta(0))), PlainSerializer(write), _SCHEMA]
"""A time that may be zero: do not wait."""
