"""The breaker: a pool of which too much fails is not asked for a while, and then a few times to see."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, configuration, get, post
from support.origin import Origin, replying, response
from support.visitor import Visitor, until

BUSY = "503 Service Unavailable"
LONG = {"share": "50%", "least": 10, "open": "1h"}
"""One that does not close while a test runs."""


class Sick:
    """A server that can be made sick and well."""

    def __init__(self, make_origin: MakeOrigin, status: str = BUSY) -> None:
        self.is_sick = Event()
        self.origin: Origin = make_origin(
            replying(lambda request: response(b"", status=status if self.is_sick.is_set() else "200 OK"))
        )

    @property
    def asked(self) -> int:
        """How often."""
        return len(self.origin.requests)


@pytest.fixture
def sick(make_origin: MakeOrigin) -> Sick:
    return Sick(make_origin)


def breaker(lb: Balancer) -> Mapping[str, Any]:
    """What the engine says of it."""
    found: Mapping[str, Any] = lb.report()["pools"]["shop"]["breaker"]
    return found


def statuses(lb: Balancer, count: int) -> list[int]:
    """On connections of their own, and so of both workers."""
    return [lb.ask(get()).status for _ in range(count)]


def test_it_opens_at_the_share_over_all_workers_and_refuses_before_any_server_is_asked(
    balance: Balance, sick: Sick
) -> None:
    lb = balance(sick.origin, workers=2, pool={"persistence": "none", "breaker": LONG})
    assert statuses(lb, 20) == [200] * 20
    sick.is_sick.set()
    # Twenty of forty are half.
    assert statuses(lb, 30) == [503] * 30
    assert sick.asked == 40
    answer = lb.ask(get())
    assert (answer.status, answer.body) == (503, b"503 Service Unavailable\n")
    assert 3000 < int(answer.get("retry-after") or 0) <= 3600
    assert breaker(lb) == {"state": "open", "opened": 1, "closed": 0, "refused": 11, "of": 40, "failed": 20}


def test_a_few_requests_decide_nothing(balance: Balance, sick: Sick) -> None:
    lb = balance(sick.origin, workers=2, pool={"persistence": "none", "breaker": LONG})
    sick.is_sick.set()
    assert (statuses(lb, 9), breaker(lb)["state"]) == ([503] * 9, "closed")
    assert (statuses(lb, 1), breaker(lb)["state"]) == ([503], "open")
    assert sick.asked == 10


def test_it_tries_a_few_requests_and_closes_when_they_go_well(balance: Balance, sick: Sick) -> None:
    settings = {"share": "50%", "least": 10, "open": "1s", "trials": 2}
    lb = balance(sick.origin, workers=2, pool={"persistence": "none", "breaker": settings})
    sick.is_sick.set()
    statuses(lb, 10)
    lb.service.tick()
    # A trial that fails keeps it open.
    until(lambda: (lb.ask(get()), sick.asked)[1], lambda asked: asked == 11)
    assert breaker(lb)["state"] == "open"
    sick.is_sick.clear()
    until(lambda: (lb.ask(get()), breaker(lb)["state"])[1], lambda state: state == "closed")
    assert sick.asked == 13
    assert statuses(lb, 5) == [200] * 5
    assert (breaker(lb)["opened"], breaker(lb)["closed"]) == (1, 1)
    lb.service.tick()
    lb.service.tick()
    assert [(event.level, event.text) for event in lb.service.events().events] == [
        ("error", "pool shop: 10 of 10 requests failed, so its breaker is open: requests are refused"),
        ("warning", "pool shop: its breaker is closed, requests are served again"),
    ]


def test_no_answer_at_all_is_a_failure_but_not_what_a_client_does(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    address: str = origin.address
    lb = balance({"web1": address}, workers=2, pool={"persistence": "none", "breaker": LONG})
    for _ in range(20):
        with lb.client() as client:
            client.send(post(b"half")[:-2])
        with lb.client() as client:
            client.send(get("Transfer-Encoding: chunked") + b"no length\r\n")
            assert client.response().status == 400
    assert breaker(lb)["failed"] == 0
    origin.close()
    assert breaker(lb)["state"] == "closed"
    assert statuses(lb, 40) == [503] * 40
    assert breaker(lb)["state"] == "open"
    assert breaker(lb)["failed"] >= 10


def test_an_answer_that_breaks_off_before_its_body_is_one_failure(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n"
    lb = balance(make_origin(replying(lambda _: broken)), pool={"persistence": "none", "breaker": LONG})
    assert statuses(lb, 12) == [502] * 10 + [503] * 2
    assert (breaker(lb)["of"], breaker(lb)["failed"]) == (10, 10)


def test_an_answer_of_another_status_is_none(balance: Balance, make_origin: MakeOrigin) -> None:
    broken = Sick(make_origin, "500 Internal Server Error")
    broken.is_sick.set()

    def state_after(**more: object) -> object:
        lb = balance(broken.origin, pool={"persistence": "none", "breaker": LONG | more})
        statuses(lb, 10)
        return breaker(lb)["state"]

    assert state_after() == "closed"
    assert state_after(statuses=["500", "503"]) == "open"


def test_what_a_retry_has_mended_is_no_failure(balance: Balance, make_origin: MakeOrigin, sick: Sick) -> None:
    sick.is_sick.set()
    servers = {"sick": sick.origin, "well": Sick(make_origin).origin}
    lb = balance(servers, workers=2, pool={"persistence": "none", "breaker": LONG, "retry": {"on": ["503"]}})
    assert statuses(lb, 40) == [200] * 40
    assert sick.asked > 0
    assert breaker(lb) == {"state": "closed", "opened": 0, "closed": 0, "refused": 0, "of": 0, "failed": 0}


def test_a_session_is_refused_like_everybody_and_keeps_its_home(
    balance: Balance, make_origin: MakeOrigin, sick: Sick
) -> None:
    servers = {"web1": sick.origin}
    settings = {**LONG, "open": "1s", "trials": 1}
    lb = balance(servers, workers=2, pool={"breaker": settings})
    visitor = Visitor(lb)
    visitor.ask()
    cookie = dict(visitor.jar)
    sick.is_sick.set()
    statuses(lb, 20)
    refused = visitor.ask()
    assert (refused.status, refused.all("set-cookie")) == (503, [])
    sick.is_sick.clear()
    until(lambda: visitor.ask().status, lambda status: status == 200)
    assert visitor.jar == cookie
    assert lb.report()["pools"]["shop"]["lost"] == {}


def test_a_reload_keeps_an_open_breaker_and_other_settings_make_another(balance: Balance, sick: Sick) -> None:
    def pool(settings: Mapping[str, object] | None) -> dict[str, Any]:
        return {"persistence": "none", **({"breaker": settings} if settings else {})}

    lb = balance(sick.origin, workers=2, pool=pool(LONG))

    def reload(settings: Mapping[str, object] | None) -> None:
        lb.service.reload(configuration({"web1": sick.origin}, 2, pool=pool(settings)))
        revision = lb.service.status().revision
        until(lambda: lb.report()["revision"], lambda found: found == revision)

    sick.is_sick.set()
    statuses(lb, 12)
    asked = sick.asked
    reload({**LONG, "statuses": ["502", "503", "504"]})
    assert (statuses(lb, 2), sick.asked) == ([503] * 2, asked)
    reload({**LONG, "open": "2h"})
    statuses(lb, 2)
    assert (sick.asked, breaker(lb)["state"]) == (asked + 2, "closed")
    reload(None)
    statuses(lb, 30)
    assert sick.asked == asked + 32
    assert lb.report()["pools"]["shop"]["breaker"] is None


def test_it_is_told_in_the_access_log_the_metrics_and_the_status(
    balance: Balance, sick: Sick, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    lb = balance(
        sick.origin,
        workers=2,
        pool={"persistence": "none", "breaker": LONG},
        access_log={"to": str(log)},
    )
    sick.is_sick.set()
    statuses(lb, 12)
    lines = until(lambda: log.read_text().splitlines(), lambda found: len(found) == 12)
    told = [line for line in map(json.loads, lines) if line["attempts"] == 0]
    assert [(line["status"], line["fault"], line["pool"]) for line in told] == [
        (503, "breaker_open", "shop")
    ] * 2
    text = lb.service.metrics().text
    said: Callable[[str, str], bool] = lambda name, value: f"equalizer_breaker_{name} {value}" in text  # noqa: E731
    assert said('state{pool="shop",state="open"}', "1.0")
    assert said('state{pool="shop",state="closed"}', "0.0")
    assert said('opened_total{pool="shop"}', "1.0")
    assert said('refused_total{pool="shop"}', "2.0")
    (found,) = lb.service.status().pools
    assert found.breaker
    assert (found.breaker.state, found.breaker.opened, found.breaker.refused) == ("open", 1, 2)
