"""Rates: how many requests a pool takes in a time, from each client, of each value of a field, or in all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, Tag, WithJsonSchema

from equalizer.model.carried import Conditional
from equalizer.model.key import KeyAddress, OfRequest, bare_key
from equalizer.model.name import Name
from equalizer.model.noun import Noun, refuse, told_apart

_UNITS: Mapping[str, int] = {"s": 1_000, "m": 60_000, "h": 3_600_000}
_TEXT = re.compile(r"(\d{1,7})\s*/\s*(s|m|h)", re.ASCII)
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in such a time."""

    count: int
    unit: str

    @property
    def per(self) -> int:
        """The time in milliseconds."""
        return _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    match = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= _MOST:
        raise refuse(f'a rate such as "100/s", "20/m" or "500/h", from 1 to {_MOST}')
    return Rate(int(match[1]), match[2])


RateText = Annotated[
    Rate,
    BeforeValidator(_rate),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{1,7}\s*/\s*(s|m|h)\s*$", "examples": ["100/s"]}),
]
"""Requests in a second, a minute or an hour."""


class KeyPool(Noun):
    """Nothing of a request: all are counted together."""

    over: Literal["pool"]
    """Where the key stands."""


_Key = Annotated[OfRequest | Annotated[KeyPool, Tag("over=pool")], told_apart("over")]
RateKey = Annotated[
    _Key,
    BeforeValidator(
        bare_key("address", "path", "pool"), json_schema_input_type=Literal["address", "path", "pool"] | _Key
    ),
    Field(examples=["address"]),
]
"""As the key of a balance, or the whole pool."""


class RateLimit(Conditional):
    """How many requests of one key a pool takes; 429 beyond."""

    rate: RateText
    """Requests in a second, a minute or an hour."""
    burst: int | None = Field(default=None, ge=1, le=_MOST, strict=True)
    """Requests that may come at once; absent for as many as `rate` says."""
    key: RateKey = KeyAddress(over="address")
    """What is counted apart; a request that has no such thing is not limited."""
    capacity: int = Field(default=100_000, ge=1, le=10_000_000, strict=True)
    """Keys that are remembered at most; the one that is free again soonest goes first."""


def _short(value: object) -> object:
    return {"rate": value} if isinstance(value, str) else value


Rates = Annotated[
    dict[Name, Annotated[RateLimit, BeforeValidator(_short, json_schema_input_type=str | RateLimit)]],
    Field(examples=[{"client": "100/s"}]),
]
"""By name; `"100/s"` is short for `{ rate = "100/s" }`."""
