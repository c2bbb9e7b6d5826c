"""`equalizer cookie`: what a cookie of ours holds, and one made for a test."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from equalizer.errors import ConfigError, Problem

if TYPE_CHECKING:
    from equalizer.control.cookies import OpenedCookie

app = App(name="cookie")

Value = Annotated[str, Parameter(allow_leading_hyphen=True)]

_DEFAULT = Path("equalizer.toml")
_DAY = 86_400
_CLOSED = {
    "not_ours": "no Equalizer sealed it for a pool of this configuration, or it was changed",
    "sealed_by_unknown_key": "the key that sealed it is not in the ring",
}


@app.command(name="open")
def open_(
    value: Value, file: Path = _DEFAULT, /, *, as_json: Annotated[bool, Parameter(name="--json")] = False
) -> None:
    """Say what a cookie holds and whether it would be honoured now; exit code 1 when it does not open.

    Parameters
    ----------
    value
        What stands behind EQ=, or with it, or a whole Cookie field; - reads it from standard input.
    file
        The configuration.
    as_json
        Print JSON.
    """
    from equalizer.control import cookies
    from equalizer.control.cookies import OpenedCookie

    now = cookies.running(file)
    found = cookies.explain(file, sys.stdin.readline() if value == "-" else value, now)
    opened = isinstance(found, OpenedCookie)
    if as_json:
        print(json.dumps({"opened": opened, **asdict(found)}, indent=2))
    elif isinstance(found, OpenedCookie):
        print("\n".join(_lines(found, now.pid if now else None, datetime.now(UTC))))
    else:
        print(f"does not open: {found.reason}: {_CLOSED.get(found.reason, 'see the guide')}")
    if not opened:
        sys.exit(1)


@app.command
def seal(home: str, file: Path = _DEFAULT, /, *, idle: str = "0s") -> None:
    """Print the cookie of a new session, for tests.

    Parameters
    ----------
    home
        The session's home: POOL/SERVER.
    file
        The configuration.
    idle
        How long ago the session was born and last seen, such as 15m.
    """
    from equalizer.control import cookies

    pool, slash, server = home.partition("/")
    if not slash:
        message = f'found "{home}"; write POOL/SERVER, such as shop/web1'
        raise ConfigError([Problem("command line", None, "", message)])
    print(cookies.seal(file, pool, server, idle))


def _lines(cookie: "OpenedCookie", process: int | None, now: datetime) -> list[str]:
    generation = ", ".join(f"{of} {number}" for of, number in cookie.generation.items())
    shown = {
        "pool": cookie.pool,
        "home": cookie.home or "gone from the pool",
        "session": cookie.session,
        "born": _time(cookie.born, now),
        "last seen": _time(cookie.seen, now),
        "pinned": "yes" if cookie.pinned else "no",
        "key": cookie.key,
        "generation": generation,
        "incarnation": cookie.incarnation or "unknown",
        "judged by": "the file alone" if process is None else f"the file and process {process}",
        "honoured": f"{'yes' if cookie.honoured else 'no'}: {cookie.reason}",
    }
    return [f"{name:<12} {value}" for name, value in shown.items()]


def _time(seconds: int, now: datetime) -> str:
    """A moment as ISO 8601 and as people say it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ} ({_ago(round((now - moment).total_seconds()))})"


def _ago(seconds: int) -> str:
    if seconds < 0:
        return "in the future"
    units = (("day", _DAY), ("hour", 3600), ("minute", 60), ("second", 1))
    noun, unit = next((each for each in units if seconds >= each[1]), units[-1])
    count = seconds // unit
    return f"{count} {noun}{'' if count == 1 else 's'} ago"
