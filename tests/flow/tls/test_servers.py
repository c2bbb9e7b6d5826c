"""TLS to servers: nothing is sent to one that does not prove who it is."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from conftest import Balance
from equalizer.errors import ConfigError
from support.authority import Authority
from support.balancer import Balancer, get, post
from support.origin import HELLO, Origin, Script, answering, response
from support.process import Named
from support.wire import Wire

MakeSecure = Callable[..., "SecureOrigin"]
MakeStrict = Callable[[ssl.TLSVersion], "SecureOrigin"]


class SecureOrigin(Origin):
    """A server behind TLS, which remembers the handshakes."""

    def __init__(self, own: dict[str, str], script: Script | None = None, **settings: Any) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own["certificate"], own["key"])
        for key, value in settings.items():
            setattr(self.context, key, value)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.context.sni_callback = self._asked
        self.names: list[str | None] = []
        self.handshakes: list[ssl.SSLSocket] = []
        self.resumed: list[bool] = []
        self.inner = script or answering(HELLO)
        super().__init__(self._secured)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def _asked(self, sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: object) -> None:
        self.names.append(name)

    def _secured(self, origin: Origin, wire: Wire) -> None:
        wire.sock = self.context.wrap_socket(wire.sock, server_side=True, suppress_ragged_eofs=False)
        self.handshakes.append(wire.sock)
        self.resumed.append(bool(wire.sock.session_reused))
        self.inner(origin, wire)


class Strict(SecureOrigin):
    """One whose handshakes fail."""

    def _secured(self, origin: Origin, wire: Wire) -> None:
        with suppress(ssl.SSLError):
            super()._secured(origin, wire)


@pytest.fixture
def secure(authority: Authority) -> Iterator[MakeSecure]:
    """Start servers whose certificate is for 127.0.0.1, localhost and shop.internal."""
    origins: list[SecureOrigin] = []

    def make(
        script: Script | None = None, own: dict[str, str] | None = None, **settings: Any
    ) -> SecureOrigin:
        own = own or authority.issue("server", "127.0.0.1", "localhost", "shop.internal")
        origins.append(SecureOrigin(own, script, **settings))
        return origins[-1]

    yield make
    for origin in origins:
        origin.end()
    assert [origin.broken for origin in origins if origin.broken] == []


@pytest.fixture
def strict(authority: Authority) -> Iterator[MakeStrict]:
    """Start servers that want a certificate of their clients, who have none."""
    with ExitStack() as stack:

        def make(version: ssl.TLSVersion) -> SecureOrigin:
            own = authority.issue("strict", "127.0.0.1")
            origin = Strict(own, minimum_version=version, maximum_version=version)
            origin.context.load_verify_locations(authority.file)
            origin.context.verify_mode = ssl.CERT_REQUIRED
            stack.callback(origin.end)
            return origin

        yield make


def faults(lb: Balancer, server: str = "web1") -> Any:
    return lb.counts(server)["faults"]


def test_a_server_proves_itself_and_its_connection_is_kept(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    origin = secure()
    lb = balance(origin, pool={"tls": {"ca": str(authority.file)}})
    assert [lb.ask(get()).body for _ in range(5)] == [b"hello"] * 5
    assert len(origin.connections) == 1
    assert origin.handshakes[0].selected_alpn_protocol() == "http/1.1"
    assert origin.names == [None]  # an address is no name (RFC 6066, 3)


@pytest.mark.parametrize(
    ("host", "name", "asked"),
    [("localhost", None, "localhost"), ("127.0.0.1", "shop.internal", "shop.internal")],
)
def test_a_server_is_asked_for_by_name(
    balance: Balance, secure: MakeSecure, authority: Authority, host: str, name: str | None, asked: str
) -> None:
    origin = secure()
    tls = {"ca": str(authority.file), **({"name": name} if name else {})}
    lb = balance({"web1": f"{host}:{origin.port}"}, pool={"tls": tls})
    assert lb.ask(get()).status == 200
    assert origin.names == [asked]


def test_a_server_that_cannot_prove_itself_is_sent_nothing(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    good, bad = secure(), secure(own=authority.issue("bad", "elsewhere.test"))
    lb = balance({"good": good, "bad": bad}, pool={"tls": {"ca": str(authority.file)}, "persistence": "none"})
    assert {lb.ask(post(b"order")).status for _ in range(8)} == {200}
    assert bad.requests == []
    assert faults(lb, "bad")["untrusted"] >= 3
    assert faults(lb, "good") == {}


def test_why_a_server_is_not_believed_is_told_once_until_it_is(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    other, own = authority.issue("bad", "elsewhere.test"), authority.issue("good", "127.0.0.1")
    bad, good = secure(own=other), secure(own=own)
    lb = balance(bad, pool={"tls": {"ca": str(authority.file)}, "persistence": "none"})

    def seen() -> str:
        return lb.service.status().pools[0].servers[0].handshake

    assert seen() == ""
    for _ in range(2):
        assert [lb.ask(get()).status for _ in range(3)] == [502] * 3
        assert seen() == "its certificate is not for the name that it is asked for"
        lb.service.tick()
    told = [event for event in lb.service.events().events if event.kind == "handshake"]
    assert [(event.level, event.pool, event.server, event.text) for event in told] == [
        ("warning", "shop", "web1", f"server shop/web1: {seen()}")
    ]
    moved = {**lb.config["pools"]["shop"], "servers": {"web1": good.address}}
    lb.service.reload({**lb.config, "pools": {"shop": moved}})
    assert (lb.ask(get()).status, seen()) == (200, "")


@pytest.mark.parametrize(
    ("days", "ca", "why"),
    [
        (-1, "own", "its certificate has expired"),
        (20, "own", "its certificate is not valid yet"),
        (1, "other", "its certificate is that of an authority, and ca does not name it"),
        (None, "other", "its certificate is signed by nobody who is believed"),
    ],
)
def test_each_reason_not_to_believe_a_server_has_its_words(
    balance: Balance, secure: MakeSecure, authority: Authority, days: int | None, ca: str, why: str
) -> None:
    own = authority.issue("own", "127.0.0.1")
    if days is not None:
        own = authority.vouch_for_itself("own", "127.0.0.1", days=days)
    other = str(Authority(authority.folder, "other").file)
    lb = balance(secure(own=own), pool={"tls": {"ca": own["certificate"] if ca == "own" else other}})
    assert (lb.ask(get()).status, faults(lb)) == (502, {"untrusted": 1})
    assert lb.service.status().pools[0].servers[0].handshake == why


def test_a_server_without_tls_is_told_from_one_that_is_not_believed(
    balance: Balance, start: Callable[[str], Named]
) -> None:
    lb = balance({"web1": start("plain").address}, pool={"tls": {}})
    assert (lb.ask(get()).status, faults(lb)) == (502, {"tls": 1})
    assert lb.service.status().pools[0].servers[0].handshake == "it speaks no TLS"


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_of_ours_is_told_as_that(
    balance: Balance, strict: MakeStrict, authority: Authority, version: ssl.TLSVersion, protocol: str
) -> None:
    """Over TLS 1.3 it says so when we take the handshake to be done."""
    lb = balance(strict(version), pool={"tls": {"ca": str(authority.file)}, "protocol": protocol})
    assert (lb.ask(post(b"order")).status, faults(lb)) == (502, {"tls": 1})
    why = "it breaks off the handshake, perhaps for want of a certificate of ours"
    assert lb.service.status().pools[0].servers[0].handshake == why


def test_a_server_that_wants_a_certificate_of_ours_has_seen_no_request(
    balance: Balance, secure: MakeSecure, strict: MakeStrict, authority: Authority
) -> None:
    servers = {"good": secure(), "strict": strict(ssl.TLSVersion.TLSv1_3)}
    lb = balance(servers, pool={"tls": {"ca": str(authority.file)}, "persistence": "none"})
    assert {lb.ask(post(b"order")).status for _ in range(8)} == {200}
    assert servers["strict"].requests == []
    assert faults(lb, "strict")["tls"] >= 3


def test_without_another_server_a_failed_proof_is_502(
    balance: Balance, secure: MakeSecure, tmp_path: Path
) -> None:
    origin = secure()
    lb = balance(origin, pool={"tls": {"ca": str(Authority(tmp_path, "other").file)}})
    assert lb.ask(get()).status == 502
    assert faults(lb) == {"untrusted": 1}
    assert origin.requests == []


def test_a_server_may_vouch_for_itself_where_its_certificate_is_named(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    own = authority.vouch_for_itself("own", "shop.internal")
    origin = secure(own=own)

    def status(name: str, ca: str = own["certificate"]) -> int:
        return balance(origin, pool={"tls": {"ca": ca, "name": name}}).ask(get()).status

    assert status("shop.internal") == 200
    assert status("elsewhere.test") == 502
    twin = authority.vouch_for_itself("twin", "shop.internal")
    assert status("shop.internal", ca=twin["certificate"]) == 502
    old = authority.vouch_for_itself("old", "shop.internal", days=-1)
    lb = balance(secure(own=old), pool={"tls": {"ca": old["certificate"], "name": "shop.internal"}})
    assert (lb.ask(get()).status, faults(lb)) == (502, {"untrusted": 1})


def test_the_system_is_believed_where_no_authority_is_named(
    balance: Balance, secure: MakeSecure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = secure()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert balance(origin, pool={"tls": {}}).ask(get()).status == 200
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder / "absent"))
    with pytest.raises(ConfigError, match="found no certificates of authorities on this system; write ca"):
        balance(origin, pool={"tls": {}})


def test_verification_can_be_turned_off(balance: Balance, secure: MakeSecure, authority: Authority) -> None:
    origin = secure(own=authority.issue("bad", "elsewhere.test"))
    assert balance(origin, pool={"tls": {"verify": False}}).ask(get()).status == 200


def test_a_server_that_speaks_no_tls_is_a_fault(
    balance: Balance, make_origin: Callable[..., Origin], authority: Authority
) -> None:
    def plain(origin: Origin, wire: Wire) -> None:
        wire.fill()
        wire.send(response(b"what?", status="400 Bad Request"))

    lb = balance(make_origin(plain), pool={"tls": {"ca": str(authority.file)}})
    assert lb.ask(get()).status == 502
    assert faults(lb) == {"tls": 1}


def test_the_time_to_connect_is_for_the_handshake_too(balance: Balance, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        tables: dict[str, Any] = {
            "pool": {"tls": {"ca": str(authority.file)}},
            "timeouts": {"connect": "200ms"},
        }
        lb = balance({"web1": address}, **tables)
        assert lb.ask(get()).status == 504
        assert faults(lb) == {"connect_timeout": 1}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_new_connection_resumes_the_session(
    balance: Balance, secure: MakeSecure, authority: Authority, version: ssl.TLSVersion
) -> None:
    def once(origin: Origin, wire: Wire) -> None:
        if origin.read(wire):
            wire.send(response(b"", "Connection: close"))

    origin = secure(once, maximum_version=version)
    lb = balance(origin, pool={"tls": {"ca": str(authority.file)}})
    assert [lb.ask(get()).status for _ in range(3)] == [200] * 3
    assert origin.resumed == [False, True, True]


def test_a_server_may_ask_who_we_are(
    balance: Balance, secure: MakeSecure, authority: Authority, tmp_path: Path
) -> None:
    ours = Authority(tmp_path, "ours")
    own = ours.issue("equalizer", "equalizer.internal")
    origin = secure()
    origin.context.load_verify_locations(ours.file)
    origin.context.verify_mode = ssl.CERT_REQUIRED
    lb = balance(origin, pool={"tls": {"ca": str(authority.file), **own}})
    assert lb.ask(get()).status == 200
    shown: Any = origin.handshakes[0].getpeercert()
    assert shown["subjectAltName"] == (("DNS", "equalizer.internal"),)


def test_a_response_without_its_end_is_cut_short(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    """Anybody on the way can end a connection; only the server can say that this was all (RFC 8446, 6.1)."""
    said = Event()

    def cut(origin: Origin, wire: Wire) -> None:
        if origin.read(wire):
            wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
            said.wait(20)
            wire.sock.shutdown(socket.SHUT_RDWR)

    origin = secure(cut)
    lb = balance(origin, pool={"tls": {"ca": str(authority.file)}})
    with lb.client() as client:
        client.send(get())
        client.until(b"half\r\n")
        said.set()
        with pytest.raises(ConnectionError):
            client.rest()


def test_a_change_of_tls_reaches_the_next_exchange_and_no_other_pool_loses_a_connection(
    balance: Balance, secure: MakeSecure, authority: Authority
) -> None:
    origin = secure()
    lb = balance(origin, pool={"tls": {"ca": str(authority.file)}})
    assert lb.ask(get()).status == 200
    lb.service.reload(lb.config)
    assert lb.ask(get()).status == 200
    assert len(origin.connections) == 1
    pool = lb.config["pools"]["shop"]
    tls = {"ca": str(authority.file), "name": "shop.internal"}
    lb.service.reload({**lb.config, "pools": {"shop": {**pool, "tls": tls}}})
    assert lb.ask(get()).status == 200
    assert origin.names == [None, "shop.internal"]


def refused(balance: Balance, **tls: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        balance({"web1": "127.0.0.1:9"}, pool={"tls": tls})
    return [f"{problem.key}: {problem.message}" for problem in refused.value.problems]


def test_what_is_wrong_with_tls_to_servers_is_told(
    balance: Balance, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(authority.folder)
    authority.issue("one", "one.test"), authority.issue("other", "other.test")
    place = "pools.shop.tls"
    assert refused(balance, verify=False, ca="authority.pem", key="one.key") == [
        f"{place}.ca: found an authority, though nothing is verified; write verify = true, or no ca",
        f"{place}.key: found a key without a certificate; write certificate with it",
    ]
    assert refused(balance, ca="absent.pem", name="shop internal") == [
        f'{place}.ca: found "absent.pem", which does not exist; write the path of a PEM file',
        f'{place}.name: found "shop internal"; write the name of a host, such as "shop.internal"',
    ]
    (found,) = refused(balance, ca="authority.pem", certificate="one.pem", key="other.key")
    assert found.startswith(f'{place}.key: found "other.key", which is not the key of its certificate; ')
