"""From the settings of what a pool keeps from its servers to the wire."""

from collections.abc import Mapping

from equalizer.model.rates import KeyPool, RateLimit
from equalizer.snapshot import balance, persistence
from equalizer.snapshot import wire_guards as wire


def rates(written: Mapping[str, RateLimit]) -> tuple[wire.RateLimit, ...]:
    """The rate limits of a pool."""
    return tuple(
        wire.RateLimit(
            name=name,
            count=limit.rate.count,
            per=limit.rate.per,
            burst=limit.burst or limit.rate.count,
            key=None if isinstance(limit.key, KeyPool) else balance.key(limit.key),
            capacity=limit.capacity,
            condition=persistence.condition(limit),
        )
        for name, limit in written.items()
    )
