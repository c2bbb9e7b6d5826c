"""Balances written in Python, as tests name them."""

from threading import Event

from equalizer import Birth, PoolNow
from support.wire import LIMIT

seen: list[Birth] = []
"""What `by_field` was asked."""
pools: list[PoolNow] = []
going = Event()
"""Whether `when_told` answers."""


def by_field(birth: Birth, pool: PoolNow) -> str | None:
    """The server that the request names; the pool's own choice where it names none."""
    seen.append(birth)
    pools.append(pool)
    if birth.fields.get("x-fails"):
        raise LookupError("as it was asked to")
    return birth.fields.get("X-Server")


def when_told(birth: Birth, pool: PoolNow) -> str | None:
    """The first server, once it is told."""
    assert going.wait(LIMIT)
    return min(pool.servers)


def number(birth: Birth, pool: PoolNow) -> str | None:
    """No name at all."""
    return 7  # type: ignore[return-value]


NO_FUNCTION = 7
