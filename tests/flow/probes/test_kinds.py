"""Every kind of probe, against real servers: what is well, and what is said of what is not."""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from conftest import Balance, MakeOrigin
from equalizer.health.attempt import may_ping
from flow.probes.conftest import FAST, Watcher
from support.balancer import Balancer
from support.origin import answering, response

Watch = Callable[[Balancer], Watcher]


def test_a_server_that_refuses_connections_is_down(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    origins = {"web1": make_origin(), "web2": make_origin()}
    events = watch(balance(origins, pool={"probe": {"kind": "tcp", **FAST}}))
    events.probed("web2")
    origins["web2"].end()
    event = events.until("server shop/web2: up → down, probe tcp: connection refused")
    assert (event.kind, event.level, event.pool, event.server) == ("verdict", "warning", "shop", "web2")
    assert events.server("web2").state == "down"
    assert events.server("web1").state == "up"


@pytest.mark.parametrize(
    ("probe", "answer", "why"),
    [
        (
            {"kind": "http", "path": "/health"},
            response(status="503 No"),
            "probe http /health: status 503, not 200-399",
        ),
        (
            {"kind": "http", "status": [200, "204-205"]},
            response(status="206 Part"),
            "probe http /: status 206, not 200, 204-205",
        ),
        ({"kind": "http", "body": "^ok"}, response(b"no"), "probe http /: a body that does not match"),
        (
            {"kind": "acv", "send": "PING\r\n\r\n", "match": "PONG"},
            b"what?",
            "probe acv: an answer that does not match",
        ),
        (
            {"kind": "grpc", "service": "shop.Cart"},
            response(),
            "probe grpc shop.Cart: an answer that is not HTTP/2",
        ),
    ],
)
def test_a_wrong_answer_is_told(
    balance: Balance, watch: Watch, probe: dict[str, Any], answer: bytes, why: str
) -> None:
    with Raw(answer) as server:
        lb = balance({"web1": server.address}, pool={"probe": {**probe, **FAST}})
        assert watch(lb).until("up → down").text == f"server shop/web1: up → down, {why}"


@pytest.mark.parametrize(
    ("probe", "answer"),
    [
        ({"kind": "tcp"}, b""),
        ({"kind": "http", "status": 503}, response(status="503 No")),
        ({"kind": "http", "body": "up"}, response(b'{"status": "up"}')),
        ({"kind": "acv", "match": "^220 "}, b"220 ready\r\n"),
        ({"any": [{"kind": "acv", "match": "never"}, "tcp"]}, b"something else"),
    ],
)
def test_an_expected_answer_is_well(
    balance: Balance, watch: Watch, probe: dict[str, Any], answer: bytes
) -> None:
    probe = (
        {"any": [{"kind": "acv", "match": "never", **FAST}, {"kind": "tcp", **FAST}]}
        if "any" in probe
        else {**probe, **FAST}
    )
    with Raw(answer) as server:
        found = watch(balance({"web1": server.address}, pool={"probe": probe})).probed("web1", 3)
        assert found.state == "up"
        assert found.why == ""
        assert found.probes[-1].up is True


def test_another_port_may_be_asked(balance: Balance, make_origin: MakeOrigin, watch: Watch) -> None:
    serving, health = make_origin(), make_origin(answering(response(status="500 No")))
    port = int(health.address.rpartition(":")[2])
    lb = balance({"web1": serving}, pool={"probe": {"kind": "http", "port": port, **FAST}})
    assert f"probe http :{port} /: status 500" in watch(lb).until("up → down").text
    assert serving.requests == []
    assert health.requests[0].get("host") == f"127.0.0.1:{port}"


def test_a_server_that_says_nothing_is_down_in_time(balance: Balance, watch: Watch) -> None:
    with Raw(b"", holds=True) as server:
        probe = {"kind": "http", "timeout": "100ms", **FAST}
        lb = balance({"web1": server.address}, pool={"probe": probe})
        assert watch(lb).until("up → down").text.endswith("probe http /: no answer within 0.1s")


def test_a_server_that_stops_in_its_answer_is_down_in_time(balance: Balance, watch: Watch) -> None:
    with Raw(b"HTTP/1.1 20", holds=True) as server:
        probe = {"kind": "http", "timeout": "100ms", **FAST}
        lb = balance({"web1": server.address}, pool={"probe": probe})
        assert watch(lb).until("up → down").text.endswith("probe http /: no whole answer within 0.1s")


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_over_tls_the_server_must_prove_who_it_is(
    balance: Balance, watch: Watch, certificate: Path, kind: str
) -> None:
    with Raw(response(b"ok"), secured=certificate) as server:
        trusting = {"ca": str(certificate / "authority.pem")}
        lb = balance({"web1": server.address}, pool={"tls": trusting, "probe": {"kind": kind, **FAST}})
        assert watch(lb).probed("web1", 2).probes[0].up is True
        named = {"kind": kind, "tls": {**trusting, "name": "other.test"}, **FAST}
        lb = balance({"web1": server.address}, pool={"probe": named})
        assert "a certificate that is not believed (Hostname mismatch" in watch(lb).until("up → down").text
        unverified = {"kind": kind, "tls": {"verify": False}, **FAST}
        lb = balance({"web1": server.address}, pool={"probe": unverified})
        assert watch(lb).probed("web1", 2).probes[0].up is True


def test_over_tls_an_answer_has_ended_when_the_server_says_so(
    balance: Balance, watch: Watch, certificate: Path
) -> None:
    with Raw(b"HTTP/1.1 200 OK\r\n\r\nup", secured=certificate, waits=True) as server:
        probe = {"kind": "http", "body": "^up$", "tls": {"ca": str(certificate / "authority.pem")}, **FAST}
        lb = balance({"web1": server.address}, pool={"probe": probe})
        assert watch(lb).probed("web1", 2).probes[0].found == ""


def test_we_show_our_own_certificate_to_a_server_that_asks(
    balance: Balance, watch: Watch, certificate: Path
) -> None:
    own = {"ca": str(certificate / "authority.pem")}
    with Raw(response(b"ok"), secured=certificate, asks=True) as server:
        lb = balance({"web1": server.address}, pool={"probe": {"kind": "http", "tls": own, **FAST}})
        assert "probe http /: " in watch(lb).until("up → down").text
        own |= {"certificate": str(certificate / "shop.pem"), "key": str(certificate / "shop.key")}
        lb = balance({"web1": server.address}, pool={"probe": {"kind": "http", "tls": own, **FAST}})
        assert watch(lb).probed("web1", 2).probes[0].up is True


def test_a_server_without_tls_is_down_to_who_speaks_it(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    with Raw(response(b"ok")) as server:
        lb = balance(
            {"web1": server.address}, pool={"probe": {"kind": "tls", "tls": {"verify": False}, **FAST}}
        )
        assert "probe tls: no TLS (" in watch(lb).until("up → down").text


def test_a_grpc_server_is_asked_by_its_health_service(balance: Balance, watch: Watch) -> None:
    serving = {"shop.Cart": b"\x08\x01", "": b"\x08\x02"}

    def check(message: bytes, context: grpc.ServicerContext) -> bytes:
        return serving[message[2:].decode()]

    handler = grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {"Check": grpc.unary_unary_rpc_method_handler(check, lambda raw: raw, lambda raw: raw)},
    )
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        pool = {"protocol": "h2c", "probe": {"kind": "grpc", "service": "shop.Cart", **FAST}}
        events = watch(balance({"web1": f"127.0.0.1:{port}"}, pool=pool))
        assert events.probed("web1", 2).probes[0].up is True
        serving["shop.Cart"] = b"\x08\x02"
        assert events.until("up → down").text.endswith("probe grpc shop.Cart: NOT_SERVING, not SERVING")
        serving["shop.Cart"] = b"\x08\x01"
        assert events.until("down → up")
    finally:
        server.stop(None).wait()


@pytest.mark.skipif(not may_ping(), reason="the system lets us send no echo requests")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_machine_is_asked_by_an_echo_request(
    balance: Balance, make_origin: MakeOrigin, watch: Watch, host: str
) -> None:
    port = make_origin().address.rpartition(":")[2]
    lb = balance({"web1": f"{host}:{port}"}, pool={"probe": {"kind": "icmp", **FAST}})
    assert watch(lb).probed("web1", 2).probes[0].up is True


class Raw:
    """A server that sends the same bytes to whoever connects, after a request where they are a response."""

    def __init__(
        self,
        answer: bytes,
        *,
        holds: bool = False,
        secured: Path | None = None,
        asks: bool = False,
        waits: bool = False,
    ) -> None:
        self._answer, self._holds, self._waits = answer, holds, waits
        self._context: ssl.SSLContext | None = None
        if secured:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(secured / "shop.pem", secured / "shop.key")
            if asks:
                self._context.load_verify_locations(secured / "authority.pem")
                self._context.verify_mode = ssl.CERT_REQUIRED
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open = ExitStack()
        self._thread = Thread(target=self._accept)

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "Raw":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._open.close()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            peer = self._open.enter_context(peer)
            peer.settimeout(5)
            try:
                if self._context:
                    peer = self._open.enter_context(self._context.wrap_socket(peer, server_side=True))
                if self._answer.startswith(b"HTTP/"):
                    peer.recv(65536)
                peer.sendall(self._answer)
                if isinstance(peer, ssl.SSLSocket) and self._waits:
                    peer.unwrap()
                if not self._holds:
                    peer.shutdown(socket.SHUT_WR)
            except OSError:
                continue
