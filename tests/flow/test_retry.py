"""Retries: which failures go to another server, which move a session, and what a budget leaves."""

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from conftest import Balance, MakeOrigin, naming
from support.balancer import Balancer, get, post
from support.origin import Origin, Script, replying, response
from support.visitor import Visitor, lost, until
from support.wire import LIMIT, Wire

BUSY = "503 Service Unavailable"


def saying(status: str) -> Script:
    """Answer everything with a status, and a body that says who did."""
    return replying(lambda request: response(b"no", "Server-Name: sick", status=status))


def busy_while(sick: Event) -> Script:
    """Answer as web1, and with 503 for as long as it is sick."""
    return replying(
        lambda request: response(b"", "Server-Name: web1", status=BUSY if sick.is_set() else "200 OK")
    )


def silent(until_told: Event) -> Script:
    """Read requests and answer nobody until told."""

    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            assert until_told.wait(LIMIT)
            return

    return script


def retries(lb: Balancer) -> Mapping[str, int]:
    """What became of the requests that failed at a server."""
    found: Mapping[str, int] = lb.report()["pools"]["shop"]["retries"]
    return found


def refusing(make_origin: MakeOrigin) -> str:
    """An address at which nobody listens."""
    origin = make_origin()
    address: str = origin.address
    origin.close()
    return address


def test_an_answer_that_says_busy_is_tried_elsewhere_where_nothing_is_done_twice(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    servers = {"sick": make_origin(saying(BUSY)), "well": make_origin(naming("well"))}
    log = tmp_path / "access.log"
    pool = {"persistence": "none", "retry": {"on": ["connect", "503"]}}
    lb = balance(servers, workers=2, pool=pool, access_log={"to": str(log)})
    assert [lb.ask(get()).get("server-name") for _ in range(20)] == ["well"] * 20
    with_body = [lb.ask(post(b"order", method="PUT")) for _ in range(10)]
    assert {answer.get("server-name") for answer in with_body} == {"well"}
    assert {request.body for request in servers["well"].requests[20:]} == {b"order"}
    made = retries(lb)["made"]
    assert made == len(servers["sick"].requests) > 0
    assert {lb.ask(post(b"order")).status for _ in range(10)} == {200, 503}
    assert retries(lb) == {"made": made, "over_budget": 0}
    lines = until(lambda: log.read_text().splitlines(), lambda found: len(found) == 40)
    told = [line for line in map(json.loads, lines) if line["attempts"] == 2]
    assert {(line["status"], line["server"], line["fault"]) for line in told} == {(200, "well", "status_503")}
    assert len(told) == made
    assert f'equalizer_retries_total{{outcome="made",pool="shop"}} {made}.0' in lb.service.metrics().text


def test_the_last_answer_is_passed_on_where_nobody_is_left(balance: Balance, make_origin: MakeOrigin) -> None:
    servers = {name: make_origin(saying(BUSY)) for name in ("web1", "web2", "web3")}
    lb = balance(servers, workers=2, pool={"persistence": "none", "retry": {"on": "503"}})
    answer = lb.ask(get())
    assert (answer.status, answer.body, answer.get("server-name")) == (503, b"no", "sick")
    assert sum(len(server.requests) for server in servers.values()) == 3
    with lb.client() as client:
        for _ in range(3):
            client.send(get())
            assert client.response().status == 503


def test_attempts_end_before_the_servers_do(balance: Balance, make_origin: MakeOrigin) -> None:
    servers = {name: make_origin(saying(BUSY)) for name in ("web1", "web2", "web3")}
    lb = balance(servers, pool={"persistence": "none", "retry": {"on": ["503"], "attempts": 2}})
    assert lb.ask(get()).status == 503
    assert sum(len(server.requests) for server in servers.values()) == 2


def test_a_session_stays_at_a_home_that_says_busy_and_a_newcomer_does_not(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    sick = Event()
    servers = {"web1": make_origin(busy_while(sick)), "web2": make_origin(naming("web2"))}
    lb = balance(servers, workers=2, pool={"retry": {"on": ["connect", "closed", "503"]}})
    visitor = Visitor(lb)
    while visitor.home() != "web1":
        visitor.jar.clear()
    sick.set()
    assert [visitor.ask().status for _ in range(3)] == [503] * 3
    for number in range(10):
        newcomer = Visitor(lb, f"127.0.2.{number}")
        assert newcomer.homes() == {"web2"}
    sick.clear()
    assert visitor.homes() == {"web1"}
    assert lost(lb) == {}


def test_a_session_goes_elsewhere_for_once_where_that_is_asked_for(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    sick = Event()
    servers = {"web1": make_origin(busy_while(sick)), "web2": make_origin(naming("web2"))}
    retry = {"on": ["connect", "closed", "503"], "sessions": "elsewhere"}
    lb = balance(servers, workers=2, pool={"retry": retry})
    visitor = Visitor(lb)
    while visitor.home() != "web1":
        visitor.jar.clear()
    sick.set()
    assert visitor.homes() == {"web2"}
    assert lb.ask(post(b"order", f"Cookie: EQ={visitor.jar['EQ']}")).status == 503
    reasons = lb.report()["pools"]["shop"]["reasons"]
    assert reasons["home_failed"] > 0
    sick.clear()
    assert visitor.homes() == {"web1"}
    assert lost(lb) == {}


def test_a_try_that_takes_too_long_is_given_up_for_another(balance: Balance, make_origin: MakeOrigin) -> None:
    over = Event()
    servers = {"slow": make_origin(silent(over)), "well": make_origin(naming("well"))}
    retry = {"on": ["connect", "closed", "response_timeout"], "per_try": "300ms"}
    lb = balance(servers, workers=2, pool={"persistence": "none", "retry": retry})
    try:
        assert [lb.ask(get()).get("server-name") for _ in range(6)] == ["well"] * 6
        assert retries(lb)["made"] == len(servers["slow"].requests) > 0
        answers = [lb.ask(post(b"order")) for _ in range(4)]
        assert {answer.status for answer in answers} == {200, 504}
        lb.service.set_state("shop", "well", "maintenance")
        assert lb.ask(get()).status == 504
        assert lb.counts("slow")["faults"] == {"response_timeout": len(servers["slow"].requests)}
    finally:
        over.set()


def test_beyond_the_budget_a_fault_stands_and_is_counted_over_all_workers(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    servers = {"dead": refusing(make_origin), "well": make_origin(naming("well"))}
    retry = {"budget": {"share": "0%", "least": 1}}
    lb = balance(servers, workers=2, pool={"persistence": "none", "retry": retry})
    failed = 0
    # Ten retries in ten seconds, whichever worker makes them; the others stand.
    while retries(lb)["over_budget"] < 5:
        failed += lb.ask(get()).status == 503
    found = retries(lb)
    assert (found["over_budget"], found["made"] >= 10) == (failed, True)
    lb.service.tick()
    assert [event.kind for event in lb.service.events().events] == ["over_budget"]
    (pool,) = lb.service.status().pools
    assert pool.retries == found


def test_nothing_is_tried_again_where_only_one_attempt_is_allowed(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    servers = {"dead": refusing(make_origin), "well": make_origin(naming("well"))}
    lb = balance(servers, pool={"persistence": "none", "retry": {"attempts": 1}})
    assert sorted(lb.ask(get()).status for _ in range(6)) == [200] * 3 + [503] * 3
    assert retries(lb) == {"made": 0, "over_budget": 0}
