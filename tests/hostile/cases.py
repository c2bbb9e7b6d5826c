"""The table of cases in `table/`: what is sent, what the other side may then have seen, and what comes back.

A line is a case; its columns are separated by bars:

- requests: RFC and section that decide | status of the answer | what the server sees | what the client sends;
- responses: RFC and section | method that is answered | what the client gets | what the server sends.

What a server sees is method, host with target, and content, or `-` for nothing. What a client gets is a
status and content, or `cut` where it has to notice that something is missing. Bytes are written as in
Python; `<x*9>` is nine times x; a request without an escaped line end is a request line before an ordinary
Host. `<post>`, `<chunked>` and `<ok>` stand for how ordinary heads begin, `<end>` for the server closing
the connection.
"""

import re
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).parent / "table"
_REPEAT = re.compile(r"<(.+?)\*(\d+)>")
_ORDINARY = r"\r\nHost: shop.test\r\n\r\n"
_POST = r"POST / HTTP/1.1\r\nHost: shop.test\r\n"
_SHORT = {
    "<post>": _POST,
    "<chunked>": _POST + r"Transfer-Encoding: chunked\r\n\r\n",
    "<ok>": r"HTTP/1.1 200 OK\r\n",
}
_END = "<end>"

REQUEST_FILES = ("start", "host", "fields", "length", "coding", "chunks", "odd")


class Request(NamedTuple):
    """What a client sends; `seen` is empty where no server may see anything of it."""

    rule: str
    status: int
    seen: str
    text: str

    @property
    def sent(self) -> bytes:
        """The bytes."""
        return _bytes(self.text if r"\n" in _long(self.text) else self.text + _ORDINARY)


class Response(NamedTuple):
    """What a server sends in answer to `method`; `content` is `None` where it is noticed as cut short."""

    rule: str
    method: str
    status: int
    content: bytes | None
    text: str

    @property
    def sent(self) -> bytes:
        """The bytes."""
        return _bytes(self.text.removesuffix(_END))

    @property
    def ends(self) -> bool:
        """Whether the server closes the connection."""
        return self.text.endswith(_END)


def _lines(name: str) -> list[list[str]]:
    lines = (_TABLE / f"{name}.txt").read_text().splitlines()
    return [[column.strip() for column in line.split(" | ", 3)] for line in lines]


def _request(rule: str, status: str, seen: str, text: str) -> Request:
    return Request(rule, int(status), seen.removeprefix("-"), text)


def _response(rule: str, method: str, gets: str, text: str) -> Response:
    status, _, content = gets.partition(" ")
    return Response(rule, method, int(status), None if content == "cut" else content.encode(), text)


def _long(text: str) -> str:
    for short, long in _SHORT.items():
        text = text.replace(short, long)
    return text


def _bytes(text: str) -> bytes:
    text = _REPEAT.sub(lambda found: found[1] * int(found[2]), _long(text))
    return text.encode().decode("unicode_escape").encode("latin-1")


REQUESTS = {name: [_request(*columns) for columns in _lines(name)] for name in REQUEST_FILES}
ALL_REQUESTS = [case for cases in REQUESTS.values() for case in cases]
RESPONSES = [_response(*columns) for columns in _lines("responses")]
