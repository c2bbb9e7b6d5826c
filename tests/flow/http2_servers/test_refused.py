"""A server that says over HTTP/2 that it has not begun with a request (RFC 9113, 8.7)."""

from collections.abc import Callable

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import StreamEnded

from conftest import Balance, MakeOrigin
from support.balancer import get, post
from support.http2_server import begin
from support.origin import Origin, Script
from support.wire import Wire

Refuse = Callable[[H2Connection, int], None]


def leave(connection: H2Connection, stream: int) -> None:
    """Has said goodbye before the request came."""
    connection.close_connection(last_stream_id=stream - 2)


def refuse(connection: H2Connection, stream: int) -> None:
    """Takes no more at a time."""
    connection.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def fail(connection: H2Connection, stream: int) -> None:
    """May have carried the request out."""
    connection.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def once(how: Refuse) -> Script:
    """Answers one request, does this to the next on the same connection, and answers on every new one."""

    def script(origin: Origin, wire: Wire) -> None:
        connection = begin(wire)
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if not isinstance(event, StreamEnded):
                    continue
                if len(origin.connections) == 1 and event.stream_id > 1:
                    how(connection, event.stream_id)
                    break
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-length", "5")])
                connection.send_data(event.stream_id, b"hello", end_stream=True)
            wire.send(connection.data_to_send())

    return script


@pytest.mark.parametrize(("how", "status"), [(leave, 200), (refuse, 200), (fail, 502)])
@pytest.mark.parametrize("request_", [post(b"one"), get(method="POST")], ids=["body", "no body"])
def test_what_was_not_begun_is_sent_again_whatever_it_is(
    balance: Balance, make_origin: MakeOrigin, how: Refuse, status: int, request_: bytes
) -> None:
    lb = balance(make_origin(once(how)), pool={"protocol": "h2c"})
    assert lb.ask(get()).status == 200
    assert lb.ask(request_).status == status
