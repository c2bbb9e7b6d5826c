"""One end of a TCP connection, which reads HTTP/1.1 by the letter of RFC 9112 and nothing else."""

import re
import socket
import ssl
import struct
from dataclasses import dataclass, field

LIMIT = 20.0
"""Seconds after which a test has failed; far more than anything here takes."""

OUR_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ (/[!-~]*|\*) HTTP/1\.1")
"""What we send: one form, one version."""
ANY_REQUEST_LINE = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ (/[!\"$-~]*|\*|(?i:https?)://[!\"$-~]+) HTTP/1\.[01]"
)
"""What others may send besides: the absolute form, and HTTP/1.0."""
_STATUS_LINE = re.compile(rb"HTTP/1\.1 [1-9][0-9]{2} [\t -~\x80-\xff]*")
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?[ \t]*"
)
_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class Malformed(Exception):
    """What came is not HTTP/1.1 as RFC 9112 writes it."""


class Ended(Exception):
    """The connection ended inside a message."""


@dataclass(frozen=True)
class Message:
    """A request or a response."""

    start: str
    fields: tuple[tuple[str, str], ...]
    head: bytes
    body: bytes = b""
    chunks: tuple[int, ...] = field(default=(), compare=False)
    trailers: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> list[str]:
        """The values of every field of this name, whatever its case."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of the only field of this name; `None` where there is none."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.start.split(" ")[1])

    @property
    def method(self) -> str:
        """A request's method."""
        return self.start.split(" ")[0]

    @property
    def target(self) -> str:
        """A request's target."""
        return self.start.split(" ")[1]


def _field(line: bytes) -> tuple[str, str]:
    found = _FIELD.fullmatch(line)
    if not found:
        raise Malformed(line)
    return found[1].decode(), (found[2] or b"").decode("latin-1")


class Wire:
    """A connected socket and what was read from it but not yet used."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(LIMIT)
        self.received = bytearray()
        """Every byte that has come."""
        self._used = 0

    def send(self, data: bytes) -> None:
        """Write everything."""
        self.sock.sendall(data)

    def fill(self) -> bool:
        """Read what is there, waiting for it; false at the end."""
        data = self.sock.recv(1 << 16)
        self.received += data
        return bool(data)

    def take(self, length: int) -> bytes:
        """Read exactly so many bytes."""
        while len(self.received) - self._used < length:
            if not self.fill():
                raise Ended(bytes(self.received[self._used :]))
        self._used += length
        return bytes(self.received[self._used - length : self._used])

    def until(self, mark: bytes) -> bytes:
        """Read up to and including `mark`."""
        while (end := self.received.find(mark, self._used)) < 0:
            if not self.fill():
                raise Ended(bytes(self.received[self._used :]))
        return self.take(end + len(mark) - self._used)

    def rest(self) -> bytes:
        """Read to the end of the connection."""
        while self.fill():
            pass
        return self.take(len(self.received) - self._used)

    def forget(self) -> None:
        """Drop what was used."""
        del self.received[: self._used]
        self._used = 0

    def at_end(self) -> bool:
        """Whether the other side has closed and nothing is left to read; waits for one or the other."""
        return len(self.received) == self._used and not self.fill()

    def gone(self) -> bool:
        """As `at_end`; a reset is an end too."""
        try:
            return self.at_end()
        except ConnectionError:
            return True

    def request(self, line: re.Pattern[bytes] = OUR_REQUEST_LINE) -> Message | None:
        """The next request; `None` when the client has closed instead."""
        if self.gone():
            return None
        head = self.head(line)
        if len(head.all("host")) != 1 and (head.all("host") or head.start.endswith("1")):
            raise Malformed("not one Host")
        return self._with_body(head, until_close=False)

    def response(self, to: str = "GET") -> Message:
        """The next response, interim ones too; `to` is the method that it answers."""
        return self.body_of_response(self.head_of_response(), to)

    def head_of_response(self) -> Message:
        """The next response's head."""
        return self.head(_STATUS_LINE)

    def body_of_response(self, head: Message, to: str = "GET") -> Message:
        """The response whose head has been read."""
        if to == "HEAD" or head.status < 200 or head.status in (204, 304):
            return head
        return self._with_body(head, until_close=True)

    def head(self, start: re.Pattern[bytes]) -> Message:
        """A head alone."""
        raw = self.until(b"\r\n\r\n")
        first, *lines = raw[:-4].split(b"\r\n")
        if not start.fullmatch(first):
            raise Malformed(first)
        return Message(first.decode("latin-1"), tuple(map(_field, lines)), raw)

    def _with_body(self, head: Message, until_close: bool) -> Message:
        if len(head.all("content-length") + head.all("transfer-encoding")) > 1:
            raise Malformed("two lengths")
        length, coding = head.get("content-length"), head.get("transfer-encoding")
        if coding is not None:
            if coding != "chunked":
                raise Malformed(coding)
            return self._chunked(head)
        if length is not None:
            return Message(head.start, head.fields, head.head, self.take(int(length)))
        return Message(head.start, head.fields, head.head, self.rest()) if until_close else head

    def _chunked(self, head: Message) -> Message:
        pieces = []
        while True:
            size = self.until(b"\r\n")[:-2]
            if not _SIZE.fullmatch(size):
                raise Malformed(size)
            if int(size, 16) == 0:
                break
            pieces.append(self.take(int(size, 16)))
            if self.take(2) != b"\r\n":
                raise Malformed("chunk without an end")
        trailers = []
        while (line := self.until(b"\r\n")) != b"\r\n":
            trailers.append(_field(line[:-2]))
        body, chunks = b"".join(pieces), tuple(map(len, pieces))
        return Message(head.start, head.fields, head.head, body, chunks, tuple(trailers))

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in good order."""
        self.sock.close()

    def reset(self) -> None:
        """Close with a reset: whatever was not read yet is lost to the other side."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: str, source: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Wire:
    """A client's connection to `IP:port`."""
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=LIMIT, source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return Wire(sock)
    # An end without TLS's closing word is an error here, as it should be everywhere.
    return Wire(tls.wrap_socket(sock, server_hostname=host, suppress_ragged_eofs=False))
