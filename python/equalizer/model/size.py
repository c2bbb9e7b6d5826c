"""How a size is written: `"64KiB"`, `"1MiB"`, or plain bytes."""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from equalizer.model.noun import refuse

_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_TEXT = re.compile(r"(\d{1,13})\s*(B|KiB|MiB|GiB)?", re.ASCII)
LEAST, MOST = 256, 16 << 20
MOST_BODY = 1 << 40


def parse(value: object) -> int | None:
    """The size in bytes; None when it is not one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(match[1]) * _UNITS[match[2] or ""] if match else None


def _check(value: object) -> int:
    found = parse(value)
    if found is None:
        raise refuse('a size such as "64KiB", or a number of bytes')
    if not LEAST <= found <= MOST:
        raise refuse(f'a size from {LEAST} bytes to "{MOST >> 20}MiB"')
    return found


def _check_or_off(value: object) -> int | None:
    if value is None or value == "off":
        return None
    found = parse(value)
    if found is None or not 1 <= found <= MOST_BODY:
        raise refuse(f'a size from 1 byte to "{MOST_BODY >> 30}GiB", such as "10MiB", or "off"')
    return found


def _write_or_off(value: int | None) -> int | str:
    return "off" if value is None else value


Size = Annotated[
    int,
    BeforeValidator(_check),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB)?\s*$"},
                {"type": "integer", "minimum": LEAST, "maximum": MOST, "description": "Bytes"},
            ],
            "examples": ["64KiB"],
        }
    ),
]

OptionalSize = Annotated[
    int | None,
    BeforeValidator(_check_or_off),
    PlainSerializer(_write_or_off),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^(off|\s*[0-9]+\s*(B|KiB|MiB|GiB)?\s*)$"},
                {"type": "integer", "minimum": 1, "maximum": MOST_BODY, "description": "Bytes"},
            ],
            "examples": ["10MiB"],
        }
    ),
]
"""The size of a body; `"off"` where none ends it."""
