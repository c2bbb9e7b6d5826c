"""Whatever one message means in HTTP/2, its server reads in HTTP/1.1; and the other way round."""

import random
import socket
from hashlib import sha256
from threading import Event

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer
from support.http2 import Client
from support.memory import MIB, resident
from support.origin import HELLO, Origin, answering, chunked, ending, replying, response
from support.wire import LIMIT, Message, Wire

LARGE = random.Random(9).randbytes(5 << 20)
STREAMS = 100


def client(lb: Balancer) -> Client:
    return Client(lb.client())


def test_a_request_and_its_response_keep_their_meaning(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(replying(lambda request: response(b"hello", "X-Shop: open", "Via: 1.1 shop")))
    with client(balance(origin)) as browser:
        answer = browser.get(("accept", "*/*"), ("x-Visitor".lower(), "one"), path="/basket?of=me")
    assert (answer.status, answer.ended, bytes(answer.body)) == (200, True, b"hello")
    assert (answer.get("content-length"), answer.get("x-shop")) == ("5", "open")
    (request,) = origin.requests
    assert request.start == "GET /basket?of=me HTTP/1.1"
    assert (request.get("host"), request.get("x-visitor")) == ("shop.test", "one")
    assert request.get("accept") == "*/*"
    assert request.all("content-length") + request.all("transfer-encoding") == []


@pytest.mark.parametrize(
    ("method", "told"), [("POST", ["0"]), ("PUT", ["0"]), ("PATCH", ["0"]), ("GET", []), ("DELETE", [])]
)
def test_an_empty_body_is_told_where_one_is_expected(
    balance: Balance, make_origin: MakeOrigin, method: str, told: list[str]
) -> None:
    """RFC 9110, 8.6: servers answer a POST without a length with 411."""
    origin = make_origin()
    with client(balance(origin)) as browser:
        stream = browser.ask(method=method)
        assert browser.answer(stream).status == 200
    (request,) = origin.requests
    assert (request.all("content-length"), request.all("transfer-encoding")) == (told, [])


@pytest.mark.parametrize(
    ("raw", "method", "status", "body", "length"),
    [
        (HELLO, "GET", 200, b"hello", "5"),
        (response(), "GET", 200, b"", "0"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "GET", 200, b"hello", None),
        (b"HTTP/1.1 200 OK\r\n\r\n", "GET", 200, b"", None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"he", b"llo"),
            "GET",
            200,
            b"hello",
            None,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(), "GET", 200, b"", None),
        (HELLO[:-5], "HEAD", 200, b"", "5"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", None),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", 304, b"", "5"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "GET", 404, b"no", "2"),
        (
            response(b"hello", "Keep-Alive: timeout=5", "Connection: x, close", "X: y"),
            "GET",
            200,
            b"hello",
            "5",
        ),
    ],
    ids=[
        "length",
        "empty",
        "close",
        "close empty",
        "chunks",
        "no chunks",
        "HEAD",
        "204",
        "304",
        "404",
        "hop",
    ],
)
def test_every_kind_of_response_ends_its_stream(
    balance: Balance,
    make_origin: MakeOrigin,
    raw: bytes,
    method: str,
    status: int,
    body: bytes,
    length: str | None,
) -> None:
    with client(balance(make_origin(ending(raw)))) as browser:
        for _ in range(2):
            answer = browser.get(method=method)
            assert (answer.status, bytes(answer.body), answer.ended) == (status, body, True)
            assert (answer.get("content-length"), answer.reset) == (length, None)
            for name in ("connection", "keep-alive", "transfer-encoding", "x"):
                assert answer.all(name) == []


def test_interim_responses_come_before_the_final_one(balance: Balance, make_origin: MakeOrigin) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    with client(balance(make_origin(answering(hint + hint + HELLO)))) as browser:
        answer = browser.get()
    assert (answer.interim, answer.status, bytes(answer.body)) == ([103, 103], 200, b"hello")


def test_a_client_may_wait_for_100_before_it_sends_its_body(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        assert b"xpect: 100-continue" in wire.until(b"\r\n\r\n")
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(response(wire.take(5)))

    with client(balance(make_origin(script))) as browser:
        stream = browser.ask(("expect", "100-continue"), ("content-length", "5"), method="POST", end=False)
        browser.until(lambda: browser.answers[stream].interim == [100])
        browser.upload(stream, b"hello")
        assert bytes(browser.answer(stream).body) == b"hello"


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 70_000, len(LARGE)])
@pytest.mark.parametrize("told", [True, False], ids=["length", "no length"])
def test_a_request_body_arrives_as_it_was_sent(
    balance: Balance, make_origin: MakeOrigin, size: int, told: bool
) -> None:
    origin = make_origin()
    body = LARGE[:size]
    fields = [("content-length", str(size))] * told
    with client(balance(origin)) as browser:
        for _ in range(2):
            answer = browser.answer(browser.ask(*fields, body=body, method="POST"))
            assert (answer.status, answer.ended) == (200, True)
    assert [request.body == body for request in origin.requests] == [True, True]
    for request in origin.requests:
        assert request.get("content-length") == (str(size) if told else None)
        assert request.get("transfer-encoding") == (None if told else "chunked")
    assert len(origin.connections) == 1


