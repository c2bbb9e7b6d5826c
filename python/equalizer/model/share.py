"""How a part of a whole is written: `"50%"`."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from equalizer.model.noun import refuse

_TEXT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)\s*%", re.ASCII)


def read(value: object) -> float | None:
    """The share that is written so; None for what is none."""
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match and float(match[1]) <= 100 else None


def _up_to(most: int) -> Callable[[object], float]:
    def check(value: object) -> float:
        found = read(value)
        if found is None or found * 100 > most:
            raise refuse(f'a share from "0%" to "{most}%"')
        return found

    return check


def write(share: float) -> str:
    """A text that is read as this share."""
    return f"{share * 100:g}%"


def _schema(example: str) -> WithJsonSchema:
    pattern = r"^\s*[0-9]{1,3}(\.[0-9]{1,2})?\s*%\s*$"
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Share = Annotated[float, BeforeValidator(_up_to(100)), PlainSerializer(write), _schema("50%")]
"""Any part, as a number from 0 to 1."""
Half = Annotated[float, BeforeValidator(_up_to(50)), PlainSerializer(write), _schema("10%")]
"""Half of the whole at most."""
