"""WebSocket on a stream of HTTP/2 (RFC 8441), to a server that speaks HTTP/1.1."""

from websockets.frames import Frame, Opcode

from conftest import Balance, MakeOrigin
from support.http2 import Answer, Client
from support.origin import Origin
from support.wire import Wire

CONSENT = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
ACCEPT = b"Sec-WebSocket-Accept: made up\r\nServer-Name: web1\r\n\r\n"


def echo(origin: Origin, wire: Wire) -> None:
    """Consents, and says what it hears."""
    if origin.read(wire) is None:
        return
    wire.send(CONSENT + ACCEPT)
    wire.received.clear()
    while wire.fill():
        wire.send(bytes(wire.received))
        wire.received.clear()


def enter(client: Client, *more: tuple[str, str]) -> tuple[int, Answer]:
    """Ask for a WebSocket."""
    fields = ((":protocol", "websocket"), ("sec-websocket-version", "13"), ("origin", "http://shop.test"))
    stream = client.ask(*fields, *more, method="CONNECT", path="/room", end=False)
    answer = client.answers[stream]
    client.until(lambda: answer.status > 0 or answer.is_over)
    return stream, answer


def test_a_stream_becomes_a_websocket(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(echo)
    lb = balance(origin)
    with Client(lb.client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        stream, answer = enter(client)
        assert (answer.status, answer.get("server-name")) == (200, "web1")
        assert answer.get("sec-websocket-accept") is None
        assert answer.get("upgrade") is None
        assert (answer.get("set-cookie") or "").startswith("EQ=")
        said = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
        client.upload(stream, said, end=False)
        client.until(lambda: len(answer.body) == len(said))
        assert bytes(answer.body) == said
        assert lb.counts("web1")["tunnels"] == 1
        assert client.get().status == 502  # that server speaks nothing else; the stream beside it goes on
        client.upload(stream, b"", end=True)
        assert client.answer(stream).ended
    request = origin.requests[0]
    assert (request.get("connection"), request.get("upgrade")) == ("Upgrade", "websocket")
    assert len(request.get("sec-websocket-key") or "") == 24
    assert request.get("sec-websocket-version") == "13"


def test_an_ordinary_answer_is_no_consent(balance: Balance, make_origin: MakeOrigin) -> None:
    with Client(balance(make_origin()).client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        stream, _ = enter(client)
        assert client.answer(stream).status == 502


def test_a_server_gets_one_key_whatever_the_client_sends(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(echo)
    with Client(balance(origin).client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        assert enter(client, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))[1].status == 200
    assert len(origin.requests[0].get("sec-websocket-key") or "") == 24


def test_a_websocket_that_tells_a_length_is_malformed(balance: Balance, make_origin: MakeOrigin) -> None:
    """RFC 9110, 9.3.6: no server hears of it, and none has failed."""
    origin = make_origin(echo)
    lb = balance(origin)
    with Client(lb.client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        assert enter(client, ("content-length", "3"))[1].reset is not None
    assert (origin.requests, lb.counts("web1")["faults"]) == ([], {})


def test_a_connect_for_anything_else_is_refused(balance: Balance, make_origin: MakeOrigin) -> None:
    with Client(balance(make_origin(echo)).client()) as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol == 1)
        stream = client.ask((":protocol", "connect-udp"), method="CONNECT", path="/", end=False)
        answer = client.answer(stream)
        assert answer.status == 501 or answer.reset is not None
