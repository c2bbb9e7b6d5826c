"""Three small web servers that say who they are, for tests that only ask which of them has answered."""

import socket
from collections.abc import Iterator
from threading import Condition, Thread

import pytest

LIMIT = 20  # seconds


class NamedServer:
    """A web server that answers everything with its name, in the field `Server-Name` and in the body."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests = 0
        self.peers: set[str] = set()
        self.connections = 0
        self._changed = Condition()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._open: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.requests >= count, LIMIT)

    def end(self) -> None:
        """Close everything."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(LIMIT)
        self._socket.close()
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(LIMIT)

    def _accept(self) -> None:
        while True:
            try:
                connection, (peer, _) = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            self.peers.add(peer)
            self.connections += 1
            self._threads.append(Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        body = f"<p>served by {self.name}</p>"
        answer = f"HTTP/1.1 200 OK\r\nServer-Name: {self.name}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        pending = b""
        with connection:
            while True:
                try:
                    part = connection.recv(65536)
                except OSError:
                    return
                if not part:
                    return
                pending += part
                while (end := pending.find(b"\r\n\r\n")) >= 0:
                    pending = pending[end + 4 :]
                    with self._changed:
                        self.requests += 1
                        self._changed.notify_all()
                    connection.sendall(answer.encode())


@pytest.fixture
def named_servers() -> Iterator[dict[str, NamedServer]]:
    """web1, web2 and web3."""
    servers = {name: NamedServer(name) for name in ("web1", "web2", "web3")}
    yield servers
    for server in servers.values():
        server.end()
