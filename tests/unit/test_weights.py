"""Weights: as configured, as people gave them, as balances compute them; and what they are told by."""

import json
from dataclasses import asdict

import pytest

from equalizer import Config
from equalizer.control import weights
from equalizer.control.answers import PoolStatus, ServerStatus, Status
from equalizer.policy.dynamic import Formula
from equalizer.policy.replay import replay
from equalizer.snapshot.report import PoolReport, Report, ServerReport
from equalizer.snapshot.wire import ServerWeight


def config(balance: object, **weight: int) -> Config:
    servers = {name: {"address": "127.0.0.1:9001", "weight": each} for name, each in weight.items()}
    return Config.model_validate(
        {
            "listeners": {"web": {"address": ":80"}},
            "pools": {"shop": {"balance": balance, "servers": servers}},
        }
    )


def report(**servers: ServerReport) -> Report:
    return Report(pools={"shop": PoolReport(servers=servers)})


def timed(answers: int, milliseconds: int) -> ServerReport:
    return ServerReport(timed=answers, micros=answers * milliseconds * 1000)


def told(known: weights.Weights, written: Config) -> dict[str, tuple[int, int]]:
    return {each.server: (each.given, each.now) for each in weights.wire(known, written)}


def test_nothing_is_told_of_servers_that_are_as_configured() -> None:
    written = config("round_robin", web1=100, web2=50)
    assert weights.wire(weights.begun({}), written) == []
    given = weights.with_given(weights.begun({}), ("shop", "web2"), 10)
    assert weights.wire(given, written) == [ServerWeight(pool="shop", server="web2", given=10, now=10)]
    assert weights.wire(weights.with_given(given, ("shop", "web2"), None), written) == []


def slowly(over: str, balance: object = "round_robin") -> Config:
    servers = dict.fromkeys(("web1", "web2"), "127.0.0.1:9001")
    pool = {"balance": balance, "servers": servers, "slow_start": over}
    return Config.model_validate({"listeners": {"web": {"address": ":80"}}, "pools": {"shop": pool}})


@pytest.mark.parametrize(("since", "weight"), [(0, 10), (10, 40), (20, 70), (29, 97), (30, None), (99, None)])
def test_a_server_that_is_back_grows_evenly_to_its_whole_weight(since: float, weight: int | None) -> None:
    written = slowly("30s")
    parts = weights.parts(written, set(), {("shop", "web2"): 100.0}, 100.0 + since)
    known = weights.after_a_second(weights.begun({}), written, report(), {}, parts)
    assert told(known, written) == ({} if weight is None else {"web2": (100, weight)})


def test_a_server_that_is_away_is_ready_to_come_back_slowly_and_only_where_that_is_asked_for() -> None:
    away = {("shop", "web2")}
    known = weights.after_a_second(
        weights.begun({("shop", "web2"): 50}),
        slowly("30s"),
        report(),
        {},
        weights.parts(slowly("30s"), away, {}, 0),
    )
    assert told(known, slowly("30s")) == {"web2": (50, 5)}
    assert weights.parts(slowly("off"), away, {("shop", "web1"): 0.0}, 1) == {}
    assert told(weights.kept(known, slowly("30s")), slowly("30s")) == {"web2": (50, 5)}


def test_a_balance_does_not_judge_a_server_by_the_little_that_it_gets() -> None:
    written = slowly("30s", {"kind": "custom", "in_flight": 1, "responsiveness": "fast"})
    parts = {("shop", "web2"): 0.1}
    counted = report(web1=ServerReport(in_flight=90), web2=ServerReport(in_flight=1))
    known = weights.begun({})
    for _ in range(10):
        known = weights.after_a_second(known, written, counted, {}, parts)
    assert told(known, written) == {"web2": (100, 10)}


def test_weights_follow_response_times_and_not_what_was_before_the_first_look() -> None:
    written = config({"kind": "fastest_response", "responsiveness": "fast"}, web1=100, web2=100)
    first = weights.after_a_second(
        weights.begun({}), written, report(web1=timed(100, 900), web2=timed(100, 1)), {}
    )
    assert told(first, written) == {}
    counted = report(
        web1=ServerReport(timed=110, micros=90_000_000 + 10 * 10_000),
        web2=ServerReport(timed=110, micros=100_000 + 10 * 30_000),
    )
    second = weights.after_a_second(first, written, counted, {})
    assert second.seen["shop", "web1"].response_time == pytest.approx(0.01)
    assert told(second, written) == {"web1": (100, 115), "web2": (100, 90)}


