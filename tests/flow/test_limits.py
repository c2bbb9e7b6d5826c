"""Limits: how many requests a server has at once, who waits for it in which order, and who goes elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from threading import Thread
from typing import Any, Protocol

import pytest
from h2.errors import ErrorCodes

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, configuration, get, post
from support.held import Held
from support.http2 import Client
from support.origin import Origin, response
from support.visitor import Visitor, lost, reasons, until
from support.wire import LIMIT, Message, Wire

Servers = Callable[[int], dict[str, Held]]


@pytest.fixture
def held(make_origin: MakeOrigin) -> Iterator[Servers]:
    """Make web1 and so on; at the end they let everybody go."""
    made: list[Held] = []

    def make(count: int) -> dict[str, Held]:
        made.extend(Held(f"web{number}", make_origin) for number in range(1, count + 1))
        return {one.name: one for one in made}

    yield make
    for one in made:
        one.open()


def pool(servers: Mapping[str, Held], limit: int, **tables: Any) -> dict[str, Any]:
    """A pool whose servers all have this limit."""
    limited = {name: {"address": one.origin.address, "limit": limit} for name, one in servers.items()}
    return {"servers": limited, **tables}


def origins(servers: Mapping[str, Held]) -> dict[str, Origin]:
    return {name: one.origin for name, one in servers.items()}


def waiting(lb: Balancer) -> int:
    """Requests that wait, for a server or for any."""
    found = lb.report()["pools"]["shop"]
    return int(found["waiting"] + sum(server["waiting"] for server in found["servers"].values()))


def wait_for(lb: Balancer, count: int) -> None:
    """Wait until so many wait."""
    until(lambda: waiting(lb), lambda found: found == count)


def at_home(lb: Balancer, home: str) -> Visitor:
    """A client whose session lives at this server."""
    for number in range(2, 100):
        visitor = Visitor(lb, f"127.0.0.{number}")
        if visitor.home() == home:
            return visitor
    raise AssertionError(home)


class Send(Protocol):
    def __call__(self, visitor: Visitor, target: str = "/") -> Wire: ...


@pytest.fixture
def send() -> Iterator[Send]:
    """Send requests that are not waited for; their connections close at the end."""
    with ExitStack() as stack:

        def sent(visitor: Visitor, target: str = "/") -> Wire:
            wire = stack.enter_context(visitor.connect())
            wire.send(visitor.request(target=target))
            return wire

        yield sent


def idle(lb: Balancer, *servers: str) -> None:
    """Wait until nothing is in flight."""
    until(lambda: [lb.counts(server)["in_flight"] for server in servers], lambda found: not any(found))


def test_a_limit_is_strict_over_workers_and_nobody_is_forgotten(
    balance: Balance, held: Servers, send: Send
) -> None:
    servers = held(2)
    queue = {"wait": "1m", "length": 1000}
    lb = balance(origins(servers), workers=2, pool=pool(servers, 3, persistence="none", queue=queue))
    for server in servers.values():
        server.hold()
    clients = [send(Visitor(lb)) for _ in range(200)]
    wait_for(lb, 194)
    for server in servers.values():
        server.wait_for(3)
        assert lb.counts(server.name)["in_flight"] == lb.counts(server.name)["limit"] == 3
        server.open()
    assert {client.response().status for client in clients} == {200}
    idle(lb, *servers)
    assert [server.most for server in servers.values()] == [3, 3]
    assert (waiting(lb), sum(reasons(lb).values())) == (0, 200)


def test_who_waits_longest_goes_first_and_sessions_before_others(
    balance: Balance, held: Servers, send: Send
) -> None:
    servers = held(1)
    web1 = servers["web1"]
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, queue={"wait": "1m"}))
    visitors = [at_home(lb, "web1") for _ in range(4)]
    seen = len(web1.asked())
    web1.hold()
    wires = [send(visitors[0], "/first")]
    web1.wait_for(1)
    newcomer = Visitor(lb, "127.0.1.1")
    wires.append(send(newcomer, "/new"))
    wait_for(lb, 1)
    for place, visitor in enumerate(visitors):
        wires.append(send(visitor, f"/{place}"))
        wait_for(lb, place + 2)
    for place in range(5):
        web1.release()
        web1.origin.wait_for(lambda: len(web1.asked()) > seen + 1 + place)  # noqa: B023 - waited for here
    web1.open()
    assert {wire.response().status for wire in wires} == {200}
    assert web1.asked()[seen:] == ["/first", "/0", "/1", "/2", "/3", "/new"]
    assert web1.most == 1


def test_a_session_goes_elsewhere_for_once_and_keeps_its_home(
    balance: Balance, held: Servers, send: Send
) -> None:
    servers = held(3)
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, queue={"wait": "300ms"}))
    visitor = at_home(lb, "web1")
    servers["web1"].hold()
    first = send(visitor)
    servers["web1"].wait_for(1)
    answers = [visitor.ask() for _ in range(3)]
    assert len({answer.get("server-name") for answer in answers} - {"web1"}) == 1
    assert all(answer.all("set-cookie") == [] for answer in answers)
    assert (reasons(lb)["overflow"], lost(lb)) == (3, {})
    servers["web1"].open()
    assert first.response().get("server-name") == "web1"
    idle(lb, "web1")
    assert visitor.homes() == {"web1"}
    assert lb.report()["pools"]["shop"]["limited"] == {"overflow": 3}


def test_a_slot_that_comes_free_in_time_is_the_sessions_own(
    balance: Balance, held: Servers, send: Send
) -> None:
    servers = held(2)
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, queue={"wait": "1m"}))
    visitor = at_home(lb, "web1")
    servers["web1"].hold()
    wires = [send(visitor), send(visitor)]
    servers["web1"].wait_for(1)
    wait_for(lb, 1)
    assert lb.counts("web1")["waiting"] == 1
    servers["web1"].open()
    assert {wire.response().get("server-name") for wire in wires} == {"web1"}
    assert "overflow" not in reasons(lb)


def test_a_session_that_finds_no_room_too_often_gets_another_home(
    balance: Balance, held: Servers, send: Send
) -> None:
    """Requests of one cookie at the same moment count as one, and a visit at home begins the count anew."""
    servers = held(3)
    tables = {"queue": {"wait": "0s"}, "sessions": {"overflow_rehome": 3}}
    lb = balance(origins(servers), workers=2, pool=pool(servers, 8, **tables))
    visitor = at_home(lb, "web1")
    web1 = servers["web1"]

    def fill() -> list[Wire]:
        web1.hold()
        wires = [send(visitor) for _ in range(8)]
        web1.wait_for(8)
        return wires

    def at_once() -> list[Message]:
        wires = [send(visitor) for _ in range(8)]
        answers = [wire.response() for wire in wires]
        for answer in answers:
            visitor.take(answer)
        return answers

    full = fill()
    assert "web1" not in {answer.get("server-name") for answer in at_once()}
    assert visitor.home() != "web1"
    web1.open()
    assert {wire.response().get("server-name") for wire in full} == {"web1"}
    idle(lb, "web1")
    assert (visitor.home(), reasons(lb)["overflow"], lost(lb)) == ("web1", 9, {})

    full = fill()
    assert "web1" not in {answer.get("server-name") for answer in at_once()}
    assert visitor.home() != "web1"
    assert lost(lb) == {}
    home = visitor.home()
    web1.open()
    assert {wire.response().status for wire in full} == {200}
    idle(lb, "web1")
    assert home != "web1"
    assert visitor.homes() == {home}
    assert lost(lb) == {"overflow_rehomed": 1}


@pytest.mark.parametrize("rules", [{"strict": True}, {"overflow": "refuse"}])
def test_a_session_is_refused_where_it_may_not_go_elsewhere(
    balance: Balance, held: Servers, send: Send, rules: dict[str, object]
) -> None:
    servers = held(2)
    tables = {"queue": {"wait": "2s", "length": 1}, "sessions": rules}
    lb = balance(origins(servers), pool=pool(servers, 1, **tables))
    visitor = at_home(lb, "web1")
    servers["web1"].hold()
    first = send(visitor)
    servers["web1"].wait_for(1)
    second = send(visitor)
    wait_for(lb, 1)
    third = visitor.ask()
    assert (third.status, third.get("retry-after"), third.all("set-cookie")) == (503, "5", [])
    assert second.response().status == 503
    servers["web1"].open()
    assert first.response().status == 200
    assert lb.report()["pools"]["shop"]["limited"] == {"queue_full": 1, "queue_timeout": 1}
    assert lost(lb) == {}


def test_a_client_without_a_session_waits_for_any_server(balance: Balance, held: Servers, send: Send) -> None:
    servers = held(2)
    queue = {"wait": "2s", "length": 2}
    lb = balance(origins(servers), pool=pool(servers, 1, persistence="none", queue=queue))
    for server in servers.values():
        server.hold()
    inside = [send(Visitor(lb)) for _ in range(2)]
    for server in servers.values():
        server.wait_for(1)
    late = [send(Visitor(lb)) for _ in range(2)]
    wait_for(lb, 2)
    refused = lb.ask(get())
    assert (refused.status, refused.get("retry-after")) == (503, "5")
    assert [client.response().status for client in late] == [503, 503]
    waits = send(Visitor(lb))
    wait_for(lb, 1)
    servers["web2"].open()
    assert waits.response().get("server-name") == "web2"
    servers["web1"].open()
    assert {client.response().status for client in inside} == {200}
    assert reasons(lb) == {"none": 3, "queue_full": 1, "queue_timeout": 2}


def test_a_client_that_leaves_the_line_is_not_served(balance: Balance, held: Servers, send: Send) -> None:
    servers = held(1)
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, queue={"wait": "1m"}))
    visitor = at_home(lb, "web1")
    web1 = servers["web1"]
    seen = len(web1.asked())
    web1.hold()
    first = send(visitor, "/first")
    web1.wait_for(1)
    gone = send(visitor, "/gone")
    wait_for(lb, 1)
    stays = send(visitor, "/stays")
    wait_for(lb, 2)
    gone.close()
    wait_for(lb, 1)
    web1.open()
    assert {first.response().status, stays.response().status} == {200}
    assert web1.asked()[seen:] == ["/first", "/stays"]


def test_a_stream_of_http2_waits_like_a_connection_until_it_is_given_up(
    balance: Balance, held: Servers
) -> None:
    servers = held(1)
    web1 = servers["web1"]
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, persistence="none", queue={"wait": "1m"}))
    web1.hold()
    with Client(lb.client()) as browser:
        streams = [browser.ask(path="/first"), browser.ask(path="/page")]
        streams += [browser.ask(method="POST", path="/order", body=b"order"), browser.ask(path="/gone")]
        web1.wait_for(1)
        wait_for(lb, 3)
        browser.connection.reset_stream(streams.pop(), ErrorCodes.CANCEL)
        browser.flush()
        wait_for(lb, 2)
        web1.open()
        assert [browser.answer(stream).status for stream in streams] == [200] * 3
    assert web1.asked() == ["/first", "/page", "/order"]
    assert (web1.origin.requests[2].body, web1.most) == (b"order", 1)


def test_a_reload_changes_the_limit_for_those_who_wait(balance: Balance, held: Servers, send: Send) -> None:
    servers = held(1)
    web1 = servers["web1"]
    tables: dict[str, Any] = {"persistence": "none", "queue": {"wait": "1m"}}
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, **tables))

    def reload(limit: int) -> None:
        lb.service.reload(configuration(origins(servers), 2, pool=pool(servers, limit, **tables)))

    web1.hold()
    clients = [send(Visitor(lb)) for _ in range(5)]
    web1.wait_for(1)
    wait_for(lb, 4)
    reload(3)
    web1.wait_for(3)
    wait_for(lb, 2)
    reload(1)
    web1.release()
    web1.wait_for(2)
    web1.release()
    web1.wait_for(1)
    assert waiting(lb) == 2
    reload(0)
    web1.wait_for(3)
    web1.open()
    assert {client.response().status for client in clients} == {200}
    assert web1.most == 3


@pytest.mark.parametrize("change", [{"balance": "least_requests"}, {"sessions": {"idle": "1h"}}])
def test_what_is_under_way_at_a_server_stays_in_sight_when_a_reload_changes_it(
    balance: Balance, held: Servers, send: Send, change: dict[str, Any]
) -> None:
    servers = held(1)
    web1 = servers["web1"]
    lb = balance(origins(servers), workers=2)
    web1.hold()
    clients = [send(Visitor(lb, f"127.0.0.{number}")) for number in range(2, 5)]
    web1.wait_for(3)
    lb.service.reload(configuration(origins(servers), 2, pool=change))
    revision = lb.service.status().revision
    until(lambda: lb.report()["revision"], lambda found: found == revision)
    assert lb.counts("web1")["in_flight"] == 3
    web1.open()
    assert {client.response().status for client in clients} == {200}
    idle(lb, "web1")
    assert lb.counts("web1")["exchanges"] == 3


def test_a_home_that_closes_lets_its_line_go(balance: Balance, held: Servers, send: Send) -> None:
    servers = held(2)
    lb = balance(origins(servers), workers=2, pool=pool(servers, 1, queue={"wait": "1m"}))
    visitor = at_home(lb, "web1")
    servers["web1"].hold()
    first = send(visitor)
    servers["web1"].wait_for(1)
    second = send(visitor)
    wait_for(lb, 1)
    lb.service.set_state("shop", "web1", "maintenance")
    assert second.response().get("server-name") == "web2"
    assert lost(lb) == {"home_maintenance": 1}
    servers["web1"].open()
    assert first.response().get("server-name") == "web1"


def test_a_slot_is_given_back_however_an_exchange_ends(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        while request := origin.read(wire):
            if request.target == "/hang-up":
                return
            wire.send(response(b"", "Server-Name: web1") if request.target == "/" else b"nonsense\r\n\r\n")

    origin = make_origin(script)
    servers = {"web1": {"address": origin.address, "limit": 1}}
    lb = balance(origin, pool={"servers": servers, "queue": {"wait": "0s"}})
    for _ in range(3):
        assert lb.ask(post(b"").replace(b"POST / ", b"POST /hang-up ")).status == 502
        assert lb.ask(get(target="/nonsense")).status == 502
        with lb.client() as client:
            client.send(post(b"half")[:-2])
            until(lambda: lb.counts("web1")["in_flight"], lambda found: found == 1)
        until(lambda: lb.counts("web1")["in_flight"], lambda found: found == 0)
    assert lb.ask(get()).status == 200
    origin.close()
    dead = Thread(target=origin.end)
    dead.start()
    dead.join(LIMIT)
    assert {lb.ask(get()).status for _ in range(3)} == {503}
    assert lb.counts("web1")["in_flight"] == 0


def test_the_first_visit_is_one_birth_under_limits_too(balance: Balance, held: Servers, send: Send) -> None:
    servers = held(3)
    tables = {"queue": {"wait": "1m"}, "sessions": {"burst": "1m"}}
    lb = balance(origins(servers), workers=2, pool=pool(servers, 4, **tables))
    for server in servers.values():
        server.hold()
    wires = [send(Visitor(lb, "127.0.0.9")) for _ in range(8)]
    wait_for(lb, 4)
    for server in servers.values():
        server.open()
    assert len({wire.response().get("server-name") for wire in wires}) == 1
    assert reasons(lb) == {"new": 1, "new_shared": 7}
