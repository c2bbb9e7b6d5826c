"""Ends of streams and connections: announced, prompt, and never mistaken for a whole message."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from h2.errors import ErrorCodes

from conftest import Balance, MakeOrigin
from support.http2 import Client, Raw, head
from support.origin import HELLO, Origin, ending, response
from support.wire import LIMIT, Wire

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
    wire.until(b"\r\n\r\n")
    origin.tell()
    wire.rest()


def closed(origin: Origin, count: int = 1) -> bool:
    """Whether so many connections have come to the server, and all have gone."""
    return len(origin.connections) == count and all(wire.sock.fileno() == -1 for wire in origin.connections)


@pytest.mark.parametrize("tls", [False, True])
def test_a_stop_finishes_what_has_begun(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, tls: bool
) -> None:
    gate = Gate()
    lb = balance(make_origin(gate), folder=certificate)
    connect = lb.tls_client if tls else lb.client
    with Client(connect()) as idle, Client(connect()) as busy, ThreadPoolExecutor() as pool:
        gate.open.set()
        assert idle.get().status == 200
        gate.open.clear()
        gate.asked.clear()
        streams = [busy.ask(), busy.ask()]
        assert gate.asked.wait(LIMIT)
        stopping = pool.submit(lb.service.drain)
        assert idle.last_words() == ErrorCodes.NO_ERROR
        busy.until(lambda: busy.goodbye is not None)
        assert not stopping.done()
        gate.open.set()
        assert [busy.answer(stream).body for stream in streams] == [b"hello"] * 2
        assert busy.last_words() == ErrorCodes.NO_ERROR
        assert stopping.result(LIMIT)


def test_a_stop_gives_up_when_its_time_is_over(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(silent)
    lb = balance(origin, timeouts={"stop": SOON})
    with Client(lb.client()) as browser:
        browser.ask()
        origin.wait_for(lambda: len(origin.connections) == 1)
        assert not lb.service.drain()
        lb.stop()
        assert browser.wire.gone() or browser.last_words() == ErrorCodes.NO_ERROR
    origin.wait_for(lambda: closed(origin))


def test_an_idle_connection_is_closed_with_a_word(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), timeouts={"idle_client": SOON})
    with Client(lb.client()) as fresh, Client(lb.client()) as used:
        assert used.get().status == 200
        assert fresh.last_words() == ErrorCodes.NO_ERROR
        assert used.last_words() == ErrorCodes.NO_ERROR


def test_a_client_that_keeps_silent_at_its_end_is_left(balance: Balance, make_origin: MakeOrigin) -> None:
    """It does not answer the PING by which a connection ends without losing requests."""
    lb = balance(make_origin(), timeouts={"idle_client": SOON})
    with lb.client() as wire:
        Raw(wire)
        assert b"\0\0\x08\x07" in wire.rest()


def test_a_connection_with_a_request_under_way_is_not_idle(balance: Balance, make_origin: MakeOrigin) -> None:
    gate = Gate()
    lb = balance(make_origin(gate), timeouts={"idle_client": SOON})
    with Client(lb.client()) as busy, Client(lb.client()) as idle:
        stream = busy.ask()
        assert gate.asked.wait(LIMIT)
        for _ in range(5):
            with Client(lb.client()) as idle:
                assert idle.last_words() == ErrorCodes.NO_ERROR  # its time, five times over
        gate.open.set()
        assert busy.answer(stream).body == b"hello"


@pytest.mark.parametrize("how", ["reset", "close", "abort"])
def test_a_client_that_gives_up_ends_its_exchange_at_the_server(
    balance: Balance, make_origin: MakeOrigin, how: str
) -> None:
    origin = make_origin(silent)
    lb = balance(origin)
    with Client(lb.client()) as browser:
        stream = browser.ask()
        origin.wait_for(lambda: bool(origin.connections and origin.connections[0].received))
        if how == "reset":
            browser.connection.reset_stream(stream, ErrorCodes.CANCEL)
            browser.flush()
        elif how == "close":
            browser.wire.close()
        else:
            browser.wire.reset()
        origin.wait_for(lambda: closed(origin))
        assert lb.counts("web1")["in_flight"] == 0


@pytest.mark.parametrize("how", ["reset", "close", "abort"])
def test_a_client_that_vanishes_in_its_upload_ends_it_at_the_server(
    balance: Balance, make_origin: MakeOrigin, how: str
) -> None:
    got = Event()

    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"hello")
        got.set()
        wire.rest()
        assert not wire.received.endswith(b"0\r\n\r\n")

    origin = make_origin(script)
    lb = balance(origin)
    with Client(lb.client()) as browser:
        stream = browser.ask(body=b"hello", method="POST", end=False)
        assert got.wait(LIMIT)
        if how == "reset":
            browser.connection.reset_stream(stream, ErrorCodes.CANCEL)
            browser.flush()
        elif how == "close":
            browser.wire.close()
        else:
            browser.wire.reset()
        origin.wait_for(lambda: closed(origin))
        assert origin.requests == []
        assert b"\r\n0\r\n" not in origin.connections[0].received


@pytest.mark.parametrize("how", ["reset", "close", "abort"])
def test_a_client_that_vanishes_in_its_download_ends_it_at_the_server(
    balance: Balance, make_origin: MakeOrigin, how: str
) -> None:
    origin = make_origin(ending(response(b"x" * (64 << 20))))
    lb = balance(origin)
    with Client(lb.client()) as browser:
        browser.reading = False
        stream = browser.ask()
        browser.until(lambda: len(browser.answers[stream].body) > 0)
        if how == "reset":
            browser.connection.reset_stream(stream, ErrorCodes.CANCEL)
            browser.flush()
            assert browser.wire.sock.fileno() >= 0
        elif how == "close":
            browser.wire.close()
        else:
            browser.wire.reset()
        origin.wait_for(lambda: closed(origin))
        assert lb.counts("web1")["in_flight"] == 0


def test_a_body_that_stops_on_its_way_is_408(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(silent)
    lb = balance(origin, timeouts={"body": SOON})
    with Client(lb.client()) as browser:
        stream = browser.ask(body=b"hello", method="POST", end=False)
        answer = browser.answer(stream)
        assert (answer.status, answer.ended) == (408, True)
        assert browser.connection.ping(bytes(8)) is None
    origin.wait_for(lambda: closed(origin))


@pytest.mark.parametrize(
    "raw",
    [
        HELLO[:-2],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nbad\r\n",
        response(b"x" * 100_000)[:-1],
    ],
    ids=["length", "chunks", "bad chunk", "large"],
)
def test_a_server_that_dies_in_its_body_resets_the_stream(
    balance: Balance, make_origin: MakeOrigin, raw: bytes
) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        if request := origin.read(wire):
            wire.send(raw if request.target == "/cut" else HELLO)

    with Client(balance(make_origin(script)).client()) as browser:
        answer = browser.get(path="/cut")
        assert (answer.status, answer.ended, answer.reset) == (200, False, ErrorCodes.INTERNAL_ERROR)
        assert browser.get().body == b"hello"


def test_errors_of_our_own_are_answers(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(b"nonsense\r\n\r\n"))
    with Client(lb.client()) as browser:
        for method in ("GET", "HEAD"):
            answer = browser.get(method=method)
            assert (answer.status, answer.ended) == (502, True)
            assert bytes(answer.body) == (b"502 Bad Gateway\n" if method == "GET" else b"")
            assert answer.get("content-length") == "16"


def test_the_last_word_arrives_although_more_is_being_sent(balance: Balance, make_origin: MakeOrigin) -> None:
    with Raw(balance(make_origin(silent)).client()) as client:
        client.send(client.headers(1, head(method="POST"), "END_HEADERS"))
        client.send(b"\0\0\0\0\0\0\0\0\0" + bytes(150_000))  # DATA on stream 0, and more
        assert client.outcome(3) == "GOAWAY PROTOCOL_ERROR"
