"""What servers say of their sessions, and what they are told: pins, lives, and moves."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from conftest import Balance, MakeOrigin
from flow.persistence.conftest import MakeServers
from support.balancer import Balancer, configuration, post
from support.origin import Origin, answering, response
from support.visitor import Visitor, lost, outlast, reasons
from support.wire import Message, Wire

NAMES = {"web1", "web2", "web3"}


def pins(name: str, request: Message) -> Sequence[str]:
    word = request.target.removeprefix("/")
    return (f"Session-Pin: {word}",) if word else ()


def at(lb: Balancer, server: str) -> Visitor:
    """A client whose session lives at a server."""
    for _ in range(20):
        visitor = Visitor(lb)
        if visitor.home() == server:
            return visitor
    raise AssertionError(f"{server} is nobody's home")


def moved(origin: Origin) -> list[str]:
    """What a server was told of sessions that were moved to it."""
    return [value for request in origin.requests for value in request.all("session-moved")]


def test_a_server_releases_its_session(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(pins), pool={"persistence": ["cookie", "address"]})
    visitor = Visitor(lb)
    home = visitor.home()
    answer = visitor.ask(target="/release")
    assert (answer.get("server-name"), answer.get("session-pin")) == (home, None)
    assert visitor.jar == {}
    assert reasons(lb)["released"] == 1
    visitor.ask()
    assert reasons(lb)["new"] == 2


def test_what_is_said_behind_a_body_is_not_heard(balance: Balance, make_origin: MakeOrigin) -> None:
    trailers = b"Session-Pin: release\r\nX-Life: 2\r\nX-Sum: 1\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + trailers + b"\r\n"
    lb = balance(make_origin(answering(answer)), pool={"sessions": {"incarnation_field": "X-Life"}})
    visitor = Visitor(lb)
    visitor.ask()
    assert visitor.ask("TE: trailers").trailers == (("X-Sum", "1"),)
    assert reasons(lb) == {"new": 1, "recalled": 1}


def test_a_server_sends_its_session_elsewhere(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(pins), workers=2)
    visitor = Visitor(lb)
    home = visitor.home()
    assert visitor.home(target="/move") == home
    (after,) = visitor.homes()
    assert after in NAMES - {home}
    assert (reasons(lb)["moved"], lost(lb)) == (1, {})


def test_a_pinned_session_outlasts_a_drain(balance: Balance, servers: MakeServers) -> None:
    lb = balance(servers(pins))
    pinned, other = at(lb, "web2"), at(lb, "web2")
    assert pinned.home(target="/pin") == "web2"
    lb.service.set_state("shop", "web2", "draining", deadline=timedelta(seconds=1))
    outlast(1)
    assert pinned.homes() == {"web2"}
    assert other.home() != "web2"
    assert lost(lb) == {"home_draining_moved": 1}


def lives(
    balance: Balance, origins: dict[str, Origin], **sessions: object
) -> tuple[Balancer, dict[str, object]]:
    """Equalizer whose configuration names the lives of its servers."""
    table = {name: {"address": one.address, "incarnation": "1"} for name, one in origins.items()}
    pool = {"servers": table, "sessions": sessions}
    return balance(origins, workers=2, pool=pool), pool


def relive(lb: Balancer, pool: dict[str, object], **incarnations: str) -> None:
    """Give servers another life."""
    table = pool["servers"]
    assert isinstance(table, dict)
    for name, incarnation in incarnations.items():
        table[name]["incarnation"] = incarnation
    lb.service.reload(configuration({}, 2, pool=pool))


@pytest.mark.parametrize("forged", ["Session-Moved", "session_moved"])
def test_another_life_of_the_home_is_told_to_it(balance: Balance, servers: MakeServers, forged: str) -> None:
    origins = servers()
    lb, pool = lives(balance, origins, announce=True)
    visitor = at(lb, "web2")
    before = visitor.jar["EQ"]
    relive(lb, pool, web2="2")
    assert visitor.home(f"{forged}: from=web1; reason=lies") == "web2"
    assert not any(b"lies" in request.head for request in origins["web2"].requests)
    assert moved(origins["web2"]) == ["from=web2; reason=incarnation_changed"]
    assert visitor.jar["EQ"] != before
    assert visitor.homes() == {"web2"}
    assert len(moved(origins["web2"])) == 1
    assert lost(lb) == {"incarnation_changed": 1}


def test_a_server_tells_its_life_itself(balance: Balance, servers: MakeServers) -> None:
    life = {"web1": "a", "web2": "a", "web3": "a"}
    origins = servers(lambda name, request: (f"Server-Life: {life[name]}",))
    lb = balance(origins, pool={"sessions": {"incarnation_field": "Server-Life"}})
    visitors = [at(lb, "web2") for _ in range(2)]
    for visitor in visitors:
        answer = visitor.ask()
        assert (answer.get("server-name"), answer.get("server-life")) == ("web2", None)
    life["web2"] = "b"
    at(lb, "web2")  # somebody's answer tells
    for visitor in visitors:
        assert visitor.homes() == {"web2"}
    assert lost(lb) == {"incarnation_changed": 2}


@pytest.mark.parametrize("request_", [None, post(b"hello", method="PUT")], ids=["GET", "PUT"])
def test_a_new_home_is_told_where_the_session_was(
    balance: Balance, servers: MakeServers, request_: bytes | None
) -> None:
    origins = servers()
    lb = balance(origins, pool={"sessions": {"announce": True}})
    visitor = at(lb, "web2")
    origins["web2"].end()
    if request_ is None:
        home = visitor.home()
    else:
        with visitor.connect() as wire:
            cookie = f"\r\nCookie: EQ={visitor.jar['EQ']}\r\n".encode()
            wire.send(request_.replace(b"\r\n", cookie, 1))
            home = str((answer := wire.response("PUT")).get("server-name"))
            visitor.take(answer)
        assert origins[home].requests[-1].body == b"hello"
    assert moved(origins[home]) == ["from=web2; reason=home_down"]
    visitor.ask()
    assert len(moved(origins[home])) == 1
    other = (NAMES - {"web2", home}).pop()
    assert moved(origins[other]) == []


def test_only_the_server_that_is_the_new_home_hears_of_it(
    balance: Balance, servers: MakeServers, make_origin: MakeOrigin
) -> None:
    """The home takes the request and hangs up: it was told nothing, and the next one is."""
    origins = servers()
    lb = balance(origins, pool={"sessions": {"announce": True}})
    visitor = at(lb, "web2")

    def hang_up(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        wire.reset()

    origins["web2"].script = hang_up
    for wire in origins["web2"].connections:
        wire.finish()
    home = visitor.home()
    assert moved(origins["web2"]) == []
    assert moved(origins[home]) == ["from=web2; reason=home_down"]


def test_without_announce_nobody_is_told(balance: Balance, servers: MakeServers) -> None:
    origins = servers()
    lb = balance(origins)
    visitor = at(lb, "web2")
    origins["web2"].end()
    home = visitor.home("Session-Moved: mine")
    assert moved(origins[home]) == ["mine"]


@pytest.mark.parametrize(
    ("fail_back", "incarnation", "returns"),
    [
        ("stay", "1", False),
        ("return", "1", True),
        ("return", "2", True),
        ("return_same_incarnation", "1", True),
        ("return_same_incarnation", "2", False),
    ],
)
def test_a_home_that_is_back(
    balance: Balance,
    servers: MakeServers,
    make_origin: MakeOrigin,
    fail_back: str,
    incarnation: str,
    returns: bool,
) -> None:
    origins = servers()
    lb, pool = lives(balance, origins, fail_back=fail_back)
    visitor = at(lb, "web2")
    host, _, port = origins["web2"].address.partition(":")
    lb.service.set_state("shop", "web2", "maintenance")
    away = visitor.home()
    assert away != "web2"
    assert visitor.homes() == {away}
    origins["web2"].end()
    make_origin(answering(response(b"", "Server-Name: web2")), address=(host, int(port)))
    relive(lb, pool, web2=incarnation)
    lb.service.set_state("shop", "web2", "up")
    assert visitor.homes() == ({"web2"} if returns else {away})
    assert reasons(lb).get("failed_back", 0) == int(returns)
    assert lost(lb) == {"home_maintenance": 1}
