"""Ejection: when a server is left alone for a while because of how it answers."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from equalizer.model import share as shares
from equalizer.model.duration import Duration, Seconds, write
from equalizer.model.noun import Noun, Refusal, refuse, refuse_keys
from equalizer.model.share import Share


def _share(value: object) -> float | None:
    if value is None or value == "off":
        return None
    found = shares.read(value)
    if not found:
        raise refuse('a share from "0.01%" to "100%", or "off"')
    return found


OptionalShare = Annotated[
    float | None,
    BeforeValidator(_share),
    PlainSerializer(lambda share: "off" if share is None else shares.write(share)),
    WithJsonSchema({"type": "string", "pattern": r"^(off|\s*[0-9]{1,3}(\.[0-9]{1,2})?\s*%\s*)$"}),
    Field(examples=["50%"]),
]


def _slower(value: object) -> float | None:
    if value is None or value == "off":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1.5 <= value <= 100:
        raise refuse('a number from 1.5 to 100, such as 3, or "off"')
    return float(value)


Slower = Annotated[
    float | None,
    BeforeValidator(_slower),
    PlainSerializer(lambda slower: "off" if slower is None else slower),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1.5, "maximum": 100}, {"const": "off"}]}),
    Field(examples=[3]),
]


class Ejection(Noun):
    """What follows from how servers answer requests; a failure is an attempt without an answer, or a 5xx."""

    failures: int = Field(default=5, ge=0, le=10_000, strict=True)
    """Failures in a row after which a server is ejected at once; 0 for never."""
    share: OptionalShare = 0.5
    """The share of a window's requests that must not fail; `"off"` for all."""
    slower: Slower = None
    """How many times as slow as the others a server must not be in a window; `"off"` for any time."""
    window: Seconds = timedelta(seconds=10)
    """How long shares and times are looked at."""
    requests: int = Field(default=20, ge=1, le=1_000_000, strict=True)
    """Requests of a window from which on share and time say something."""
    at_most: Share = 0.5
    """The share of the pool's servers that may be out at a time, the ones that are down counted."""
    time: Duration = timedelta(seconds=10)
    """How long a server is out the first time; each further time it is twice as long."""
    longest: Duration = timedelta(minutes=5)
    """How long it is out at most."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if not self.failures and self.share is None and self.slower is None:
            raise refuse("failures, share or slower, at least one of them", "nothing that ejects a server")
        if self.longest < self.time:
            found = f"a longest time of {write(self.longest)} beside a first one of {write(self.time)}"
            refuse_keys([Refusal("longest", found, "one that is not shorter than time")])
        return self
