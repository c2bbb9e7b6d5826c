"""Waiting for what probes find: for the event itself, never for a time."""

import time
from collections.abc import Callable

import pytest

from equalizer.control.answers import Happened, ServerStatus
from support.balancer import Balancer
from support.wire import LIMIT

FAST = {"interval": "500ms", "rise": 1, "fall": 2}
"""Quick, for tests; a busy machine that is late once brings nobody down."""


class Watcher:
    """Follows the events of one balancer."""

    def __init__(self, lb: Balancer) -> None:
        self.lb = lb
        self.last = 0

    def until(self, text: str) -> Happened:
        """The next event whose line has this text."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = self.lb.service.events(self.last, LIMIT)
            for event in found.events:
                self.last = event.number
                if text in event.text:
                    return event
        raise AssertionError(f"nothing said {text}; there was {self.lb.service.events().events}")

    def server(self, name: str) -> ServerStatus:
        """A server as it is now."""
        (found,) = [each for each in self.lb.service.status().pools[0].servers if each.name == name]
        return found

    def probed(self, name: str, times: int = 1) -> ServerStatus:
        """A server after so many more probes of each kind."""
        before = {each.name: each.passed + each.failed for each in self.server(name).probes}
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            found = self.server(name)
            ended = [each.passed + each.failed - before.get(each.name, 0) for each in found.probes]
            if ended and min(ended) >= times:
                return found
            self.lb.service.events(self.last + 1000, 0.02)  # nothing comes: a moment passes
        raise AssertionError(f"{name} is not probed")


@pytest.fixture
def watch() -> Callable[[Balancer], Watcher]:
    """Follow the events of a balancer."""
    return Watcher
