"""Clients with sessions and newcomers without, at a steady rate, and what becomes of each request."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 15.0
"""Seconds after which a client gives up."""
SESSIONS = 100
COOKIE = "EQ"


@dataclass
class Request:
    """One request of one client; times in seconds since the crowd came."""

    at: float
    method: str
    session: int | None
    """Whose it is; `None` for a newcomer."""
    took: float = 0.0
    status: int = 0
    server: str = ""
    begun: bool = False
    """Whether a byte of the response has come."""
    whole: bool = False

    @property
    def failed(self) -> bool:
        """No whole answer, or one that tells of a failure."""
        return not self.whole or self.status >= 500


@dataclass
class Shopper:
    """A client that comes back with its cookie."""

    number: int
    cookie: str = ""
    home: str = ""
    homes: list[tuple[float, str, str]] = field(default_factory=list)
    """When it was answered by another server than before: when, by whom before, by whom now."""


class Crowd:
    """Asks one balancer, half of the requests from shoppers, the other half from newcomers."""

    def __init__(self, port: int, rate: int, seed: int) -> None:
        self.port = port
        self.rate = rate
        self.requests: list[Request] = []
        self.shoppers = [Shopper(number) for number in range(SESSIONS)]
        self._chance = random.Random(seed)
        self._began = time.monotonic()

    def now(self) -> float:
        """Seconds since it came."""
        return time.monotonic() - self._began

    async def settle(self) -> None:
        """Every shopper gets a home before anything is counted."""
        for shopper in self.shoppers:
            await self._ask(Request(self.now(), "GET", shopper.number), shopper)
        self.requests.clear()
        self._began = time.monotonic()

    async def shop(self, seconds: float) -> None:
        """Ask at the rate for so long, and wait for the last answer."""
        asking: set[asyncio.Task[None]] = set()
        for number in range(int(seconds * self.rate)):
            await asyncio.sleep(max(0.0, number / self.rate - self.now()))
            method = "POST" if number % 10 == 9 else "GET"
            # One after the other, so that no shopper asks twice at once.
            shopper = self.shoppers[number // 2 % SESSIONS] if number % 2 else None
            request = Request(self.now(), method, shopper.number if shopper else None)
            task = asyncio.create_task(self._ask(request, shopper))
            asking.add(task)
            task.add_done_callback(asking.discard)
        await asyncio.gather(*asking)

    async def _ask(self, request: Request, shopper: Shopper | None) -> None:
        self.requests.append(request)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._exchange(request, shopper)
        request.took = self.now() - request.at

    async def _exchange(self, request: Request, shopper: Shopper | None) -> None:
        # Newcomers are many clients, and not one in a hurry.
        octets = (
            (127, shopper.number + 1, 0, 1) if shopper else (127, *self._chance.choices(range(1, 255), k=3))
        )
        source = ".".join(map(str, octets))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        try:
            fields = ["Host: shop.test", "Connection: close"]
            if shopper and shopper.cookie:
                fields.append(f"Cookie: {shopper.cookie}")
            body = b"item=basket"
            if request.method == "POST":
                fields.append(f"Content-Length: {len(body)}")
            head = "\r\n".join([f"{request.method} / HTTP/1.1", *fields, "", ""]).encode()
            writer.write(head + (body if request.method == "POST" else b""))
            await self._read(request, shopper, reader)
        finally:
            writer.close()

    async def _read(self, request: Request, shopper: Shopper | None, reader: asyncio.StreamReader) -> None:
        status = await reader.readuntil(b"\r\n")
        request.begun = True
        request.status = int(status.split()[1])
        length = 0
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode().partition(":")
            match name.lower():
                case "server-name":
                    request.server = value.strip()
                case "content-length":
                    length = int(value)
                case "set-cookie" if shopper and value.strip().startswith(f"{COOKIE}="):
                    shopper.cookie = value.strip().partition(";")[0]
        await reader.readexactly(length)
        request.whole = True
        if shopper and request.server and request.status < 500:
            if shopper.home and shopper.home != request.server:
                shopper.homes.append((self.now(), shopper.home, request.server))
            shopper.home = request.server
