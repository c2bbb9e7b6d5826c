"""Asks a running Equalizer through its control socket.

Standard library only: the commands must start quickly.
"""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from equalizer.control import place
from equalizer.control.answers import (
    Happenings,
    Metrics,
    Reloaded,
    StateChange,
    Status,
    Upgraded,
    WeightChange,
    change_from,
    happenings_from,
    metrics_from,
    reloaded_from,
    status_from,
    upgraded_from,
    weight_from,
)
from equalizer.errors import ConfigError, ControlError, EqualizerError, Problem, RequestError

_CONNECT = 2.0  # seconds
_ANSWER = 10.0
_UPGRADE = 200.0  # as long as the running process waits, three times
_RELOAD = 120.0  # host names are resolved, and a name server may be silent

_Answer = TypeVar("_Answer")


class Remote:
    """A running Equalizer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def status(self) -> Status:
        """As `Service.status`."""
        return _read(self._ask({"do": "status"}, _ANSWER), status_from)

    def metrics(self) -> Metrics:
        """As `Service.metrics`."""
        return _read(self._ask({"do": "metrics"}, _ANSWER), metrics_from)

    def events(self, after: int = 0, wait: int = 0) -> Happenings:
        """As `Service.events`."""
        return _read(self._ask({"do": "events", "after": after, "wait": wait}, _ANSWER), happenings_from)

    def reload(self) -> Reloaded:
        """As `Service.reload`."""
        return _read(self._ask({"do": "reload"}, _RELOAD), reloaded_from)

    def upgrade(self, python: str) -> Upgraded:
        """Let the Equalizer of an interpreter take over."""
        return _read(self._ask({"do": "upgrade", "python": python}, _UPGRADE), upgraded_from)

    def set_state(
        self, word: str, pool: str, server: str, terms: Mapping[str, str | None] | None = None
    ) -> StateChange:
        """As `Service.set_state`; `word` is `up`, `drain` or `maintenance`, times are as written."""
        request = {"do": word, "pool": pool, "server": server, **(terms or {})}
        return _read(self._ask(request, _RELOAD), change_from)

    def set_weight(self, pool: str, server: str, weight: int | None) -> WeightChange:
        """As `Service.set_weight`."""
        request = {"do": "weight", "pool": pool, "server": server, "weight": weight}
        return _read(self._ask(request, _RELOAD), weight_from)

    def _ask(self, request: Mapping[str, object], wait: float) -> object:
        line = self._exchange(json.dumps(request).encode() + b"\n", wait)
        try:
            answer = cast(dict[str, Any], json.loads(line))
            if "ok" in answer:
                return answer["ok"]
            error = _error(answer["error"])
        except (ValueError, TypeError, KeyError):
            raise _strange() from None
        raise error

    def _exchange(self, line: bytes, wait: float) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_CONNECT)
                connection.connect(str(self.path))
                connection.settimeout(wait)
                connection.sendall(line)
                with connection.makefile("rb") as answer:
                    found = answer.readline()
        except TimeoutError:
            raise ControlError(f"no answer from {self.path} in time", "see the log of that process") from None
        except OSError as error:
            raise _unreachable(self.path, error) from None
        if not found.endswith(b"\n"):
            raise ControlError(f"{self.path} was closed before it answered", "see the log of that process")
        return found


def find(path: Path | None, config: Path | None) -> Remote:
    """The Equalizer at a socket, or that of a file, or the only one that runs. Raises ControlError."""
    if path is not None:
        return Remote(path)
    if config is not None:
        return Remote(place.of_file(config))
    alive = [each for each in place.sockets() if place.is_alive(each)]
    # What runs in the nearest directory is ours rather than what runs elsewhere.
    nearest = [each for each in alive if each.parent == alive[0].parent]
    if not nearest:
        raise ControlError(
            "no running Equalizer is found", "start one with equalizer run, or write --socket PATH of one"
        )
    if len(nearest) > 1:
        listed = "\n".join(f"  --socket {each}   {_what(each)}" for each in nearest)
        raise RequestError(f"{len(nearest)} Equalizers run", f"say which one is meant:\n{listed}")
    return Remote(nearest[0])


def _what(path: Path) -> str:
    try:
        status = Remote(path).status()
    except EqualizerError as error:
        return error.message
    return f"serves {status.config} (process {status.pid})"


def _read(answer: object, read: Callable[[object], _Answer]) -> _Answer:
    try:
        return read(answer)
    except (TypeError, KeyError, AttributeError):
        raise _strange() from None


def _strange() -> ControlError:
    return ControlError(
        "the answer is not understood: the running Equalizer is of another version",
        "restart it, or use the command of its version",
    )


def _error(fields: dict[str, Any]) -> EqualizerError:
    if fields["problems"] is not None:
        return ConfigError([Problem(**each) for each in fields["problems"]])
    kind = RequestError if fields["request"] else EqualizerError
    return kind(fields["message"], fields["hint"])


def _unreachable(path: Path, error: OSError) -> ControlError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return ControlError(
            f"no Equalizer answers at {path}", "start it, or write --socket PATH of a running one"
        )
    reason = (error.strerror or str(error)).lower()
    return ControlError(f"{path} cannot be asked ({reason})", "write --socket PATH of a running Equalizer")
