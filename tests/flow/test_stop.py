"""A stop serves whoever came before it, also those who were not accepted yet; and no signal is lost."""

import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from conftest import MakeOrigin
from flow.conftest import NamedServer
from support.balancer import get
from support.origin import Origin, response
from support.process import LIMIT, running, stream, write
from support.wire import Wire, connect

WAITING = 300


def test_connections_that_wait_to_be_accepted_are_served_before_a_stop(
    tmp_path: Path, named_servers: Mapping[str, NamedServer]
) -> None:
    file = write(tmp_path / "eq.toml", {name: server.address for name, server in named_servers.items()})
    with running(file) as balancer, ExitStack() as stack:
        address = f"{balancer.client.host}:{balancer.client.port}"
        balancer.process.send_signal(signal.SIGSTOP)
        clients = [stack.enter_context(connect(address)) for _ in range(WAITING)]
        for client in clients:
            client.send(get())
        balancer.process.send_signal(signal.SIGTERM)
        balancer.process.send_signal(signal.SIGCONT)
        assert [client.response().status for client in clients] == [200] * WAITING
        assert balancer.process.wait(LIMIT) == 0


@pytest.mark.parametrize("turn", range(3))
def test_the_second_of_two_signals_counts_however_close(
    tmp_path: Path, make_origin: MakeOrigin, turn: int
) -> None:
    asked, may_answer = Event(), Event()

    def hang(origin: Origin, wire: Wire) -> None:
        origin.read(wire)
        asked.set()
        may_answer.wait(LIMIT)
        wire.send(response(b""))

    origin = make_origin(hang)
    with running(write(tmp_path / "eq.toml", {"web1": origin.address})) as balancer, ExitStack() as stack:
        stack.callback(may_answer.set)
        balancer.client.request("GET", "/")
        assert asked.wait(LIMIT)
        balancer.process.send_signal(signal.SIGTERM)
        assert any("stopping" in line for line in stream(balancer.process.stderr))
        balancer.process.send_signal(signal.SIGINT)
        assert balancer.process.wait(LIMIT) == 128 + signal.SIGINT
