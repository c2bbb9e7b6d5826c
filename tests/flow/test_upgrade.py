"""Another process takes over, while clients come and go."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect as enter

from conftest import MakeOrigin, naming
from equalizer.control import place
from equalizer.control.remote import Remote
from equalizer.errors import EqualizerError, RequestError
from support.balancer import get
from support.load import Streams, load, ping
from support.origin import Origin, Script, replying, response
from support.process import Named, Running, run, running, status, write
from support.room import Room
from support.visitor import until
from support.wire import Wire, connect

UPGRADES = 10
Start = Callable[[str], Named]


@contextmanager
def generations(*arguments: str | Path) -> Iterator[Running]:
    """A process, and whoever follows it, to the end of the test."""
    with running(*arguments) as first:
        try:
            yield first
        finally:
            pid = serving()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


def serving() -> int | None:
    """The process that answers."""
    done = run("status", "--json")
    return int(json.loads(done.stdout)["pid"]) if done.returncode == 0 else None


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.timeout(240)
def test_ten_upgrades_under_load_fail_no_exchange(make_origin: MakeOrigin, tmp_path: Path) -> None:
    servers = {name: make_origin(naming(name)).address for name in ("web1", "web2")}
    file = write(tmp_path / "eq.toml", servers, "[engine]\nworkers = 2")
    with generations(file) as first, load(first.address, 2) as crowd:
        pids = [serving()]
        with connect(first.address) as idle:
            ping(idle)
            assert run("upgrade").returncode == 0
            # It was idle and stays open: what comes on it is answered, and asks the client to come again.
            idle.send(get())
            answer = idle.response()
            assert (answer.status, answer.get("connection")) == (200, "close")
            assert idle.gone()
        pids.append(serving())
        for _ in range(UPGRADES - 1):
            done = run("upgrade")
            assert (done.returncode, done.stderr) == (0, "")
            pids.append(serving())
            assert done.stdout.endswith(f"process {pids[-1]}, version 0.1.0, follows process {pids[-2]}\n")
            crowd.goes_on(20)
        assert len(set(pids)) == UPGRADES + 1
        for pid in pids[:-1]:
            assert pid is not None
            until(lambda pid=pid: is_gone(pid), bool)  # type: ignore[misc]
        assert first.process.wait(20) == 0
    # Each client was asked to come again by a response: once an upgrade, and once more where it came back so
    # early that it waited in the queue which the process that leaves empties first.
    assert crowd.connections <= 2 * (2 * UPGRADES + 1)


def test_clients_of_http2_are_asked_to_come_again(make_origin: MakeOrigin, tmp_path: Path) -> None:
    servers = {name: make_origin(naming(name)).address for name in ("web1", "web2")}
    file = write(tmp_path / "eq.toml", servers, "[engine]\nworkers = 2")
    with generations(file) as first, load(first.address, 2, kind=Streams) as crowd:
        for _ in range(3):
            assert run("upgrade").returncode == 0
            crowd.goes_on(20)
        assert first.process.wait(20) == 0
        assert crowd.connections > 2


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_an_upgrade_takes_another_number_of_workers_without_leaving_anybody_in_a_queue(
    make_origin: MakeOrigin, tmp_path: Path, before: int, after: int
) -> None:
    servers = {"web1": make_origin(naming("web1")).address}
    file = write(tmp_path / "eq.toml", servers, f"[engine]\nworkers = {before}")
    with generations(file) as first:
        write(file, servers, f"[engine]\nworkers = {after}")
        told = "engine.workers counts from the next start or upgrade\n"
        assert run("reload").stderr == told
        assert run("upgrade").returncode == 0
        assert first.process.wait(20) == 0
        for _ in range(64):  # a queue that nobody looks into would hold up the one in it
            with connect(first.address) as client:
                ping(client)
        assert len(threads_of(serving())) == after


def threads_of(pid: int | None) -> list[str]:
    names = [each.read_text().strip() for each in Path(f"/proc/{pid}/task").glob("*/comm")]
    return [name for name in names if name.startswith("worker-")]


@pytest.mark.timeout(240)
def test_sessions_states_and_records_go_over(tmp_path: Path, start: Start) -> None:
    """Without a key file: the key of the run goes over, too."""
    servers = {name: start(name).address for name in ("web1", "web2", "web3")}
    more = (
        '[pools.byip.servers]\nweb1 = "{web1}"\nweb2 = "{web2}"\n[pools.byip]\npersistence = "address"\n'
        '[[routes]]\npool = "shop"\n[records]\nfile = "eq.records"\nevery = "1s"'
    ).format(**servers)
    file = write(tmp_path / "eq.toml", servers, more)
    with generations(file) as first:
        home, cookie = first.get()
        by_address = more.replace('[[routes]]\npool = "shop"', '[[routes]]\npool = "byip"')
        write(file, servers, by_address)
        assert run("reload").returncode == 0
        met = first.get()[0]
        other = next(name for name in servers if name != home)
        assert run("drain", f"shop/{other}", "--deadline", "1h").returncode == 0
        assert run("weight", f"shop/{home}", "20").returncode == 0
        for _ in range(2):
            assert run("upgrade").returncode == 0
            with first.again() as client:
                assert {client.get()[0] for _ in range(4)} == {met}
        happened = [json.loads(line) for line in run("events", "--json").stdout.splitlines()]
        assert [event["kind"] for event in happened] == ["reloaded", "state", "weight"]
        write(file, servers, more)
        assert run("reload").returncode == 0
        with first.again() as client:
            assert {client.get(cookie)[0] for _ in range(6)} == {home}
        assert status()[other]["state"] == "draining"
        assert status()[home]["weight_now"] == 20
        # The file of records was never free for anybody else, and is ours still.
        taken = run("run", file)
        assert taken.returncode == 2
        assert "eq.records" in taken.stderr
        assert "which another Equalizer uses" in taken.stderr


def test_an_ejected_server_stays_out_for_its_time_and_longer_the_next_time(
    make_origin: MakeOrigin, tmp_path: Path
) -> None:
    bad = make_origin(replying(lambda request: response(status="503 Service Unavailable")))
    servers = {"web1": make_origin(naming("web1")).address, "web2": bad.address}
    more = '[pools.shop]\npersistence = "none"\n[pools.shop.ejection]\nfailures = 2\ntime = "10s"'
    file = write(tmp_path / "eq.toml", servers, more)
    with generations(file) as first:
        began = time.monotonic()

        def asked() -> tuple[object, object]:
            """State of the bad server, and why, after a few requests."""
            for _ in range(4):
                with connect(first.address) as client:
                    client.send(get())
                    client.response()
            found = status()["web2"]
            return found["state"], found["ejected"]

        out = ("down", "ejected for 10s: 2 failures in a row")
        until(asked, lambda found: found == out)
        assert run("upgrade").returncode == 0
        met = len(bad.requests)
        assert asked() == out
        assert len(bad.requests) == met
        until(asked, lambda found: found != out)
        assert time.monotonic() - began >= 10
        # It has not been well in between, so that its next time out is twice as long.
        until(asked, lambda found: found == ("down", "ejected for 20s: 2 failures in a row"))


def test_what_probes_found_goes_over(make_origin: MakeOrigin, tmp_path: Path) -> None:
    """The first probes of the process that follows find nobody: until they end, what was known counts."""
    health = {"web1": b"HTTP/1.1 200 OK\r\n", "web2": b"HTTP/1.1 503 No\r\n"}
    silent = Event()

    def answer(name: str) -> Script:
        def script(origin: Origin, wire: Wire) -> None:
            while request := origin.read(wire):
                if request.target != "/health":
                    wire.send(response(name.encode()))
                elif silent.is_set():
                    assert wire.gone()
                else:
                    wire.send(health[name] + b"Content-Length: 0\r\n\r\n")

        return script

    def known(servers: dict[str, str]) -> list[object]:
        return [status()[name]["state"] for name in servers]

    servers = {name: make_origin(answer(name)).address for name in health}
    more = (
        '[pools.shop]\npersistence = "none"\n'
        '[pools.shop.probe]\nkind = "http"\npath = "/health"\nstart = "START"\n'
        'interval = "1h"\ntimeout = "30s"'
    )
    for start in ("up", "down"):
        silent.clear()
        file = write(tmp_path / "eq.toml", servers, more.replace("START", start))
        with generations(file) as first:
            until(lambda: known(servers), lambda found: found == ["up", "down"])
            silent.set()
            why = status()["web2"]["why"]
            assert run("upgrade").returncode == 0
            assert known(servers) == ["up", "down"]
            assert status()["web2"]["why"] == why
            for _ in range(4):
                with connect(first.address) as client:
                    client.send(get())
                    assert client.response().body == b"web1"


def test_a_server_that_comes_back_slowly_still_does(tmp_path: Path, start: Start) -> None:
    servers = {name: start(name).address for name in ("web1", "web2")}
    file = write(tmp_path / "eq.toml", servers, '[pools.shop]\nslow_start = "10h"')
    with generations(file):

        def weights() -> list[object]:
            return [status()[name]["weight_now"] for name in servers]

        for word in ("maintenance", "up"):
            assert run(word, "shop/web2").returncode == 0
        until(weights, lambda found: found == [100, 10])
        assert run("upgrade").returncode == 0
        assert weights() == [100, 10]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.write_text("[listeners"), "eq.toml:1: not TOML"),
        (lambda file: write(file, {"web1": "no-such-host.invalid:80"}), "no-such-host.invalid"),
        (lambda file: file.unlink(), "eq.toml: cannot be read"),
    ],
)
def test_what_cannot_serve_does_not_take_over(
    make_origin: MakeOrigin, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    file = write(tmp_path / "eq.toml", {"web1": make_origin(naming("web1")).address})
    with generations(file) as first:
        before = serving()
        with load(first.address, 2):
            change(file)
            done = run("upgrade", "--socket", socket_of(tmp_path))
            assert done.returncode == 1
            assert said in done.stderr
            assert "this process serves on" in done.stderr
        assert "upgrade refused" in first.log("upgrade refused")
        assert serving() == before
        # It is as it was before: it obeys, and it may still be followed.
        write(file, {"web1": make_origin(naming("web1")).address})
        assert run("reload").returncode == 0
        assert run("upgrade").returncode == 0


def test_a_listener_may_move_in_an_upgrade(make_origin: MakeOrigin, tmp_path: Path) -> None:
    """To another port, and to every address of the one that it has."""
    file = write(tmp_path / "eq.toml", {"web1": make_origin(naming("web1")).address})
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = file.read_text()
    with generations(file):
        for address in (f"127.0.0.1:{port}", f":{port}"):
            file.write_text(text.replace("127.0.0.1:0", address))
            done = run("upgrade", "--socket", socket_of(tmp_path))
            assert (done.returncode, done.stderr) == (0, "")
            with connect(f"127.0.0.1:{port}") as client:
                ping(client)


def test_a_program_that_is_no_equalizer_does_not_take_over(tmp_path: Path) -> None:
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})
    with generations(file):
        before = serving()
        remote = Remote(socket_of(tmp_path))
        with pytest.raises(EqualizerError, match="ended without a word"):
            remote.upgrade("/bin/true")
        with pytest.raises(RequestError, match="found python3, which is no program"):
            remote.upgrade("python3")
        assert serving() == before


def test_a_websocket_outlives_an_upgrade_until_its_time_is_over(tmp_path: Path) -> None:
    room = Room("room")
    file = write(tmp_path / "eq.toml", {"room": room.address}, '[timeouts]\nupgrade = "3s"')
    with generations(file) as first, enter(f"ws://{first.address}/") as tunnel:
        assert tunnel.recv() == "room"
        assert run("upgrade").returncode == 0
        tunnel.send("still here")
        assert tunnel.recv() == "still here"
        with pytest.raises(ConnectionClosedError):
            tunnel.recv(20)
        assert "timeouts.upgrade has passed" in first.log("ended with connections open")
        assert first.process.wait(20) == 0
    room.end()


def test_a_signal_hurries_the_process_that_leaves_and_not_the_one_that_serves(tmp_path: Path) -> None:
    room = Room("room")
    file = write(tmp_path / "eq.toml", {"room": room.address}, '[timeouts]\nstop = "0s"')
    with generations(file) as first, enter(f"ws://{first.address}/") as tunnel:
        assert tunnel.recv() == "room"
        assert run("upgrade").returncode == 0
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(20) == 0
        assert serving() not in (None, first.process.pid)
    room.end()


def socket_of(folder: Path) -> Path:
    """The control socket of what serves `eq.toml` there."""
    return place.of_file(folder / "eq.toml")
