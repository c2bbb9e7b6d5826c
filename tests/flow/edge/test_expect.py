"""Who tells a client that waits for it to send its body (RFC 9110, 10.1.1)."""

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.origin import Origin, Script, response
from support.wire import Wire

WAITING = get("Expect: 100-continue", "Content-Length: 5", method="POST")
THANKS = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nthanks"


def of_version_10(origin: Origin, wire: Wire) -> None:
    """A server that does not know 100, and answers when it has the whole request."""
    if origin.read(wire):
        wire.send(THANKS)


def silent(origin: Origin, wire: Wire) -> None:
    """A server of HTTP/1.1 that decides by the body, and says no word before it has that."""
    while origin.read(wire):
        wire.send(response(b"thanks"))


@pytest.mark.parametrize("script", [of_version_10, silent])
def test_a_server_that_never_spoke_and_says_nothing_is_not_waited_for(
    balance: Balance, make_origin: MakeOrigin, script: Script
) -> None:
    origin = make_origin(script)
    with balance(origin).client() as client:
        client.send(WAITING)
        assert client.response().head == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert client.response().body == b"thanks"
    assert [request.body for request in origin.requests] == [b"hello"]


def test_a_client_of_a_server_of_version_10_hears_100_from_us(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(of_version_10)
    with balance(origin).client() as client:
        client.send(get())
        assert client.response().body == b"thanks"
        for _ in range(2):
            client.send(WAITING)
            assert client.response().head == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"hello")
            assert client.response().body == b"thanks"
    assert [request.body for request in origin.requests] == [b"", b"hello", b"hello"]


def test_a_server_that_spoke_version_11_decides_by_itself(balance: Balance, make_origin: MakeOrigin) -> None:
    """However long that takes: it may still say no."""

    def script(origin: Origin, wire: Wire) -> None:
        assert origin.read(wire)
        wire.send(response(b"hello"))
        wire.until(b"\r\n\r\n")
        wire.sock.settimeout(1.5)
        with pytest.raises(TimeoutError):
            wire.fill()
        wire.send(response(b"no", status="417 Expectation Failed"))

    with balance(make_origin(script)).client() as client:
        client.send(get())
        assert client.response().body == b"hello"
        client.send(WAITING)
        assert client.response().status == 417


def test_who_sends_the_body_without_a_word_hears_none(balance: Balance, make_origin: MakeOrigin) -> None:
    with balance(make_origin(of_version_10)).client() as client:
        client.send(WAITING + b"hello")
        assert client.response().body == b"thanks"
