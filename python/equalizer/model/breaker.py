"""Breaker: when a pool of whose requests too many fail is not asked any more for a while."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from equalizer.model.duration import SCHEMA, Duration, parse, write
from equalizer.model.noun import Noun, refuse
from equalizer.model.share import Share

FaultyStatus = Literal["429", "500", "502", "503", "504"]


def _window(value: object) -> timedelta:
    found = parse(value)
    second = timedelta(seconds=1)
    if found is None or not second <= found <= 60 * second or found % second:
        raise refuse('whole seconds from 1s to 1m, such as "10s"')
    return found


def _listed(value: object) -> object:
    """One status is a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class BreakerTable(Noun):
    """A breaker with its settings."""

    share: Share
    """Of the requests, that fail."""
    over: Annotated[timedelta, BeforeValidator(_window), PlainSerializer(write), SCHEMA] = timedelta(
        seconds=10
    )
    """The time over which they are counted."""
    least: int = Field(default=20, ge=1, le=1_000_000, strict=True)
    """Requests that there must have been in it."""
    open: Duration = timedelta(seconds=5)
    """How long every request is refused, with 503, before a few are let through."""
    trials: int = Field(default=3, ge=1, le=100, strict=True)
    """Requests that are let through then; when all go well, all others are as well."""
    statuses: Annotated[
        tuple[FaultyStatus, ...],
        BeforeValidator(_listed, json_schema_input_type=FaultyStatus | list[FaultyStatus]),
        Field(examples=[["502", "503", "504"]]),
    ] = ("502", "503", "504")
    """Answers of servers that are failures; no answer at all always is one."""


def _short(value: object) -> object:
    return {"share": value} if isinstance(value, str) else value


Breaker = Annotated[
    BreakerTable,
    BeforeValidator(_short, json_schema_input_type=str | BreakerTable),
    Field(examples=["50%"]),
]
"""`"50%"` is short for `{ share = "50%" }`."""
