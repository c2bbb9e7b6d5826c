"""How a server did lately, from what was counted before and now."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equalizer.control.pace import Pace
from equalizer.policy.lately import Lately, lately, quantile
from equalizer.snapshot.report import PoolReport, Report, ServerReport
from equalizer.telemetry.readings import BOUNDS

TIMING = Path(__file__).parents[2] / "crates" / "proxy" / "src" / "timing.rs"
NAME = ("shop", "web1")


def ends() -> list[int]:
    """Of the classes, as the engine has them."""
    found = re.search(r"const TEN: .* = \[(.*)\];", TIMING.read_text())
    assert found
    ten = [int(each) for each in found[1].split(",")]
    return [each * 10**power // 10 for power in range(8) for each in ten] + [10**9]


def report(exchanges: int, times: dict[int, int]) -> Report:
    server = ServerReport(exchanges=exchanges, times=times)
    return Report(pools={"shop": PoolReport(servers={"web1": server})})


def counted(found: Report) -> ServerReport:
    return found.pools["shop"].servers["web1"]


def test_only_what_came_since_counts() -> None:
    before, now = report(100, {10_000: 100}), report(150, {10_000: 100, 1_000_000: 10})
    found = lately(counted(before), counted(now), 5.0)
    assert found.rate == 10
    assert found.p50 == found.p99 == pytest.approx(0.89, rel=0.01)


def test_where_nothing_was_timed_no_time_is_told() -> None:
    assert lately(ServerReport(), ServerReport(), 5.0) == Lately(0.0, None, None)


def test_a_server_that_is_counted_anew_counts_from_nothing() -> None:
    assert lately(counted(report(100, {1000: 9})), counted(report(5, {1000: 5})), 5.0).rate == 1


@given(st.lists(st.sampled_from(ends()), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_within_its_class(times: list[int], share: float) -> None:
    exact = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)] / 1e6
    found = quantile({end: times.count(end) for end in times}, share)
    assert found is not None
    assert 0.79 * exact < found < exact * 1.01


def test_the_time_that_is_told_of_is_five_to_ten_seconds_where_reports_are_noted() -> None:
    pace = Pace(0.0)
    for second in range(1, 101):
        pace.note(report(second * second, {}), float(second))
    # The one of 95 seconds: from then on there were 100² - 95² exchanges.
    assert pace.of(NAME, counted(report(100 * 100, {})), 100.0).rate == pytest.approx(195)


def test_the_bounds_of_the_histogram_are_ends_of_classes() -> None:
    assert {round(bound * 1e6) for bound in BOUNDS[:-1]} <= set(ends())
