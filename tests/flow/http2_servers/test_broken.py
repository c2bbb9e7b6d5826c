"""A server that breaks HTTP/2's rules in one response, over which the library ends the whole connection."""

from threading import Event

from h2.config import H2Configuration
from h2.events import RequestReceived

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2_server import begin
from support.origin import Origin, Script
from support.wire import LIMIT, Wire

FIELDS = [(":status", "200"), ("content-length", "0")]
MALFORMED = [*FIELDS, ("X-Upper", "1")]
"""RFC 9113, 8.2: names are in lower case."""


def breaking(held: Event, broken: Event) -> Script:
    """Answers `/bad` with a malformed response, and `/held` once that was done twice.

    The first connection never answers `/held`; there `/bad` ends it.
    """
    bad = []

    def script(origin: Origin, wire: Wire) -> None:
        first = len(origin.connections) == 1
        config = H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        connection = begin(wire, config)
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if not isinstance(event, RequestReceived):
                    continue
                path = dict(event.headers)[b":path"]
                if path == b"/held":
                    held.set()
                    if first:
                        continue
                    # While it waits, nothing that comes on this connection is looked at.
                    if not broken.wait(LIMIT):
                        return
                fields = MALFORMED if path == b"/bad" else FIELDS
                connection.send_headers(event.stream_id, fields, end_stream=True)
                wire.send(connection.data_to_send())
                if path == b"/bad":
                    bad.append(event.stream_id)
                    if len(bad) > 1:
                        broken.set()
            wire.send(connection.data_to_send())

    return script


def test_a_malformed_response_costs_no_other_exchange_that_can_be_sent_again(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    held, broken = Event(), Event()
    lb = balance(make_origin(breaking(held, broken)), pool={"protocol": "h2c"})
    assert lb.ask(get()).status == 200
    with lb.client() as beside:
        beside.send(get(target="/held"))
        assert held.wait(LIMIT)
        assert lb.ask(get(target="/bad")).status == 502
        assert beside.response().status == 200
    assert lb.ask(get()).status == 200
