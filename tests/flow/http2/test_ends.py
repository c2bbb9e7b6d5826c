"""Ends of streams and connections: announced, prompt, and never mistaken for a whole message."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, GoAwayFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from conftest import Balance, MakeOrigin
from support.http2 import Client, Raw, head
from support.origin import HELLO, Origin, ending, response
from support.wire import LIMIT, Wire

SOON = "100ms"


class Gate:
    """A server that reads a request, and answers when it may."""

    def __init__(self) -> None:
        self.open = Event()

    def __call__(self, origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            assert self.open.wait(LIMIT)
            wire.send(HELLO)


def silent(origin: Origin, wire: Wire) -> None:
    """Read, and never answer."""
    wire.until(b"\r\n\r\n")
    origin.tell()
    wire.rest()


def leave(browser: Client, stream: int, how: str) -> None:
    """Give up a request, or vanish."""
    if how == "reset":
        browser.connection.reset_stream(stream, ErrorCodes.CANCEL)
        browser.flush()
    elif how == "close":
        browser.wire.close()
    else:
        browser.wire.reset()


def closed(origin: Origin, count: int = 1) -> bool:
    """Whether so many connections have come to the server, and all have gone."""
    return len(origin.connections) == count and all(wire.sock.fileno() == -1 for wire in origin.connections)


@pytest.mark.parametrize("tls", [False, True])
def test_a_stop_finishes_what_has_begun(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, tls: bool
) -> None:
    gate = Gate()
    origin = make_origin(gate)
    lb = balance(origin, folder=certificate)
    connect = lb.tls_client if tls else lb.client
    with Raw(connect()) as idle, Raw(connect()) as busy, ThreadPoolExecutor() as pool:
        assert idle.ping() == "PING"
        busy.send(busy.headers(1, head()), busy.headers(3, head()))
        origin.wait_for(lambda: len(origin.requests) == 2)
        stopping = pool.submit(lb.service.drain)
        assert set(idle.last_words()) == {"NO_ERROR"}
        asked = busy.wait(lambda frame: isinstance(frame, GoAwayFrame))
        assert isinstance(asked, GoAwayFrame)
        assert (asked.last_stream_id, asked.error_code) == ((1 << 31) - 1, 0)
        assert busy.ping() == "PING"
        assert not stopping.done()
        gate.open.set()
        assert set(busy.last_words()) == {"NO_ERROR"}
        assert sorted((one.stream_id, one.data) for one in busy.seen if isinstance(one, DataFrame)) == [
            (1, b"hello"),
            (3, b"hello"),
        ]
        assert stopping.result(LIMIT)


def test_a_stop_gives_up_when_its_time_is_over(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(silent)
    lb = balance(origin, timeouts={"stop": SOON})
    with Raw(lb.client()) as client:
        client.send(client.headers(1, head()))
        origin.wait_for(lambda: len(origin.connections) == 1)
        assert not lb.service.drain()
        lb.stop()
        assert set(client.last_words()) == {"NO_ERROR"}
    origin.wait_for(lambda: closed(origin))


def test_an_idle_connection_is_closed_with_a_word(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), timeouts={"idle_client": SOON})
    with Raw(lb.client()) as fresh, Raw(lb.client()) as used:
        used.send(used.headers(1, head()))
        assert (used.outcome(1), used.body(1)) == ("200", b"hello")
        assert set(fresh.last_words()) == {"NO_ERROR"}
        assert set(used.last_words()) == {"NO_ERROR"}


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_keeps_silent_at_its_end_is_left(
    balance: Balance, make_origin: MakeOrigin, reads: bool
) -> None:
    """It does not answer the PING by which a connection ends without losing requests."""
    lb = balance(make_origin(), timeouts={"idle_client": SOON})
    with lb.client() as wire:
        Raw(wire)
        if reads:
            assert b"\0\0\x08\x07" in wire.rest()
        while lb.report()["connections"] > 0:
            pass


@pytest.mark.parametrize("whole", [False, True], ids=["in a frame", "between frames"])
def test_a_head_has_its_time_beside_a_request_under_way(
    balance: Balance, make_origin: MakeOrigin, whole: bool
) -> None:
    gate = Gate()
    origin = make_origin(gate)
    lb = balance(origin, timeouts={"head": SOON})
    with Raw(lb.client()) as client:
        client.send(client.headers(1, head()))
        origin.wait_for(lambda: len(origin.requests) == 1)
        assert client.ping() == "PING"  # what it has to acknowledge is behind it
        first = client.request(3, [*head(), ("x", "y" * 500)], size=100)[0].serialize()
        client.send(first if whole else first[:-1])
        assert client.last_words() == ["NO_ERROR"]
    gate.open.set()
    assert len(origin.requests) == 1


def test_each_head_has_a_time_of_its_own(balance: Balance, make_origin: MakeOrigin) -> None:
    """One ends and the next begins in the same bytes, for longer than one may take."""
    lb = balance(make_origin(), timeouts={"head": "1s"})
    with Raw(lb.client()) as client:
        assert client.ping() == "PING"  # what it has to acknowledge is behind it
        rest, stream, until = b"", 1, time.monotonic() + 2
        while time.monotonic() < until:
            whole = client.headers(stream, head()).serialize()
            client.send(rest + whole[:12])
            assert not rest or client.outcome(stream - 2) == "200"
            rest, stream = whole[12:], stream + 2


def test_a_connection_with_a_request_under_way_is_not_idle(balance: Balance, make_origin: MakeOrigin) -> None:
    gate = Gate()
    origin = make_origin(gate)
    lb = balance(origin, timeouts={"idle_client": SOON})
    with Raw(lb.client()) as busy:
        busy.send(busy.headers(1, head()))
        origin.wait_for(lambda: len(origin.requests) == 1)
        for _ in range(5):
            with Raw(lb.client()) as idle:
                assert set(idle.last_words()) == {"NO_ERROR"}  # its time, five times over
        assert busy.ping() == "PING"
        gate.open.set()
        assert (busy.outcome(1), busy.body(1)) == ("200", b"hello")
        assert set(busy.last_words()) == {"NO_ERROR"}


@pytest.mark.parametrize("how", ["reset", "close", "abort"])
def test_a_client_that_gives_up_ends_its_exchange_at_the_server(
    balance: Balance, make_origin: MakeOrigin, how: str
) -> None:
    origin = make_origin(silent)
    lb = balance(origin)
    with Client(lb.client()) as browser:
        stream = browser.ask()
        origin.wait_for(lambda: bool(origin.connections and origin.connections[0].received))
        leave(browser, stream, how)
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
        leave(browser, stream, how)
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


@pytest.mark.parametrize("window", [1, 65_535])
def test_who_still_sends_behind_a_whole_answer_is_told_to_stop(
    balance: Balance, make_origin: MakeOrigin, window: int
) -> None:
    """RFC 9113, 8.1: at once, with NO_ERROR, and behind all of the answer."""
    lb = balance(make_origin(silent), limits={"body": 1000})
    with Raw(lb.client(), {SettingsFrame.INITIAL_WINDOW_SIZE: window}) as client:
        client.send(client.headers(1, head(("content-length", "5000"), method="POST"), "END_HEADERS"))
        assert client.outcome(1) == "413"
        client.send(WindowUpdateFrame(1, 1000))
        assert client.body(1) == b"413 Content Too Large\n"
        assert client.ping() == "PING"
        (reset,) = (frame for frame in client.seen if isinstance(frame, RstStreamFrame))
        assert (reset.stream_id, reset.error_code) == (1, ErrorCodes.NO_ERROR)


def test_a_body_that_stops_on_its_way_is_408(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(silent)
    lb = balance(origin, timeouts={"body": SOON})
    with Client(lb.client()) as browser:
        stream = browser.ask(body=b"hello", method="POST", end=False)
        answer = browser.answer(stream)
        assert (answer.status, answer.ended) == (408, True)
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
        # What had not left yet goes with the stream.
        assert answer.status in (0, 200)
        assert (answer.ended, answer.reset) == (False, ErrorCodes.INTERNAL_ERROR)
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
