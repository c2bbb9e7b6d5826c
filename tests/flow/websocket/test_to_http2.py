"""WebSocket to servers that speak HTTP/2 only (RFC 8441): a stream of a connection that others share."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from conftest import Balance
from support.balancer import Balancer, get
from support.http2 import Client
from support.room import NAMES, three
from support.room_http2 import Http2Room

POOL = {"protocol": "h2c"}


@pytest.fixture
def rooms() -> Iterator[dict[str, Http2Room]]:
    """Three of them."""
    with three(Http2Room) as made:
        yield made


@pytest.fixture
def room() -> Iterator[Http2Room]:
    """One that takes one stream at a time on a connection."""
    made = Http2Room("web1", streams=1)
    yield made
    made.end()


def enter(lb: Balancer, path: str = "/room", **fields: str) -> ClientConnection:
    """A WebSocket through Equalizer, over HTTP/1.1."""
    return connect(
        f"ws://{lb.address}{path}",
        additional_headers=fields,
        subprotocols=[Subprotocol("chat")],
        max_size=32 << 20,
        ping_interval=None,
    )


def value(fields: list[tuple[str, str]], name: str) -> str | None:
    return dict(fields).get(name)


def test_messages_of_all_kinds_and_sizes_go_both_ways(balance: Balance, rooms: dict[str, Http2Room]) -> None:
    with enter(balance(rooms, workers=2, pool=POOL)) as room:
        assert room.recv() in NAMES
        assert room.subprotocol == "chat"
        for message in ("hello", b"\0\1\2", "", os.urandom(16 << 20)):
            room.send(message)
            assert room.recv() == message
        room.send(["in ", "three ", "pieces"])
        assert room.recv() == "in three pieces"
        assert room.ping().wait(20)


def test_a_handshake_is_put_into_the_words_of_http2(balance: Balance, room: Http2Room) -> None:
    with enter(balance(room, pool=POOL), "/room?of=me", X_Visitor="one") as entered:
        entered.recv()
    (asked,) = room.asked
    pseudo = [":method", ":protocol", ":scheme", ":authority", ":path"]
    assert sorted(name for name, _ in asked if name.startswith(":")) == sorted(pseudo)
    assert [value(asked, name) for name in pseudo[:3]] == ["CONNECT", "websocket", "http"]
    assert (value(asked, ":path"), value(asked, "x_visitor")) == ("/room?of=me", "one")
    assert (value(asked, "sec-websocket-version"), value(asked, "sec-websocket-protocol")) == ("13", "chat")
    for name in ("connection", "upgrade", "host", "sec-websocket-key", "content-length", "te"):
        assert value(asked, name) is None


def test_it_is_sticky_at_the_handshake(balance: Balance, rooms: dict[str, Http2Room]) -> None:
    lb = balance(rooms, pool=POOL)
    with enter(lb) as first:
        home = first.recv()
        assert first.response
        cookie = first.response.headers["Set-Cookie"].partition(";")[0]
    for _ in range(6):
        with enter(lb, Cookie=cookie) as again:
            assert again.recv() == home
    assert lb.ask(get(f"Cookie: {cookie}")).get("server-name") == home


def test_both_sides_may_speak_http2(balance: Balance, room: Http2Room) -> None:
    lb = balance(room, pool=POOL)
    with Client(lb.client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        fields = ((":protocol", "websocket"), ("sec-websocket-version", "13"))
        stream = client.ask(*fields, method="CONNECT", path="/room", end=False)
        answer = client.answers[stream]
        client.upload(stream, Frame(Opcode.TEXT, b"hello").serialize(mask=True), end=False)
        said = b"".join(Frame(Opcode.TEXT, text).serialize(mask=False) for text in (b"web1", b"hello"))
        client.until(lambda: len(answer.body) == len(said))
        assert (answer.status, bytes(answer.body)) == (200, said)
        assert (answer.get("sec-websocket-accept"), answer.get("sec-websocket-protocol")) == (None, "chat")
        assert lb.counts("web1")["tunnels"] == 1
        client.upload(stream, b"", end=True)
        assert client.answer(stream).ended
    assert room.ends == ["end"]


def test_codes_of_the_end_arrive(balance: Balance, room: Http2Room) -> None:
    with enter(balance(room, pool=POOL)) as entered:
        entered.recv()
        entered.send("bye")
        with pytest.raises(ConnectionClosedError) as ended:
            entered.recv()
    assert ended.value.rcvd
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4001, "as you wish")


def test_a_refusal_arrives_as_it_is(balance: Balance, room: Http2Room) -> None:
    lb = balance(room, pool=POOL)
    with pytest.raises(InvalidStatus) as refused:
        enter(lb, "/closed")
    assert refused.value.response.status_code == 403
    assert lb.counts("web1")["tunnels"] == 0


def test_a_reset_of_one_side_ends_the_other(balance: Balance, room: Http2Room) -> None:
    lb = balance(room, pool=POOL)
    with enter(lb) as entered:
        entered.recv()
        entered.send("drop")
        with pytest.raises(ConnectionClosed):
            entered.recv(20)
    with Client(lb.client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        stream = client.ask((":protocol", "websocket"), method="CONNECT", path="/room", end=False)
        client.until(lambda: client.answers[stream].status == 200)
        client.connection.reset_stream(stream, 8)
        client.flush()
        room.wait_for(lambda: room.ends == ["CANCEL"])
    while lb.counts("web1")["tunnels"] > 0:
        pass


def test_one_that_is_silent_for_too_long_ends(balance: Balance, room: Http2Room) -> None:
    lb = balance(room, pool=POOL, timeouts={"tunnel": "300ms"})
    with enter(lb) as entered:
        entered.recv()
        with pytest.raises(ConnectionClosedError):
            entered.recv(20)
    room.wait_for(lambda: room.ends == ["CANCEL"])


def test_they_take_up_no_more_of_a_connection_than_its_server_allows_and_none_of_the_exchanges(
    balance: Balance, room: Http2Room
) -> None:
    lb = balance(room, pool=POOL)
    with ExitStack() as stack:
        assert lb.ask(get()).status == 200
        for count in range(1, 25):
            entered = stack.enter_context(enter(lb))
            assert entered.recv() == "web1"
            assert lb.counts("web1")["tunnels"] == count
            assert lb.ask(get()).status == 200
            assert len(room.connections) == 1 + count
