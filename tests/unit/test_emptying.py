"""When a draining server will be empty, from how its sessions have become fewer."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equalizer.policy.emptying import Count, seconds_until_empty


def history(sessions: Callable[[float], float], until: int, start: float = 1e9) -> list[Count]:
    return [Count(start + time, round(sessions(time))) for time in range(0, until + 1, 5)]


@given(rate=st.floats(0.5, 3.3))
def test_a_steady_rate_goes_on_to_its_end(rate: float) -> None:
    counts = history(lambda time: 100_000 - rate * 100 * time, 300)
    left = counts[-1].sessions / (rate * 100)
    assert seconds_until_empty(counts) == pytest.approx(left, rel=0.01, abs=1)


@given(half=st.integers(30, 600))
def test_a_steady_share_goes_on_to_the_last_session(half: int) -> None:
    counts = history(lambda time: 100_000 * 0.5 ** (time / half), 300)
    left = half * math.log2(counts[-1].sessions / 0.5)
    assert seconds_until_empty(counts) == pytest.approx(left, rel=0.05)


def test_a_census_that_is_off_by_three_percent_does_not_mislead_much() -> None:
    counts = history(lambda time: (60_000 - 100 * time) * (1.03 if time % 10 else 0.97), 300)
    assert seconds_until_empty(counts) == pytest.approx(300, rel=0.15)


def test_nothing_left_is_empty_now() -> None:
    assert seconds_until_empty([Count(0, 10), Count(5, 0)]) == 0


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [Count(0, 100)],
        [Count(0, 100), Count(5, 50), Count(10, 20)],  # too few to tell
        [Count(time, 1000) for time in range(100)],
        [Count(time, 1000 + time) for time in range(100)],
        [Count(time, 1000 - time // 5) for time in range(100)],  # within what the census may be off
        [Count(0, 100 - each) for each in range(50)],  # at one time
        [Count(time * 1e6, 1000 - 20 * time) for time in range(10)],  # in months
    ],
)
def test_what_cannot_be_told_is_not_guessed(counts: list[Count]) -> None:
    assert seconds_until_empty(counts) is None
