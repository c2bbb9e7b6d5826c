"""The benchmark's arithmetic: what it reads from the kernel, what it counts, and what it concludes."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import measure, page, stats
from bench.slices import Slice
from bench.workloads import WORKLOADS, Observed, rejected


def test_a_ratio_pairs_only_rounds_in_which_both_were_measured() -> None:
    ours, theirs = {0: 10.0, 1: 30.0, 3: 8.0}, {0: 20.0, 2: 5.0, 3: 10.0}
    assert stats.paired(ours, theirs) == [0.5, 0.8]


def test_pairing_takes_out_a_drift_that_both_sides_share() -> None:
    drift = {number: 1.0 + number for number in range(15)}
    ours = {number: 8.0 * scale for number, scale in drift.items()}
    theirs = {number: 10.0 * scale for number, scale in drift.items()}
    ratio = stats.bootstrap(stats.paired(ours, theirs))
    assert ratio is not None
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((0.8, 0.8, 0.8))


def test_the_interval_holds_the_median_and_narrows_with_more_rounds() -> None:
    few = stats.bootstrap([0.7, 0.9, 0.8, 0.85, 0.75])
    many = stats.bootstrap([0.7, 0.9, 0.8, 0.85, 0.75] * 20)
    assert few is not None
    assert many is not None
    assert few.low < few.value == 0.8 < few.high
    assert many.high - many.low < few.high - few.low
    assert few.rounds == 5


def test_one_disturbed_round_does_not_move_the_ratio() -> None:
    ratio = stats.bootstrap([0.8] * 14 + [5.0])
    assert ratio is not None
    assert (ratio.value, ratio.high) == (0.8, 0.8)


def test_without_rounds_there_is_no_ratio() -> None:
    assert stats.bootstrap([]) is None


def test_the_best_peer_has_the_lowest_median_and_was_measured() -> None:
    figures = {
        "haproxy": {0: 20.0, 1: 99.0, 2: 21.0},
        "nginx": {0: 22.0, 1: 22.0, 2: 22.0},
        "relay": {0: 1.0},
    }
    assert stats.best(figures, ["haproxy", "nginx"]) == "haproxy"
    assert stats.best({"haproxy": {}, "nginx": {0: 22.0}}, ["haproxy", "nginx"]) == "nginx"
    assert stats.best({}, ["haproxy", "nginx"]) is None


def test_every_side_takes_every_place_equally_often() -> None:
    names = ["a", "b", "c", "d"]
    places = Counter((place, name) for n in range(8) for place, name in enumerate(stats.order(names, n)))
    assert set(places.values()) == {2}
    assert len(places) == 16


def test_schedstat_gives_time_on_the_core_and_time_without_one() -> None:
    assert measure.parse_schedstat("66830 26090 2\n") == measure.Cost(run=66830, wait=26090)
    with pytest.raises(ValueError, match="expected three numbers"):
        measure.parse_schedstat("66830\n")


def test_our_own_cost_grows_as_we_work() -> None:
    before = measure.cost(os.getpid())
    spent = 0
    while (measure.cost(os.getpid()) - before).run <= 0:
        spent += sum(range(1000))
    assert (measure.cost(os.getpid()) - before).run > 0


def test_the_time_of_a_process_holds_that_of_its_ended_threads() -> None:
    def work() -> None:
        while time.thread_time_ns() < 20_000_000:
            pass

    before = measure.process_time(os.getpid())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert measure.process_time(os.getpid()) - before >= 20_000_000


def test_memory_is_read_from_a_rollup() -> None:
    text = "55d0-7ffc ---p 00000000 00:00 0   [rollup]\nRss:   2048 kB\nPss:    512 kB\nPss_Dirty: 12 kB\n"
    assert measure.parse_rollup(text) == measure.Memory(rss=2 << 20, pss=512 << 10)


def test_calls_are_read_from_strace_with_and_without_errors() -> None:
    text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.600000           6    100000           sendto
 40.00    0.400000           4    101000      1000 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           4    201000      1000 total
"""
    assert measure.parse_strace(text) == {"sendto": 100_000, "recvfrom": 101_000}


def report(**changed: Any) -> dict[str, Any]:
    """A clean report of 10,000 exchanges in a second."""
    clean = {
        "requests": 10_000,
        "per_second": 10_000.0,
        "p50_us": 100.0,
        "p99_us": 200.0,
        "statuses": {"200": 10_000},
        "errors": {},
        "strays": 0,
        "stamps": 0,
        "handshakes": {"full": 0, "resumed": 0},
        "unsent": 0,
    }
    return clean | changed


