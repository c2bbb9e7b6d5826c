"""Who may use the admin API, and what becomes of those who may not."""

import select
import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import trustme

from conftest import Balance
from equalizer import admin
from equalizer.errors import ConfigError, ListenError, RequestError
from flow.admin.conftest import Open
from support.admin import LIMIT, Client
from support.balancer import get
from support.origin import Origin
from support.visitor import until


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"Authorization": "Bearer {token}x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/openapi.json", "/metrics", "/nothing"])
def test_who_shows_no_token_learns_nothing(api: Open, fields: dict[str, str], path: str) -> None:
    shown = {name: value.format(token=api.client.token) for name, value in fields.items()}
    answer = api.client.send("GET", path, shown)
    assert answer.problem(401).startswith("found no token")
    assert answer.fields["www-authenticate"] == 'Bearer realm="equalizer"'
    assert api.client.token not in answer.text
    assert "shop" not in answer.text


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_who_still_sends_his_body_hears_that_he_has_no_token(api: Open, expect: str) -> None:
    """On a connection that is closed too early he would hear of the reset alone."""
    url = urlsplit(api.client.url)
    head = f"PUT /api/v1/status HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: 60000\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), LIMIT) as peer, peer.makefile("rb") as answer:
        peer.sendall(head.encode())
        if not expect:
            # Time enough for an answer that does not wait for the rest.
            ready, _, _ = select.select([peer], [], [], 0.2)
            assert not ready
            peer.sendall(bytes(60_000))
        assert answer.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        assert b"found no token" in answer.read()


def test_who_never_sends_his_body_is_not_waited_for(api: Open) -> None:
    url = urlsplit(api.client.url)
    with socket.create_connection((url.hostname, url.port), LIMIT) as peer, peer.makefile("rb") as answer:
        peer.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert answer.readline() == b"HTTP/1.1 401 Unauthorized\r\n"


def test_a_token_is_made_for_us_alone(api: Open) -> None:
    assert api.file.stat().st_mode & 0o777 == 0o600
    assert len(api.client.token) >= 43
    assert [each.name for each in api.file.parent.iterdir()] == [api.file.name]
    assert api.client.token not in repr(api.lb.service.admission)


def test_a_reload_reads_the_token_again(api: Open) -> None:
    api.file.write_text("another-token-of-a-person\n")
    assert api.client.get("/api/v1/status").status == 200
    api.lb.service.reload(api.lb.config)
    assert api.client.get("/api/v1/status").status == 401
    assert api.client.get("/api/v1/status", "another-token-of-a-person").status == 200


