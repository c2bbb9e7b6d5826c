"""WebSocket: a connection that changes its protocol stays with its server, and its bytes are left alone."""

import os
import socket
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get
from support.room import NAMES, Room, three


@pytest.fixture
def rooms() -> Iterator[dict[str, Room]]:
    """Three of them."""
    with three(Room) as made:
        yield made


@pytest.fixture
def lb(balance: Balance, rooms: dict[str, Room]) -> Balancer:
    """Equalizer in front of them."""
    return balance({name: room.address for name, room in rooms.items()}, workers=2)


def enter(lb: Balancer, cookie: str = "") -> ClientConnection:
    """A WebSocket through Equalizer."""
    fields = {"Cookie": cookie} if cookie else {}
    return connect(f"ws://{lb.address}/room", additional_headers=fields, max_size=32 << 20)


def test_messages_of_all_kinds_and_sizes_go_both_ways(lb: Balancer) -> None:
    with enter(lb) as room:
        assert room.recv() in NAMES
        for message in ("hello", b"\0\1\2", "", os.urandom(16 << 20)):
            room.send(message)
            assert room.recv() == message
        room.send(["in ", "three ", "pieces"])
        assert room.recv() == "in three pieces"
        assert room.ping().wait(20)


def test_a_handshake_is_stamped_and_the_next_one_goes_home(lb: Balancer, rooms: dict[str, Room]) -> None:
    with enter(lb) as first:
        home = first.recv()
        assert first.response
        cookie = first.response.headers["Set-Cookie"].partition(";")[0]
    for _ in range(6):
        with enter(lb, cookie) as again:
            assert again.recv() == home
            assert again.response
            assert "Set-Cookie" not in again.response.headers
    assert isinstance(home, str)
    # The only cookie that was sent. (Its name alone would be found at the end of every 40th key.)
    assert not any("cookie:" in request.lower() for request in rooms[home].requests)


def test_codes_of_the_end_arrive(lb: Balancer) -> None:
    with enter(lb) as room:
        room.recv()
        room.send("bye")
        with pytest.raises(ConnectionClosedError) as ended:
            room.recv()
    assert ended.value.rcvd
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4001, "as you wish")


def test_open_ones_are_counted_and_an_end_ends_both_sides(lb: Balancer, rooms: dict[str, Room]) -> None:
    with enter(lb) as room:
        name = room.recv()
        assert isinstance(name, str)
        assert lb.counts(name)["tunnels"] == 1
        room.socket.shutdown(socket.SHUT_RDWR)
        assert rooms[name].ended.wait(20)


def test_one_that_is_silent_for_too_long_ends(balance: Balance, rooms: dict[str, Room]) -> None:
    lb = balance({"web1": rooms["web1"].address}, timeouts={"tunnel": "300ms"})
    with enter(lb) as room:
        room.recv()
        with pytest.raises(ConnectionClosedError):
            room.recv(20)
    assert rooms["web1"].ended.wait(20)


def test_a_server_that_does_not_want_to_answers_as_it_likes(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    with pytest.raises(InvalidStatus) as refused:
        enter(balance(origin))
    assert refused.value.response.status_code == 403
    assert refused.value.response.body == b"no"


@pytest.mark.parametrize(
    ("fields", "arrives"),
    [
        (("Connection: Upgrade", "Upgrade: websocket"), "websocket"),
        (("Connection: keep-alive, UPGRADE", "Upgrade: WebSocket"), "websocket"),
        (("Connection: Upgrade", "Upgrade: h2c"), None),
        (("Connection: Upgrade", "Upgrade: websocket, h2c"), None),
        (("Upgrade: websocket",), None),
        (("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"), "websocket"),
    ],
)
def test_only_websocket_is_asked_for_upstream(
    balance: Balance, make_origin: MakeOrigin, fields: tuple[str, ...], arrives: str | None
) -> None:
    origin = make_origin()
    assert balance(origin).ask(get(*fields)).status == 200
    (request,) = origin.requests
    assert request.get("upgrade") == arrives
    assert request.get("connection") == ("Upgrade" if arrives else None)


def test_a_change_that_nobody_asked_for_is_a_broken_response(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert balance(origin).ask(get()).status == 502
