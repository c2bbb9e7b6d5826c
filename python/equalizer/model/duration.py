"""How a time is written: `"500ms"`, `"10s"`, `"5m"`, `"2h"`, `"30d"`, or plain seconds."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from equalizer.model.noun import refuse

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)?", re.ASCII)
_MOST = timedelta(hours=24)
_LONGEST = timedelta(days=3650)
_HOW = 'a time such as "10s", "500ms" or "5m"'
_HOW_LONG = 'a time such as "30m", "8h" or "30d"'


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
    """A short text that `parse` reads as this time; one day is "24h"."""
    total = milliseconds(value)
    units = ("d", "h", "m", "s", "ms") if total > _UNITS["d"] else ("h", "m", "s", "ms")
    unit = next(unit for unit in units if total % _UNITS[unit] == 0)
    return f"{total // _UNITS[unit]}{unit}" if total else "0s"


def milliseconds(value: timedelta) -> int:
    """Whole milliseconds."""
    return round(value / timedelta(milliseconds=1))


def seconds(value: timedelta | None) -> int:
    """Whole seconds; 0 where there is no time."""
    return round(value.total_seconds()) if value else 0


def _between(least: timedelta, most: timedelta = _MOST) -> Callable[[object], timedelta]:
    def check(value: object) -> timedelta:
        found = parse(value)
        if found is None:
            raise refuse(_HOW)
        if not least <= found <= most:
            raise refuse(f"a time from {write(least)} to {write(most)}")
        return found

    return check


def _whole_seconds(value: object) -> timedelta:
    found = parse(value)
    if found is None:
        raise refuse(_HOW_LONG)
    if found % timedelta(seconds=1) or not timedelta(seconds=1) <= found <= _LONGEST:
        raise refuse(f"whole seconds from 1s to {write(_LONGEST)}")
    return found


def _or_off(read: Callable[[object], timedelta], how: str) -> Callable[[object], timedelta | None]:
    def check(value: object) -> timedelta | None:
        if value is None or value == "off":
            return None
        if parse(value) is None:
            raise refuse(f'{how} or "off"')
        return read(value)

    return check


def _write_or_off(value: timedelta | None) -> str:
    return "off" if value is None else write(value)


_PATTERN = r"\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)?\s*"
TEXT_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$"})
SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": f"^{_PATTERN}$"},
            {"type": "number", "minimum": 0, "description": "Seconds"},
        ],
        "examples": ["10s"],
    }
)

Duration = Annotated[
    timedelta, BeforeValidator(_between(timedelta(milliseconds=1))), PlainSerializer(write), SCHEMA
]
"""A time that passes: at least a millisecond."""

Patience = Annotated[timedelta, BeforeValidator(_between(timedelta(0))), PlainSerializer(write), SCHEMA]
"""A time that may be zero: do not wait."""

Interval = Annotated[
    timedelta,
    BeforeValidator(_between(timedelta(milliseconds=100), timedelta(hours=1))),
    PlainSerializer(write),
    SCHEMA,
]
"""How often something is done again."""

Seconds = Annotated[timedelta, BeforeValidator(_whole_seconds), PlainSerializer(write), SCHEMA]
"""How long something is kept: whole seconds, at least one."""

_OFF_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": f"^(off|{_PATTERN})$"},
            {"type": "number", "minimum": 0, "description": "Seconds"},
        ],
        "examples": ["30m"],
    }
)

OptionalSeconds = Annotated[
    timedelta | None,
    BeforeValidator(_or_off(_whole_seconds, 'a time such as "30m", "8h", "30d"')),
    PlainSerializer(_write_or_off),
    _OFF_SCHEMA,
]
"""How long something is kept; `"off"` where no time ends it."""

Burst = Annotated[
    timedelta | None,
    BeforeValidator(
        _or_off(_between(timedelta(milliseconds=1), timedelta(minutes=1)), 'a time such as "2s", "500ms"')
    ),
    PlainSerializer(_write_or_off),
    _OFF_SCHEMA,
]
"""A moment, or `"off"`."""
