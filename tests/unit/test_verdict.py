"""What a run of probes concludes, and who may use a server then."""

import pytest

from equalizer.control.answers import State, Wish
from equalizer.control.states import Standing, effective
from equalizer.health.verdict import WELL, Finding, Said, Tally, Verdict, combined, heard
from equalizer.policy.panic import panics

FAILED = Finding(False, "connection refused", answered=False)


def run(findings: str, rise: int = 2, fall: int = 3) -> str:
    """What is believed after each finding, both as letters: up, down."""
    tally, believed = Tally(), ""
    for found in findings:
        tally = heard(tally, found == "u", rise, fall)
        believed += "u" if tally.up else "d"
    return believed


@pytest.mark.parametrize(
    ("findings", "believed"),
    [
        ("u", "u"),
        ("d", "d"),
        ("uddd", "uuud"),
        ("udduddd", "uuuuuud"),
        ("duu", "ddu"),
        ("dudu", "dddd"),
        ("udddudduu", "uuuddd" + "ddu"),
    ],
)
def test_the_first_finding_counts_at_once_and_others_only_in_a_row(findings: str, believed: str) -> None:
    assert run(findings) == believed


def test_with_one_as_rise_and_fall_every_finding_counts() -> None:
    assert run("ududdu", 1, 1) == "ududdu"


def said(up: bool | None, start: bool = True, last: Finding = FAILED, name: str = "probe tcp") -> Said:
    return Said(name, start, Tally(up), last)


def test_every_one_and_some_one_must_be_well() -> None:
    up, down = said(True), said(False)
    assert combined([up, up], []).up
    assert not combined([up, down], []).up
    assert combined([], [down, up]).up
    assert not combined([], [down, down]).up
    assert combined([up], [down, up]).up
    assert not combined([down], [up, up]).up


def test_the_reason_names_each_probe_that_failed_and_what_it_found() -> None:
    wrong = said(False, last=Finding(False, "status 503, not 200-399"), name="probe http /health")
    verdict = combined([said(True), wrong, said(False)], [])
    assert verdict.why == "probe http /health: status 503, not 200-399; probe tcp: connection refused"
    assert not verdict.answered
    assert combined([wrong], []).answered


def test_before_the_first_verdict_a_server_counts_as_its_settings_say() -> None:
    assert combined([said(None)], []).up
    assert combined([said(None, start=False)], []) == Verdict(False, "probe tcp: no verdict yet", False)


@pytest.mark.parametrize(
    ("wish", "verdict", "state"),
    [
        ("up", WELL, "up"),
        ("up", Verdict(False), "down"),
        ("up", Verdict(False, answered=False), "down"),
        ("maintenance", WELL, "maintenance"),
        ("maintenance", Verdict(False, answered=False), "maintenance"),
        ("draining", WELL, "draining"),
        ("draining", Verdict(False), "draining"),
        ("draining", Verdict(False, answered=False), "down"),
    ],
)
def test_what_a_person_said_stands_beside_what_probes_found(
    wish: Wish, verdict: Verdict, state: State
) -> None:
    assert effective(Standing(wish, 1), verdict) == state


def test_a_pool_panics_when_fewer_than_its_share_are_well() -> None:
    assert panics(1, 4, 0.5)
    assert not panics(2, 4, 0.5)
    assert not panics(0, 4, None)
    assert not panics(0, 0, 0.5)
    assert not panics(0, 4, 0)
