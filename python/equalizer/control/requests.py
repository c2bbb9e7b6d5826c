"""The language of the control socket: one JSON object a line, asked and answered.

    {"do": "drain", "pool": "shop", "server": "web1", "deadline": "30m"}
    {"ok": {…}}  or  {"error": {"message": "…", "hint": "…", "problems": null, "request": true}}

Whatever is asked, there is an answer.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Final, TypeAlias, cast

from equalizer.control import states
from equalizer.control.answers import (
    Happenings,
    Metrics,
    Reloaded,
    StateChange,
    Status,
    Upgraded,
    WeightChange,
    Wish,
)
from equalizer.control.service import Service
from equalizer.control.upgrade import Upgrade
from equalizer.errors import ConfigError, EqualizerError, RequestError
from equalizer.telemetry import logs

_STATES: Final[Mapping[str, Wish]] = {"up": "up", "drain": "draining", "maintenance": "maintenance"}
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "status": frozenset(),
    "metrics": frozenset(),
    "events": frozenset({"after", "wait"}),
    "reload": frozenset(),
    "upgrade": frozenset({"python"}),
    "drain": frozenset({"pool", "server", "deadline", "idle_first"}),
    "up": frozenset({"pool", "server"}),
    "maintenance": frozenset({"pool", "server"}),
    "weight": frozenset({"pool", "server", "weight"}),
}
Answer: TypeAlias = Status | Metrics | Happenings | Reloaded | StateChange | WeightChange | Upgraded


def answer(service: Service, line: bytes, upgrade: Upgrade) -> bytes:
    """The line that answers a line."""
    try:
        result = asdict(_do(service, _parsed(line), upgrade))
    except EqualizerError as error:
        return _line({"error": _error(error)})
    except Exception:
        # A defect of ours must not be mistaken for a broken connection.
        logs.failed("a control request failed")
        fault = EqualizerError("the request failed inside the running Equalizer", "its log says why")
        return _line({"error": _error(fault)})
    return _line({"ok": result})


def refusal(message: str, hint: str) -> bytes:
    """The line for a request that is not even read."""
    return _line({"error": _error(RequestError(message, hint))})


def _do(service: Service, request: Mapping[str, object], upgrade: Upgrade) -> Answer:
    match str(request["do"]):
        case "status":
            result: Answer = service.status()
        case "metrics":
            result = service.metrics()
        case "events":
            result = service.events(_number(request, "after"), _number(request, "wait"))
        case "reload":
            result = service.reload()
        case "upgrade":
            result = upgrade(_text(request, "python"))
        case "weight":
            result = service.set_weight(_text(request, "pool"), _text(request, "server"), _weight(request))
        case word:
            result = service.set_state(
                _text(request, "pool"),
                _text(request, "server"),
                _STATES[word],
                _time(request, "deadline"),
                _time(request, "idle_first"),
            )
    return result


def _parsed(line: bytes) -> Mapping[str, object]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError("found a request that is not JSON", 'write {"do": "status"}') from None
    word = request.get("do") if isinstance(request, dict) else None
    if not isinstance(word, str) or word not in _KEYS:
        raise RequestError("found a request that is not known here", f"write do as {' or '.join(_KEYS)}")
    unknown = next((key for key in request if key != "do" and key not in _KEYS[word]), None)
    if unknown is not None:
        known = ", ".join(sorted(_KEYS[word])) or "nothing"
        raise RequestError(f"found {json.dumps(unknown)} beside {word}", f"write {known}")
    return cast(Mapping[str, object], request)


def _text(request: Mapping[str, object], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise RequestError(f"found no {key}", f"write the name of a {key}")
    return value


def _number(request: Mapping[str, object], key: str) -> int:
    value = request.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RequestError(f"found {key} {json.dumps(value)}", "write a whole number from 0")
    return value


def _weight(request: Mapping[str, object]) -> int | None:
    value = request.get("weight")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise RequestError(f"found the weight {json.dumps(value)}", "write a whole number from 0 to 256")
    return value


def _time(request: Mapping[str, object], key: str) -> timedelta | None:
    return states.term(key.replace("_", "-"), request.get(key))


def _error(error: EqualizerError) -> Mapping[str, object]:
    problems = [asdict(each) for each in error.problems] if isinstance(error, ConfigError) else None
    request = isinstance(error, RequestError)
    return {"message": error.message, "hint": error.hint, "problems": problems, "request": request}


def _line(document: Mapping[str, object]) -> bytes:
    # In ASCII: a name on a command line need not be a text that UTF-8 can say.
    return json.dumps(document).encode() + b"\n"
