"""A hundred streams at once on each of a few connections, from a client that nobody here wrote."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from conftest import Balance
from support.balancer import Balancer
from support.origin import response

REQUESTS = 4_000
LARGE = response(b"x" * 100_000)
SMALL = response(b"hello")


class Quick(asyncio.Protocol):
    """A server that answers heads as they come, without a thread for each connection."""

    open: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.open.add(transport)
        self.pending = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.remove(self.transport)

    def data_received(self, data: bytes) -> None:
        *heads, self.pending = (self.pending + data).split(b"\r\n\r\n")
        for head in heads:
            self.transport.write(LARGE if head.startswith(b"GET /large") else SMALL)


@pytest.fixture
def quick() -> Iterator[str]:
    """The address of a quick server."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Quick, "127.0.0.1", 0, backlog=1024))
    thread = Thread(target=loop.run_forever)
    thread.start()
    host, port = server.sockets[0].getsockname()
    yield f"{host}:{port}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    for transport in Quick.open:
        transport.abort()
    while Quick.open:
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def h2load(lb: Balancer, listener: str, path: str, requests: int) -> dict[str, int]:
    """How many requests came to which end."""
    command = ["h2load", "-n", str(requests), "-c", "4", "-m", "100", lb.service.url(listener) + path]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("requests: "))
    assert "Application protocol: h2" in done.stdout, done.stdout
    return {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", line)}


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load (Debian: nghttp2-client) is missing")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("listener", ["web", "web-tls"])
@pytest.mark.parametrize(("path", "requests"), [("/", REQUESTS), ("/large", REQUESTS // 10)])
def test_a_hundred_streams_are_all_answered(
    balance: Balance, quick: str, certificate: Path, listener: str, workers: int, path: str, requests: int
) -> None:
    lb = balance({"web1": quick}, workers, certificate)
    counted = h2load(lb, listener, path, requests)
    assert counted == {
        "total": requests,
        "started": requests,
        "done": requests,
        "succeeded": requests,
        "failed": 0,
        "errored": 0,
        "timeout": 0,
    }
    assert lb.counts("web1")["exchanges"] == requests
    assert lb.counts("web1")["faults"] == {}
