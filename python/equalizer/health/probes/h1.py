"""One exchange of HTTP/1.1, on a connection of its own (RFC 9112)."""

from collections.abc import Mapping

from equalizer.health.probes.dialogue import MOST_BODY, Broken

_MOST_HEAD = 1 << 16
_END = b"\r\n\r\n"
_BODILESS = (204, 304)


class H1:
    """An `Exchange`."""

    def __init__(self, request: bytes, method: str) -> None:
        self.status = 0
        self.headed = False
        self.ended = False
        self.body = bytearray()
        self.trailers: dict[bytes, bytes] = {}
        self._request = request
        self._bodiless = method == "HEAD"
        self._rest = bytearray()
        self._fields: dict[bytes, bytes] = {}
        self._left: int | None = None
        self._chunked = False

    def opening(self) -> bytes:
        """The request."""
        return self._request

    def field(self, name: bytes) -> bytes:
        """The value of a field, by its name in small letters; empty where there is none."""
        return self._fields.get(name, b"")

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the response; nothing is to be sent back."""
        self._rest += data
        if not self.headed:
            self._head()
        if self.headed and not self.ended:
            self._body()
        if not data and not self.ended:
            self._end()
        return b""

    def _head(self) -> None:
        while not self.headed:
            line, mark, _ = self._rest.partition(b"\r\n")
            status = _status(bytes(line)) if mark else 0
            # An interim response (RFC 9110 section 15.2) goes before the real one.
            self.status = status if status >= 200 else 0
            end = self._rest.find(_END)
            if end < 0:
                if len(self._rest) > _MOST_HEAD:
                    raise Broken("a head of over 64 KiB")
                return
            lines = bytes(self._rest[:end]).split(b"\r\n")
            del self._rest[: end + len(_END)]
            if self.status:
                self._fields = dict(_field(line) for line in lines[1:])
                self.headed = True
        self._measure()

    def _measure(self) -> None:
        """How the end of the body is known (RFC 9112 section 6.3)."""
        self._chunked = self._fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        length = self._fields.get(b"content-length")
        if self._bodiless or self.status in _BODILESS:
            self.ended = True
        elif length is not None and not self._chunked:
            if not length.isdigit():
                raise Broken("a length that is no number")
            self._left = int(length)

    def _body(self) -> None:
        if self._chunked:
            while not self.ended and self._chunk():
                pass
        else:
            self.body += self._rest
            self._rest.clear()
            self.ended = self._left is not None and len(self.body) >= self._left
        if len(self.body) >= MOST_BODY:
            del self.body[MOST_BODY:]
            self.ended = True

    def _chunk(self) -> bool:
        """Take one chunk (RFC 9112 section 7.1); whether it was all there."""
        line, mark, after = self._rest.partition(b"\r\n")
        if not mark:
            if len(line) > 1024:
                raise Broken("a chunk without a size")
            return False
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Broken("a chunk without a size") from None
        if size == 0:
            self.ended = True
            return True
        if len(after) < size + 2 and len(self.body) + len(after) < MOST_BODY:
            return False
        self.body += after[:size]
        self._rest = after[size + 2 :]
        return True

    def _end(self) -> None:
        if not self.headed:
            raise Broken("closed before an answer" if not self._rest else "closed within the head")
        if self._chunked or self._left is not None:
            raise Broken("closed within the body")
        self.ended = True


def request(method: str, path: str, host: str, fields: Mapping[str, str]) -> bytes:
    """A request without a body, after which the server closes."""
    own = {"Host": host, "User-Agent": "equalizer-probe", "Connection": "close"}
    written = {name.lower() for name in fields}
    lines = [f"{name}: {value}" for name, value in own.items() if name.lower() not in written]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("ascii")


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit() or rest[3:4] not in (b" ", b""):
        raise Broken("an answer that is not HTTP/1.1")
    return int(rest[:3])


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise Broken("a field without a colon")
    return name.lower(), value.strip()
