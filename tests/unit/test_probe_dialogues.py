"""What is said to a server, and what is made of its answer, byte by byte and all at once."""

import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from pydantic import TypeAdapter

from equalizer.health.probes import acv, grpc, http, icmp
from equalizer.health.probes.dialogue import Dialogue
from equalizer.health.verdict import Finding
from equalizer.model.probe import AcvProbe, GrpcProbe, HttpProbe

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def ask(dialogue: Dialogue, pieces: Iterable[bytes]) -> Finding | None:
    """What is found in these pieces, and then the end."""
    dialogue.opening()
    for piece in (*pieces, b""):
        step = dialogue.take(piece)
        if isinstance(step, Finding):
            return step
    return None


def found(dialogues: Callable[[], Dialogue], answer: bytes) -> Finding:
    """The same however the answer is cut into pieces."""
    whole = ask(dialogues(), [answer] if answer else [])
    bytewise = ask(dialogues(), (answer[at : at + 1] for at in range(len(answer))))
    assert whole is not None
    assert whole == bytewise
    return whole


def of_http(tells: str = "", http2: bool = False, **settings: Any) -> Callable[[], Dialogue]:
    probe = TypeAdapter(HttpProbe).validate_python({"kind": "http", **settings})
    return http.dialogues(probe, "shop:80", tells, http2=http2, secure=False)


def test_the_request_is_as_the_settings_say() -> None:
    dialogue = of_http(method="HEAD", path="/a?b=c", fields={"Accept": "*/*", "User-Agent": "me"})()
    assert dialogue.opening() == (
        b"HEAD /a?b=c HTTP/1.1\r\nHost: shop:80\r\nConnection: close\r\nAccept: */*\r\nUser-Agent: me\r\n\r\n"
    )
    assert b"Host: other\r\n" in of_http(host="other")().opening()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (OK, ""),
        (b"HTTP/1.0 302 \r\n\r\n", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, ""),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK.replace(b"200", b"500"),
            "status 500, not 200-399",
        ),
        (OK.replace(b"200 OK", b"503 No"), "status 503, not 200-399"),
        (b"", "closed before an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "an answer that is not HTTP/1.1"),
        (b"HTTP/1.1 2xx OK\r\n", "an answer that is not HTTP/1.1"),
    ],
)
def test_a_status_is_judged_as_soon_as_it_has_come(answer: bytes, what: str) -> None:
    finding = found(of_http(), answer)
    assert (finding.what, finding.well) == (what, what == "")
    assert finding.answered == bool(answer)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (OK, ""),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", ""),
        (OK.replace(b"hello", b"hallo"), "a body that does not match"),
        (OK[:-1], "closed within the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "closed within the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\n", "a chunk without a size"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "a length that is no number"),
        (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "a body that does not match"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a field without a colon"),
    ],
)
def test_a_body_is_judged_when_it_is_whole(answer: bytes, what: str) -> None:
    assert found(of_http(body="^hello$"), answer).what == what


def test_of_a_long_body_64_kib_are_enough() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 17)
    assert ask(of_http(body="x")(), [endless]) == Finding(True)
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" + b"x" * (1 << 17)
    assert ask(of_http(body="x")(), [chunks]) == Finding(True)
    assert ask(of_http(body="y")(), [chunks]) == Finding(False, "a body that does not match")


def test_the_incarnation_is_taken_from_the_response() -> None:
    answer = b"HTTP/1.1 200 OK\r\nserver-life: 42\r\nContent-Length: 0\r\n\r\n"
    assert found(of_http("Server-Life"), answer).incarnation == "42"
    assert found(of_http("Server-Life"), OK).incarnation == ""


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"+PONG\r\n", ""),
        (b"-ERR\r\n", "an answer that does not match"),
        (b"", "closed before an answer"),
        (b"x" * 1023 + b"PONG", "1024 bytes that do not match"),
        (b"x" * 1020 + b"PONG", ""),
    ],
)
def test_an_answer_must_match_in_its_first_1024_bytes(answer: bytes, what: str) -> None:
    dialogues = acv.dialogues(AcvProbe(kind="acv", send="PING\r\n", match="PONG"))
    assert dialogues().opening() == b"PING\r\n"
    assert found(dialogues, answer).what == what


def test_bytes_may_be_written_in_hexadecimal() -> None:
    assert acv.dialogues(AcvProbe(kind="acv", send_hex="00 ff", match="x"))().opening() == b"\x00\xff"


