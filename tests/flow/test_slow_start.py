"""Slow start: a server that comes back gets little, then more; what lives there is not held back."""

from typing import Any

import pytest

from conftest import Balance
from support.balancer import Balancer, get
from support.origin import Origin
from support.visitor import Visitor, until

ROOM = {"over": "query", "name": "room"}
BALANCES: tuple[Any, ...] = (
    "round_robin",
    "random",
    "least_requests",
    "p2c",
    {"kind": "rendezvous", "key": ROOM},
    {"kind": "maglev", "key": ROOM, "bound": "off"},
    "fastest_response",
)


def weight(lb: Balancer, server: str) -> int:
    """For new sessions, now."""
    (pool,) = lb.service.status().pools
    return next(each.weight_now for each in pool.servers if each.name == server)


def away_and_back(lb: Balancer, server: str) -> None:
    lb.service.set_state("shop", server, "maintenance")
    lb.service.tick()
    lb.service.set_state("shop", server, "up")


@pytest.mark.parametrize("how", BALANCES, ids=str)
def test_a_server_that_is_back_gets_a_tenth_of_its_share_under_every_balance(
    how: Any, balance: Balance, shops: dict[str, Origin]
) -> None:
    lb = balance(shops, workers=2, pool={"balance": how, "persistence": "none", "slow_start": "10h"})
    away_and_back(lb, "web2")
    lb.service.tick()
    assert weight(lb, "web2") == 10
    with lb.client() as client:
        found = []
        for number in range(200):
            client.send(get(target=f"/?room={number}"))
            found.append(client.response().get("server-name"))
    # A third would be 66.
    assert found.count("web2") < 40


def test_it_grows_until_it_has_all(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, pool={"slow_start": "1s"})
    assert [weight(lb, name) for name in shops] == [100] * 3
    away_and_back(lb, "web2")
    assert weight(lb, "web2") == 10

    def later() -> int:
        lb.service.tick()
        return weight(lb, "web2")

    until(later, lambda now: now > 10)
    until(later, lambda now: now == 100)


def test_sessions_of_the_server_are_not_held_back(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops, workers=2, pool={"slow_start": "10h"})
    visitors = [each for each in (Visitor(lb) for _ in range(30)) if each.home() == "web2"]
    assert len(visitors) > 2
    away_and_back(lb, "web2")
    assert {home for visitor in visitors for home in visitor.homes()} == {"web2"}
