"""From the settings of what a pool keeps from its servers to the wire."""

from collections.abc import Mapping
from typing import get_args

from equalizer.model.breaker import BreakerTable
from equalizer.model.duration import milliseconds, seconds
from equalizer.model.rates import KeyPool, RateLimit
from equalizer.model.retry import Retry
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


def retry(written: Retry) -> wire.Retry:
    """Which failures are tried again: faults by their words, statuses by their numbers."""
    budget = written.budget
    return wire.Retry(
        attempts=written.attempts or 0,
        on=tuple(word for word in get_args(wire.RetryOn) if word in written.on),
        statuses=tuple(int(word) for word in written.on if word.isdigit()),
        per_try=milliseconds(written.per_try) if written.per_try else 0,
        sessions=written.sessions,
        budget=wire.RetryBudget(share=round(budget.share * 10_000), least=budget.least) if budget else None,
    )


def breaker(written: BreakerTable) -> wire.Breaker:
    """When a pool is not asked any more."""
    return wire.Breaker(
        share=round(written.share * 10_000),
        over=seconds(written.over),
        least=written.least,
        open=milliseconds(written.open),
        trials=written.trials,
        statuses=tuple(map(int, written.statuses)),
    )
