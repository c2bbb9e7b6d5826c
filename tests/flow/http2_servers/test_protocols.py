"""What a pool's servers speak: HTTP/2 or HTTP/1.1, as it is written, or as each agrees to under TLS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance
from equalizer.errors import ConfigError
from support.authority import Authority
from support.balancer import Balancer, get, post
from support.http2_server import H1, H2, Http2Server
from support.origin import HELLO, Origin, Script, answering
from support.wire import Message, Wire

MakeServer = Callable[..., Http2Server]
UPGRADE = get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One that lives as long as the test."""
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[MakeServer]:
    """Start servers whose certificate is for 127.0.0.1."""
    servers: list[Http2Server] = []

    def make(*speaks: str, script: Script | None = None, together: int = 1) -> Http2Server:
        servers.append(Http2Server(authority.issue("server", "127.0.0.1"), speaks, script, together))
        return servers[-1]

    yield make
    for server in servers:
        server.end()


def pool(authority: Authority, protocol: str, **more: Any) -> dict[str, Any]:
    return {"protocol": protocol, "tls": {"ca": str(authority.file)}, **more}


def faults(lb: Balancer, server: str = "web1") -> Any:
    return lb.counts(server)["faults"]


def at_once(lb: Balancer, count: int) -> list[Message]:
    """Requests of so many clients, all sent before any answer is read."""
    with ExitStack() as stack:
        clients = [stack.enter_context(lb.client()) for _ in range(count)]
        for client in clients:
            client.send(get())
        return [client.response() for client in clients]


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_exchanges_share_a_connection_of_http2(
    balance: Balance, secure: MakeServer, authority: Authority, protocol: str
) -> None:
    server = secure(H2, H1, together=5)
    lb = balance(server, pool=pool(authority, protocol))
    assert [answer.body for answer in at_once(lb, 5)] == [b"hello"] * 5
    assert (server.agreed, len(server.connections)) == ([H2], 1)
    assert {asked.get(":scheme") for asked in server.asked} == {"https"}
    assert lb.counts("web1")["connects"] == 1


def test_a_body_reaches_a_server_that_agreed_on_http2(
    balance: Balance, secure: MakeServer, authority: Authority
) -> None:
    server = secure(H2)
    lb = balance(server, pool=pool(authority, "h2"))
    assert lb.ask(post(b"order" * 10_000)).status == 200
    assert bytes(server.asked[0].body) == b"order" * 10_000
    assert server.asked[0].get(":authority") == "shop.test"


def test_without_tls_http2_is_known_beforehand(balance: Balance) -> None:
    server = Http2Server(together=3)
    try:
        lb = balance(server, pool={"protocol": "h2c"})
        assert [answer.body for answer in at_once(lb, 3)] == [b"hello"] * 3
        assert {asked.get(":scheme") for asked in server.asked} == {"http"}
        lb.stop()
    finally:
        server.end()
    assert len(server.connections) == 1


@pytest.mark.parametrize("speaks", [(H1,), ()], ids=["another", "none"])
def test_a_server_that_does_not_agree_on_http2_has_failed(
    balance: Balance, secure: MakeServer, authority: Authority, speaks: tuple[str, ...]
) -> None:
    good, bad = secure(H2, H1), secure(*speaks)
    written = pool(authority, "h2", persistence="none")
    lb = balance({"good": good, "bad": bad}, pool=written)
    assert {lb.ask(post(b"order")).status for _ in range(8)} == {200}
    assert (bad.requests, bad.asked) == ([], [])
    assert faults(lb, "bad")["tls"] >= 3
    assert balance({"web1": bad}, pool=written).ask(get()).status == 502


@pytest.mark.parametrize(("speaks", "agreed"), [((H1,), H1), ((), None)], ids=["http1", "none"])
def test_a_server_that_chose_http1_keeps_its_connection(
    balance: Balance, secure: MakeServer, authority: Authority, speaks: tuple[str, ...], agreed: str | None
) -> None:
    server = secure(*speaks)
    lb = balance(server, pool=pool(authority, "auto"))
    assert [lb.ask(get()).body for _ in range(5)] == [b"hello"] * 5
    assert (server.agreed, len(server.requests)) == ([agreed], 5)