class Server:
    """The server's side of HTTP/2."""

    def __init__(self, asked: bytes) -> None:
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.connection.initiate_connection()
        self.events = self.connection.receive_data(asked)

    @property
    def fields(self) -> dict[bytes, bytes]:
        (request,) = [each for each in self.events if isinstance(each, h2.events.RequestReceived)]
        return {bytes(name): bytes(value) for name, value in request.headers or ()}

    def answer(
        self, fields: dict[str, str], body: bytes = b"", trailers: dict[str, str] | None = None
    ) -> bytes:
        alone = not body and trailers is None
        self.connection.send_headers(1, list(fields.items()), end_stream=alone)
        if body:
            self.connection.send_data(1, body, end_stream=trailers is None)
        if trailers is not None:
            self.connection.send_headers(1, list(trailers.items()), end_stream=True)
        return self.connection.data_to_send()


def test_http_is_asked_in_the_version_that_the_pool_speaks() -> None:
    dialogue = of_http("Life", http2=True, path="/health", body="up", fields={"Accept": "text/plain"})()
    server = Server(dialogue.opening())
    assert server.fields[b":path"] == b"/health"
    assert server.fields[b":authority"] == b"shop:80"
    assert server.fields[b"accept"] == b"text/plain"
    step = dialogue.take(server.answer({":status": "200", "life": "7"}, b"up"))
    assert step == Finding(True, incarnation="7")


def test_what_is_not_http2_is_told() -> None:
    dialogue = of_http(http2=True)()
    dialogue.opening()
    assert dialogue.take(OK) == Finding(False, "an answer that is not HTTP/2")


def of_grpc(service: str = "") -> Dialogue:
    return grpc.dialogues(GrpcProbe(kind="grpc", service=service), "shop:80", secure=False)()


@pytest.mark.parametrize("service", ["", "shop.Cart", "s" * 200])
def test_the_health_service_is_asked_for_a_service(service: str) -> None:
    server = Server(of_grpc(service).opening())
    assert server.fields[b":path"] == b"/grpc.health.v1.Health/Check"
    (data,) = [each.data for each in server.events if isinstance(each, h2.events.DataReceived)]
    assert data is not None
    assert struct.unpack(">BI", data[:5]) == (0, len(data) - 5)
    assert data.endswith(service.encode())


@pytest.mark.parametrize(
    ("message", "code", "what"),
    [
        (b"\x08\x01", "0", ""),
        (b"\x08\x02", "0", "NOT_SERVING, not SERVING"),
        (b"", "0", "UNKNOWN, not SERVING"),
        (b"\x08\x01", "14", "gRPC status 14"),
        (None, "5", "gRPC status NOT_FOUND, as the service is not known there"),
        (None, "12", "gRPC status UNIMPLEMENTED"),
    ],
)
def test_only_serving_is_well(message: bytes | None, code: str, what: str) -> None:
    dialogue = of_grpc("shop.Cart")
    server = Server(dialogue.opening())
    head = {":status": "200", "content-type": "application/grpc"}
    if message is None:
        answer = server.answer({**head, "grpc-status": code})
    else:
        body = struct.pack(">BI", 0, len(message)) + message
        answer = server.answer(head, body, {"grpc-status": code})
    step = dialogue.take(answer)
    assert isinstance(step, Finding)
    assert (step.well, step.what) == (what == "", what)


@pytest.mark.parametrize(("ipv6", "asks", "replies"), [(False, 8, 0), (True, 128, 129)])
def test_our_reply_to_an_echo_request_is_well_and_nothing_else_is(
    ipv6: bool, asks: int, replies: int
) -> None:
    dialogue, other = icmp.dialogues(ipv6=ipv6)(), icmp.dialogues(ipv6=ipv6)()
    asked = dialogue.opening()
    assert asked[0] == asks
    total = sum(word for (word,) in struct.iter_unpack(">H", asked))
    assert total % 0xFFFF == 0, "with the checksum among them, the words sum to nothing"
    assert dialogue.take(asked) == b""
    assert dialogue.take(bytes([3, 0]) + asked[2:]) == b""
    assert dialogue.take(bytes([replies, 0]) + other.opening()[2:]) == b""
    assert dialogue.take(b"") == b""
    # The system may have put a number of its own into the place of ours.
    assert dialogue.take(bytes([replies, 0, 1, 2, 3, 4, 0, 1]) + asked[8:]) == Finding(True)


def test_a_reply_may_come_with_the_head_of_its_packet() -> None:
    dialogue = icmp.dialogues(ipv6=False)()
    reply = b"\0\0" + dialogue.opening()[2:]
    for words in (5, 7):
        assert dialogue.take(bytes([0x40 + words]) + bytes(words * 4 - 1) + reply) == Finding(True)


def test_nothing_that_a_server_sends_breaks_a_dialogue() -> None:
    junk = [OK[:cut] + bytes([cut % 256]) + OK[cut:] for cut in range(len(OK))]
    for answer in junk:
        assert re.fullmatch(r"[ -~]*", found(of_http("Life", body="x"), answer).what)
