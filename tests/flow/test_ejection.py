"""Ejection: a server that fails or is slow is left alone for a while; its sessions are re-homed, or kept."""

import time
from contextlib import ExitStack, suppress
from itertools import count
from threading import Semaphore
from typing import Any

import pytest

from conftest import Balance, MakeOrigin, naming
from support.balancer import Balancer, get
from support.origin import Origin, Script, ending, replying, response
from support.visitor import Visitor, lost, reasons, until
from support.wire import LIMIT, Ended, Message, Wire

BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nServer-Name: web2\r\n\r\n"


class Shops:
    """Servers web1 to web3, of which web2 does what it is told."""

    def __init__(self, make_origin: MakeOrigin) -> None:
        self.web2 = "well"
        self.broken = {"web2"}
        self.origins: dict[str, Origin] = {
            name: make_origin(replying(self._answer(name))) for name in ("web1", "web2", "web3")
        }

    def _answer(self, name: str) -> Any:
        turns = iter(range(10_000))

        def answer(request: Message) -> bytes:
            if name in self.broken and self.web2 == "slow":
                time.sleep(0.05)  # what it is told
            fails = self.web2 == "503" or (self.web2 == "every other" and next(turns) % 2)
            if name in self.broken and fails:
                return BROKEN.replace(b"web2", name.encode())
            return response(b"", f"Server-Name: {name}")

        return answer


@pytest.fixture
def shops(make_origin: MakeOrigin) -> Shops:
    return Shops(make_origin)


def serve(balance: Balance, shops: Shops, **ejection: Any) -> Balancer:
    return balance(shops.origins, workers=2, pool={"ejection": ejection})


def at(lb: Balancer, server: str) -> Visitor:
    """A client whose session lives there."""
    return next(each for each in (Visitor(lb) for _ in range(12)) if each.home() == server)


def event(lb: Balancer, kind: str) -> str:
    """What the next event of this kind says, once it has happened."""
    found = until(
        lambda: [each for each in lb.service.events(wait=5).events if each.kind == kind],
        bool,
    )
    return found[-1].text


def status(lb: Balancer) -> dict[str, tuple[str, str]]:
    """States, and why servers are ejected."""
    (pool,) = lb.service.status().pools
    return {server.name: (server.state, server.ejected) for server in pool.servers}


def after_a_tick(lb: Balancer) -> dict[str, tuple[str, str]]:
    """The same, once it was looked whose time is over."""
    lb.service.tick()
    return status(lb)


def after_one_more(lb: Balancer) -> dict[str, tuple[str, str]]:
    """The same after a new client's request."""
    Visitor(lb).ask()
    return status(lb)


def test_a_server_that_answers_503_to_everything_is_out_at_once_and_its_sessions_are_re_homed(
    balance: Balance, shops: Shops
) -> None:
    lb = serve(balance, shops)
    visitors = [at(lb, "web2"), at(lb, "web2")]
    shops.web2 = "503"
    assert [visitors[0].ask().status for _ in range(5)] == [503] * 5
    # Nobody has called `tick`: it does not take a second.
    assert event(lb, "ejection") == "server shop/web2: up → down, ejected for 10s: 5 failures in a row"
    assert [visitor.ask().status for visitor in visitors] == [200, 200]
    assert "web2" not in {Visitor(lb).home() for _ in range(12)}
    assert len(visitors[0].homes()) == 1
    assert lost(lb) == {"home_down": 2}
    assert status(lb)["web2"] == ("down", "ejected for 10s: 5 failures in a row")
    assert lb.counts("web2")["errors"] == 5
    metrics = lb.service.metrics().text
    assert 'equalizer_server_ejected{pool="shop",server="web2"} 1' in metrics
    assert 'equalizer_server_ejections_total{pool="shop",server="web2"} 1' in metrics
    assert 'equalizer_server_errors_total{pool="shop",server="web2"} 5' in metrics


