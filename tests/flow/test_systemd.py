"""Under systemd, whose side the tests play: it is told what goes on, and may open the sockets."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import MakeOrigin, naming
from support.load import load, ping
from support.process import COMMAND, LIMIT, run, running, stream, write
from support.wire import connect

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
# As systemd does it: the sockets are descriptors from 3 on, and the environment says whose they are.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where systemd hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        path = Path(os.environ["XDG_RUNTIME_DIR"]) / "notify"
        hearing.bind(str(path))
        hearing.settimeout(LIMIT)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield hearing


def heard(manager: socket.socket) -> dict[str, str]:
    """The next thing that it is told."""
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def test_it_is_told_of_the_beginning_reloads_and_the_end(tmp_path: Path, manager: socket.socket) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    with running(file) as balancer:
        serving = {"READY": "1", "STATUS": f"serving {file}"}
        assert heard(manager) == serving
        for content in (file.read_text(), "[listeners"):  # one that is refused has ended, too
            file.write_text(content)
            balancer.process.send_signal(signal.SIGHUP)
            told = heard(manager)
            assert (told["RELOADING"], told["MONOTONIC_USEC"].isdecimal()) == ("1", True)
            assert heard(manager) == serving
        balancer.process.send_signal(signal.SIGTERM)
        assert heard(manager) == {"STOPPING": "1"}
        assert balancer.process.wait(LIMIT) == 0


def test_it_is_told_which_process_serves_after_an_upgrade(tmp_path: Path, manager: socket.socket) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    with running(file) as balancer:
        assert heard(manager)["READY"] == "1"
        done = run("upgrade")
        assert done.returncode == 0
        told = heard(manager)  # by the process that it knows; the other one has been silent
        assert f"process {told['MAINPID']}, version" in done.stdout
        assert balancer.process.wait(LIMIT) == 0
        os.kill(int(told["MAINPID"]), signal.SIGTERM)
        assert heard(manager) == {"STOPPING": "1"}


def test_its_watchdog_is_fed(tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    with running(write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})):
        assert heard(manager)["READY"] == "1"
        assert [heard(manager) for _ in range(2)] == [{"WATCHDOG": "1"}] * 2


@contextmanager
def activated(listening: socket.socket, name: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    descriptor = listening.fileno()
    with subprocess.Popen(
        [sys.executable, "-c", ACTIVATE, str(descriptor), name, *COMMAND, "run", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[descriptor],
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["web", "equalizer.socket"])
def test_a_listener_accepts_on_the_socket_that_was_opened_for_it(
    make_origin: MakeOrigin, tmp_path: Path, name: str
) -> None:
    """By its name, or by its address. Clients that came before it ran are served, and those of a restart."""
    server = make_origin(naming("web1"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        file = write(tmp_path / "eq.toml", {"web1": server.address}, "[engine]\nworkers = 3")
        file.write_text(file.read_text().replace("127.0.0.1:0", address))
        for _ in range(2):
            with connect(address) as early, activated(listening, name, file) as process:
                ping(early)
                early.close()
                with load(address, 2):
                    assert run("upgrade").returncode == 0
                    assert process.wait(LIMIT) == 0
                for _ in range(20):
                    with connect(address) as client:
                        ping(client)
                pid = int(run("status").stdout.split("process ")[1].split(",")[0])
                os.kill(pid, signal.SIGTERM)
                stream(process.stderr).read()  # to the end of the last one


def test_a_socket_that_contradicts_its_listener_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    file.write_text(file.read_text().replace("127.0.0.1:0", "127.0.0.1:8"))
    with socket.create_server(("127.0.0.1", 0)) as listening, activated(listening, "web", file) as process:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert stream(process.stderr).read() == (
            f"equalizer: listener web has the address 127.0.0.1:8, and its socket {address}; "
            "write the same address for both\n"
        )
        assert process.wait(LIMIT) == 1


def test_a_socket_of_no_listener_is_closed_and_told(tmp_path: Path) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    with socket.create_server(("127.0.0.1", 0)) as listening, activated(listening, "api", file) as process:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        told = stream(process.stderr).readline()
        assert f"no listener for the socket api, which listens on {address}: it is closed" in told


def test_a_socket_that_is_none_of_tcp_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, activated(other, "web", file) as process:
        told = (
            "the socket web that was handed over does not listen for TCP; write ListenStream=IP:PORT for it"
        )
        assert stream(process.stderr).read() == f"equalizer: {told}\n"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_units_are_right_and_leave_little_open(tmp_path: Path) -> None:
    program = tmp_path / "equalizer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/equalizer/bin/equalizer", str(program))
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS.iterdir()]
    verify = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (verify.returncode, verify.stderr) == (0, "")
    service = str(tmp_path / "equalizer.service")
    security = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", service]
    left = subprocess.run(security, capture_output=True, text=True, check=False)
    assert left.returncode == 0, left.stdout
