"""The agent that runs on a server: it measures the load, and tells it to whoever connects.

Standard library only, and measured once a second at most: it must cost its machine nothing.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

_FRESH = 1.0  # seconds for which a measurement holds
_PATIENCE = 5.0  # for a command to end, and for a peer to ask and to listen
_BROKEN_OFF = (
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    asyncio.CancelledError,  # when all ends: asyncio would tell it as a failure of ours
)
_MEMORY = Path("/proc/meminfo")
Measure = Callable[[], Coroutine[Any, Any, int | None]]
"""The load, from 0 to 100, or -1; None when it cannot be told."""


async def load_average() -> int | None:
    """How many processes ran or waited, over the last minute, as part of the cores."""
    return _bounded(100 * os.getloadavg()[0] / (os.cpu_count() or 1))


async def memory() -> int | None:
    """The part of the memory that is not available."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        whole, left = (int(lines[key].split()[0]) for key in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return None
    return _bounded(100 * (1 - left / whole))


MEASURES: Final[dict[Literal["load", "memory"], Measure]] = {"load": load_average, "memory": memory}


def command(line: str) -> Measure:
    """What a command prints; one that fails, or prints something else, tells nothing."""

    async def measure() -> int | None:
        process = await asyncio.create_subprocess_shell(
            line, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
        except (TimeoutError, asyncio.CancelledError) as error:
            # All that the shell has started hangs with it, and would be one more each time.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(TimeoutError):  # who left the session of the shell may hold its pipe
                await asyncio.wait_for(process.communicate(), 1)
            if isinstance(error, asyncio.CancelledError):
                raise
            return None
        with suppress(ValueError):
            found = int(out)
            if process.returncode == 0 and -1 <= found <= 100:
                return found
        return None

    return measure


def _bounded(load: float) -> int:
    return round(min(max(load, 0), 100))


async def serve(
    host: str, port: int, measure: Measure, *, http: bool, ready: Callable[[str], None] = lambda address: None
) -> None:
    """Tell the load to whoever connects, until a signal; `ready` is given the address. Raises OSError."""
    fresh = _Fresh(measure)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*_BROKEN_OFF):
            async with asyncio.timeout(2 * _PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n") if http else b""
                load = await fresh.load()
                if http:
                    writer.write(_response(load, with_body=not head.startswith(b"HEAD ")))
                elif load is not None:
                    writer.write(b"%d\n" % load)
                await writer.drain()
        writer.close()

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(answer, host, port)
    address, bound = server.sockets[0].getsockname()[:2]
    ready(f"[{address}]:{bound}" if ":" in address else f"{address}:{bound}")
    await ended.wait()
    server.close()


class _Fresh:
    """Measures again only when the last measurement is old, and once for all who ask meanwhile."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._one_at_a_time = asyncio.Lock()
        self._found: int | None = None
        self._at = -_FRESH

    async def load(self) -> int | None:
        async with self._one_at_a_time:
            if time.monotonic() - self._at >= _FRESH:
                self._found = await self._measure()
                self._at = time.monotonic()
            return self._found


def _response(load: int | None, *, with_body: bool) -> bytes:
    status = "503 Service Unavailable" if load is None else "200 OK"
    body = json.dumps({"load": load}).encode()
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n".encode() + (body if with_body else b"")
