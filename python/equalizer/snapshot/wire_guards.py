"""What a pool keeps from its servers, as it crosses the boundary; mirrors wire/guards.rs."""

from typing import Annotated, Literal

from pydantic import Field

from equalizer.snapshot.parts import U16, U32, Wire
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


RetryOn = Literal["connect", "closed", "response_timeout"]
"""A fault that may be tried again."""


class RetryBudget(Wire):
    """How many retries there may be."""

    share: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    """Hundredths of a percent of the requests."""
    least: U32
    """A second, that there always may be."""


class Retry(Wire):
    """Which failures of a server are tried at another."""

    attempts: U32
    """0 for any number."""
    on: tuple[RetryOn, ...]
    statuses: tuple[U16, ...]
    per_try: U32
    """Milliseconds; 0 for as long as in all pools."""
    budget: RetryBudget | None
    sessions: Literal["stay", "elsewhere"]
    """What becomes of a session's request that its home answers badly, or not in time."""


class Breaker(Wire):
    """When a pool is not asked any more."""

    share: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    """Hundredths of a percent of the requests that fail."""
    over: Annotated[int, Field(ge=1, le=60, strict=True)]
    """Of so many seconds."""
    least: U32
    open: U32
    """Milliseconds."""
    trials: Annotated[int, Field(ge=1, lt=1 << 8, strict=True)]
    statuses: tuple[U16, ...]
