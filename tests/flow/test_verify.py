"""`equalizer verify` against a real Equalizer, one that keeps its sessions and one that does not."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import equalizer
from equalizer.lab import plan
from equalizer.lab.verify import Verdict, measure

from .conftest import LIMIT, NamedServer

Servers = dict[str, NamedServer]
SHORT = ("--clients", "6", "--rate", "5", "--duration", "2s")


@contextmanager
def balanced(servers: Servers, persistence: str = "cookie") -> Iterator[str]:
    """The URL of an Equalizer in front of the servers."""
    addresses = {name: server.address for name, server in servers.items()}
    written = {
        "listeners": {"web": {"address": "127.0.0.1:0"}},
        "pools": {"shop": {"persistence": persistence, "servers": addresses}},
    }
    with equalizer.serve(written) as service:
        yield service.url() + "/"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "equalizer", "verify", *arguments]


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=2 * LIMIT, check=False)


def test_an_equalizer_that_keeps_sessions_passes(named_servers: Servers) -> None:
    with balanced(named_servers) as url:
        done = verify(url, "--field", "Server-Name", "--json", *SHORT)
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert (seen["verdict"], seen["clients"], seen["judged"], seen["broken"]) == ("kept", 6, 6, 0)
    assert (seen["errors"], seen["untold"], seen["interrupted"]) == ({}, 0, False)
    assert seen["servers"].keys() == named_servers.keys()
    assert sum(seen["servers"].values()) == seen["requests"] <= 60
    assert seen["requests"] <= sum(server.requests for server in named_servers.values())
    assert [client["changes"] for client in seen["by_client"]] == [0] * 6


def test_one_that_keeps_none_fails_and_names_the_clients(named_servers: Servers) -> None:
    with balanced(named_servers, persistence="none") as url:
        done = verify(url, "--pattern", "served by ([a-z0-9]+)", *SHORT)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("client ")
    assert " → " in lines[0]
    assert lines[-1] == "sessions broke"
    assert any(line.startswith("servers   3: web1 ") for line in lines)


def test_clients_that_forget_their_cookies_break_their_sessions(named_servers: Servers) -> None:
    with balanced(named_servers) as url:
        done = verify(url, "--field", "Server-Name", "--no-cookie-jar", *SHORT)
    assert done.returncode == 1


def test_servers_that_cannot_be_told_apart_are_no_success(named_servers: Servers) -> None:
    with balanced(named_servers) as url:
        done = verify(url, "--field", "X-Unknown", *SHORT)
        assert done.returncode == 2
        assert done.stdout.endswith("no answer named one; look at --field or --pattern\n")
    with balanced({"web1": named_servers["web1"]}) as url:
        done = verify(url, "--field", "Server-Name", *SHORT)
        assert done.returncode == 2
        assert "only one was seen" in done.stdout


def test_a_site_that_does_not_answer_is_counted_as_errors() -> None:
    done = verify("http://127.0.0.1:1/", "--field", "Server-Name", *SHORT)
    assert done.returncode == 2
    assert "errors    " in done.stdout
    assert "ConnectError" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("no server answered: ")


def test_a_certificate_that_nobody_trusts_is_told(named_servers: Servers, certificate: Path) -> None:
    tls = {"certificate": str(certificate / "shop.pem"), "key": str(certificate / "shop.key")}
    addresses = {name: server.address for name, server in named_servers.items()}
    listeners = {"web": {"address": "127.0.0.1:0", "tls": tls}}
    with equalizer.serve({"listeners": listeners, "pools": {"shop": {"servers": addresses}}}) as service:
        done = verify(f"https://{service.address('web')}/", "--field", "Server-Name", *SHORT)
    assert done.returncode == 2
    last = done.stdout.splitlines()[-1]
    assert "certificate verify failed" in last
    assert last.endswith("; set SSL_CERT_FILE to that of your authority")


def test_a_wrong_command_line_exits_2_and_asks_nobody(named_servers: Servers) -> None:
    done = verify(f"http://{named_servers['web1'].address}/", "--clients", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 2
    assert named_servers["web1"].requests == 0


def test_an_interrupt_tells_what_was_seen(named_servers: Servers) -> None:
    with balanced(named_servers) as url:
        arguments = ("--field", "Server-Name", "--clients", "6", "--rate", "10", "--duration", "10m")
        with subprocess.Popen(command(url, *arguments), stdout=subprocess.PIPE, text=True) as process:
            for server in named_servers.values():
                server.wait_for_requests(10)
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert ", interrupted" in told
    assert told.endswith("every session kept its server\n")


def asked(servers: Servers, **changes: Any) -> plan.Plan:
    written: dict[str, Any] = {
        "url": f"http://{servers['web1'].address}/",
        "clients": 4,
        "duration": "5s",
        "rate": 2.0,
        "field": "Server-Name",
        "pattern": None,
        "cookies": True,
        "sources": False,
    }
    return plan.read(plan.Written(**{**written, **changes}))


def test_connections_are_kept_and_renewed(named_servers: Servers) -> None:
    server = named_servers["web1"]
    seen = measure(asked(named_servers, clients=1, duration="3s"))
    assert seen.verdict is Verdict.UNTOLD
    assert 3 < server.requests <= 6
    assert server.connections == 2


def test_each_client_has_an_address_of_its_own_when_asked(named_servers: Servers) -> None:
    server = named_servers["web1"]
    measure(asked(named_servers, duration="2s"))
    assert server.peers == {"127.0.0.1"}
    measure(asked(named_servers, duration="2s", sources=True))
    assert server.peers == {"127.0.0.1", *(f"127.1.0.{number}" for number in range(1, 5))}
