"""A client that resets its connection wants no answer: its exchange ends, and its server hears of it."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, StreamReset

from conftest import Balance, MakeOrigin
from support.access_log import log, told
from support.balancer import get
from support.origin import Origin
from support.wire import LIMIT, Wire


class Hung:
    """A server that never answers, and hears when nobody waits any more."""

    def __init__(self) -> None:
        self.asked = Event()
        self.given_up = Event()

    def http1(self, _: Origin, wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        self.asked.set()
        wire.rest()
        self.given_up.set()

    def http2(self, _: Origin, wire: Wire) -> None:
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        wire.send(connection.data_to_send())
        while data := wire.sock.recv(1 << 16):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.asked.set()
                elif isinstance(event, StreamReset):
                    assert event.error_code == ErrorCodes.CANCEL
                    self.given_up.set()
            wire.send(connection.data_to_send())


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("script", "pool"),
    [(Hung.http1, {}), (Hung.http2, {"protocol": "h2c"})],
    ids=["http1", "http2"],
)
def test_a_client_that_resets_its_connection_ends_its_exchange_at_the_server(
    balance: Balance,
    make_origin: MakeOrigin,
    certificate: Path,
    tmp_path: Path,
    script: Callable[[Hung, Origin, Wire], None],
    pool: dict[str, str],
    secure: bool,
) -> None:
    path, hung = tmp_path / "access.log", Hung()
    origin = make_origin(lambda origin, wire: script(hung, origin, wire))
    lb = balance(origin, pool=pool, folder=certificate, **log(path))
    client = lb.tls_client() if secure else lb.client()
    client.send(get(target="/basket"))
    assert hung.asked.wait(LIMIT)
    client.reset()
    assert hung.given_up.wait(LIMIT)
    (line,) = told(path)
    assert (line["target"], line["server"], line["fault"]) == ("/basket", "web1", "client_gone")
    assert lb.counts("web1")["in_flight"] == 0
