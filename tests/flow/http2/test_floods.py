"""Frames that cost us much and clients nothing end their connection; memory is bounded, others are served."""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from threading import Event, Thread

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from conftest import Balance, MakeOrigin
from support.balancer import Balancer
from support.http2 import Client, Raw, head
from support.memory import MIB, resident
from support.origin import HELLO, Origin, holding, response
from support.wire import LIMIT, Ended, Wire

MANY = 20_000
Flood = Callable[[Raw], Iterator[bytes]]


def rapid_reset(client: Raw) -> Iterator[bytes]:
    block = client.block(head(path="/held"))
    reset = RstStreamFrame(1, ErrorCodes.CANCEL)
    for stream in range(1, 2 * MANY, 2):
        reset.stream_id = stream
        yield HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize() + reset.serialize()


def slow_reset(client: Raw) -> Iterator[bytes]:
    """Each reset comes when its request has begun."""
    for piece in rapid_reset(client):
        yield piece[:-13]
        yield PingFrame(0, bytes(8)).serialize() + piece[-13:]


def continuation(client: Raw) -> Iterator[bytes]:
    yield HeadersFrame(1, client.block(head()), flags=["END_STREAM"]).serialize()
    yield from repeat(ContinuationFrame(1, client.block([("x", "y")])).serialize(), MANY)


def empty_continuation(client: Raw) -> Iterator[bytes]:
    yield HeadersFrame(1, client.block(head()), flags=["END_STREAM"]).serialize()
    yield from repeat(ContinuationFrame(1).serialize(), MANY)


def frames(frame: Frame | bytes) -> Flood:
    """One frame over and over, beside a request that is under way."""

    def flood(client: Raw) -> Iterator[bytes]:
        yield client.headers(1, head(path="/held", method="POST"), "END_HEADERS").serialize()
        yield from repeat(frame if isinstance(frame, bytes) else frame.serialize(), MANY)

    return flood


def malformed(client: Raw) -> Iterator[bytes]:
    """Requests that are refused one by one."""
    block = client.block([*head(), ("connection", "close")])
    for stream in range(1, 2 * MANY, 2):
        yield HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()


def too_many_streams(client: Raw) -> Iterator[bytes]:
    """Requests beyond the limit, each of which is refused."""
    block = client.block(head(path="/held"))
    for stream in range(1, 2 * MANY, 2):
        yield HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]).serialize()


def bomb(client: Raw) -> Iterator[bytes]:
    """A block of 16 KiB that stands for 60 MiB of fields."""
    first = client.block([*head(), ("x", "y" * 3_900)])
    yield HeadersFrame(1, first, flags=["END_HEADERS", "END_STREAM"]).serialize()
    again = client.block([*head()]) + b"\xbe" * 16_000
    for stream in range(3, 2 * MANY, 2):
        yield HeadersFrame(stream, again[:16_384], flags=["END_HEADERS", "END_STREAM"]).serialize()


FLOODS: dict[str, Flood] = {
    "rapid reset": rapid_reset,
    "slow reset": slow_reset,
    "CONTINUATION": continuation,
    "empty CONTINUATION": empty_continuation,
    "SETTINGS": frames(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535})),
    "empty SETTINGS": frames(SettingsFrame(0)),
    "PING": frames(PingFrame(0, bytes(8))),
    "PING's ACK": frames(PingFrame(0, bytes(8), flags=["ACK"])),
    "WINDOW_UPDATE of 1, connection": frames(WindowUpdateFrame(0, 1)),
    "WINDOW_UPDATE of 1, stream": frames(WindowUpdateFrame(1, 1)),
    "empty DATA": frames(DataFrame(1)),
    "padded empty DATA": frames(DataFrame(1, pad_length=9, flags=["PADDED"])),
    "PRIORITY": frames(PriorityFrame(3, depends_on=1)),
    "an unknown kind": frames(b"\0\0\0\xfa\0\0\0\0\0"),
    "resets of one stream": frames(RstStreamFrame(1, 8)),
    "GOAWAY": frames(GoAwayFrame(0)),
    "malformed requests": malformed,
    "too many streams": too_many_streams,
    "compression bomb": bomb,
}


def pour(client: Raw, pieces: Iterator[bytes]) -> int:
    """Send as long as the other side takes it, and read what it says: pieces that were sent."""
    sock, pending, sent = client.wire.sock, b"", 0
    sock.setblocking(False)
    while True:
        if not pending:
            pending = next(pieces, b"")
            sent += bool(pending)
        readable, writable, _ = select.select([sock], [sock] if pending else [], [], LIMIT)
        assert readable or writable, "the other side does nothing"
        try:
            if readable and not client.wire.fill():
                return sent
            if writable:
                pending = pending[sock.send(pending) :]
        except ConnectionError:
            return sent


def last_word(client: Raw) -> str:
    """The code of the GOAWAY among what was read."""
    codes = [frame.error_code for frame in received(client) if isinstance(frame, GoAwayFrame)]
    return ErrorCodes(codes[-1]).name if codes else "none"


