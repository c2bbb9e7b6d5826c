"""Agents on servers, ours among them: what they say is shown, and what they refuse is obeyed."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import Balance, MakeOrigin
from flow.probes.conftest import Watcher
from support.balancer import Balancer
from support.process import COMMAND, LIMIT, run, stream
from support.visitor import Visitor, until

Watch = Callable[[Balancer], Watcher]
EVERY: dict[str, Any] = {"interval": "100ms", "fall": 2}


@contextmanager
def agent(*arguments: str) -> Iterator[int]:
    """Our agent as a process, and its port."""
    command = [*COMMAND, "agent", "--listen", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(stream(process.stdout).readline().rpartition(":")[2])
        finally:
            process.terminate()


@pytest.mark.parametrize(("kind", "options"), [("tcp", []), ("http", ["--http"])])
def test_what_our_agent_says_is_known(
    balance: Balance, make_origin: MakeOrigin, tmp_path: Path, kind: str, options: list[str]
) -> None:
    load = tmp_path / "load"
    load.write_text("37")
    with agent("--command", f"cat {load}", *options) as port:
        lb = balance(make_origin(), pool={"agent": {"kind": kind, "port": port, **EVERY}})
        loads = until(lambda: lb.service.loads, bool)
        assert loads == {("shop", "web1"): 37}
        assert lb.service.status().pools[0].servers[0].load == 37
        assert 'equalizer_server_agent_load{pool="shop",server="web1"} 37.0' in lb.service.metrics().text
        load.write_text("80")
        assert until(lambda: lb.service.loads, lambda found: found != loads) == {("shop", "web1"): 80}


def test_a_server_whose_agent_says_so_is_unavailable(
    balance: Balance, make_origin: MakeOrigin, watch: Watch, tmp_path: Path
) -> None:
    load = tmp_path / "load"
    load.write_text("-1")
    with agent("--command", f"cat {load}") as port:
        lb = balance(make_origin(), pool={"agent": {"port": port, **EVERY}})
        events = watch(lb)
        why = f"agent tcp :{port}: says that the server is unavailable"
        assert events.until("up → down").text == f"server shop/web1: up → down, {why}"
        assert Visitor(lb).ask().status == 503
        load.write_text("5")
        events.until("down → up")
        assert Visitor(lb).ask().status == 200


def test_an_agent_that_does_not_answer_is_missed_only_where_it_is_required(
    balance: Balance, make_origin: MakeOrigin, watch: Watch
) -> None:
    with agent("--command", "echo 5") as port:
        advising = balance(make_origin(), pool={"agent": {"port": port, **EVERY}})
        required = balance(make_origin(), pool={"agent": {"port": port, "require": True, **EVERY}})
        until(lambda: advising.service.loads and required.service.loads, bool)
    refused = f"agent tcp :{port}: connection refused"
    told = watch(advising).until("its load is not known any more")
    assert told.text == f"server shop/web1: its load is not known any more, {refused}"
    assert (advising.service.loads, told.kind) == ({}, "agent")
    assert watch(advising).server("web1").state == "up"
    assert watch(required).until("up → down").text.endswith(refused)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_our_agent_ends_well_when_it_is_asked_to(number: int) -> None:
    command = [*COMMAND, "agent", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        stream(process.stdout).readline()
        process.send_signal(number)
        assert (process.wait(LIMIT), stream(process.stderr).read()) == (0, "")


def test_our_agent_answers_head_without_the_body() -> None:
    with agent("--http", "--command", "echo 37") as port:
        for method, body in ((b"HEAD", b""), (b"GET", b'{"load": 37}')):
            with (
                socket.create_connection(("127.0.0.1", port), LIMIT) as client,
                client.makefile("rb") as file,
            ):
                client.sendall(method + b" /load HTTP/1.1\r\nHost: a\r\n\r\n")
                head, _, rest = file.read().partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert b"Content-Length: 12" in head
                assert rest == body


def test_an_address_that_is_taken_or_none_is_told() -> None:
    done = run("agent", "--listen", "1510")
    assert (done.returncode, done.stderr) == (
        2,
        'equalizer: found --listen 1510; write IP:PORT or :PORT, such as ":1510"\n',
    )
    with agent() as port:
        done = run("agent", "--listen", f"127.0.0.1:{port}")
        assert done.returncode == 1
        assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
