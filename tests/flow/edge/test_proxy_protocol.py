"""The PROXY protocol, from HAProxy in front of us and to HAProxy behind us; what is wrong is not served."""

import shutil
import socket
import struct
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.balancer import Balancer, get
from support.http2 import Client
from support.origin import Origin, answering, replying, response
from support.peers import free_address, started
from support.wire import Wire

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FRONT = "127.0.0.3"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"
FOUR = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4711, 80)

needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")

HAPROXY = """global
  nbthread 1
defaults
  mode {mode}
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend web
  bind {address} {bind}
  {forwarded}
  default_backend shop
backend shop
  server web1 {server} {send}
"""


def v2(rest: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def web(**listener: object) -> dict[str, object]:
    settings = {"address": "127.0.0.1:0", "proxy_protocol": "required", "trusted": [FRONT], **listener}
    return {"listeners": {"web": settings}}


def told(origin: Origin, number: int = -1) -> str | None:
    return origin.requests[number].get("x-forwarded-for")


@pytest.mark.parametrize(
    ("head", "client"),
    [
        (V1, "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", FRONT),
        (v2(FOUR), "192.0.2.7"),
        (v2(FOUR + b"\x04\x00\x02\x00\x00" + b"\xe0\x03\x00" + bytes(768)), "192.0.2.7"),
        (v2(b"", command=0x20, family=0), FRONT),
        (v2(bytes(216), family=0x31), FRONT),
        (v2(b"", family=0), FRONT),
    ],
    ids=["v1", "v1 IPv6", "v1 unknown", "v2", "v2 with values", "local", "unix", "unspecified"],
)
@pytest.mark.parametrize("step", [1, 4096], ids=["byte by byte", "at once"])
def test_the_client_is_the_one_that_is_told(
    balance: Balance, make_origin: MakeOrigin, head: bytes, client: str, step: int
) -> None:
    origin = make_origin()
    with balance(origin, **web()).client(FRONT) as front:
        whole = head + get()
        for start in range(0, len(whole), step):
            front.send(whole[start : start + step])
        assert front.response().status == 200
        front.send(get())
        assert front.response().status == 200
    assert [told(origin, 0), told(origin, 1)] == [client, client]


def test_tls_follows_the_head(balance: Balance, make_origin: MakeOrigin, certificate: Path) -> None:
    origin = make_origin()
    tls = {"certificate": str(certificate / "shop.pem"), "key": str(certificate / "shop.key")}
    lb = balance(origin, folder=certificate)
    lb.config["listeners"]["web-tls"] |= {"proxy_protocol": "required", "trusted": [FRONT], "tls": tls}
    lb.service.reload(lb.config)
    host, _, port = lb.service.address("web-tls").rpartition(":")
    sock = socket.create_connection((host, int(port)), source_address=(FRONT, 0))
    sock.sendall(v2(FOUR))
    assert lb.trust is not None
    with Wire(lb.trust.wrap_socket(sock, server_hostname=host)) as client:
        client.send(get())
        assert client.response().status == 200
    assert told(origin) == "192.0.2.7"
    assert origin.requests[0].get("x-forwarded-proto") == "https"


def refused(lb: Balancer, sent: bytes, source: str = FRONT) -> None:
    with lb.client(source) as client:
        client.send(sent)
        assert client.gone()


def test_what_is_no_head_ends_the_connection_and_is_counted(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin()
    lb = balance(origin, **web())
    wrong = [get(), V1.replace(b"\r\n", b"\n"), v2(FOUR, command=0x22), b"PROXY UNKNOWN" + b" " * 120]
    for sent in wrong:
        refused(lb, sent + get())
    refused(lb, V1 + get(), source="127.0.0.4")
    assert lb.report()["refused"] == {"proxy_malformed": len(wrong), "proxy_untrusted": 1}
    assert origin.requests == []


def test_a_head_has_the_time_of_a_head(balance: Balance, make_origin: MakeOrigin) -> None:
    lb = balance(make_origin(), timeouts={"head": "200ms"}, **web())
    with lb.client(FRONT) as client:
        client.send(V1[:10])
        assert client.gone()
    assert lb.report()["refused"] == {"proxy_late": 1}


def test_without_the_setting_a_head_is_no_request(balance: Balance, make_origin: MakeOrigin) -> None:
    assert balance(make_origin()).ask(V1 + get()).status == 400


def test_a_proxy_that_was_told_of_is_believed_where_it_is_trusted(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    """A CDN that comes through a balancer of connections: both speak, each in its own way."""
    origin = make_origin()
    lb = balance(origin, **web(trusted=[FRONT, "192.0.2.7"]))
    for head, client in ((V1, "198.51.100.9"), (V1.replace(b".7 ", b".8 "), "192.0.2.8")):
        with lb.client(FRONT) as front:
            front.send(head + get("X-Forwarded-For: 198.51.100.9"))
            front.response()
        assert told(origin) == client


@needs_haproxy
@pytest.mark.parametrize(
    "send", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"]
)
def test_haproxy_in_front_is_understood(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path, send: str
) -> None:
    origin = make_origin()
    lb = balance(origin, **web(trusted=["127.0.0.1"]))
    address = free_address()
    file = tmp_path / "haproxy.conf"
    settings = {"mode": "tcp", "bind": "", "forwarded": "", "server": lb.address, "send": send}
    file.write_text(HAPROXY.format(address=address, **settings))
    with started(["haproxy", "-db", "-f", str(file)], address, tmp_path):
        host, _, port = address.rpartition(":")
        sock = socket.create_connection((host, int(port)), source_address=("127.0.0.9", 0))
        with Wire(sock) as client:
            client.send(get())
            assert client.response().status == 200
    assert told(origin) == "127.0.0.9"


def head_of(wire: Wire, version: str) -> tuple[str, int]:
    """The client that a server is told of, and its port."""
    if version == "v1":
        words = wire.until(b"\r\n").decode().split()
        assert words[:2] == ["PROXY", "TCP4"]
        return words[2], int(words[4])
    start = wire.take(16)
    assert start[:14] == SIGNATURE + b"\x21\x11"
    rest = wire.take(int.from_bytes(start[14:], "big"))
    return socket.inet_ntoa(rest[:4]), int.from_bytes(rest[8:10], "big")


class Introduced:
    """Servers that are told of their clients, and answer with what they were told."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.seen: list[tuple[str, int]] = []

    def __call__(self, origin: Origin, wire: Wire) -> None:
        who = head_of(wire, self.version)
        self.seen.append(who)
        replying(lambda _: response(f"{who[0]}:{who[1]}".encode()))(origin, wire)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_servers_are_told_of_each_client_once(
    balance: Balance, make_origin: MakeOrigin, version: str
) -> None:
    """A client's connection has server connections of its own, and uses them again."""
    script = Introduced(version)
    origin = make_origin(script)
    lb = balance(origin, pool={"proxy_protocol": version})
    names = []
    for source in ("127.0.0.5", "127.0.0.6"):
        with lb.client(source) as client:
            name = f"{source}:{client.sock.getsockname()[1]}"
            for _ in range(3):
                client.send(get())
                assert client.response().body == name.encode()
            names.append(name)
    assert [f"{host}:{port}" for host, port in script.seen] == names
    origin.wait_for(lambda: all(wire.sock.fileno() < 0 for wire in origin.connections))


def test_a_server_connection_of_one_client_alone_grows_old_too(
    balance: Balance, make_origin: MakeOrigin
) -> None:
    origin = make_origin(Introduced("v2"))
    lb = balance(origin, pool={"proxy_protocol": "v2"}, timeouts={"idle_server": "100ms"})
    with lb.client() as client:
        client.send(get())
        client.response()
        origin.wait_for(lambda: [wire.sock.fileno() for wire in origin.connections] == [-1])
        client.send(get())
        assert client.response().status == 200
    assert len(origin.connections) == 2


def test_streams_of_one_client_are_told_as_one(balance: Balance, make_origin: MakeOrigin) -> None:
    script = Introduced("v2")
    lb = balance(make_origin(script), pool={"proxy_protocol": "v2"})
    with Client(lb.client("127.0.0.5")) as client:
        name = f"127.0.0.5:{client.wire.sock.getsockname()[1]}".encode()
        assert [bytes(client.get().body) for _ in range(3)] == [name] * 3
    assert len(script.seen) == 1


def test_a_client_that_is_believed_is_told_on(balance: Balance, make_origin: MakeOrigin) -> None:
    """The clients of one trusted connection do not share a server's."""
    script = Introduced("v1")
    lb = balance(
        make_origin(script),
        pool={"proxy_protocol": "v1"},
        listeners={"web": {"address": "127.0.0.1:0", "trusted": [FRONT]}},
    )
    with lb.client(FRONT) as front:
        for number in (7, 8, 7):
            front.send(get(f"X-Forwarded-For: 192.0.2.{number}"))
            assert front.response().body == f"192.0.2.{number}:0".encode()
    assert len(script.seen) == 2


@needs_haproxy
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_haproxy_behind_understands(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path, version: str
) -> None:
    origin = make_origin(answering(response(b"hello")))
    address = free_address()
    file = tmp_path / "haproxy.conf"
    settings = {"mode": "http", "bind": "accept-proxy", "send": ""}
    own = "http-request set-header Told %[src]"
    file.write_text(HAPROXY.format(address=address, server=origin.address, forwarded=own, **settings))
    with started(["haproxy", "-db", "-f", str(file)], address, tmp_path):
        lb = balance({"web1": address}, pool={"proxy_protocol": version})
        with lb.client("127.0.0.9") as client:
            for _ in range(2):
                client.send(get())
                assert client.response().body == b"hello"
        lb.stop()
    assert [request.get("told") for request in origin.requests] == ["127.0.0.9"] * 2
