"""A running Equalizer that is asked and changed from outside: status, states, reload, the control socket."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.parse import urlsplit

import pytest

COMMAND = (sys.executable, "-m", "equalizer")
LIMIT = 30  # seconds


class Origin(ThreadingHTTPServer):
    """A web server that answers with its name."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.text = name.encode()

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


@pytest.fixture
def start() -> Iterator[Callable[[str], Origin]]:
    """Starts a web server of a name."""
    with ExitStack() as stack:

        def started(name: str) -> Origin:
            server = stack.enter_context(Origin(name))
            thread = Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server

        yield started


@dataclass(frozen=True)
class Running:
    """A process that serves."""

    process: subprocess.Popen[str]
    client: HTTPConnection

    def get(self, cookie: str = "") -> tuple[str, str]:
        """What the server answers, and the session's cookie; on one connection as long as it lives."""
        self.client.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
        response = self.client.getresponse()
        assert response.status == 200
        return response.read().decode(), (response.getheader("Set-Cookie") or cookie).partition(";")[0]

    def log(self, text: str) -> str:
        """The next line of its log that has this text."""
        return next(line for line in stream(self.process.stderr) if text in line)


@contextmanager
def running(*arguments: str | Path) -> Iterator[Running]:
    with subprocess.Popen(
        [*COMMAND, "run", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = stream(process.stdout).readline()
            assert line, stream(process.stderr).read()
            url = urlsplit(next(word for word in line.split() if word.startswith("http")))
            with closing(HTTPConnection(str(url.hostname), url.port, timeout=LIMIT)) as client:
                yield Running(process, client)
        finally:
            process.kill()


def stream(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT, check=False
    )


def status(*arguments: str | Path) -> dict[str, dict[str, object]]:
    """What `equalizer status --json` says of the servers of the pool `shop`."""
    done = run("status", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return {server["name"]: server for server in json.loads(done.stdout)["pools"][0]["servers"]}


def write(path: Path, servers: dict[str, str], more: str = "") -> Path:
    """A configuration of one listener on a free port, and one pool."""
    lines = "\n".join(f'{name} = "{address}"' for name, address in servers.items())
    listener = '[listeners.web]\naddress = "127.0.0.1:0"'
    path.write_text(f"{listener}\n[pools.shop.servers]\n{lines}\n{more}\n")
    return path


def sockets(directory: str) -> list[Path]:
    return list(Path(directory).rglob("*.sock"))


def test_a_reload_adds_removes_and_moves_servers_under_a_running_client(
    tmp_path: Path, start: Callable[[str], Origin]
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with running(file) as balancer:
        assert balancer.get()[0] == "one"
        _, cookie = balancer.get()
        before = balancer.client.sock
        moved, added = start("one, moved"), start("two")
        write(file, {"web2": added.address, "web1": moved.address})
        done = run("reload")
        assert done.returncode == 0
        assert done.stdout.splitlines()[0].endswith("eq.toml: revision 2, 2 changes")
        assert "  added pools.shop.servers.web2" in done.stdout.splitlines()
        assert balancer.log("reloaded: added pools.shop.servers.web2")
        for _ in range(20):  # the session stays with the name, wherever that is now
            assert balancer.get(cookie)[0] == "one, moved"
        assert {balancer.get()[0] for _ in range(20)} == {"one, moved", "two"}
        write(file, {"web2": added.address})
        assert run("reload").returncode == 0
        assert {balancer.get(cookie)[0] for _ in range(20)} == {"two"}
        assert balancer.client.sock is before
        assert list(status()) == ["web2"]


def test_a_hangup_reloads(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("old").address})
    with running(file) as balancer:
        write(file, {"web1": start("new").address})
        balancer.process.send_signal(signal.SIGHUP)
        assert "revision 2" in balancer.log("reloaded")
        assert balancer.get()[0] == "new"


def test_a_refused_reload_tells_everything_and_changes_nothing(
    tmp_path: Path, start: Callable[[str], Origin]
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("old").address})
    with running(file) as balancer:
        write(file, {"web1": "127.0.0.1"}, "[timeouts]\nhaed = '3s'")
        done = run("reload")
        assert (done.returncode, done.stdout) == (2, "")
        assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
            [f"{file}:4", "pools.shop.servers.web1"],
            [f"{file}:6", "timeouts.haed"],
        ]
        assert "revision 1 is served on" in balancer.log("reload refused")
        for line in done.stderr.splitlines():
            assert line in balancer.log("reload refused")
        assert balancer.get()[0] == "old"


def test_an_address_that_is_taken_refuses_the_reload(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    server = start("old")
    file = write(tmp_path / "eq.toml", {"web1": server.address})
    with running(file) as balancer:
        write(file, {"web1": start("new").address}, f'[listeners.api]\naddress = "{server.address}"')
        done = run("reload")
        assert done.returncode == 1
        assert server.address in done.stderr
        assert balancer.get()[0] == "old"


def test_no_reload_loses_a_session_by_its_keys(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    servers = {"web1": start("one").address, "web2": start("two").address}
    file = write(tmp_path / "eq.toml", servers)
    with running(file) as balancer:
        home, cookie = balancer.get()
        assert run("reload").stdout.endswith("revision 2, no change\n")
        assert {balancer.get(cookie)[0] for _ in range(4)} == {home}
        write(file, servers, '[keys]\nfile = "eq.keys"')  # the key of the run still opens
        assert "changed keys.file" in run("reload").stdout
        assert {balancer.get(cookie)[0] for _ in range(4)} == {home}
        (tmp_path / "eq.keys").unlink()
        done = run("reload")
        assert done.returncode == 2
        assert 'keys.file: found "eq.keys", which was there before and is gone; restore it' in done.stderr
        assert not (tmp_path / "eq.keys").exists()


def test_a_key_file_is_read_again(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, '[keys]\nfile = "eq.keys"')
    with running(file):
        ring = tmp_path / "eq.keys"
        newer = "[[keys]]\nid = 7\nsecret = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='\n"
        ring.write_text(newer + ring.read_text())
        done = run("reload")
        assert "changed keys: ids " in done.stdout
        assert "→ ids 7, " in done.stdout
        assert "AAAA" not in done.stdout


def test_servers_of_the_command_line_have_nothing_to_reload(start: Callable[[str], Origin]) -> None:
    with running("--listen", "127.0.0.1:0", start("one").address) as balancer:
        done = run("reload")
        assert done.returncode == 2
        assert "came from the command line, not from a file; write it into a file" in done.stderr
        assert balancer.get()[0] == "one"


def test_a_state_is_given_shown_logged_and_kept_through_a_reload(
    tmp_path: Path, start: Callable[[str], Origin]
) -> None:
    servers = {name: start(name).address for name in ("web1", "web2")}
    file = write(tmp_path / "eq.toml", servers)
    with running(file) as balancer:
        assert {server["state"] for server in status().values()} == {"up"}
        done = run("drain", "shop/web1", "--deadline", "30m", "--idle-first", "5m")
        assert done.returncode == 0
        assert done.stdout.startswith("shop/web1: up → draining; sessions that are left at ")
        assert "idle_first=300s" in balancer.log("server shop/web1: up → draining")
        assert run("maintenance", "shop/web2").stdout == "shop/web2: up → maintenance\n"
        write(file, {**servers, "web3": servers["web1"]})
        assert run("reload").returncode == 0
        found = status()
        assert [found[name]["state"] for name in found] == ["draining", "maintenance", "up"]
        terms = found["web1"]["draining"]
        assert isinstance(terms, dict)
        assert terms["deadline"] - terms["since"] == pytest.approx(1800)
        assert terms["idle_first"] == 300
        lines = [line.split() for line in run("status").stdout.splitlines()]
        assert lines[1][:4] == ["POOL", "SERVER", "STATE", "SESSIONS"]
        assert lines[2][:3] == ["shop", "web1", "draining"]
        assert "deadline" in lines[2]
        assert run("up", "shop/web1").stdout == "shop/web1: draining → up\n"
        assert status()["web1"]["state"] == "up"
        write(file, {"web1": servers["web1"]})  # a server that leaves loses its state
        assert run("reload").returncode == 0
        write(file, servers)
        assert run("reload").returncode == 0
        assert status()["web2"]["state"] == "up"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drain", "web1"], "found web1; write POOL/SERVER, such as shop/web1"),
        (["drain", "shop/web3"], "found no server web3 in pool shop; write web1 or web2"),
        (["up", "shp/web1"], "found no pool shp; write shop"),
        (
            ["drain", "shop/web1", "--deadline", "soon"],
            'found deadline "soon"; write a time from 1s to 720h, such as "30m"',
        ),
    ],
)
def test_a_wrong_name_or_time_is_told_and_exits_2(
    arguments: list[str], message: str, tmp_path: Path, start: Callable[[str], Origin]
) -> None:
    one = start("one").address
    with running(write(tmp_path / "eq.toml", {"web1": one, "web2": one})) as balancer:
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (2, f"equalizer: {message}\n")
        assert balancer.get()[0] == "one"


def test_status_again_and_again(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with (
        running(file) as balancer,
        subprocess.Popen(
            [*COMMAND, "status", "--json", "--watch"], stdout=subprocess.PIPE, text=True
        ) as watch,
    ):
        lines = stream(watch.stdout)
        assert json.loads(lines.readline())["pools"][0]["servers"][0]["exchanges"] == 0
        balancer.get()
        assert any(json.loads(line)["pools"][0]["servers"][0]["exchanges"] == 1 for line in lines)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(LIMIT) == 130


def test_the_socket_is_ours_alone_and_gone_at_the_end(
    tmp_path: Path, runtime_directory: str, start: Callable[[str], Origin]
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with running(file) as balancer:
        (path,) = sockets(runtime_directory)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert status("--socket", path) == status("--config", file) == status()
        balancer.process.send_signal(signal.SIGTERM)
        assert balancer.process.wait(LIMIT) == 0
        assert sockets(runtime_directory) == []
    done = run("status", "--config", file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"equalizer: no Equalizer answers at {path}; ")


def test_the_socket_of_a_dead_process_is_replaced(
    tmp_path: Path, runtime_directory: str, start: Callable[[str], Origin]
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with running(file) as killed:
        killed.process.kill()
        killed.process.wait(LIMIT)
    assert len(sockets(runtime_directory)) == 1
    assert run("status").returncode == 1
    with running(file):
        assert list(status()) == ["web1"]


def test_a_second_process_on_one_socket_is_refused(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    server = {"web1": start("one").address}
    control = '[control]\nsocket = "eq.sock"'
    with running(write(tmp_path / "a.toml", server, control)):
        done = run("run", write(tmp_path / "b.toml", server, control))
        assert done.returncode == 1
        assert f"another Equalizer answers at {tmp_path / 'eq.sock'}; stop it, or write" in done.stderr
        assert list(status("--config", tmp_path / "b.toml")) == ["web1"]


def test_what_is_no_socket_is_left_alone(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    (tmp_path / "precious").write_text("text")
    more = '[control]\nsocket = "precious"'
    done = run("run", write(tmp_path / "eq.toml", {"web1": start("one").address}, more))
    assert done.returncode == 1
    assert "is there and is no socket" in done.stderr
    assert (tmp_path / "precious").read_text() == "text"


def test_several_are_listed_where_none_is_named(tmp_path: Path, start: Callable[[str], Origin]) -> None:
    server = {"web1": start("one").address}
    files = [write(tmp_path / f"{name}.toml", server) for name in ("a", "b")]
    with running(files[0]), running(files[1]):
        done = run("status")
        assert done.returncode == 2
        assert "2 Equalizers run; say which one is meant:" in done.stderr
        listed = done.stderr.splitlines()[1:]
        assert [str(file) in line for file, line in zip(files, listed, strict=True)] == [True, True]
        for line in listed:
            assert list(status(*line.split()[:2])) == ["web1"]


def test_a_client_that_hangs_or_talks_nonsense_harms_nobody(
    tmp_path: Path, runtime_directory: str, start: Callable[[str], Origin]
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with running(file) as balancer, ExitStack() as stack:
        (path,) = sockets(runtime_directory)
        for _ in range(4):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.connect(str(path))
            silent.sendall(b'{"do": ')
        talker = stack.enter_context(socket.socket(socket.AF_UNIX))
        talker.settimeout(LIMIT)
        talker.connect(str(path))
        answers = talker.makefile("rb")
        nonsense = (
            b"GET / HTTP/1.1",
            b"[]",
            b"\xff",
            b'{"do": "fly"}',
            b'{"do": "status", "x": 1}',
            b"[" * 9999,
        )
        for line in nonsense:
            talker.sendall(line + b"\n")
            error = json.loads(answers.readline())["error"]
            assert error["message"].startswith("found ")
            assert error["hint"].startswith("write ")
        talker.sendall(b'{"do": "status"}\n')
        assert json.loads(answers.readline())["ok"]["revision"] == 1
        assert list(status()) == ["web1"]
        assert balancer.get()[0] == "one"