def test_it_is_back_when_its_time_is_over_and_out_for_longer_when_it_fails_again(
    balance: Balance, shops: Shops
) -> None:
    lb = serve(balance, shops, time="300ms", failures=2)
    visitor = at(lb, "web2")
    shops.web2 = "503"
    assert [visitor.ask().status for _ in range(2)] == [503] * 2
    event(lb, "ejection")
    until(lambda: after_a_tick(lb), lambda found: found["web2"] == ("up", ""))
    assert event(lb, "ejection") == "server shop/web2: down → up, its time as ejected is over"
    until(lambda: after_one_more(lb), lambda found: found["web2"][0] == "down")
    assert status(lb)["web2"][1] == "ejected for 0.6s: 2 failures in a row"


def test_what_fails_while_a_server_is_out_does_not_count_when_it_is_back(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    allowed = Semaphore(0)

    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            assert allowed.acquire(timeout=LIMIT)
            wire.send(BROKEN)

    web2 = make_origin(script)
    servers = {"web1": make_origin(naming("web1")), "web2": web2}
    ejection = {"failures": 5, "share": "off", "time": "300ms"}
    lb = balance(servers, pool={"persistence": "none", "ejection": ejection})
    with ExitStack() as stack:
        clients = [stack.enter_context(lb.client()) for _ in range(18)]
        for client in clients:
            client.send(get())
        web2.wait_for(lambda: len(web2.requests) == 9)
        allowed.release(5)
        assert event(lb, "ejection") == "server shop/web2: up → down, ejected for 0.3s: 5 failures in a row"
        allowed.release(4)
        assert sorted(client.response().status for client in clients) == [200] * 9 + [503] * 9
    until(lambda: after_a_tick(lb), lambda found: found["web2"] == ("up", ""))
    allowed.release(5)
    for failures in range(1, 6):
        until(lambda: lb.ask(get()).status, lambda found: found == 503)
        assert lb.counts("web2")["errors"] == 9 + failures
        assert failures == 5 or status(lb)["web2"] == ("up", "")
    until(lambda: status(lb)["web2"][0], lambda found: found == "down")


def test_a_server_that_cannot_be_reached_is_out_too_and_one_good_answer_breaks_the_row(
    balance: Balance, shops: Shops
) -> None:
    lb = serve(balance, shops, failures=2, share="off")
    visitor = at(lb, "web2")
    shops.web2 = "every other"
    assert {visitor.ask().status for _ in range(8)} == {200, 503}
    assert status(lb)["web2"][0] == "up"
    shops.origins["web2"].end()
    until(lambda: after_one_more(lb), lambda found: found["web2"][0] == "down")
    assert event(lb, "ejection") == "server shop/web2: up → down, ejected for 10s: 2 failures in a row"
    assert reasons(lb).get("home_down", 0) == 0


def test_never_more_than_so_many_are_out(balance: Balance, shops: Shops) -> None:
    lb = serve(balance, shops, failures=2)
    shops.broken, shops.web2 = {"web1", "web2", "web3"}, "503"
    assert {Visitor(lb).ask().status for _ in range(40)} == {503}
    until(lambda: lb.service.events().events, lambda found: any("not ejected" in each.text for each in found))
    texts = [each.text for each in lb.service.events().events if "not ejected" in each.text]
    why = "2 failures in a row; not ejected, as enough of its pool is out"
    assert all(each.endswith(f": {why}") for each in texts)
    assert len(texts) == len(set(texts))
    assert sorted(state for state, _ in status(lb).values()) == ["down", "up", "up"]


def test_a_server_that_fails_a_share_of_its_requests_is_out(balance: Balance, shops: Shops) -> None:
    lb = serve(balance, shops, share="40%", requests=10)
    visitor = at(lb, "web2")
    shops.web2 = "every other"
    lb.service.tick()
    assert [visitor.ask().status for _ in range(10)].count(503) == 5
    lb.service.tick()
    assert event(lb, "ejection") == (
        "server shop/web2: up → down, ejected for 10s: 5 of the last 10 requests failed"
    )
    assert visitor.ask().status == 200


def test_a_slow_server_keeps_its_sessions_and_gets_no_new_ones(balance: Balance, shops: Shops) -> None:
    lb = serve(balance, shops, slower=2, requests=6)
    shops.web2 = "slow"
    visitors = [at(lb, name) for name in ("web1", "web2", "web3")]
    lb.service.tick()
    for visitor in visitors:
        visitor.homes(times=16)
    lb.service.tick()
    assert event(lb, "ejection").startswith(
        "server shop/web2: up → draining, ejected for 10s: it answers in "
    )
    assert visitors[1].homes() == {"web2"}
    assert "web2" not in {Visitor(lb).home() for _ in range(12)}
    assert lost(lb) == {}


def test_a_word_of_a_person_ends_it(balance: Balance, shops: Shops) -> None:
    lb = serve(balance, shops, failures=2)
    visitor = at(lb, "web2")
    shops.web2 = "503"
    assert [visitor.ask().status for _ in range(2)] == [503] * 2
    event(lb, "ejection")
    shops.web2 = "well"
    change = lb.service.set_state("shop", "web2", "up")
    assert (change.before, change.but) == ("down", "")
    assert status(lb)["web2"] == ("up", "")
    assert "web2" in {Visitor(lb).home() for _ in range(12)}


def test_without_ejection_nothing_follows(balance: Balance, shops: Shops) -> None:
    lb = balance(shops.origins, workers=2)
    visitor = at(lb, "web2")
    shops.web2 = "503"
    assert {visitor.ask().status for _ in range(30)} == {503}
    lb.service.tick()
    assert (status(lb)["web2"], lost(lb)) == (("up", ""), {})


def test_a_server_whose_answers_end_before_their_bodies_is_ejected(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    half = ending(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nServer-Name: web2\r\n\r\nhalf")
    servers = {"web1": make_origin(naming("web1")), "web2": make_origin(half)}
    lb = balance(servers, workers=2, pool={"ejection": {"failures": 3}, "persistence": "none"})
    cut = 0
    while status(lb)["web2"][0] == "up":
        try:
            assert lb.ask(get()).get("server-name") == "web1"
        except (Ended, ConnectionError):
            cut += 1
        assert cut < 100
    assert cut >= 3
    assert lb.counts("web2")["faults"] == {"cut_short": cut}
    assert event(lb, "ejection") == "server shop/web2: up → down, ejected for 10s: 3 failures in a row"
    assert {lb.ask(get()).get("server-name") for _ in range(8)} == {"web1"}


def every_other(bad: bytes) -> Script:
    """Answer well and so in turn, and close the connection after the latter."""
    turns = count()

    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            if next(turns) % 2:
                wire.send(bad)
                return
            wire.send(response(b"", "Server-Name: web2"))

    return script


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", id="half a body"),
        pytest.param(b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nhalf", id="half the body of an error"),
        pytest.param(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", id="no body at all"),
        pytest.param(BROKEN, id="an error that is passed on"),
        pytest.param(BROKEN.replace(b"503", b"502"), id="an error for which another server is asked"),
    ],
)
def test_each_attempt_counts_once_whatever_it_brings(
    balance: Balance, make_origin: MakeOrigin, bad: bytes
) -> None:
    servers = {"web1": make_origin(naming("web1")), "web2": make_origin(every_other(bad))}
    ejection = {"failures": 0, "share": "40%", "requests": 10}
    lb = balance(servers, pool={"ejection": ejection, "persistence": "none", "retry": {"on": ["502"]}})
    lb.service.tick()
    while len(servers["web2"].requests) < 10:
        with suppress(Ended, ConnectionError):
            lb.ask(get())
    lb.service.tick()
    why = "5 of the last 10 requests failed"
    assert status(lb)["web2"] == ("down", f"ejected for 10s: {why}")