def test_a_given_weight_is_what_a_computed_one_keeps_to() -> None:
    written = config("adaptive", web1=100, web2=100)
    known = weights.with_given(weights.begun({}), ("shop", "web1"), 10)
    agents = {("shop", "web1"): 90.0, ("shop", "web2"): 0.0}
    for _ in range(100):
        known = weights.after_a_second(known, written, report(), agents)
    given, now = told(known, written)["web1"]
    assert given == 10
    assert 5 <= now < 10
    assert told(weights.with_given(known, ("shop", "web1"), 0), written)["web1"] == (0, 0)


def test_a_server_that_takes_nobody_keeps_its_weight() -> None:
    written = config({"kind": "custom", "in_flight": 1, "responsiveness": "fast"}, web1=100, web2=100)
    busy = ServerReport(state="up", in_flight=50)
    known = weights.after_a_second(
        weights.begun({}), written, report(web1=busy, web2=ServerReport(state="up")), {}
    )
    before = told(known, written)
    assert before["web1"][1] < 100 < before["web2"][1]
    for _ in range(10):
        known = weights.after_a_second(
            known, written, report(web1=ServerReport(state="down"), web2=ServerReport(state="up")), {}
        )
    assert told(known, written)["web1"] == before["web1"]


def test_a_spare_is_judged_when_its_turn_has_come() -> None:
    shop = {
        "balance": {"kind": "custom", "in_flight": 1, "responsiveness": "fast"},
        "servers": {
            name: {"address": "127.0.0.1:9001", "spare": name in ("web3", "web4")}
            for name in ("web1", "web2", "web3", "web4")
        },
    }
    written = Config.model_validate({"listeners": {"web": {"address": ":80"}}, "pools": {"shop": shop}})

    def after(**servers: ServerReport) -> dict[str, tuple[int, int]]:
        known = weights.begun({})
        for _ in range(50):
            known = weights.after_a_second(known, written, report(**servers), {})
        return told(known, written)

    busy, idle, down = ServerReport(in_flight=29), ServerReport(in_flight=19), ServerReport(state="down")
    assert after(web1=busy, web2=idle) == {"web1": (100, 83), "web2": (100, 125)}
    assert after(web1=down, web2=down, web3=busy, web4=idle) == {"web3": (100, 83), "web4": (100, 125)}


def test_what_is_known_outlives_a_reload_in_which_the_server_and_its_balance_stay() -> None:
    before = config("adaptive", web1=100, web2=100)
    known = weights.with_given(weights.begun({}), ("shop", "web1"), 10)
    known = weights.with_given(known, ("shop", "web2"), 20)
    known = weights.after_a_second(known, before, report(web1=timed(1, 1)), {})
    assert weights.kept(known, before) == known
    fewer = weights.kept(known, config("adaptive", web1=50))
    assert fewer.given == {("shop", "web1"): 10}
    assert weights.kept(known, config("round_robin", web1=100, web2=100)).factors == {}


@pytest.mark.parametrize(
    ("balance", "formula"),
    [
        ("fastest_response", Formula(1, 0, 0)),
        ("adaptive", Formula(1, 1, 1)),
        ({"kind": "server_agent", "responsiveness": "slow"}, Formula(0, 0, 1, "slow")),
        ({"kind": "custom", "response_time": 2, "agent": 5}, Formula(2, 0, 5)),
        ("least_requests", None),
    ],
)
def test_a_balance_is_a_formula(balance: object, formula: Formula | None) -> None:
    assert weights.formula_of(config(balance, web1=1).pools["shop"].balance) == formula


def line(**response_times: float) -> str:
    """A status as `equalizer status --json` prints it."""
    servers = tuple(
        ServerStatus(name, "", 100, None, 100, each, "up", None, 0, 0, 0, 0, 0, {}, None)
        for name, each in response_times.items()
    )
    return json.dumps(asdict(Status("", 1, 1, 0.0, 0, (PoolStatus("shop", {}, {}, 0, servers),))))


def test_a_recorded_history_is_replayed() -> None:
    history = [line(web1=0.1, web2=0.3)] * 3
    slow, fast = (list(replay(history, "shop", Formula(1, 0, 0, word))) for word in ("slow", "fast"))
    assert [each["web1"] for each in fast] == sorted(each["web1"] for each in fast)
    assert fast[-1]["web1"] > slow[-1]["web1"] > 100 > slow[-1]["web2"] > fast[-1]["web2"]
    with pytest.raises(KeyError):
        list(replay(history, "other", Formula(1, 0, 0)))
