"""Everything that is waited for has an end, and a stop waits for what has begun."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get, post
from support.origin import HELLO, Origin, answering, response
from support.wire import LIMIT, Wire, connect

SOON = "100ms"


class Gate:
    """A server that reads a request, and answers when it may."""

    def __init__(self) -> None:
        self.asked = Event()
        self.open = Event()

    def __call__(self, origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            self.asked.set()
            assert self.open.wait(LIMIT)
            wire.send(HELLO)


def silent(origin: Origin, wire: Wire) -> None:
    """Read, and never answer."""
    wire.rest()


@pytest.mark.parametrize("part", [b"G", b"GET / HTTP/1.1\r\nHost: a", get()[:-1], b"\r\n"])
def test_a_head_that_does_not_end_is_answered_408(
    balance: Balance, make_origin: MakeOrigin, part: bytes
) -> None:
    with balance(make_origin(), timeouts={"head": SOON}).client() as client:
        client.send(part)
        answer = client.response()
        assert (answer.status, answer.get("connection")) == (408, "close")
        assert client.at_end()


def test_a_head_that_comes_byte_by_byte_has_no_more_time(balance: Balance, make_origin: MakeOrigin) -> None:
    with balance(make_origin(), timeouts={"head": "300ms"}).client() as client:
        client.send(b"GET / HTTP/1.1\r\nX: ")
        client.sock.settimeout(0.02)
        for _ in range(500):
            client.send(b"x")
            try:
                if client.fill():
                    break
            except TimeoutError:
                continue
        assert client.response().status == 408


@pytest.mark.parametrize("request_", [post(b"hello")[:-1], post(b"x" * 90_000)[:-1], post(b"hello")[:-5]])
def test_a_body_that_does_not_come_is_answered_408(
    balance: Balance, make_origin: MakeOrigin, request_: bytes
) -> None:
    lb = balance(make_origin(silent), timeouts={"body": SOON})
    with lb.client() as client:
        client.send(request_)
        assert client.response().status == 408
        assert client.at_end()


def test_a_server_that_does_not_answer_is_answered_for_504(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(silent)
    lb = balance(origin, timeouts={"response": SOON})
    with lb.client() as client:
        for _ in range(2):
            client.send(get())
            answer = client.response()
            assert (answer.status, answer.body) == (504, b"504 Gateway Timeout\n")
    assert len(origin.connections) == 2
    assert lb.counts("web1") == {
        "connects": 2,
        "exchanges": 0,
        "faults": {"response_timeout": 2},
        "errors": 0,
        "given_up": 2,
        "failures": 2,
        "in_flight": 0,
        "limit": 0,
        "waiting": 0,
        "sessions": 0,
        "tunnels": 0,
        "state": "up",
        "timed": 0,
        "micros": 0,
        "times": {},
        "handshake": "",
        "weight": 100,
    }


def test_the_time_for_an_answer_begins_when_the_request_has_ended(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    lb = balance(make_origin(), timeouts={"response": "500ms", "body": "5s"})
    with lb.client() as client:
        client.send(post(b"x" * 40)[:-40])
        client.sock.settimeout(0.05)
        for _ in range(30):  # a second and a half
            client.send(b"x")
            with pytest.raises(TimeoutError):
                client.fill()
        client.sock.settimeout(LIMIT)
        client.send(b"x" * 10)
        assert client.response().status == 200


def test_a_body_that_stops_on_its_way_is_cut(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        wire.send(HELLO[:-2])
        wire.rest()

    with balance(make_origin(script), timeouts={"body": SOON}).client() as client:
        client.send(get())
        client.until(b"hel")
        assert client.gone()


def test_a_client_that_stops_reading_is_dropped(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(answering(response(b"x" * (64 << 20))))
    lb = balance(origin, timeouts={"body": SOON})
    with lb.client() as client:
        client.send(get())
        client.until(b"\r\n\r\n")
        origin.wait_for(lambda: origin.connections[0].sock.fileno() == -1)
        assert lb.counts("web1")["in_flight"] == 0


@pytest.mark.parametrize("before", [b"", get()], ids=["at first", "between requests"])
def test_an_idle_client_is_closed_without_a_word(
    balance: Balance, make_origin: MakeOrigin, before: bytes
) -> None:
    with balance(make_origin(), timeouts={"idle_client": SOON}).client() as client:
        if before:
            client.send(before)
            client.response()
        assert client.at_end()


def test_an_idle_server_connection_is_closed(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin, timeouts={"idle_server": SOON})
    lb.ask(get())
    origin.wait_for(lambda: origin.connections[0].sock.fileno() == -1)


def test_a_stop_finishes_what_has_begun_and_closes_what_is_idle(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    gate = Gate()
    lb = balance({"web1": make_origin(gate), "web2": make_origin(gate)}, workers=2)
    with lb.client() as idle, lb.client() as used, lb.client() as busy, ThreadPoolExecutor() as pool:
        gate.open.set()
        used.send(get())
        assert used.response().body == b"hello"
        gate.open.clear()
        gate.asked.clear()
        busy.send(get() + get(target="/later"))
        assert gate.asked.wait(LIMIT)
        while lb.report()["connections"] < 3:
            pass  # what the kernel has not handed over yet is reset when its listener closes
        stopping = pool.submit(lb.service.drain)
        assert idle.at_end()
        assert used.at_end()
        with suppress(ConnectionRefusedError):
            while True:  # the other worker closes its socket when it gets to it
                with connect(lb.address) as late:
                    assert late.gone()
        assert not stopping.done()
        assert lb.report()["connections"] == 1
        gate.open.set()
        answer = busy.response()
        assert (answer.body, answer.get("connection")) == (b"hello", "close")
        assert busy.at_end()
        assert stopping.result(LIMIT)


def test_a_stop_gives_up_when_its_time_is_over(balance: Balance, make_origin: MakeOrigin) -> None:
    gate = Gate()
    lb = balance(make_origin(gate), timeouts={"stop": SOON})
    with lb.client() as client:
        client.send(get())
        assert gate.asked.wait(LIMIT)
        assert not lb.service.drain()
        lb.stop()
        assert client.gone()
        gate.open.set()
