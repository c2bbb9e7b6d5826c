"""Draining and maintenance: whose sessions stay, who gets new ones, and when the rest moves."""

from datetime import timedelta

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer
from support.visitor import Visitor, lost, outlast, reasons

NAMES = {"web1", "web2", "web3"}


def one_each(lb: Balancer) -> dict[str, Visitor]:
    """A client of every server."""
    visitors: dict[str, Visitor] = {}
    while set(visitors) != NAMES:
        visitor = Visitor(lb)
        visitors[visitor.home()] = visitor
    return visitors


def test_a_draining_server_keeps_its_sessions_and_gets_no_new_ones(
    balance: Balance, servers: MakeServers
) -> None:
    lb = balance(servers(), workers=2)
    visitors = one_each(lb)
    lb.service.set_state("shop", "web2", "draining")
    assert {name: visitor.homes() for name, visitor in visitors.items()} == {name: {name} for name in NAMES}
    assert {Visitor(lb).home() for _ in range(12)} == {"web1", "web3"}
    assert lost(lb) == {}


def test_a_draining_server_helps_out_when_nobody_else_is_left(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins, workers=2)
    visitors = one_each(lb)
    lb.service.set_state("shop", "web2", "draining")
    lb.service.set_state("shop", "web1", "maintenance")
    origins["web3"].end()
    for visitor in [Visitor(lb), *visitors.values()]:
        assert visitor.homes() == {"web2"}
    assert lost(lb) == {"home_maintenance": 1, "home_down": 1}


def test_with_a_deadline_the_rest_moves_when_it_comes(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2)
    visitor = one_each(lb)["web2"]
    lb.service.set_state("shop", "web2", "draining", deadline=timedelta(seconds=2))
    assert visitor.home() == "web2"
    outlast(2)
    assert visitor.home() != "web2"
    assert len(visitor.homes()) == 1
    assert lost(lb) == {"home_draining_moved": 1}


def test_the_idle_move_first(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2)
    active, idle = one_each(lb)["web2"], one_each(lb)["web2"]
    lb.service.set_state("shop", "web2", "draining", idle_first=timedelta(seconds=3))
    for _ in range(4):
        outlast(0)
        assert active.home() == "web2"
    assert idle.home() != "web2"
    assert lost(lb) == {"home_draining_moved": 1}


def test_maintenance_moves_everybody_and_takes_nobody(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), workers=2)
    visitors = one_each(lb)
    lb.service.set_state("shop", "web2", "maintenance")
    away = visitors["web2"].home()
    assert visitors["web2"].homes() == {away}
    assert away != "web2"
    assert {Visitor(lb).home() for _ in range(12)} == {"web1", "web3"}
    assert lost(lb) == {"home_maintenance": 1}
    lb.service.set_state("shop", "web2", "up")
    assert {Visitor(lb).home() for _ in range(12)} == NAMES
    assert reasons(lb)["home_maintenance"] == 1
