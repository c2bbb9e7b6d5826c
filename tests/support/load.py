"""Clients that ask again and again, each on a connection that it keeps, and remember whatever goes wrong."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread

from hyperframe.frame import GoAwayFrame

from support.balancer import get
from support.http2 import Raw, head
from support.wire import LIMIT, Ended, Malformed, Message, Wire, connect


class Load:
    """Clients in threads; what they do is counted all together.

    They do what a client's library does: one that is told to go opens another connection. Nothing is
    asked twice.
    """

    def __init__(self, address: str, clients: int, trust: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.exchanges = 0
        self.connections = 0
        self.servers: list[str] = []
        """Who answered, in order; the servers say it in the field Server-Name."""
        self.failures: list[str] = []
        self.slowest = 0.0
        """Seconds of the exchange that took longest."""
        self._trust = trust
        self._ending = False
        self._changed = Condition()
        self._threads = [Thread(target=self._client) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def goes_on(self, exchanges: int) -> None:
        """Wait until there were so many more, of clients that are all still there."""
        with self._changed:
            wanted = self.exchanges + exchanges
            assert self._changed.wait_for(lambda: self.exchanges >= wanted or self.failures, LIMIT)

    def end(self) -> None:
        """Let the clients finish what they do."""
        self._ending = True
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a client waits for an answer"

    def _client(self) -> None:
        jar: list[str] = []
        while not self._ending:
            try:
                wire = connect(self.address, tls=self._trust)
                with self._changed:
                    self.connections += 1
                with wire:
                    while not self._ending and self._exchange(wire, jar):
                        pass
            except (OSError, Ended, Malformed, AssertionError) as error:
                with self._changed:
                    self.failures.append(f"{type(error).__name__}: {error}")
                    self._changed.notify_all()
                return

    def _exchange(self, wire: Wire, jar: list[str]) -> bool:
        """Whether the connection may be used again."""
        begun = time.monotonic()
        answer = request(wire, jar)
        with self._changed:
            self.exchanges += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.servers.append(answer.get("server-name") or "")
            self._changed.notify_all()
        return answer.get("connection") != "close"


def request(wire: Wire, jar: list[str], *fields: str) -> Message:
    """Ask with the cookies of a jar, which takes what the answer sets; the answer has to be a good one."""
    wire.send(get(*fields, *(f"Cookie: {cookie}" for cookie in jar)))
    answer = wire.response()
    wire.forget()
    assert answer.status == 200, answer.start
    jar[:] = [each.partition(";")[0] for each in answer.all("set-cookie")] or jar
    return answer


class Streams(Load):
    """The same over HTTP/2, one request after another; a stream that was never begun is asked for anew."""

    def _exchange(self, wire: Wire, jar: list[str]) -> bool:
        client = Raw(wire)
        for stream in range(1, 1 << 31, 2):
            with suppress(ConnectionError):  # what came before the end is still read
                client.send(*client.request(stream, head()))
            outcome = client.outcome(stream)
            farewells = [frame for frame in client.seen if isinstance(frame, GoAwayFrame)]
            # RFC 9113, 6.8: beyond that stream nothing was processed.
            never = outcome == "end" and farewells and farewells[-1].last_stream_id < stream
            assert outcome == "200" or never, outcome
            with self._changed:
                self.exchanges += not never
                self._changed.notify_all()
            if farewells or self._ending:
                break
        return False


@contextmanager
def load(
    address: str, clients: int = 4, trust: ssl.SSLContext | None = None, kind: type[Load] = Load
) -> Iterator[Load]:
    """Under load; no exchange may have failed at the end."""
    crowd = kind(address, clients, trust)
    try:
        crowd.goes_on(clients)
        yield crowd
    finally:
        crowd.end()
    assert crowd.failures == []


def ping(wire: Wire) -> None:
    """One exchange on a connection that is kept."""
    wire.send(get())
    assert wire.response().status == 200