@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_a_large_response_arrives_as_it_was_sent(
    balance: Balance, make_origin: MakeOrigin, framing: str
) -> None:
    raw = {
        "length": response(LARGE),
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(LARGE[:1], LARGE[1:70_000], LARGE[70_000:]),
        "until close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LARGE,
    }[framing]
    with client(balance(make_origin(ending(raw)))) as browser:
        streams = [browser.ask() for _ in range(4)]
        assert all(bytes(browser.answer(stream).body) == LARGE for stream in streams)


def test_crumbs_of_cookies_are_joined(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    with client(balance(origin)) as browser:
        browser.get(("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=4"))
    assert origin.requests[0].all("cookie") == ["a=1; b=2; c=3; d=4"]


def test_many_streams_end_in_the_order_of_their_servers(balance: Balance, make_origin: MakeOrigin) -> None:
    gates = {f"/{number}": Event() for number in range(STREAMS)}

    def reply(request: Message) -> bytes:
        assert gates[request.target].wait(LIMIT)
        return response(request.target.encode())

    origin = make_origin(replying(reply))
    with client(balance(origin)) as browser:
        streams = {target: browser.ask(path=target) for target in gates}
        origin.wait_for(lambda: len(origin.requests) == STREAMS)
        for target in reversed(gates):
            gates[target].set()
            assert browser.answer(streams[target]).body == target.encode()
        assert browser.order == list(reversed(streams.values()))


def test_further_streams_wait_at_the_client(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), limits={"streams": 7})
    with client(lb) as browser:
        browser.get()
        assert browser.connection.remote_settings.max_concurrent_streams == 7


def test_a_client_that_reads_slowly_slows_its_server(balance: Balance, make_origin: MakeOrigin) -> None:
    total, block = 128 * MIB, b"x" * (1 << 16)
    stalled = Event()
    sent = [0]

    def script(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        wire.sock.settimeout(0.3)
        while sent[0] < total:
            try:
                sent[0] += wire.sock.send(block)
            except TimeoutError:
                stalled.set()

    with client(balance(make_origin(script))) as browser:
        browser.reading = False
        before = resident()
        stream = browser.ask()
        browser.until(lambda: len(browser.answers[stream].body) == 65_535)
        assert stalled.wait(LIMIT)
        assert sent[0] < 16 * MIB  # what lies in the kernel's buffers
        assert resident() - before < 8 * MIB
        browser.reading = True
        browser.connection.increment_flow_control_window(16 * MIB)
        browser.connection.increment_flow_control_window(16 * MIB, stream)
        browser.flush()
        seen = 0
        answer = browser.answers[stream]
        while not answer.ended:
            assert browser.fill()
            seen += len(answer.body)
            answer.body.clear()
        assert seen == total
        assert resident() - before < 16 * MIB


def test_a_server_that_reads_slowly_slows_its_client(balance: Balance, make_origin: MakeOrigin) -> None:
    total, block = 64 * MIB, b"x" * (1 << 14)
    reads = Event()

    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        assert reads.wait(LIMIT)
        digest, left = sha256(), total
        while left > 0:
            data = wire.take(min(left, 1 << 16))
            wire.forget()
            digest.update(data)
            left -= len(data)
        wire.send(response(digest.hexdigest().encode()))

    with client(balance(make_origin(script))) as browser:
        before = resident()
        stream = browser.ask(("content-length", str(total)), method="POST", end=False)
        digest, sent = sha256(), 0
        while sent < total:
            if browser.connection.local_flow_control_window(stream) < len(block):
                browser.wire.sock.settimeout(0.3 if not reads.is_set() else LIMIT)
                try:
                    assert browser.fill()
                except TimeoutError:
                    assert sent < 16 * MIB  # what lies in the kernel's buffers
                    assert resident() - before < 8 * MIB
                    reads.set()
                continue
            browser.connection.send_data(stream, block)
            browser.flush()
            digest.update(block)
            sent += len(block)
        assert reads.is_set()
        browser.connection.end_stream(stream)
        browser.flush()
        assert browser.answer(stream).body == digest.hexdigest().encode()
        assert resident() - before < 16 * MIB


def test_an_answer_may_come_before_the_request_has_ended(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(response(b"enough", "Connection: close", status="413 Content Too Large"))
        wire.sock.shutdown(socket.SHUT_WR)
        wire.rest()

    with client(balance(make_origin(script))) as browser:
        stream = browser.ask(("content-length", "1000000"), method="POST", end=False)
        answer = browser.answer(stream)
        assert (answer.status, bytes(answer.body)) == (413, b"enough")
        assert browser.get(path="/other").status == 413