@pytest.mark.parametrize(
    ("workload", "rate", "changed", "demand", "why"),
    [
        ("W1", None, {}, 1.0, None),
        ("W1", None, {}, 0.5, "origin or generator was the limit"),
        ("W1", None, {"errors": {"reset": 1}}, 1.0, "errors"),
        ("W1", None, {"statuses": {"200": 9_999, "502": 1}}, 1.0, "errors"),
        ("W1", None, {"strays": 1}, 1.0, "a cookie reached another server"),
        ("H2", None, {"statuses": {"200": 9_999, "421": 1}}, 1.0, "a cookie reached another server"),
        ("WS", None, {"statuses": {}}, 1.0, None),
        ("SSE", 8_000, {"statuses": {}, "unsent": 400}, 1.0, "rate not reached"),
        ("W2", None, {"stamps": 10_000}, 1.0, None),
        ("W2", None, {"stamps": 9_999}, 1.0, "responses without a cookie"),
        ("W4h", None, {"handshakes": {"full": 9_000, "resumed": 1_000}}, 1.0, "sessions resumed"),
        ("W4r", None, {"handshakes": {"full": 9_000, "resumed": 1_000}}, 1.0, "sessions not resumed"),
        ("W1", 10_000, {}, 0.3, None),
        ("W1", 20_000, {"unsent": 10_000}, 1.0, "rate not reached"),
        ("W1", 20_000, {"unsent": 10_000}, 0.5, "origin or generator was the limit"),
    ],
)
def test_a_slice_is_refused_for_what_would_make_it_lie(
    workload: str, rate: int | None, changed: dict[str, Any], demand: float, why: str | None
) -> None:
    assert rejected(WORKLOADS[workload], rate, Observed(report(**changed), demand), stamps=True) == why


def test_a_side_without_a_cookie_of_its_own_need_not_set_one() -> None:
    assert rejected(WORKLOADS["W2"], None, Observed(report(), 1.0), stamps=False) is None


def test_events_have_no_saturated_pace_and_everything_else_has_three() -> None:
    assert WORKLOADS["SSE"].paces(None, saturated_only=False) == [20_000, 8_000]
    assert WORKLOADS["SSE"].paces(None, saturated_only=True) == []
    assert all(
        one.paces(None, saturated_only=False) == [None, *one.rates]
        for one in WORKLOADS.values()
        if one.name != "SSE"
    )


def test_a_fixed_rate_is_one_that_the_slowest_peer_can_hold() -> None:
    paces = WORKLOADS["W1"].paces
    assert paces(90_000, saturated_only=False) == [None, 25_000, 8_000]
    assert paces(28_777, saturated_only=False) == [None, 14_300, 4_700]
    assert paces(28_777, saturated_only=True) == [None]
    assert WORKLOADS["W4h"].paces(150, saturated_only=False) == [None, 100, 100]


def one_slice(side: str, number: int, cpu: float, why: str | None = None) -> Slice:
    """A slice of W1, saturated."""
    return Slice(
        side=side,
        workload="W1",
        rate=None,
        round=number,
        requests=10_000,
        per_second=10_000.0,
        cpu_us=cpu,
        p50_us=100.0,
        p99_us=200.0,
        demand=1.0,
        waited=0.0,
        origin_us=5.0,
        load_us=5.0,
        rejected=why,
        report=report(),
    )


def test_refused_slices_count_in_no_median_and_no_ratio() -> None:
    slices = [one_slice("equalizer", n, 15.0) for n in range(3)]
    slices += [one_slice("haproxy", n, 20.0) for n in range(2)] + [one_slice("haproxy", 2, 1.0, "errors")]
    (entry,) = page.summarise(slices, ["equalizer", "haproxy"], "equalizer")
    assert entry["sides"]["haproxy"]["cpu_us"] == 20.0
    assert entry["sides"]["haproxy"]["rejected"] == {"errors": 1}
    ratio = entry["ratios"]["cpu_us to best peer"]
    assert (ratio["side"], ratio["value"], ratio["rounds"]) == ("haproxy", 0.75, 2)


def test_a_ratio_that_nothing_was_measured_for_has_no_column() -> None:
    slices = [one_slice("equalizer", 0, 15.0), one_slice("haproxy", 0, 20.0)]
    names = ["equalizer", "haproxy"]
    head = page.costs(page.summarise(slices, names, "equalizer"), names, "equalizer").splitlines()[0]
    assert head == "| CPU µs a request, message or event | equalizer | haproxy | equalizer to the best peer |"


def test_the_readme_keeps_everything_but_its_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.rewrite(readme, "new\n")
    assert readme.read_text() == f"before\n{page.BEGIN}\nnew\n{page.END}\nafter\n"
    readme.write_text("nothing to replace\n")
    with pytest.raises(ValueError, match=r"README\.md: no .*bench:begin"):
        page.rewrite(readme, "new\n")
