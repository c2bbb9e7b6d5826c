"""A connection of HTTP/2 whose server has gone mute: its exchanges do not find out one after another."""

from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.origin import Origin, Script
from support.wire import Wire

FIELDS = [(":status", "200"), ("content-length", "0")]
POOL = {"protocol": "h2c"}


def answering(answers: Callable[[Origin, str], bool]) -> Script:
    """Answers the requests for which this is true, by their targets, and none of the others."""

    def script(origin: Origin, wire: Wire) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        wire.send(connection.data_to_send())
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if not isinstance(event, RequestReceived):
                    continue
                fields = {str(name): str(value) for name, value in event.headers}
                if answers(origin, fields[":path"]):
                    connection.send_headers(event.stream_id, FIELDS, end_stream=True)
            wire.send(connection.data_to_send())

    return script


def test_a_connection_on_which_nothing_comes_is_left(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(answering(lambda origin, target: target != "/" or len(origin.connections) > 1))
    lb = balance(origin, pool=POOL, timeouts={"response": "200ms"})
    assert lb.ask(get(target="/first")).status == 200
    assert [lb.ask(get()).status for _ in range(4)] == [504, 200, 200, 200]
    assert len(origin.connections) == 2


def test_who_is_late_alone_costs_nobody_the_connection(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin(answering(lambda _, target: target == "/"))
    lb = balance(origin, pool=POOL, timeouts={"response": "500ms"})
    assert lb.ask(get()).status == 200
    with lb.client() as late:
        late.send(get(target="/late"))
        late.sock.settimeout(0.05)
        while True:
            assert lb.ask(get()).status == 200
            try:
                late.fill()
                break
            except TimeoutError:
                continue
        assert late.response().status == 504
    assert lb.ask(get()).status == 200
    assert len(origin.connections) == 1