def test_first_exchanges_do_not_wait_for_each_other_where_nothing_is_shared(
    balance: Balance, secure: MakeServer, authority: Authority
) -> None:
    def together(origin: Origin, wire: Wire) -> None:
        while origin.read(wire):
            origin.wait_for(lambda: len(origin.requests) == 5)
            wire.send(HELLO)

    server = secure(H1, script=together)
    lb = balance(server, pool=pool(authority, "auto"))
    assert [answer.body for answer in at_once(lb, 5)] == [b"hello"] * 5
    assert server.agreed == [H1] * 5


def test_a_server_may_choose_otherwise_at_its_next_connection(
    balance: Balance, secure: MakeServer, authority: Authority
) -> None:
    server = secure(H1)
    lb = balance(server, pool=pool(authority, "auto"))
    for number, protocols in enumerate([(H1,), (H2, H1), (H1,)], start=1):
        server.speak(*protocols)
        assert [lb.ask(get()).status for _ in range(3)] == [200] * 3
        assert len(server.agreed) == number
        server.hang_up()
    assert server.agreed == [H1, H2, H1]


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_a_websocket_that_http2_does_not_offer_has_a_connection_of_http1_of_its_own(
    balance: Balance, secure: MakeServer, authority: Authority, protocol: str
) -> None:
    def echo(origin: Origin, wire: Wire) -> None:
        if origin.read(wire):
            wire.send(SWITCH)
            wire.send(wire.take(4))

    server = secure(H2, H1, script=echo)
    lb = balance(server, pool=pool(authority, protocol))
    assert lb.ask(get()).status == 200
    with lb.client() as client:
        client.send(UPGRADE + b"ping")
        assert client.head_of_response().status == 101
        assert client.take(4) == b"ping"
    assert server.agreed == [H2, H1]
    assert lb.ask(get()).status == 200
    assert server.agreed == [H2, H1]


def test_a_refused_websocket_does_not_make_a_pool_forget_http2(
    balance: Balance, secure: MakeServer, authority: Authority
) -> None:
    server = secure(H2, H1, script=answering(HELLO))
    lb = balance(server, pool=pool(authority, "auto"))
    assert [lb.ask(request).status for request in (UPGRADE, get(), get(), UPGRADE)] == [200] * 4
    assert server.agreed == [H2, H1]
    assert (len(server.requests), len(server.asked)) == (2, 2)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"protocol": "h2c", "tls": {}}, 'found "h2c" beside tls; write "h2" or "auto", or leave out tls'),
        ({"protocol": "h2"}, 'found "h2" without tls; write tls = {} beside it, or "h2c" or "h1"'),
        ({"protocol": "auto"}, 'found "auto" without tls; write tls = {} beside it, or "h2c" or "h1"'),
        ({"protocol": "h3"}, 'found "h3"; write "h1", "h2", "h2c" or "auto"'),
    ],
    ids=["h2c-tls", "h2", "auto", "h3"],
)
def test_a_protocol_that_cannot_be_is_told(balance: Balance, written: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        balance({"web1": "127.0.0.1:9"}, pool=written)
    assert [(each.key, each.message) for each in refused.value.problems] == [("pools.shop.protocol", message)]


@pytest.mark.parametrize("target", ["/<b>", "/`", "/a?b=<c>"])
def test_a_target_that_http2_has_no_words_for_is_the_clients_mistake(balance: Balance, target: str) -> None:
    """RFC 3986 knows no such target: no server has failed, and the connection to it serves on."""
    server = Http2Server()
    try:
        lb = balance(server, pool={"protocol": "h2c", "breaker": {"share": "1%", "least": 1}})
        assert [lb.ask(get(target=target)).status for _ in range(3)] == [400] * 3
        assert [lb.ask(get()).status for _ in range(2)] == [200] * 2
        assert (faults(lb), len(server.connections)) == ({}, 1)
    finally:
        server.end()
