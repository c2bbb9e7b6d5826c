"""A server on loopback that answers as it is told, and remembers every byte that it was sent."""

import re
import socket
from collections.abc import Callable
from threading import Condition, Thread

from support.wire import LIMIT, OUR_REQUEST_LINE, Ended, Malformed, Message, Wire

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
"""An ordinary response."""
END = b"\r\n\r\n"
"""What a head ends with."""


class Origin:
    """A TCP server; each connection is a thread that runs the script."""

    def __init__(
        self,
        script: "Script | bytes | None" = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
        line: re.Pattern[bytes] = OUR_REQUEST_LINE,
    ) -> None:
        self.line = line
        self.script: Script = answering(HELLO) if script is None else _script(script)
        self.requests: list[Message] = []
        """Whole requests, in the order in which they were read."""
        self.broken: list[Malformed] = []
        """What was not a request at all."""
        self.connections: list[Wire] = []
        """Every connection there was."""
        self._changed = Condition()
        self._threads: list[Thread] = []
        self._socket = socket.create_server(address, backlog=128)
        self._accepting = Thread(target=self._accept)
        self._accepting.start()

    @property
    def address(self) -> str:
        """`IP:port`."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def read(self, wire: Wire) -> Message | None:
        """The connection's next request, recorded; `None` when there is none, or half a one."""
        try:
            request = wire.request(self.line)
        except (Ended, ConnectionError):
            return None
        except Malformed as malformed:
            with self._changed:
                self.broken.append(malformed)
            raise
        if request is not None:
            with self._changed:
                self.requests.append(request)
                self._changed.notify_all()
        return request

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Wait until this is true; asked anew when a connection begins or ends, and with every request."""
        with self._changed:
            assert self._changed.wait_for(ready, LIMIT)

    def tell(self) -> None:
        """Have `wait_for` look again."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Stop listening: connections are refused from now on. Those that are open stay."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._accepting.join(LIMIT)
        self._socket.close()

    def end(self) -> None:
        """Stop altogether."""
        self.close()
        for wire in self.connections:
            try:
                wire.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a script does not end"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(sock)
            thread = Thread(target=self._run, args=(wire,))
            with self._changed:
                self.connections.append(wire)
                self._threads.append(thread)
                self._changed.notify_all()
            thread.start()

    def _run(self, wire: Wire) -> None:
        try:
            self.script(self, wire)
        except (OSError, Ended, Malformed):
            pass  # the connection is over; what was malformed is recorded
        finally:
            wire.close()
            self.tell()


Script = Callable[[Origin, Wire], None]
"""What a server does with a connection, which is closed after it."""


def answering(*responses: bytes) -> Script:
    """Answer every request with these bytes, in turn and over again, and keep the connection."""

    def script(origin: Origin, wire: Wire) -> None:
        turn = 0
        while origin.read(wire):
            wire.send(responses[turn % len(responses)])
            turn += 1

    return script


def replying(reply: Callable[[Message], bytes]) -> Script:
    """Answer every request with what `reply` makes of it, and keep the connection."""

    def script(origin: Origin, wire: Wire) -> None:
        while request := origin.read(wire):
            wire.send(reply(request))

    return script


def terse(name: str) -> Script:
    """Answer with the server's name alone, without a look at the request: where there are very many."""
    answer = response(b"", f"Server-Name: {name}")

    def script(origin: Origin, wire: Wire) -> None:
        while asked := wire.sock.recv(1 << 16):
            wire.send(answer * asked.count(END))

    return script


def ending(response: bytes) -> Script:
    """Read one request, write these bytes, close."""

    def script(origin: Origin, wire: Wire) -> None:
        if origin.read(wire):
            wire.send(response)

    return script


def holding(origin: Origin, wire: Wire) -> None:
    """Answer; but nothing to `/held`, for as long as it is asked for."""
    while True:
        raw = wire.until(END)
        if b"/held" in raw:
            wire.rest()
            return
        wire.send(HELLO)


def response(body: bytes = b"", *fields: str, status: str = "200 OK") -> bytes:
    """A response with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def _script(script: Script | bytes) -> Script:
    return ending(script) if isinstance(script, bytes) else script