def received(client: Raw) -> Iterator[Frame]:
    """What was read already."""
    while len(client.wire.received):
        try:
            frame, length = Frame.parse_frame_header(memoryview(client.wire.take(9)))
            frame.parse_body(memoryview(client.wire.take(length)))
        except (Ended, OSError):
            return
        yield frame


@contextmanager
def customer(lb: Balancer) -> Iterator[None]:
    """Somebody who shops all the while, on one connection, and is always answered."""
    leave, failed = Event(), []
    bought = [0]

    def shop() -> None:
        try:
            with Client(lb.client()) as browser:
                while not leave.is_set() or bought[0] < 20:
                    streams = [browser.ask() for _ in range(5)]
                    assert all(browser.answer(stream).body == b"hello" for stream in streams)
                    bought[0] += 5
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=shop)
    thread.start()
    yield
    leave.set()
    thread.join()
    assert failed == []


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_calmed(balance: Balance, make_origin: MakeOrigin, name: str) -> None:
    origin = make_origin(holding)
    lb = balance(origin)
    with customer(lb):
        for turn in range(3):
            with Raw(lb.client()) as client:
                sent = pour(client, FLOODS[name](client))
                assert sent < MANY, "it was never calmed"
                assert last_word(client) == "ENHANCE_YOUR_CALM"
            if turn == 0:
                before = resident()
        assert resident() - before < 8 * MIB
    # What was begun for the flood has ended at the server too.
    origin.wait_for(lambda: lb.counts("web1")["in_flight"] == 0)
    assert len(origin.connections) < 2_000


def test_small_pieces_of_bodies_are_no_flood(balance: Balance, make_origin: MakeOrigin) -> None:
    """As those of calls that go on for long: each piece is passed on, and its window comes back."""
    count = 5_000

    def script(origin: Origin, wire: Wire) -> None:
        if request := origin.read(wire):
            wire.send(response(b"%d" % len(request.body)))

    with Client(balance(make_origin(script)).client()) as browser:
        stream = browser.ask(method="POST", end=False)
        for number in range(count):
            browser.connection.send_data(stream, b"x")
            browser.connection.ping(bytes(8)) if number % 4 == 0 else None
            browser.flush()
        browser.connection.end_stream(stream)
        browser.flush()
        assert browser.answer(stream).body == b"5000"


def test_a_client_may_change_its_mind_now_and_then(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(holding)
    lb = balance(origin)
    with Client(lb.client()) as browser:
        for _ in range(5):
            streams = [browser.ask(path="/held") for _ in range(15)]
            assert browser.get().status == 200
            for stream in streams:
                browser.connection.reset_stream(stream, ErrorCodes.CANCEL)
            browser.flush()
            assert browser.get().status == 200
        origin.wait_for(lambda: lb.counts("web1")["in_flight"] == 0)


def test_streams_without_a_window_end_in_time(balance: Balance, make_origin: MakeOrigin) -> None:
    large = response(b"x" * (4 * MIB))

    def script(origin: Origin, wire: Wire) -> None:
        while request := origin.read(wire):
            wire.send(large if request.target == "/large" else HELLO)

    origin = make_origin(script)
    lb = balance(origin, timeouts={"body": "1s"})
    with Raw(lb.client(), {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as client, customer(lb):
        before = resident()
        streams = range(1, 201, 2)
        client.send(*[client.headers(stream, head(path="/large")) for stream in streams])
        origin.wait_for(lambda: sum(request.target == "/large" for request in origin.requests) == 100)
        assert resident() - before < 16 * MIB
        ended: set[int] = set()
        while ended != set(streams):
            frame = client.wait(lambda frame: isinstance(frame, RstStreamFrame))
            assert isinstance(frame, RstStreamFrame)
            assert frame.error_code == ErrorCodes.INTERNAL_ERROR
            ended.add(frame.stream_id)
        assert client.ping() == "PING"
    origin.wait_for(lambda: lb.counts("web1")["in_flight"] == 0)


def test_a_connection_that_takes_nothing_ends_in_time(balance: Balance, make_origin: MakeOrigin) -> None:
    """Its windows are wide open, but nobody reads."""
    large = response(b"x" * (8 * MIB))

    def script(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            wire.send(large)

    origin = make_origin(script)
    lb = balance(origin, timeouts={"body": "1s"})
    before = resident()
    with Raw(lb.client(), {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1}) as client:
        client.send(WindowUpdateFrame(0, (1 << 31) - 65_536))
        client.send(*[client.headers(stream, head()) for stream in range(1, 201, 2)])
        origin.wait_for(lambda: len(origin.requests) == 100)
        assert resident() - before < 16 * MIB
        origin.wait_for(lambda: all(wire.sock.fileno() == -1 for wire in origin.connections))
        while lb.report()["connections"] > 0:
            pass
