"""Sessions: what holds for a pool's sessions, whatever carries them."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from equalizer.model.duration import Burst, OptionalSeconds, Seconds
from equalizer.model.foreign import Foreign
from equalizer.model.noun import Noun, Refusal, refuse, refuse_keys
from equalizer.model.words import OwnFieldOrNone

_RATE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)\s*%\s*/\s*min", re.ASCII)
_PERCENT = 10_000  # millionths


def _rate(value: object) -> int:
    """Millionths a minute."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100 * _PERCENT:
        return value
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    found = round(float(match[1]) * _PERCENT) if match else 0
    if not 1 <= found <= 100 * _PERCENT:
        raise refuse('a share from "0.0001%/min" to "100%/min", such as "1%/min"')
    return found


Rate = Annotated[
    int,
    BeforeValidator(_rate),
    PlainSerializer(lambda millionths: f"{millionths / _PERCENT:.4f}".rstrip("0").rstrip(".") + "%/min"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[0-9]{1,3}(\.[0-9]{1,4})?\s*%\s*/\s*min\s*$",
            "examples": ["1%/min"],
        }
    ),
]


class Rebalance(Noun):
    """Moves idle sessions, never busy ones, to servers that joined."""

    rate: Rate
    """Share of the sessions that may move in a minute."""
    idle_over: Seconds = timedelta(minutes=10)
    """How long a session must have been idle."""


class Sessions(Noun):
    """How long sessions live, where they go when their home does not answer, and how we learn of it."""

    idle: OptionalSeconds = None
    """How long a session lives without a request; `"off"` for ever."""
    lifetime: OptionalSeconds = None
    """How long a session lives at all; `"off"` for ever."""
    generation: int = Field(default=0, ge=0, le=65535, strict=True)
    """Change it, and all sessions of the pool have ended."""
    strict: bool = Field(default=False, strict=True, examples=[True])
    """Whether a session whose home is gone is answered with 503 rather than re-homed."""
    fail_back: Literal["stay", "return", "return_same_incarnation"] = "stay"
    """What happens to a re-homed session when its first home is back."""
    pin_field: OwnFieldOrNone = Field(default="Session-Pin", examples=["Session-Pin"])
    """The response field by which a server releases, moves or pins its session; empty for none."""
    incarnation_field: OwnFieldOrNone = Field(default="", examples=["Server-Incarnation"])
    """The response field by which a server tells its incarnation; empty for none."""
    incarnation_on_return: bool = Field(default=False, strict=True, examples=[True])
    """Whether a server that was in maintenance or down begins a new incarnation when it is back."""
    announce: bool = Field(default=False, strict=True, examples=[True])
    """Whether a new home is told, in the request field `Session-Moved`, that a session was moved to it."""
    census_window: Seconds | None = None
    """Within how long a session must be seen to count as live; as long as `idle`, or 30m, when absent."""
    burst: Burst = timedelta(seconds=2)
    """Within how long requests of one client without a session share a birth; `"off"` for never."""
    rebalance: Rebalance | None = None
    """Moves idle sessions to servers that joined; absent for never."""
    accept: Annotated[
        tuple[Foreign, ...],
        BeforeValidator(
            lambda value: tuple(value) if isinstance(value, list) else value,
            json_schema_input_type=list[Foreign],
        ),
        Field(examples=[[{"format": "haproxy", "name": "SERVERID"}]]),
    ] = ()
    """Cookies of the balancer before us, honoured until ours takes their place."""

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        refusals = []
        if self.pin_field and self.pin_field.lower() == self.incarnation_field.lower():
            found = f'"{self.incarnation_field}", which pin_field has'
            refusals.append(Refusal("incarnation_field", found, "another name"))
        if self.incarnation_on_return and self.incarnation_field:
            found = f'true beside incarnation_field = "{self.incarnation_field}", by which servers tell it'
            refusals.append(Refusal("incarnation_on_return", found, "one of the two"))
        refuse_keys(refusals)
        return self
