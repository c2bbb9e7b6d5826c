"""Each file in examples/ is served as it is written.

It is copied to a directory of its own, where the certificate that it names is made and the key file will be;
in the copy the ports of its servers become those of running ones, and the ports of its listeners free ones.
"""

import re
import ssl
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
import trustme

import equalizer

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


class Origin(ThreadingHTTPServer):
    """A web server that answers with its name."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.name = name

    def secured(self, own: trustme.LeafCert) -> None:
        """Speak TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


@contextmanager
def running(name: str, own: trustme.LeafCert | None) -> Iterator[Origin]:
    """A server until the context ends; over TLS where it has a certificate."""
    with Origin(name) as server:
        if own:
            server.secured(own)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def tables(text: str, key: str) -> list[dict[str, Any]]:
    """The tables of a kind."""
    return list(tomllib.loads(text)[key].values())


def servers_of(text: str) -> dict[str, str]:
    """Address to name, over all pools."""
    pools = tomllib.loads(text)["pools"].values()
    entries = [entry for pool in pools for entry in pool["servers"].items()]
    return {each if isinstance(each, str) else each["address"]: name for name, each in entries}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA) -> Iterator[Path]:
    """The copy of an example that can be run here."""
    text = request.param.read_text()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    for name, kind in (("shop", trustme.KeyType.ECDSA), ("rsa", trustme.KeyType.RSA)):
        issued = authority.issue_cert("127.0.0.1", key_type=kind)
        (tmp_path / f"{name}.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
    secured = {server for pool in tables(text, "pools") if "tls" in pool for server in pool["servers"]}
    with ExitStack() as stack:
        ports = {}
        for address, name in servers_of(text).items():
            server = stack.enter_context(running(name, issued if name in secured else None))
            ports[address] = f"127.0.0.1:{server.server_port}"
        text = re.sub(r"127\.0\.0\.1:\d+", lambda found: ports.get(found[0], "127.0.0.1:0"), text)
        file = tmp_path / request.param.name
        file.write_text(text)
        for module in request.param.parent.glob("*.py"):
            (tmp_path / module.name).write_text(module.read_text())
        yield file


def test_an_example_serves_its_pool_at_each_listener(example: Path, authority: trustme.CA) -> None:
    written = tomllib.loads(example.read_text())
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    keeps = all(pool.get("persistence") != "none" for pool in written["pools"].values())
    redirected = {
        name for each in written["listeners"].values() for name in each.get("https", {}).get("redirect", [])
    }
    with equalizer.serve(example) as lb, httpx2.Client(verify=trusted) as client:
        assert {client.get(lb.url(listener)).status_code for listener in redirected} <= {301}
        serving = [listener for listener in written["listeners"] if listener not in redirected]
        answers = [client.get(lb.url(listener)) for listener in serving for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    names = [answer.text for answer in answers]
    assert set(names) <= set(servers_of(example.read_text()).values())
    assert (len(set(names)) == 1) == keeps


@pytest.mark.parametrize("example", [EXAMPLES[0].with_name("customers.toml")], indirect=True)
def test_the_customers_of_the_example_get_their_servers(example: Path) -> None:
    example.write_text(example.read_text().replace('wait = "5ms"', 'wait = "1s"'))  # for a busy machine
    found = {}
    with equalizer.serve(example) as lb:
        for customer in ("acme", "globex", "initech"):
            with httpx2.Client(headers={"X-Customer": customer}) as client:
                found[customer] = {client.get(lb.url()).text for _ in range(3)}
    assert found["acme"] == {"web1"}
    assert found["globex"] == {"web2"}
    assert found["initech"] <= {"web2", "web3"}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
