"""What goes wrong with a server, and what both balancers make of it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench import peers
from bench.peers import Kit
from equalizer.control.remote import Remote

from .crowd import Crowd, Request
from .sides import SIDES, addresses

BAD = "web2"
"""The server that fails."""
RATE = 200
"""Requests a second, half of them from clients with a session."""


class Server:
    """A shop's server in a process of its own."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.start()

    def start(self) -> None:
        """Run, and listen."""
        command = [sys.executable, "-m", "bench.faults.server", self.name, str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not listen on port {self.port}")

    def signal(self, number: signal.Signals) -> None:
        """Hit it."""
        self._process.send_signal(number)

    def tell(self, mode: str) -> None:
        """From now on it does this."""
        assert self._process.stdin is not None
        self._process.stdin.write(mode + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it, whatever state it is in."""
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and how it is mended."""

    name: str
    what: str
    begins: Callable[[Server], None]
    ends: Callable[[Server], None]


def _told(mode: str, what: str, name: str | None = None) -> Fault:
    return Fault(name or mode, what, lambda server: server.tell(mode), lambda server: server.tell("ok"))


def _restart(server: Server) -> None:
    server.stop()
    server.start()


FAULTS = (
    Fault("killed", "SIGKILL, started again later", lambda one: one.signal(signal.SIGKILL), _restart),
    Fault(
        "hung",
        "SIGSTOP, SIGCONT later",
        lambda one: one.signal(signal.SIGSTOP),
        lambda one: one.signal(signal.SIGCONT),
    ),
    _told("refuses", "closes its connections and listens no more", "refused"),
    _told("resets", "resets every connection in the midst of a body", "reset"),
    _told("flaps", "there for two seconds, away for two", "flapping"),
    _told("slow", "ten times slower"),
    _told("errors", "503 to everything, its probes too", "503"),
)


@dataclass(frozen=True)
class Outcome:
    """What the clients of one side noticed of one fault; times in seconds."""

    side: str
    fault: str
    requests: int
    failed: int
    """Requests that may be repeated without an answer, or answered with 5xx."""
    cut: int
    """The same whose answer had begun: nobody can mend them."""
    failed_posts: int
    last_new: float
    """From the beginning of the fault until the last newcomer that the failing server answered."""
    moved: int
    """Times that a shopper left the failing server for another."""
    strayed: int
    """Times that a shopper left any other server: a basket lost for nothing."""
    p99: float
    slowest: float
    lost: dict[str, int]
    """Sessions lost as Equalizer counts them, by reason."""


async def _play(crowd: Crowd, server: Server, fault: Fault, seconds: float) -> tuple[float, float]:
    """Everything goes well for a quarter of the time, then not for a half; when the fault began and ended."""
    shopping = asyncio.create_task(crowd.shop(seconds))
    await asyncio.sleep(seconds / 4)
    begins = crowd.now()
    fault.begins(server)
    await asyncio.sleep(seconds / 2)
    ends = crowd.now()
    await asyncio.to_thread(fault.ends, server)
    await shopping
    return begins, ends


async def _both(
    crowds: dict[str, Crowd], bad: dict[str, Server], fault: Fault, seconds: float
) -> list[Outcome]:
    for crowd in crowds.values():
        await crowd.settle()
    times = await asyncio.gather(*(_play(crowd, bad[name], fault, seconds) for name, crowd in crowds.items()))
    return [
        outcome(name, fault, crowd, *when) for (name, crowd), when in zip(crowds.items(), times, strict=True)
    ]


def outcome(side: str, fault: Fault, crowd: Crowd, begins: float, ends: float) -> Outcome:
    """What is to be told of a crowd."""
    gets = [one for one in crowd.requests if one.method == "GET"]
    failed = [one for one in gets if one.failed]
    took = sorted(one.took for one in crowd.requests if begins <= one.at < ends)
    moves = [move for shopper in crowd.shoppers for move in shopper.homes]

    def is_new_at_bad(one: Request) -> bool:
        return one.session is None and one.server == BAD and begins <= one.at < ends and one.status < 500

    return Outcome(
        side=side,
        fault=fault.name,
        requests=len(crowd.requests),
        failed=len(failed),
        cut=sum(one.begun and not one.whole for one in failed),
        failed_posts=sum(one.failed for one in crowd.requests if one.method == "POST"),
        last_new=max((one.at - begins for one in crowd.requests if is_new_at_bad(one)), default=0.0),
        moved=sum(before == BAD for _, before, _ in moves),
        strayed=sum(BAD not in (before, after) for _, before, after in moves),
        p99=took[int(len(took) * 0.99)],
        slowest=took[-1],
        lost={},
    )


def play(kit: Kit, fault: Fault, seconds: float) -> list[Outcome]:
    """One fault behind both balancers, at the same time."""
    with ExitStack() as stack:
        bad: dict[str, Server] = {}
        crowds: dict[str, Crowd] = {}
        for number, side in enumerate(SIDES):
            for name, port in addresses(side).items():
                server = Server(name, port)
                stack.callback(server.stop)
                if name == BAD:
                    bad[side.name] = server
            stack.callback(peers.start(side, kit).stop)
            crowds[side.name] = Crowd(side.ports["plain"], RATE, number)
        found = asyncio.run(_both(crowds, bad, fault, seconds))
        return [_with_losses(one, kit.folder) for one in found]


def _with_losses(one: Outcome, folder: Path) -> Outcome:
    if one.side != "equalizer":
        return one
    (pool,) = Remote(folder / one.side / "control.sock").status().pools
    return replace(one, lost=dict(pool.lost))
