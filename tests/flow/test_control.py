"""A running Equalizer that is asked and changed from outside: status, states, and the control socket."""

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.process import COMMAND, LIMIT, Named, run, running, status, stream, write

Start = Callable[[str], Named]


def sockets(directory: str) -> list[Path]:
    return list(Path(directory).rglob("*.sock"))


def test_a_state_is_given_shown_logged_and_kept_through_a_reload(tmp_path: Path, start: Start) -> None:
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
        assert lines[1][:5] == ["POOL", "SERVER", "STATE", "WEIGHT", "SESSIONS"]
        assert lines[2][:3] == ["shop", "web1", "draining"]
        assert "deadline" in lines[2]
        assert run("up", "shop/web1").stdout == "shop/web1: draining → up\n"
        assert status()["web1"]["state"] == "up"
        write(file, {"web1": servers["web1"]})  # a server that leaves loses its state
        assert run("reload").returncode == 0
        write(file, servers)
        assert run("reload").returncode == 0
        assert status()["web2"]["state"] == "up"


def test_a_weight_is_given_shown_logged_and_kept_through_a_reload(tmp_path: Path, start: Start) -> None:
    servers = {name: start(name).address for name in ("web1", "web2")}
    file = write(tmp_path / "eq.toml", servers)
    with running(file) as balancer:
        assert run("weight", "shop/web1", "0").stdout == "shop/web1: weight 100 → 0\n"
        balancer.log("server shop/web1: weight 100 → 0")
        write(file, {**servers, "web3": servers["web1"]})
        assert run("reload").returncode == 0
        assert [server["weight_now"] for server in status().values()] == [0, 100, 100]
        line = next(line for line in run("status").stdout.splitlines() if "web1" in line)
        assert line.split()[:4] == ["shop", "web1", "up", "0"]
        assert line.endswith("weight 100 configured")
        assert run("weight", "shop/web1", "configured").stdout == "shop/web1: weight 0 → 100\n"
        assert status()["web1"]["weight_now"] == 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weight", "shop/web1", "257"], "found the weight 257; write a whole number from 0 to 256"),
        (
            ["weight", "shop/web1", "many"],
            'found the weight many; write a whole number from 0 to 256, or "configured"',
        ),
        (["weight", "shop/web3", "1"], "found no server web3 in pool shop; write web1 or web2"),
        (["drain", "web1"], "found web1; write POOL/SERVER, such as shop/web1"),
        (["drain", "shop/web3"], "found no server web3 in pool shop; write web1 or web2"),
        (["up", "shp/web1"], "found no pool shp; write shop"),
        (["up", "shop/web\udcff"], "found no server web\\udcff in pool shop; write web1 or web2"),
        (
            ["weight", "shop/web1", "9" * 5000],
            f'found the weight {"9" * 5000}; write a whole number from 0 to 256, or "configured"',
        ),
        (
            ["drain", "shop/web1", "--deadline", "soon"],
            'found deadline "soon"; write a time from 1s to 720h, such as "30m"',
        ),
    ],
)
def test_a_wrong_name_or_time_is_told_and_exits_2(
    arguments: list[str], message: str, tmp_path: Path, start: Start
) -> None:
    one = start("one").address
    with running(write(tmp_path / "eq.toml", {"web1": one, "web2": one})) as balancer:
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (2, f"equalizer: {message}\n")
        assert balancer.get()[0] == "one"


def test_status_again_and_again(tmp_path: Path, start: Start) -> None:
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
    tmp_path: Path, runtime_directory: str, start: Start
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
    tmp_path: Path, runtime_directory: str, start: Start
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address})
    with running(file) as killed:
        killed.process.kill()
        killed.process.wait(LIMIT)
    assert len(sockets(runtime_directory)) == 1
    assert run("status").returncode == 1
    with running(file):
        assert list(status()) == ["web1"]


def test_a_second_process_on_one_socket_is_refused(tmp_path: Path, start: Start) -> None:
    server = {"web1": start("one").address}
    control = '[control]\nsocket = "eq.sock"'
    with running(write(tmp_path / "a.toml", server, control)):
        done = run("run", write(tmp_path / "b.toml", server, control))
        assert done.returncode == 1
        assert f"another Equalizer answers at {tmp_path / 'eq.sock'}; stop it, or write" in done.stderr
        assert list(status("--config", tmp_path / "b.toml")) == ["web1"]


def test_what_is_no_socket_is_left_alone(tmp_path: Path, start: Start) -> None:
    (tmp_path / "precious").write_text("text")
    more = '[control]\nsocket = "precious"'
    done = run("run", write(tmp_path / "eq.toml", {"web1": start("one").address}, more))
    assert done.returncode == 1
    assert "is there and is no socket" in done.stderr
    assert (tmp_path / "precious").read_text() == "text"


def test_several_are_listed_where_none_is_named(tmp_path: Path, start: Start) -> None:
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
    tmp_path: Path, runtime_directory: str, start: Start
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
