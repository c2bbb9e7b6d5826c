"""Bodies in both directions: byte for byte, whatever their framing and size, in bounded memory."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get, post
from support.origin import HELLO, Origin, answering, chunked, ending, replying, response
from support.wire import LIMIT, Wire

LARGE = random.Random(5).randbytes(5 << 20)
WORDS = (b"one", b"two", b"three")
SIZES = (0, 1, 15_000, 16_384, 16_385, 70_000, len(LARGE))


def pieces(body: bytes) -> bytes:
    """The body in chunks of all kinds of sizes."""
    cuts = (
        sorted(random.Random(7).sample(range(1, len(body)), k=min(40, max(0, len(body) - 1)))) if body else []
    )
    parts = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    return chunked(*[part for part in parts if part])


def in_background(send: Callable[[], None]) -> Thread:
    """Send while the answer is read: neither side has room for it all."""
    thread = Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_request_body_arrives_as_it_was_sent(
    balance: Balance, make_origin: MakeOrigin, size: int, coding: str
) -> None:
    origin = make_origin()
    body = LARGE[:size]
    whole = (
        post(body) if coding == "length" else get("Transfer-Encoding: chunked", method="POST") + pieces(body)
    )
    with balance(origin).client() as client:
        for _ in range(2):
            sending = in_background(lambda: client.send(whole))
            assert client.response().body == b"hello"
            sending.join()
    assert [request.body == body for request in origin.requests] == [True, True]
    kept = "content-length" if coding == "length" else "transfer-encoding"
    assert all(request.get(kept) is not None for request in origin.requests)
    assert len(origin.connections) == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coding", ["length", "chunked", "until close"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_response_body_arrives_as_it_was_sent(
    balance: Balance, make_origin: MakeOrigin, size: int, coding: str, version: str
) -> None:
    body = LARGE[:size]
    start = b"HTTP/1.1 200 OK\r\n"
    scripts = {
        "length": answering(response(body)),
        "chunked": answering(start + b"Transfer-Encoding: chunked\r\n\r\n" + pieces(body)),
        "until close": ending(start + b"\r\n" + body),
    }
    with balance(make_origin(scripts[coding])).client() as client:
        client.send(get(version=version))
        assert client.response().body == body


def test_chunks_are_passed_on_when_they_come(balance: Balance, make_origin: MakeOrigin) -> None:
    seen = Event()

    def script(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert seen.wait(LIMIT)
        wire.send(b"3\r\ntwo\r\n0\r\n\r\n")

    with balance(make_origin(script)).client() as client:
        client.send(get())
        assert client.until(b"one\r\n").endswith(b"\r\n\r\n3\r\none\r\n")
        seen.set()
        assert client.until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"


def test_a_head_is_passed_on_before_its_body_comes(balance: Balance, make_origin: MakeOrigin) -> None:
    seen = Event()

    def script(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        wire.send(HELLO[:-5])
        assert seen.wait(LIMIT)
        wire.send(HELLO[-5:])

    with balance(make_origin(script)).client() as client:
        client.send(get())
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        seen.set()
        assert client.take(5) == b"hello"


def resident() -> int:
    """Bytes of this process, the engine included, that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_client_that_does_not_read_holds_its_server_back(balance: Balance, make_origin: MakeOrigin) -> None:
    block, blocks = LARGE[: 1 << 20], 64
    stalled = Event()
    sent = 0

    def script(origin: Origin, wire: Wire) -> None:
        nonlocal sent
        origin.read(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(block) * blocks))
        wire.sock.settimeout(0.5)  # a write that takes longer is held back
        left = memoryview(block * blocks)
        while left:
            try:
                written = wire.sock.send(left[: 1 << 16])
            except TimeoutError:
                stalled.set()
                wire.sock.settimeout(LIMIT)
                continue
            left = left[written:]
            sent += written

    with balance(make_origin(script)).client() as client:
        before = resident()
        client.send(get())
        client.until(b"\r\n\r\n")
        assert stalled.wait(LIMIT)
        assert sent < len(block) * blocks
        # The script's copy of the body is part of this process too.
        assert resident() - before < len(block) * (blocks + 16)
        for _ in range(blocks):
            assert client.take(len(block)) == block
            client.forget()
        assert sent == len(block) * blocks


