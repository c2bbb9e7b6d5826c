"""When a session ends, and which answers may begin one."""

from collections.abc import Sequence

import pytest

from conftest import Balance
from flow.persistence.conftest import MakeServers
from support.balancer import configuration
from support.visitor import LENGTH, Visitor, lost, outlast, reasons
from support.wire import Message

NAMES = {"web1", "web2", "web3"}


def test_an_idle_session_ends_and_an_active_one_is_stamped_again(
    balance: Balance, servers: MakeServers
) -> None:
    lb = balance(servers(), pool={"sessions": {"idle": "2s"}})
    active, idle, old = Visitor(lb), Visitor(lb), Visitor(lb)
    home = active.home()
    old.jar = dict(active.jar)
    idle.ask()
    for _ in range(3):
        outlast(0)
        assert active.home() == home
    assert active.jar != old.jar
    assert reasons(lb) == {"new": 2, "recalled": 3}
    old.ask()
    idle.ask()
    assert reasons(lb)["expired_idle"] == 2
    assert "not_ours" not in reasons(lb)
    assert lost(lb) == {}


def test_a_session_ends_after_its_lifetime_however_active(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), pool={"sessions": {"idle": "1m", "lifetime": "1s"}})
    visitor = Visitor(lb)
    home = visitor.home()
    assert visitor.home() == home
    outlast(1)
    began = dict(visitor.jar)
    visitor.ask()
    assert reasons(lb) == {"new": 1, "recalled": 1, "expired_life": 1}
    assert visitor.jar != began


@pytest.mark.parametrize("of", ["pool", "server"])
def test_another_generation_ends_sessions(balance: Balance, servers: MakeServers, of: str) -> None:
    origins = servers()
    lb = balance(origins)
    visitors: dict[str, Visitor] = {}
    while set(visitors) != NAMES:
        visitor = Visitor(lb)
        visitors[visitor.home()] = visitor
    written = configuration(origins, 1)
    if of == "pool":
        written["pools"]["shop"]["sessions"] = {"generation": 1}
    else:
        written["pools"]["shop"]["servers"]["web2"] = {"address": origins["web2"].address, "generation": 1}
    lb.service.reload(written)
    before = dict(reasons(lb))
    homes = {name: visitor.homes() for name, visitor in visitors.items()}
    ended = 3 if of == "pool" else 1
    assert reasons(lb)["generation"] == ended
    assert reasons(lb)["recalled"] - before.get("recalled", 0) == 12 - ended
    assert all(len(found) == 1 for found in homes.values()) or of == "pool"
    if of == "server":
        assert (homes["web1"], homes["web3"]) == ({"web1"}, {"web3"})


def test_a_strict_pool_refuses_rather_than_moves(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins, pool={"sessions": {"strict": True}})
    visitor = Visitor(lb)
    home = visitor.home()
    origins[home].end()
    answer = visitor.ask()
    assert (answer.status, answer.all("set-cookie")) == (503, [])
    assert lost(lb) == {"strict_refused": 1}
    assert {Visitor(lb).home() for _ in range(6)} == NAMES - {home}


def test_a_session_begins_with_a_post_where_that_is_asked(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(), pool={"persistence": {"kind": "cookie", "post_only": True}})
    visitor = Visitor(lb)
    visitor.ask()
    visitor.ask(method="HEAD")
    assert visitor.jar == {}
    home = visitor.home(method="POST")
    assert visitor.jar
    assert visitor.homes() == {home}


def test_a_server_may_end_or_take_over_persistence(balance: Balance, servers: MakeServers) -> None:
    def says(name: str, request: Message) -> Sequence[str]:
        return {
            "/end": ("Set-Cookie: EQ=; Max-Age=0; Path=/",),
            "/own": ("Set-Cookie: EQ=mine; Path=/",),
        }.get(request.target, ())

    lb = balance(servers(says), pool={"persistence": {"kind": "cookie", "preserve": True}})
    visitor = Visitor(lb)
    visitor.ask()
    assert visitor.ask(target="/own").all("set-cookie") == ["EQ=mine; Path=/"]
    assert visitor.jar == {"EQ": "mine"}
    visitor.ask()
    assert visitor.jar["EQ"] != "mine"
    visitor.ask(target="/end")
    assert visitor.jar == {}
    plain = Visitor(balance(servers(says)))
    plain.ask(target="/own")
    assert len(plain.jar["EQ"]) == LENGTH


@pytest.mark.parametrize(
    ("cache", "given", "private"), [("skip", False, False), ("private", True, True), ("always", True, False)]
)
def test_what_a_shared_cache_may_store(
    balance: Balance, servers: MakeServers, cache: str, given: bool, private: bool
) -> None:
    says = {
        "/public": ("Cache-Control: public, max-age=60",),
        "/private": ("Cache-Control: private, max-age=60",),
        "/old": ("Expires: Thu, 01 Jan 1970 00:00:00 GMT",),
    }
    persistence = {"kind": "cookie", "cache": cache}
    origins = servers(lambda name, request: says.get(request.target, ()))
    lb = balance(origins, pool={"persistence": persistence})
    visitor = Visitor(lb)
    answer = visitor.ask(target="/public")
    assert bool(visitor.jar) is given
    assert ("private" in answer.all("cache-control")) is private
    for target in ("/", "/private", "/old"):
        other = Visitor(lb)
        answer = other.ask(target=target)
        assert other.jar
        assert "private" not in answer.all("cache-control")
    home = visitor.home()
    assert visitor.homes(target="/public") == {home}


def test_a_learnt_value_is_forgotten_when_idle(balance: Balance, servers: MakeServers) -> None:
    mode = {"kind": "cookie", "mode": "learn", "name": "SID", "record_idle": "1s"}
    lb = balance(
        servers(lambda name, request: () if request.all("cookie") else (f"Set-Cookie: SID={name}",)),
        workers=2,
        pool={"persistence": mode},
    )
    visitor = Visitor(lb)
    home = visitor.home()
    assert visitor.home() == home
    outlast(1)
    visitor.ask()
    assert reasons(lb) == {"new": 2, "recalled": 1}
