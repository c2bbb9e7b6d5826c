"""A client that returns resumes its session: at any worker, and at any Equalizer with the same keys."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Balance
from support.authority import Authority, shake
from support.origin import Origin
from support.process import Running, run, running
from support.wire import LIMIT, Wire

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def visit(address: str, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """A request, and its answer: in TLS 1.3 tickets come with it."""
    sock = shake(address, context, "shop.test", session)
    wire = Wire(sock)
    wire.send(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    wire.response()
    return sock


def at(process: Running) -> str:
    return f"127.0.0.1:{process.client.port}"


def session_of(sock: ssl.SSLSocket) -> ssl.SSLSession:
    session = sock.session
    assert session is not None
    assert session.has_ticket
    return session


def resumes(address: str, context: ssl.SSLContext, session: ssl.SSLSession) -> bool:
    with visit(address, context, session) as sock:
        return bool(sock.session_reused)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_worker_resumes_what_any_has_begun(
    balance: Balance, authority: Authority, shops: dict[str, Origin], version: ssl.TLSVersion
) -> None:
    files = authority.issue("shop", "shop.test")
    listeners = {"web-tls": {"address": "127.0.0.1:0", "tls": files}}
    lb = balance(shops, workers=3, listeners=listeners)
    context, address = authority.trust(version), lb.service.address("web-tls")
    with visit(address, context) as first:
        assert not first.session_reused
        session = session_of(first)
    assert all(resumes(address, context, session) for _ in range(12))


@pytest.fixture
def config(tmp_path: Path, authority: Authority, shops: dict[str, Origin]) -> Callable[[str], Path]:
    """A configuration file whose keys are in a file that others name too."""
    authority.issue("shop", "shop.test", "127.0.0.1")

    def make(name: str) -> Path:
        file = tmp_path / f"{name}.toml"
        servers = "\n".join(f'{name} = "{shop.address}"' for name, shop in shops.items())
        file.write_text(
            "[listeners.web]\naddress = '127.0.0.1:0'\ntls = { certificate = 'shop.pem', key = 'shop.key' }\n"
            f"[pools.shop.servers]\n{servers}\n[keys]\nfile = 'shared.keys'\n"
            f"[control]\nsocket = '{name}.sock'\n"
        )
        return file

    return make


@pytest.mark.parametrize("version", VERSIONS)
def test_two_processes_with_one_key_file_resume_each_others_sessions(
    config: Callable[[str], Path], authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.trust(version)
    with running(config("one")) as one, running(config("other")) as other:
        with visit(at(one), context) as sock:
            session = session_of(sock)
        assert resumes(at(other), context, session)
        assert resumes(at(one), context, session)


def test_openssl_resumes_at_another_process(config: Callable[[str], Path], tmp_path: Path) -> None:
    kept = tmp_path / "session.pem"

    def client(address: str, *options: str) -> str:
        request = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
        command = [
            "openssl",
            "s_client",
            "-connect",
            address,
            "-servername",
            "shop.test",
            "-ign_eof",
            *options,
        ]
        done = subprocess.run(
            command, input=request.encode(), capture_output=True, timeout=LIMIT, check=False
        )
        return done.stdout.decode()

    for version in ("-tls1_2", "-tls1_3"):
        with running(config("one")) as one, running(config("other")) as other:
            assert "New, TLSv1." in client(at(one), version, "-sess_out", str(kept))
            assert "Reused, TLSv1." in client(at(other), version, "-sess_in", str(kept))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_outlives_a_rotation_until_its_key_is_retired(
    config: Callable[[str], Path], authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    file, ring = config("one"), tmp_path / "shared.keys"
    context = authority.trust(version)

    def reload() -> None:
        done = run("reload", "--socket", tmp_path / "one.sock")
        assert done.returncode == 0, done.stderr

    with running(file) as one:
        with visit(at(one), context) as sock:
            before = session_of(sock)
        old = ring.read_text()
        newer = '[[keys]]\nid = 7\nsecret = "' + "BAUE" * 10 + 'BAU="\n'
        ring.write_text(newer + old)
        reload()
        with visit(at(one), context, before) as sock:
            assert sock.session_reused
        with visit(at(one), context) as sock:
            after = session_of(sock)
        ring.write_text(newer)
        reload()
        assert not resumes(at(one), context, before)
        assert resumes(at(one), context, after)


def test_a_session_from_a_listener_that_asks_for_nothing_does_not_open_one_that_does(
    balance: Balance, authority: Authority, shops: dict[str, Origin]
) -> None:
    files = authority.issue("shop", "shop.test")
    listeners = {
        "open": {"address": "127.0.0.1:0", "tls": files},
        "closed": {"address": "127.0.0.1:0", "tls": {**files, "clients": {"ca": str(authority.file)}}},
    }
    lb = balance(shops, listeners=listeners)
    context = authority.trust(ssl.TLSVersion.TLSv1_2)
    with visit(lb.service.address("open"), context) as sock:
        session = session_of(sock)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        visit(lb.service.address("closed"), context, session)
    known = authority.trust(ssl.TLSVersion.TLSv1_2)
    own = authority.issue("client", "client.test")
    known.load_cert_chain(own["certificate"], own["key"])
    with visit(lb.service.address("closed"), known) as sock:
        session = session_of(sock)
    assert resumes(lb.service.address("closed"), known, session)
