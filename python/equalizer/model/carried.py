"""What kinds of persistence have in common, written once: seals, records, and which requests they take."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from equalizer.model.duration import Seconds
from equalizer.model.matcher import Matchers
from equalizer.model.name import Name
from equalizer.model.noun import Noun, refuse

MOST_RECORDS = 67_108_800
"""What a table of the engine holds at most."""


class Group(Noun):
    """All pools that name this group; their servers have the same names."""

    group: Name = Field(examples=["shops"])
    """Any name; pools that write the same one share their sessions."""


def _scope(value: object) -> object:
    if value in ("pool", "listener") or isinstance(value, Group):
        return value
    if isinstance(value, Mapping) and value.keys() == {"group"}:
        return Group.model_validate(value)
    raise refuse('"pool", "listener" or { group = "shops" }')


Scope = Annotated[
    Literal["pool", "listener"] | Group,
    BeforeValidator(_scope, json_schema_input_type=Literal["pool", "listener"] | Group),
    Field(examples=["pool"]),
]
"""Who may open what was sealed."""


class Conditional(Noun):
    """A kind that begins sessions by itself, and so may be kept from some requests."""

    when: Matchers | None = None
    """The requests it is asked for, where one of these matches; absent for all."""
    unless: Matchers | None = None
    """The requests it is not asked for, where one of these matches."""


class Sealed(Noun):
    """A value that carries the whole session, sealed."""

    scope: Scope = "pool"
    """Who may open it: this pool, this pool on the same listener, or all pools of a group."""
    duplicates: Literal["first", "last", "newest", "refuse"] = "first"
    """Which is believed of several that open to different sessions; `refuse`: none."""


class Recorded(Noun):
    """A table of values that the server sets."""

    capacity: int = Field(default=100_000, ge=1, le=MOST_RECORDS, strict=True)
    """Values remembered at most; the one idle longest goes first."""
    record_idle: Seconds = timedelta(minutes=30)
    """How long a value is remembered without a request."""


class Prefixed(Noun):
    """An address of which the leading bits count."""

    prefix4: int = Field(default=32, ge=1, le=32, strict=True)
    """Leading bits of an IPv4 address that count; 24 takes 256 neighbours for one client."""
    prefix6: int = Field(default=64, ge=1, le=128, strict=True)
    """Leading bits of an IPv6 address that count; 64 is one network."""
