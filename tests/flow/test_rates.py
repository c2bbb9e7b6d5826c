"""Rate limits: who is let in, who hears 429 and when to come again, over two workers and through reloads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, configuration, get, post
from support.origin import Origin
from support.visitor import Visitor, reasons, until
from support.wire import Wire

HOUR = "5/h"
"""Five at once, and no sixth while a test runs."""


def limited(rates: Mapping[str, object], **tables: Any) -> dict[str, Any]:
    return {"rates": rates, **tables}


def refused(lb: Balancer) -> dict[str, int]:
    """What each limit has refused."""
    rates = lb.report()["pools"]["shop"]["rates"]
    return {name: limit["refused"] for name, limit in rates.items()}


def statuses(lb: Balancer, count: int, source: str = "127.0.0.1", target: str = "/") -> list[int]:
    """What a client is answered, each time on a new connection and so by either worker."""
    return [Visitor(lb, source).ask(target=target).status for _ in range(count)]


def test_a_client_has_its_rate_over_all_workers_and_hears_when_to_come_again(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool=limited({"client": HOUR}))
    assert sorted(statuses(lb, 40)) == [200] * 5 + [429] * 35
    answer = lb.ask(get())
    assert answer.body == b"429 Too Many Requests\n"
    assert 600 < int(answer.get("retry-after") or 0) <= 720
    assert sum(len(shop.requests) for shop in shops.values()) == 5
    assert statuses(lb, 6, "127.0.0.2") == [200] * 5 + [429]
    assert refused(lb) == {"client": 37}
    assert sum(reasons(lb).values()) == 10


def test_a_request_of_a_session_counts_like_another(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, workers=2, pool=limited({"all": {"rate": HOUR, "key": "pool"}}))
    visitor = Visitor(lb)
    assert [visitor.ask().status for _ in range(6)] == [200] * 5 + [429]
    assert visitor.ask().all("set-cookie") == []
    assert statuses(lb, 1, "127.0.0.2") == [429]


def test_neighbours_share_a_rate_where_prefixes_say_so(balance: Balance, shops: dict[str, Origin]) -> None:
    rates = {"net": {"rate": HOUR, "key": {"over": "address", "prefix4": 24}}}
    lb = balance(shops, workers=2, pool=limited(rates))
    assert [statuses(lb, 1, f"127.0.0.{host}") for host in range(2, 9)] == [[200]] * 5 + [[429]] * 2
    assert statuses(lb, 1, "127.0.1.2") == [200]


def test_a_field_is_counted_by_its_value_and_who_has_none_is_not(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    rates = {"token": {"rate": "1/h", "burst": 2, "key": {"over": "field", "name": "X-Token"}}}
    lb = balance(shops, workers=2, pool=limited(rates))

    def ask(*fields: str) -> int:
        return lb.ask(get(*fields)).status

    assert [ask("X-Token: a") for _ in range(3)] == [200, 200, 429]
    assert [ask("x-token: b") for _ in range(3)] == [200, 200, 429]
    assert [ask() for _ in range(5)] == [200] * 5


def test_a_limit_holds_for_the_requests_that_it_means_and_one_that_refuses_costs_the_others_nothing(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    rates = {
        "all": {"rate": "4/h", "key": "pool"},
        "login": {"rate": "1/h", "when": {"path": "/login"}},
        "bots": {
            "rate": "1/h",
            "when": {"field": {"User-Agent": "*bot*"}},
            "unless": {"path": "/robots.txt"},
        },
    }
    lb = balance(shops, workers=2, pool=limited(rates))
    assert statuses(lb, 10, target="/login") == [200] + [429] * 9
    assert statuses(lb, 4) == [200, 200, 200, 429]
    assert refused(lb) == {"all": 1, "login": 9, "bots": 0}


def test_a_connection_goes_on_after_a_refusal_unless_a_body_is_left(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=1, pool=limited({"login": {"rate": "1/h", "when": {"path": "/login"}}}))

    def ask(wire: Wire, request: bytes) -> int:
        wire.send(request)
        return wire.response().status

    with lb.client() as wire:
        asked = [ask(wire, get(target=target)) for target in ("/login", "/login", "/", "/login", "/")]
        assert asked == [200, 429, 200, 429, 200]
    with lb.client() as wire:
        wire.send(post(b"name=x").replace(b"POST / ", b"POST /login "))
        answer = wire.response("POST")
        assert (answer.status, answer.get("connection")) == (429, "close")


def test_a_reload_keeps_what_was_counted_by_a_limit_that_did_not_change(
    balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool=limited({"client": HOUR, "token": HOUR}))
    assert statuses(lb, 6)[-1] == 429

    def reload(rates: Mapping[str, object]) -> None:
        lb.service.reload(configuration(shops, 2, pool=limited(rates)))
        revision = lb.service.status().revision
        until(lambda: lb.report()["revision"], lambda found: found == revision)

    reload({"more": "1000/s", "client": HOUR})
    assert statuses(lb, 3) == [429] * 3
    assert refused(lb) == {"more": 0, "client": 4}
    reload({"client": "6/h"})
    assert sorted(statuses(lb, 7)) == [200] * 6 + [429]
    reload({})
    assert statuses(lb, 20) == [200] * 20


def test_a_refusal_is_told_in_the_access_log_the_metrics_the_status_and_the_events(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    lb = balance(make_origin(), workers=2, pool=limited({"client": "1/h"}), access_log={"to": str(log)})
    assert statuses(lb, 3) == [200, 429, 429]
    lines = until(lambda: log.read_text().splitlines(), lambda found: len(found) == 3)
    told = [line for line in map(json.loads, lines) if line["status"] == 429]
    assert [(line["fault"], line["pool"], line["attempts"], line.get("server")) for line in told] == [
        ("rate_limited", "shop", 0, None)
    ] * 2
    assert 'equalizer_rate_limited_total{limit="client",pool="shop"} 2.0' in lb.service.metrics().text
    (pool,) = lb.service.status().pools
    assert pool.rates == {"client": 2}
    lb.service.tick()
    lb.service.tick()
    assert [(event.kind, event.text) for event in lb.service.events().events] == [
        ("rate_limited", "pool shop: 2 requests were over the rate client")
    ]


def test_a_line_of_the_access_log_names_the_limit_that_refused(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    rates = {
        "all": {"rate": "4/h", "key": "pool"},
        "login": {"rate": "1/h", "when": {"path": "/login"}},
        "client": "1000/s",
    }
    lb = balance(make_origin(), pool=limited(rates), access_log={"to": str(log)})
    for target in ("/login", "/login", "/", "/", "/", "/"):
        statuses(lb, 1, target=target)
    lines = until(lambda: log.read_text().splitlines(), lambda found: len(found) == 6)
    assert [(line["status"], line.get("limit")) for line in map(json.loads, lines)] == [
        (200, None),
        (429, "login"),
        (200, None),
        (200, None),
        (200, None),
        (429, "all"),
    ]


@pytest.mark.parametrize("capacity", [1, 8])
def test_a_flood_of_clients_does_not_free_who_is_over_his_rate(
    balance: Balance, shops: dict[str, Origin], capacity: int
) -> None:
    """More clients than are remembered."""
    lb = balance(shops, workers=2, pool=limited({"client": {"rate": HOUR, "capacity": capacity}}))
    assert statuses(lb, 6)[-1] == 429
    for host in range(2, 30):
        assert statuses(lb, 1, f"127.0.0.{host}") == [200]
    assert statuses(lb, 1) == [429]
    assert lb.report()["pools"]["shop"]["rates"]["client"]["evicted"] > 0
