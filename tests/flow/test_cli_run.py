"""`equalizer run` and `equalizer check` with a real engine, as a shell and a service manager see them."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from support.process import LIMIT, Named, run, running, stream

Start = Callable[[str], Named]


@pytest.fixture
def origin(start: Start) -> Iterator[Named]:
    """A server that answers when it is told to."""
    server = start("hello")
    server.may_answer.clear()
    yield server
    server.may_answer.set()


@pytest.fixture
def file(tmp_path: Path, origin: Named) -> Path:
    """A configuration of one listener on a free port, one pool and one server."""
    path = tmp_path / "equalizer.toml"
    path.write_text(
        f"""
        [listeners.web]
        address = "127.0.0.1:0"
        [pools.shop.servers]
        web1 = "{origin.address}"
        [keys]
        file = "equalizer.keys"
        """
    )
    return path


def stop(process: subprocess.Popen[str]) -> None:
    """Ask it to end, and wait until it says that it will."""
    process.send_signal(signal.SIGTERM)
    assert any("stopping" in line for line in stream(process.stderr))


def test_a_file_is_served_and_a_signal_ends_it_well(file: Path, origin: Named) -> None:
    origin.may_answer.set()
    with running(file) as balancer:
        process, line, client = balancer.process, balancer.line, balancer.client
        assert line == f"web: http://{client.host}:{client.port} serves pool shop with 1 server\n"
        client.request("GET", "/")
        assert client.getresponse().read() == b"hello"
        client.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0


def test_servers_of_the_command_line_are_served(origin: Named) -> None:
    origin.may_answer.set()
    arguments = ["--listen", "127.0.0.1:0", origin.address, f"web2={origin.address}"]
    with running(*arguments) as balancer:
        process, line, client = balancer.process, balancer.line, balancer.client
        assert line.endswith("serves pool default with 2 servers\n")
        client.request("GET", "/")
        assert client.getresponse().status == 200
        client.close()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
        assert "no [keys] file" in errors


def test_a_stop_finishes_the_exchange_in_flight(file: Path, origin: Named) -> None:
    with running(file) as balancer:
        process, client = balancer.process, balancer.client
        client.request("GET", "/")
        assert origin.asked.wait(LIMIT)
        stop(process)
        origin.may_answer.set()
        response = client.getresponse()
        assert (response.status, response.read()) == (200, b"hello")
        client.close()
        assert process.wait(LIMIT) == 0


def test_a_client_without_a_request_does_not_delay_a_stop(file: Path, origin: Named) -> None:
    origin.may_answer.set()
    with running(file) as balancer:
        process, client = balancer.process, balancer.client
        client.request("GET", "/")
        client.getresponse().read()
        assert client.sock is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0


def test_a_stop_waits_no_longer_than_it_may(file: Path, origin: Named) -> None:
    file.write_text(file.read_text() + "[timeouts]\nstop = '100ms'\n")
    with running(file) as balancer:
        process, client = balancer.process, balancer.client
        client.request("GET", "/")
        assert origin.asked.wait(LIMIT)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0
        assert "timeouts.stop" in errors


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(second: signal.Signals, file: Path, origin: Named) -> None:
    with running(file) as balancer:
        process, client = balancer.process, balancer.client
        client.request("GET", "/")
        assert origin.asked.wait(LIMIT)
        stop(process)
        process.send_signal(second)
        assert process.wait(LIMIT) == 128 + second


def test_a_port_in_use_is_told_and_exits_1(origin: Named) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("run", "--listen", address, origin.address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("equalizer: listener web: cannot listen on ")
    assert address in done.stderr
    assert done.stderr.endswith("; stop the process that has it, or write another port\n")


def test_check_says_what_is_there_and_makes_nothing(file: Path) -> None:
    done = run("check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file}: OK, 1 listener, 1 pool, 1 server\n"
    assert list(file.parent.iterdir()) == [file]


def test_running_makes_the_key_file_and_a_readable_one_is_refused(file: Path) -> None:
    ring = file.parent / "equalizer.keys"
    with running(file):
        assert ring.stat().st_mode & 0o777 == 0o600
    ring.chmod(0o644)
    for command in ("check", "run"):
        done = run(command, file)
        assert done.returncode == 2
        assert done.stderr == (
            f'{file}:7: keys.file: found "equalizer.keys", which others may read or write (mode 0644); '
            f"run: chmod 600 {ring}\n"
        )


def test_what_the_engine_refuses_is_told_with_its_line(file: Path) -> None:
    key = trustme.CA().issue_cert("shop.test").private_key_pem
    key.write_to_path(file.parent / "shop.key")
    (file.parent / "shop.pem").write_text("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")
    text = file.read_text() + "[listeners.web.tls]\ncertificate = 'shop.pem'\nkey = 'shop.key'\n"
    file.write_text(text)
    done = run("check", file)
    assert done.returncode == 2
    line = int(done.stderr.removeprefix(f"{file}:").partition(":")[0])
    assert text.splitlines()[line - 1] == "certificate = 'shop.pem'"
    assert ": listeners.web.tls.certificate: " in done.stderr


def test_the_version_is_told() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("equalizer ")
