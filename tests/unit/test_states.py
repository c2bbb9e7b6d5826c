"""What people said of servers: how one word follows another, and what the engine is told."""

from equalizer.control import states
from equalizer.control.states import Standing, Standings
from equalizer.health.verdict import WELL, Verdict
from equalizer.policy.emptying import Count

WEB1, WEB2 = ("shop", "web1"), ("shop", "web2")


def draining(since: float, deadline: float | None = None, idle_first: float | None = None) -> Standing:
    return Standing("draining", since, deadline, idle_first)


def test_up_is_what_nothing_is_said_of() -> None:
    standings = states.given({}, WEB1, draining(1))
    assert states.state_of(standings, WEB1) == "draining"
    assert states.state_of(standings, WEB2) == "up"
    assert states.given(standings, WEB1, Standing("up", 2)) == {}


def test_other_terms_do_not_forget_how_long_a_server_drains() -> None:
    standings = states.given({}, WEB1, draining(1))
    standings[WEB1].history.append(Count(1, 100))
    standings = states.given(standings, WEB1, draining(60, deadline=600))
    assert (standings[WEB1].since, standings[WEB1].deadline) == (1, 600)
    assert list(standings[WEB1].history) == [Count(1, 100)]


def test_after_another_state_draining_begins_anew() -> None:
    standings = states.given({}, WEB1, draining(1))
    standings[WEB1].history.append(Count(1, 100))
    standings = states.given(standings, WEB1, Standing("maintenance", 2))
    standings = states.given(standings, WEB1, draining(3))
    assert standings[WEB1].since == 3
    assert not standings[WEB1].history


def test_the_engine_is_told_whole_seconds() -> None:
    standings: Standings = {WEB1: draining(1, 99.6, 300), WEB2: Standing("maintenance", 1)}
    assert [each.model_dump() for each in states.wire(standings, {}, {})] == [
        {"pool": "shop", "server": "web1", "state": "draining", "deadline": 100, "idle_first": 300},
        {"pool": "shop", "server": "web2", "state": "maintenance", "deadline": 0, "idle_first": 0},
    ]


def test_a_server_that_probes_found_down_keeps_the_terms_of_its_draining() -> None:
    verdicts = {WEB1: Verdict(False, answered=False), WEB2: Verdict(False), ("shop", "web3"): WELL}
    assert [each.model_dump() for each in states.wire({WEB1: draining(1, 99.6, 300)}, verdicts, {})] == [
        {"pool": "shop", "server": "web1", "state": "down", "deadline": 100, "idle_first": 300},
        {"pool": "shop", "server": "web2", "state": "down", "deadline": 0, "idle_first": 0},
    ]


def test_only_draining_servers_are_counted_and_not_too_often() -> None:
    standings: Standings = {WEB1: draining(1), WEB2: Standing("maintenance", 1)}
    assert states.due(standings, 10) == [WEB1]
    standings[WEB1].history.append(Count(10, 100))
    assert states.due(standings, 12) == []
    assert states.due(standings, 15) == [WEB1]


def test_what_was_counted_says_when_a_server_is_empty() -> None:
    standing = draining(0, deadline=1800)
    for time in range(0, 105, 5):
        standing.history.append(Count(time, 400 - 2 * time))
    found = standing.draining()
    assert found is not None
    assert found.empty_in is not None
    assert round(found.empty_in) == 100
    assert Standing("maintenance", 1).draining() is None
