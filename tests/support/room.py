"""A WebSocket server of a test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import Protocol, TypeVar

from websockets.exceptions import ConnectionClosedError
from websockets.sync.server import Server, ServerConnection, serve

NAMES = ("web1", "web2", "web3")


class Ends(Protocol):
    """What ends when it is told."""

    def end(self) -> None: ...


T = TypeVar("T", bound=Ends)


@contextmanager
def three(make: Callable[[str], T]) -> Iterator[dict[str, T]]:
    """web1 to web3, until the context ends."""
    with ExitStack() as stack:
        made = {name: make(name) for name in NAMES}
        for room in made.values():
            stack.callback(room.end)
        yield made


class Room:
    """A server that says its name and then what it hears."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests: list[str] = []
        self.ended = Event()
        self.server: Server = serve(self.talk, "127.0.0.1", 0, max_size=32 << 20)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def address(self) -> str:
        host, port = self.server.socket.getsockname()
        return f"{host}:{port}"

    def talk(self, connection: ServerConnection) -> None:
        assert connection.request
        self.requests.append(str(connection.request.headers))
        connection.send(self.name)
        with suppress(ConnectionClosedError):
            for message in connection:
                if message == "bye":
                    connection.close(4001, "as you wish")
                else:
                    connection.send(message)
        self.ended.set()

    def end(self) -> None:
        self.server.shutdown()
        self.thread.join(20)
