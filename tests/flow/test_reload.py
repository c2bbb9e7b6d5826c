"""A running Equalizer takes another configuration: whole or not at all, and no client notices."""

import signal
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

from support.process import LIMIT, Named, key_of, run, running, status, stream, write
from support.visitor import until

Start = Callable[[str], Named]


def test_a_reload_adds_removes_and_moves_servers_under_a_running_client(tmp_path: Path, start: Start) -> None:
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


def test_a_hangup_reloads(tmp_path: Path, start: Start) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("old").address})
    with running(file) as balancer:
        write(file, {"web1": start("new").address})
        balancer.process.send_signal(signal.SIGHUP)
        assert "revision 2" in balancer.log("reloaded")
        assert balancer.get()[0] == "new"


def test_a_refused_reload_tells_everything_and_changes_nothing(tmp_path: Path, start: Start) -> None:
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


def test_an_address_that_is_taken_refuses_the_reload(tmp_path: Path, start: Start) -> None:
    server = start("old")
    file = write(tmp_path / "eq.toml", {"web1": server.address})
    with running(file) as balancer:
        write(file, {"web1": start("new").address}, f'[listeners.api]\naddress = "{server.address}"')
        done = run("reload")
        assert done.returncode == 1
        assert server.address in done.stderr
        assert balancer.get()[0] == "old"


def test_no_reload_loses_a_session_by_its_keys(tmp_path: Path, start: Start) -> None:
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


def test_a_key_file_is_read_again_by_itself(tmp_path: Path, start: Start) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, '[keys]\nfile = "eq.keys"')
    with running(file) as balancer:
        ring = tmp_path / "eq.keys"
        before = ring.read_text()
        newer = "[[keys]]\nid = 7\nsecret = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='\n"
        ring.write_text(newer + before)
        assert "7 seals" in balancer.log("keys:")
        ring.write_text("oh")
        told = balancer.log("the keys of before are used on")
        assert f"found {ring}, which is no key ring (not TOML); restore it" in told
        until(lambda: key_of(balancer.get()[1]), lambda key: key == 7)
        ring.unlink()
        assert "which was there before and is gone" in balancer.log("the keys of before are used on")
        (tmp_path / "other").touch(mode=0o600)
        (tmp_path / "other").write_text(before)
        (tmp_path / "other").rename(ring)
        assert "keys: 7 seals" not in balancer.log("keys:")
        until(lambda: key_of(balancer.get()[1]), lambda key: key != 7)


def test_servers_of_the_command_line_have_nothing_to_reload(start: Start) -> None:
    with running("--listen", "127.0.0.1:0", start("one").address) as balancer:
        done = run("reload")
        assert done.returncode == 2
        assert "came from the command line, not from a file; write it into a file" in done.stderr
        assert balancer.get()[0] == "one"


def test_reloads_under_load_fail_no_exchange(tmp_path: Path, start: Start) -> None:
    servers = {name: start(name).address for name in ("web1", "web2", "web3")}
    file = write(tmp_path / "eq.toml", servers)
    with running(file) as balancer:
        enough = Event()
        served = [Event() for _ in range(4)]
        ended_well: list[bool] = []

        def client(begun: Event) -> None:
            address = (balancer.client.host, balancer.client.port)
            with closing(HTTPConnection(*address, timeout=LIMIT)) as connection:
                connection.connect()
                first = connection.sock
                while not enough.is_set():
                    connection.request("GET", "/")
                    response = connection.getresponse()
                    assert response.status == 200
                    assert response.read().decode() in servers
                    assert connection.sock is first
                    begun.set()
            ended_well.append(True)

        clients = [Thread(target=client, args=(begun,)) for begun in served]
        for each in clients:
            each.start()
        try:
            assert all(begun.wait(LIMIT) for begun in served)
            for gone in servers:
                write(file, {name: address for name, address in servers.items() if name != gone})
                assert run("reload").returncode == 0
        finally:
            enough.set()
            for each in clients:
                each.join()
        assert len(ended_well) == len(clients)


def test_a_file_that_is_watched_is_read_by_itself(tmp_path: Path, start: Start) -> None:
    watched = "[control]\nwatch = true"
    file = write(tmp_path / "eq.toml", {"web1": start("old").address}, watched)
    with running(file) as balancer:
        file.write_text("[listeners")
        assert "revision 1 is served on" in balancer.log("reload refused")
        assert "eq.toml:1: not TOML" in balancer.log("reload refused")
        assert balancer.get()[0] == "old"
        write(file, {"web1": start("new").address}, watched)
        # The refusal was told once: the next thing that happens is this.
        assert "revision 2" in stream(balancer.process.stderr).readline()
        assert balancer.get()[0] == "new"
