"""What a pool keeps from its servers, as it crosses the boundary; mirrors wire/guards.rs."""

from typing import Annotated

from pydantic import Field

from equalizer.snapshot.parts import U32, Wire
from equalizer.snapshot.wire_asking import Condition
from equalizer.snapshot.wire_balance import Hashed

Some = Annotated[int, Field(ge=1, lt=1 << 32, strict=True)]


class RateLimit(Wire):
    """How many requests of one key a pool takes in a time."""

    name: str
    count: Some
    per: Some
    """Milliseconds."""
    burst: Some
    key: Hashed | None
    """None for the whole pool."""
    capacity: U32
    """Keys that are remembered at most."""
    condition: Condition
