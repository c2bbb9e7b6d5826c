"""A WebSocket server of a test."""

from contextlib import suppress
from threading import Event, Thread

from websockets.exceptions import ConnectionClosedError
from websockets.sync.server import Server, ServerConnection, serve


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

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(20)
