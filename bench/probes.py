"""What probes cost: 2,000 servers, each asked every 5 seconds, in part of a core; for each kind.

    python -m bench.probes [SECONDS]

The servers are addresses of loopback, all answered by one process that is not measured.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import equalizer

SERVERS: Final = 2000
SECONDS: Final = 20
KINDS: Final = {
    "none": None,
    "tcp": '{ kind = "tcp" }',
    "http": '{ kind = "http", path = "/health" }',
    "http with a body": '{ kind = "http", path = "/health", body = "up" }',
    "acv": '{ kind = "acv", send = "PING", match = "200 OK" }',
}
ANSWER: Final = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"status":"up"}'


def main() -> None:
    """Print a table."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print(f"{SERVERS} servers, each every 5 s, for {seconds} s\n")
    print(f"{'kind':<20}{'of a core':>12}{'failed':>9}")
    with answering() as port:
        for kind, probe in KINDS.items():
            there, here = Pipe()
            process = Process(target=measured, args=(there, port, probe, seconds))
            process.start()
            used, failed = here.recv()
            process.join()
            print(f"{kind:<20}{used:>12.1%}{failed:>9}", flush=True)


def measured(to: Connection, port: int, probe: str | None, seconds: int) -> None:
    """Send the part of a core that was used, and how many probes failed: none, or the machine is too busy."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "equalizer.toml"
        file.write_text(configuration(port, probe))
        with equalizer.serve(file) as lb:
            time.sleep(5 + SERVERS / 1000)  # until each was asked once, and is asked in its turn
            began, cpu = time.monotonic(), busy()
            time.sleep(seconds)
            cpu, took = busy() - cpu, time.monotonic() - began
            probes = [probe for server in lb.status().pools[0].servers for probe in server.probes]
        to.send((cpu / took, sum(probe.failed for probe in probes)))


def configuration(port: int, probe: str | None) -> str:
    """One pool with every server."""
    servers = "\n".join(
        f'web{number} = "127.1.{number // 250}.{number % 250 + 1}:{port}"' for number in range(SERVERS)
    )
    asked = f"probe = {probe}\n" if probe else ""
    return f'[listeners.web]\naddress = "127.0.0.1:0"\n[pools.shop]\n{asked}[pools.shop.servers]\n{servers}\n'


def busy() -> float:
    """Seconds that this process has computed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def answering() -> Iterator[int]:
    """The port of a process that answers on every address."""
    there, here = Pipe()
    process = Process(target=lambda: asyncio.run(answer(there)), daemon=True)
    process.start()
    yield here.recv()
    process.terminate()
    process.join()


async def answer(to: Connection) -> None:
    """Answer every request in the same way."""

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(ANSWER)
            self.transport.close()

    server = await asyncio.get_running_loop().create_server(Answer, "0.0.0.0", 0, backlog=4096)
    to.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    main()