def test_a_server_that_does_not_read_holds_its_client_back(balance: Balance, make_origin: MakeOrigin) -> None:
    go = Event()
    body = LARGE * 12

    def script(origin: Origin, wire: Wire) -> None:
        assert go.wait(LIMIT)
        origin.read(wire)
        wire.send(HELLO)

    origin = make_origin(script)
    with balance(origin).client() as client:
        client.sock.settimeout(0.5)
        left = memoryview(post(body))
        with suppress(TimeoutError):
            while left:
                left = left[client.sock.send(left[: 1 << 16]) :]
        assert left
        client.sock.settimeout(LIMIT)
        go.set()
        client.sock.sendall(left)
        assert client.response().body == b"hello"
    assert origin.requests[0].body == body


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_response_without_a_body_ends_with_its_head(
    balance: Balance, make_origin: MakeOrigin, status: str
) -> None:
    lb = balance(make_origin(answering(f"HTTP/1.1 {status}\r\nEtag: x\r\n\r\n".encode(), HELLO)))
    with lb.client() as client:
        client.send(get() + get())
        empty = client.response()
        assert (empty.start, empty.get("etag")) == (f"HTTP/1.1 {status}", "x")
        assert (empty.get("content-length"), empty.get("transfer-encoding")) == (None, None)
        assert client.response().body == b"hello"
    assert lb.counts("web1")["connects"] == 1


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked", "X-None: 1"])
def test_the_answer_to_head_has_no_body(balance: Balance, make_origin: MakeOrigin, framing: str) -> None:
    head = f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode()
    lb = balance(make_origin(answering(head, HELLO)))
    with lb.client() as client:
        client.send(get(method="HEAD") + get())
        assert client.response("HEAD").get("content-length") == ("5" if "5" in framing else None)
        assert client.response().body == b"hello"
    assert lb.counts("web1")["connects"] == 1


def test_a_304_may_tell_the_length_it_would_have(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(answering(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", HELLO)))
    with lb.client() as client:
        client.send(get() + get())
        assert client.response().get("content-length") == "77"
        assert client.response().body == b"hello"


def test_a_204_with_a_length_loses_it(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 8.6: a server MUST NOT send Content-Length in a 1xx or 204."""
    lb = balance(make_origin(answering(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")))
    assert lb.ask(get()).get("content-length") is None


def test_an_answer_before_the_end_of_a_body_arrives(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(response(b"too much", status="413 Content Too Large"))
        wire.rest()

    with balance(make_origin(script)).client() as client:
        client.send(get("Content-Length: 100000", method="POST") + b"x" * 50_000)
        answer = client.response()
        assert (answer.status, answer.body, answer.get("connection")) == (413, b"too much", "close")


def test_a_client_that_sends_all_of_a_body_before_it_looks_gets_the_answer(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    """More than any socket holds: what is not read makes it fail before it has looked."""
    origin = make_origin()
    lb = balance(origin, limits={"body": "1MiB"})
    with lb.client() as client:
        client.send(post(LARGE * 12))
        assert client.response().status == 413
        assert client.at_end()
    assert origin.requests == []


def test_both_bodies_flow_at_once(balance: Balance, make_origin: MakeOrigin) -> None:
    def script(origin: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for word in WORDS:
            wire.until(word)
            wire.send(chunked(word)[:-5])
        wire.send(b"0\r\n\r\n")
        wire.until(b"0\r\n\r\n")

    with balance(make_origin(script)).client() as client:
        client.send(get("Transfer-Encoding: chunked", method="POST"))
        client.until(b"\r\n\r\n")
        for word in WORDS:
            client.send(chunked(word)[:-5])
            client.until(word)
        client.send(b"0\r\n\r\n")
        client.until(b"0\r\n\r\n")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "part",
    [b"Content-Length: 9\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ids=["length", "chunked"],
)
def test_a_response_cut_short_is_seen_to_be(
    balance: Balance, make_origin: MakeOrigin, certificate: Path, version: str, tls: bool, part: bytes
) -> None:
    """RFC 9112, 8: without chunks or a length, only an end that is no good one can tell."""
    lb = balance(make_origin(ending(b"HTTP/1.1 200 OK\r\n" + part)), folder=certificate)
    with lb.tls_client() if tls else lb.client() as client:
        client.send(get(version=version))
        answer = client.until(b"hello")
        has_framing = b"Content-Length: 9" in answer or b"chunked" in answer
        try:
            assert client.rest().removeprefix(b"\r\n") == b""
            assert has_framing
        except OSError:
            pass  # a reset, or TLS without its closing word


def test_data_that_looks_like_framing_is_data(balance: Balance, make_origin: MakeOrigin) -> None:
    echo = replying(lambda request: response(request.body))
    lb = balance(make_origin(echo))
    with lb.client() as client:
        client.send(get("Transfer-Encoding: chunked", method="PUT") + chunked(b"a", b"bc", b"\r\n0\r\n\r\n"))
        assert client.response().body == b"abc\r\n0\r\n\r\n"
