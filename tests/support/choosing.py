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


class Unspeakable(Exception):
    """An exception that cannot say what has happened."""

    def __str__(self) -> str:
        raise LookupError("no words")


def raising(birth: Birth, pool: PoolNow) -> str | None:
    """What the request asks to be raised or answered; else the first server."""
    match birth.fields.get("X-Raise"):
        case "exit":
            raise SystemExit(3)
        case "unspeakable":
            raise Unspeakable
        case "surrogate":
            return "\ud800"
        case _:
            return min(pool.servers)


def number(birth: Birth, pool: PoolNow) -> str | None:
    """No name at all."""
    return 7  # type: ignore[return-value]


NO_FUNCTION = 7
