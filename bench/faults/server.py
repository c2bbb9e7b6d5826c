"""A server that fails as it is told to on standard input: `python -m bench.faults.server NAME PORT`."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from contextlib import suppress

WORK = 0.005
"""Seconds that an answer takes."""
SLOWER = 10
FLAP = 2.0
"""Seconds that a flapping server is there, and away."""
BODY = b"x" * 4096
RESET = struct.pack("ii", 1, 0)


class Server:
    """One server, and what is wrong with it: `ok`, `slow`, `errors`, `resets`, `refuses` or `flaps`."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.mode = "ok"
        self._listening: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flapping: asyncio.Task[None] | None = None

    async def command(self, mode: str) -> None:
        """From now on it does this."""
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        self.mode = mode
        if mode == "refuses":
            await self.leave()
        elif mode == "flaps":
            self._flapping = asyncio.create_task(self._flap())
        else:
            await self.come()

    async def come(self) -> None:
        """Listen, if it does not."""
        if self._listening is None:
            self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)

    async def leave(self) -> None:
        """Close everything: whoever comes is refused."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _flap(self) -> None:
        while True:
            await self.leave()
            await asyncio.sleep(FLAP)
            await self.come()
            await asyncio.sleep(FLAP)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                await self._answer(writer)
        self._open.discard(writer)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        mode = self.mode
        await asyncio.sleep(WORK * SLOWER if mode == "slow" else WORK)
        status = "503 Service Unavailable" if mode == "errors" else "200 OK"
        head = f"HTTP/1.1 {status}\r\nServer-Name: {self.name}\r\nContent-Length: {len(BODY)}\r\n\r\n"
        if mode == "resets":
            writer.write(head.encode() + BODY[:1024])
            await writer.drain()
            end: socket.socket = writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            raise ConnectionResetError
        writer.write(head.encode() + BODY)
        await writer.drain()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _main(name: str, port: int) -> None:
    server = Server(name, port)
    await server.command("ok")
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), os.fdopen(0, "rb"))
    while line := await commands.readline():
        await server.command(line.decode().strip())


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
