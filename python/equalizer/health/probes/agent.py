"""What an agent on the server says of its load: 0 idle … 100 overloaded, −1 unavailable."""

import json
import re
from collections.abc import Callable

from equalizer.health.probes.dialogue import Broken, Step
from equalizer.health.probes.h1 import H1, request
from equalizer.health.verdict import Finding
from equalizer.model.agent import HttpAgent

_MOST = 64  # bytes of a number and what may be around it
_NUMBER = re.compile(rb"\s*(-1|\d{1,3})\s*")
_WRONG = "an answer that is no number from -1 to 100"


def tcp() -> "Tcp":
    """A dialogue with an agent that speaks first."""
    return Tcp()


def http(agent: HttpAgent, host: str) -> "Callable[[], Http]":
    """What makes a dialogue for each question."""
    asked = request("GET", agent.path, host, {"Accept": "application/json"})
    return lambda: Http(asked)


class Tcp:
    """A `Dialogue`: the number, and then the end, or a line's end."""

    lacks = "whole answer"

    def __init__(self) -> None:
        self._answer = b""

    def opening(self) -> bytes:
        """Nothing: an agent speaks at once."""
        return b""

    def take(self, data: bytes) -> Step:
        """A piece of the number."""
        self._answer += data
        if data and b"\n" not in self._answer and len(self._answer) <= _MOST:
            return b""
        if not self._answer:
            return Finding(False, "closed before an answer", answered=False)
        found = _NUMBER.fullmatch(self._answer.partition(b"\n")[0])
        return _finding(int(found[1]) if found else None)


class Http:
    """A `Dialogue`: a number in JSON, alone or as `load` of an object."""

    lacks = "whole answer"

    def __init__(self, asked: bytes) -> None:
        self._exchange = H1(asked, "GET")

    def opening(self) -> bytes:
        """The request."""
        return self._exchange.opening()

    def take(self, data: bytes) -> Step:
        """A piece of the response."""
        try:
            self._exchange.feed(data)
        except Broken as error:
            return Finding(False, str(error))
        if not self._exchange.ended:
            return b""
        if self._exchange.status != 200:
            return Finding(False, f"status {self._exchange.status}, not 200")
        try:
            said = json.loads(self._exchange.body)
        except (ValueError, RecursionError):
            return Finding(False, "an answer that is not JSON")
        return _finding(said.get("load") if isinstance(said, dict) else said)


def _finding(load: object) -> Finding:
    if isinstance(load, bool) or not isinstance(load, int | float) or not -1 <= load <= 100:
        return Finding(False, _WRONG)
    return Finding(True, load=round(load))