def test_a_reload_without_admin_admits_nobody(api: Open) -> None:
    without = {key: table for key, table in api.lb.config.items() if key != "admin"}
    (notice,) = [each for each in api.lb.service.reload(without).notices if "admin" in each]
    assert notice == "the admin API admits nobody any more; its port is closed at the next start or upgrade"
    assert api.client.get("/api/v1/status").status == 401


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("too short", 0o600, "which holds no token; write the path of a file with a token of 16 to 128"),
        ("a-token-that-others-read", 0o644, "which others may read or write (mode 0644); run: chmod 600"),
    ],
)
def test_a_token_that_is_none_is_refused_and_not_told(
    balance: Balance, shops: dict[str, Origin], tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / "admin.token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ConfigError) as refused:
        balance(shops, admin={"token_file": str(file)})
    assert said in str(refused.value)
    assert content not in str(refused.value)


def test_a_token_comes_from_the_environment(
    balance: Balance, shops: dict[str, Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"address": "127.0.0.1:0", "token_environment": "ADMIN_TOKEN"}
    with pytest.raises(ConfigError, match='found "ADMIN_TOKEN", which holds no token'):
        balance(shops, admin=settings)
    monkeypatch.setenv("ADMIN_TOKEN", "a-token-of-the-environment")
    with admin.serve(balance(shops, admin=settings).service) as api:
        assert Client(api.url, "a-token-of-the-environment").get("/api/v1/status").status == 200


def test_a_port_in_use_is_told(api: Open, balance: Balance, shops: dict[str, Origin]) -> None:
    address = urlsplit(api.client.url).netloc
    lb = balance(shops, admin={"address": address, "token_file": str(api.file)})
    with pytest.raises(ListenError) as refused:
        admin.serve(lb.service)
    assert str(refused.value) == (
        f"admin: cannot listen on {address}: address already in use; "
        "stop the process that has it, or write another port under [admin]"
    )


def test_a_configuration_without_admin_has_none(balance: Balance, shops: dict[str, Origin]) -> None:
    lb = balance(shops)
    assert admin.opened(lb.service) is None
    with pytest.raises(RequestError, match="asks for no admin API"):
        admin.serve(lb.service)


def test_a_reload_shows_the_certificate_that_is_there_then(
    balance: Balance, shops: dict[str, Origin], certificate: Path, tmp_path: Path
) -> None:
    trust = ssl.create_default_context(cafile=certificate / "authority.pem")
    tls = {"certificate": str(tmp_path / "admin.pem"), "key": str(tmp_path / "admin.key")}
    for name, copy in (("shop.pem", "admin.pem"), ("shop.key", "admin.key")):
        (tmp_path / copy).write_bytes((certificate / name).read_bytes())
    settings = {"address": "127.0.0.1:0", "token_file": str(tmp_path / "admin.token"), "tls": tls}
    lb = balance(shops, admin=settings)
    with admin.serve(lb.service) as api:
        assert api.url.startswith("https://")
        client = Client(api.url, (tmp_path / "admin.token").read_text().strip(), trust)
        assert client.get("/api/v1/status").status == 200
        (tmp_path / "admin.key").write_text("no key")
        with pytest.raises(ConfigError, match="which does not serve with its key"):
            lb.service.reload(lb.config)
        assert client.get("/api/v1/status").status == 200
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "admin.pem")
        issued.private_key_pem.write_to_path(tmp_path / "admin.key")
        lb.service.reload(lb.config)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.get("/api/v1/status")
        authority.configure_trust(other := ssl.create_default_context())
        assert replace(client, trust=other).get("/api/v1/status").status == 200


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"A" * 200_000,
    ],
    ids=["target", "token", "upgrade", "preface", "tls", "endless"],
)
def test_nonsense_is_refused_and_fills_no_log(
    api: Open, nonsense: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    url = urlsplit(api.client.url)
    with socket.create_connection((url.hostname, url.port), LIMIT) as peer, suppress(ConnectionError):
        peer.sendall(nonsense)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(4096)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 401")
    assert api.client.get("/api/v1/status").status == 200
    assert capfd.readouterr().err == ""


def test_many_connections_that_say_nothing_harm_no_exchange(api: Open) -> None:
    url = urlsplit(api.client.url)
    assert api.client.get("/api/v1/status").status == 200
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((url.hostname, url.port), LIMIT)) for _ in range(200)
        ]
        closed = until(lambda: sum(map(is_closed, silent)), lambda found: found >= 200 - 64)
        assert closed <= 200 - 63
        assert api.lb.ask(get()).status == 200
    until(lambda: answers(api), bool)


def test_who_waits_leaves_room_for_who_looks(api: Open) -> None:
    waiting = [Thread(target=api.client.get, args=("/api/v1/events?wait=5",)) for _ in range(20)]
    for each in waiting:
        each.start()
    # All of those together wait for longer than the client would.
    assert api.client.get("/api/v1/status").status == 200
    assert api.client.ask("PUT", "/api/v1/pools/shop/servers/web1/state", {"state": "draining"}).status == 200
    for each in waiting:
        each.join()


def is_closed(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return peer.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def answers(api: Open) -> bool:
    try:
        return api.client.get("/api/v1/status").status == 200
    except OSError:
        return False
