"""Settings of all tests, and the two ends of a flow: servers on loopback, and Equalizer in front of them."""

import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, settings

from support.balancer import Balancer, configuration, tls_listener
from support.origin import Origin, Script, replying, response
from support.process import Named

# A slow machine is no failure. New examples are tried where CI is set, too, though Hypothesis would not.
settings.register_profile(
    "calm", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.load_profile("calm")

MakeOrigin = Callable[..., Origin]
Balance = Callable[..., Balancer]


@pytest.fixture
def make_origin() -> Iterator[MakeOrigin]:
    """Start servers; at the end they stop, and everything they were sent has to have been HTTP."""
    origins: list[Origin] = []

    def make(script: Script | bytes | None = None, **options: Any) -> Origin:
        origins.append(Origin(script, **options))
        return origins[-1]

    yield make
    for origin in origins:
        origin.end()
    assert [origin.broken for origin in origins if origin.broken] == []


@pytest.fixture
def shops(make_origin: MakeOrigin) -> dict[str, Origin]:
    """Three servers, web1 to web3, that answer with their names."""
    names = ("web1", "web2", "web3")
    return {name: make_origin(naming(name)) for name in names}


@pytest.fixture
def balance(make_origin: MakeOrigin, capfd: pytest.CaptureFixture[str]) -> Iterator[Balance]:
    """Start Equalizer in front of one server or several by name, with one worker; it ends before they do."""
    with ExitStack() as stack:

        def start(
            servers: Mapping[str, Origin | str] | Origin,
            workers: int = 1,
            folder: Path | None = None,
            **tables: Any,
        ) -> Balancer:
            if isinstance(servers, Origin):
                servers = {"web1": servers}
            if folder:
                tables["listeners"] = tls_listener(folder)
            config = configuration(servers, workers, **tables)
            balancer = Balancer(config, _trust(folder) if folder else None)
            stack.callback(_without_defects, balancer)
            return balancer

        yield start
    assert "panicked" not in capfd.readouterr().err


def _without_defects(balancer: Balancer) -> None:
    balancer.stop()
    assert balancer.report()["panics"] == {}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, its key, and who signed it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "shop.test")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "shop.key")
    for part in issued.cert_chain_pems:
        part.write_to_path(folder / "shop.pem", append=True)
    return folder


def naming(name: str) -> Script:
    """Answer with the server's name."""
    return replying(lambda request: response(name.encode(), f"Server-Name: {name}"))


def _trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "authority.pem")


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One for each test, with a short path: that of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eq", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield directory


@pytest.fixture
def start() -> Iterator[Callable[[str], Named]]:
    """Starts a web server of a name."""
    with ExitStack() as stack:

        def started(name: str) -> Named:
            server = stack.enter_context(Named(name))
            thread = Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server

        yield started
