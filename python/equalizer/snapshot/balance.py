"""From the settings of a balance to the wire."""

from equalizer.model.balance import (
    Adaptive,
    Balance,
    Custom,
    Fallback,
    FastestResponse,
    LeastRequests,
    Maglev,
    P2c,
    Python,
    Random,
    Rendezvous,
    RoundRobin,
    ServerAgent,
)
from equalizer.model.duration import milliseconds
from equalizer.model.key import Key, KeyAddress, KeyPath
from equalizer.snapshot import wire_balance as wire

_BITS4, _BITS6 = 32, 64


def balance(written: Balance) -> wire.Balance:
    """How a pool chooses."""
    if isinstance(written, Python):
        wait, fallback = milliseconds(written.wait), _own(written.fallback)
        return wire.Python(kind="python", wait=wait, fallback=fallback)
    return _own(written)


def _own(  # noqa: PLR0911 - a table of kinds
    written: Fallback,
) -> wire.Own:
    match written:
        case RoundRobin():
            return wire.RoundRobin(kind="round_robin")
        case Random():
            return wire.Random(kind="random")
        case LeastRequests():
            return wire.LeastRequests(kind="least_requests")
        case P2c():
            return wire.P2c(kind="p2c")
        case Rendezvous():
            return wire.Rendezvous(kind="rendezvous", key=key(written.key))
        case Maglev():
            bound = round(written.bound * 100) if written.bound else 0
            return wire.Maglev(kind="maglev", key=key(written.key), bound=bound)
        case FastestResponse() | Adaptive() | ServerAgent() | Custom():
            return wire.Dynamic(kind="dynamic")


def key(written: Key) -> wire.Hashed:
    """What is hashed."""
    address = written if isinstance(written, KeyAddress) else None
    return wire.Hashed(
        over=written.over,
        name="" if isinstance(written, KeyAddress | KeyPath) else written.name,
        prefix4=address.prefix4 if address else _BITS4,
        prefix6=address.prefix6 if address else _BITS6,
    )
