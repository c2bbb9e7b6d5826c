"""A client as persistence sees it: it comes back with the cookies that it was given."""

import time
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from typing import TypeVar

from support.balancer import Balancer, get
from support.wire import LIMIT, Message, Wire, connect

T = TypeVar("T")

LENGTH = 95
"""Characters of a sealed session."""


class Visitor:
    """Keeps cookies as a browser does; every request is a connection of its own."""

    def __init__(self, lb: Balancer, source: str = "127.0.0.1", listener: str = "web") -> None:
        self.lb, self.source, self.listener = lb, source, listener
        self.jar: dict[str, str] = {}

    def connect(self) -> Wire:
        """A connection to Equalizer."""
        return connect(self.lb.service.address(self.listener), self.source)

    def ask(self, *fields: str, target: str = "/", method: str = "GET") -> Message:
        """One request with all cookies of the jar; the jar takes what the answer sets."""
        with self.connect() as wire:
            wire.send(self.request(*fields, target=target, method=method))
            answer = wire.response(method)
        self.take(answer)
        return answer

    def home(self, *fields: str, target: str = "/", method: str = "GET") -> str:
        """The server that answers."""
        name = self.ask(*fields, target=target, method=method).get("server-name")
        assert name is not None
        return name

    def homes(self, *fields: str, target: str = "/", times: int = 4) -> set[str]:
        """The servers that answer several requests."""
        return {self.home(*fields, target=target) for _ in range(times)}

    def request(self, *fields: str, target: str = "/", method: str = "GET") -> bytes:
        """The bytes of a request with the cookies of the jar."""
        if self.jar:
            fields = ("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.jar.items()), *fields)
        if method == "POST":
            fields = ("Content-Length: 0", *fields)
        return get(*fields, target=target, method=method)

    def take(self, answer: Message) -> None:
        """Keep the cookies that an answer sets, and drop those that it ends."""
        for line in answer.all("set-cookie"):
            (cookie,) = SimpleCookie(line).values()
            if cookie["max-age"] == "0":
                self.jar.pop(cookie.key, None)
            else:
                self.jar[cookie.key] = cookie.coded_value


def reasons(lb: Balancer, pool: str = "shop") -> Mapping[str, int]:
    """Why exchanges went where they went."""
    return _counts(lb, pool)["reasons"]


def lost(lb: Balancer, pool: str = "shop") -> Mapping[str, int]:
    """Sessions that had a home and did not reach it."""
    return _counts(lb, pool)["lost"]


def until(what: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Ask again until the answer is the wanted one, and give it; for what nothing else tells."""
    end = time.monotonic() + LIMIT
    while not wanted(found := what()):
        assert time.monotonic() < end, found
    return found


def outlast(seconds: int) -> None:
    """Wait until more whole seconds have passed than these, by the clock that Equalizer reads.

    For rules about time: what they wait for is the clock, and nothing else tells it.
    """
    end = int(time.time()) + seconds + 1.15  # its workers look at the clock every 0.1 seconds
    while (left := end - time.time()) > 0:
        time.sleep(left)


def _counts(lb: Balancer, pool: str) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = lb.report()["pools"][pool]
    return counts
