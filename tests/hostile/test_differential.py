"""Five hundred well-formed exchanges, drawn by a fixed seed, mean the same through HAProxy and through us."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from conftest import Balance, MakeOrigin
from support import peers
from support.origin import Origin, Script
from support.wire import ANY_REQUEST_LINE, Message, Wire, connect

EXCHANGES = 500
TOKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
TEXT = TOKEN + '"(),/:;<=>?@[]{}\\\xe9\xff'
PATH = "abcXYZ019-._~!$&'()*+,;=:@/%"
# What a balancer writes, or what concerns one connection only; X-Hop is named by Connection.
OWN = {
    "connection", "content-length", "date", "forwarded", "keep-alive", "te", "trailer", "transfer-encoding",
    "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-hop",
}  # fmt: skip


class Exchange(NamedTuple):
    """One request and its response, as both ends write them."""

    method: str
    request: bytes
    interim: bytes
    response: bytes
    ends: bool


def test_exchanges_mean_the_same_through_haproxy(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path
) -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    exchanges = list(drawn(Random(20_240_611)))
    origin = make_origin(answering(exchanges), line=ANY_REQUEST_LINE)
    ours = balance(origin, pool={"persistence": "none"}).address
    with peers.running("haproxy", origin.address, tmp_path) as theirs:
        for number, exchange in enumerate(exchanges):
            results = []
            for address in (theirs, ours):
                before = len(origin.requests)
                answer = ask(address, exchange)
                (request,) = origin.requests[before:]
                results.append((meaning(request), meaning(answer)))
            assert results[0] == results[1], (number, exchange)


def ask(address: str, exchange: Exchange) -> Message:
    """The final response."""
    with connect(address) as client:
        client.send(exchange.request)
        while (answer := client.response(exchange.method)).status < 200:
            pass
        return answer


def answering(exchanges: list[Exchange]) -> Script:
    """Answer as the exchange says whose number is in the target's query."""

    def script(origin: Origin, wire: Wire) -> None:
        while request := origin.read(wire):
            exchange = exchanges[int(request.target.rpartition("=")[2])]
            wire.send(exchange.interim + exchange.response)
            if exchange.ends:
                return

    return script


def meaning(message: Message) -> tuple[object, ...]:
    """What has to be the same: names in any case, lines of different names in any order."""
    start = message.start.split(" ")
    start = start[:2] if not start[0].startswith("HTTP/") else start[1:2]
    fields: dict[str, list[str]] = {}
    for name, value in message.fields:
        if name.lower() not in OWN:
            fields.setdefault(name.lower(), []).append(value)
    return start, fields, message.body


def drawn(random: Random) -> Iterator[Exchange]:
    """Exchanges of every kind."""
    for number in range(EXCHANGES):
        method = random.choice(["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"])
        request = request_of(random, method, number)
        yield response_to(random, method, request)


def request_of(random: Random, method: str, number: int) -> bytes:
    """A request; its number is in its target."""
    version = random.choice(["1.1", "1.1", "1.1", "1.0"])
    target = "/" + word(random, PATH, 0, 30) + f"?n={number}"
    lines = [
        f"{method} {target} HTTP/{version}",
        f"Host: {random.choice(['shop.test', 'SHOP.test:81', '[::1]'])}",
    ]
    lines += fields_of(random)
    if random.random() < 0.3:
        lines.insert(2, "Cookie: a=1; b=" + word(random, TOKEN, 0, 9))
    if random.random() < 0.2:
        lines += ["X-Hop: 1", "Connection: X-Hop"]
    # HAProxy takes no content with these from an HTTP/1.0 client.
    bare = method in ("GET", "HEAD", "DELETE", "OPTIONS") and (version == "1.0" or random.random() < 0.9)
    body = content(random)
    if bare:
        return head(lines)
    if version == "1.1" and random.random() < 0.5:
        return head([*lines, "Transfer-Encoding: chunked"]) + in_chunks(random, body)
    return head([*lines, f"Content-Length: {len(body)}"]) + body


def response_to(random: Random, method: str, request: bytes) -> Exchange:
    """The request with a response of any kind."""
    status = random.choice([200, 200, 200, 201, 204, 206, 301, 304, 404, 418, 500, 503])
    lines = [f"HTTP/1.1 {status} {word(random, TEXT, 0, 9)}", *fields_of(random)]
    lines += [f"Set-Cookie: {word(random, TOKEN, 1, 9)}=1; Path=/" for _ in range(random.randrange(3))]
    interim = b""
    if b" HTTP/1.1\r\n" in request and random.random() < 0.1:
        interim = head(["HTTP/1.1 103 Early Hints", "Link: </a>"])
    body = content(random)
    if status in (204, 304) or method == "HEAD":
        length = [f"Content-Length: {len(body)}"] if status != 204 and random.random() < 0.5 else []
        return Exchange(method, request, interim, head([*lines, *length]), False)
    kind = random.randrange(3)
    if kind == 0:
        return Exchange(
            method, request, interim, head([*lines, f"Content-Length: {len(body)}"]) + body, False
        )
    if kind == 1:
        chunks = in_chunks(random, body)
        return Exchange(
            method, request, interim, head([*lines, "Transfer-Encoding: chunked"]) + chunks, False
        )
    return Exchange(method, request, interim, head(lines) + body, True)


def head(lines: list[str]) -> bytes:
    """A head with its empty line."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def fields_of(random: Random) -> list[str]:
    """Fields that nobody knows, some of one name."""
    lines = []
    for _ in range(random.randrange(8)):
        name = f"X-{word(random, TOKEN, 1, 12)}" if random.random() < 0.8 else "X-Twice"
        space = random.choice(["", " ", " ", " ", "\t", "  "])
        inner = [word(random, TEXT, 1, 20) for _ in range(random.randrange(4))]
        lines.append(
            f"{name}:{space}{random.choice([' ', ', ', chr(9)]).join(inner)}{random.choice(['', ' '])}"
        )
    return lines


def content(random: Random) -> bytes:
    """Little, so that a message fits into a buffer: what is larger is for the tests of bodies."""
    return random.randbytes(random.choice([0, 1, 5, 100, 1_000, 9_000]))


def in_chunks(random: Random, body: bytes) -> bytes:
    """A body in chunks, some with extensions."""
    pieces = []
    while body:
        size = random.choice([1, 7, 1_000, 4_000])
        piece, body = body[:size], body[size:]
        extension = random.choice(["", "", ";a", ';a="b;c"', ";a=1;b"])
        pieces.append(f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n")
    return b"".join(pieces) + b"0\r\n\r\n"


def word(random: Random, letters: str, least: int, most: int) -> str:
    """Some letters."""
    return "".join(random.choices(letters, k=random.randint(least, most)))
