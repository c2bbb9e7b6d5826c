"""The admin API of a process: it begins and ends with it, and goes over to the one that follows."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from conftest import Balance
from equalizer import admin
from equalizer.control.sockets import Opened
from equalizer.model.address import Address
from support.admin import Client
from support.balancer import get
from support.process import LIMIT, Named, Running, run, running, stream, write
from support.visitor import until

Start = Callable[[str], Named]
WEB1 = "/api/v1/pools/shop/servers/web1"


def of(balancer: Running, folder: Path) -> Client:
    """A client of the API that the process has said it has."""
    line = stream(balancer.process.stdout).readline().split()
    assert (line[0], line[2:]) == ("admin:", ["with", "the", "token", "in", str(folder / "admin.token")])
    url = line[1].removesuffix("/api/v1/status,")
    return Client(url, (folder / "admin.token").read_text().strip())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def unanswered(client: Client, path: str) -> None:
    with suppress(OSError):
        client.get(path)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def settings(port: int, more: str = "") -> str:
    return f'[admin]\naddress = "127.0.0.1:{port}"\ntoken_file = "admin.token"\n{more}'


def test_a_process_says_where_its_api_is_and_ends_with_it(tmp_path: Path, start: Start) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, settings(0))
    with running(file) as balancer:
        client = of(balancer, tmp_path)
        assert client.ask("PUT", f"{WEB1}/state", {"state": "draining"}).status == 200
        assert "draining" in run("status").stdout
        # Somebody waits for an event that never comes, and the process does not wait for him.
        waiting = Thread(target=unanswered, args=(client, "/api/v1/events?after=1&wait=5"))
        waiting.start()
        balancer.get()
        balancer.process.send_signal(signal.SIGTERM)
        assert balancer.process.wait(LIMIT) == 0
        waiting.join()
        log = stream(balancer.process.stderr).read()
        assert client.token not in log
        assert "Traceback" not in log


def test_a_reload_is_asked_for_and_what_is_wrong_is_told(tmp_path: Path, start: Start) -> None:
    one = start("one").address
    file = write(tmp_path / "eq.toml", {"web1": one}, settings(0))
    with running(file) as balancer:
        client = of(balancer, tmp_path)
        write(file, {"web1": one, "web2": one}, settings(0))
        assert client.ask("POST", "/api/v1/reload").json["changes"] == ["added pools.shop.servers.web2"]
        write(file, {"web1": "nowhere"}, settings(0, 'tokens = "x"'))
        refused = client.ask("POST", "/api/v1/reload")
        assert f"{file}:4: pools.shop.servers.web1: " in refused.problem(422)
        assert [each["key"] for each in refused.json["problems"]] == [
            "pools.shop.servers.web1",
            "admin.tokens",
        ]
        write(file, {"web1": one}, settings(free_port()))
        notices = client.ask("POST", "/api/v1/reload").json["notices"]
        assert "admin.address counts from the next start or upgrade" in notices
        assert client.get(WEB1).status == 200


def test_an_upgrade_takes_the_api_with_it(tmp_path: Path, start: Start) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, settings(free_port()))
    with running(file) as first:
        client = of(first, tmp_path)
        try:
            assert client.ask("PUT", f"{WEB1}/weight", {"weight": 50}).status == 200
            before = client.get("/api/v1/status").json["pid"]
            done = run("upgrade")
            assert (done.returncode, done.stderr) == (0, "")
            # At no moment is the port free for somebody else: whoever asks is answered by one of the two.
            after = until(lambda: client.get("/api/v1/status").json["pid"], lambda pid: pid != before)
            assert client.get(WEB1).json["given"] == 50
            assert first.process.wait(LIMIT) == 0
            assert client.get("/api/v1/status").json["pid"] == after
        finally:
            found = json.loads(run("status", "--json").stdout)["pid"]
            subprocess.run(["kill", "-KILL", str(found)], check=True)


def test_a_port_in_use_ends_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("run", write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"}, settings(port)))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"equalizer: admin: cannot listen on 127.0.0.1:{port}: address already in use; stop" in done.stderr


def test_a_check_makes_no_token(tmp_path: Path) -> None:
    assert run("check", write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"}, settings(0))).returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["eq.toml"]


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("equalizer.cli.app, equalizer.cli.status, equalizer.control.remote", "pydantic fastapi uvicorn"),
        ("equalizer.cli.app, equalizer.control.daemon, equalizer.admin", "fastapi uvicorn starlette"),
    ],
    ids=["status", "run"],
)
def test_what_the_api_needs_is_loaded_by_it_alone(modules: str, slow: str) -> None:
    script = f"import sys, {modules}; print(*sorted({slow.split()} & sys.modules.keys()))".replace("['", "{'")
    script = script.replace("']", "'}")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_it_begins_when_there_is_a_file_descriptor_for_it(
    balance: Balance, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "admin.token"
    lb = balance({"web1": "127.0.0.1:9"}, admin={"address": "127.0.0.1:0", "token_file": str(token)})
    assert lb.ask(get()).status == 503  # its worker has what it needs
    handed = Opened("[admin]", socket.create_server(("127.0.0.1", 0)).detach(), Address("127.0.0.1", 0))
    with no_descriptor_left():
        api = admin.opened(lb.service, handed)
        until(
            lambda: capfd.readouterr().out, lambda told: "the admin API waits for a file descriptor" in told
        )
    assert api
    with api:
        assert Client(api.url, token.read_text().strip()).get("/api/v1/status").status == 200
