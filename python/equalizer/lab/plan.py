"""What a measurement of persistence asks: which URL, how many clients, and what tells servers apart."""

import ipaddress
import math
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from equalizer.errors import ConfigError, Problem
from equalizer.model import duration

_MOST_CLIENTS = 1000
_MOST_RATE = 100.0
_MOST_SECONDS = 3600.0
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}", re.ASCII)  # RFC 9110, token


@dataclass(frozen=True)
class Written:
    """A plan as the user wrote it."""

    url: str
    clients: int
    duration: str
    rate: float
    field: str | None
    pattern: str | None
    cookies: bool
    sources: bool


@dataclass(frozen=True)
class Plan:
    """A plan that holds: bounded in clients, in requests and in time."""

    url: str
    clients: int
    seconds: float
    rate: float
    """Requests a second of each client."""
    field: str | None
    """The response field that names the server; else `pattern` does."""
    pattern: re.Pattern[str]
    """Its one group finds the server's name in the body."""
    cookies: bool
    """Whether clients keep the cookies that they are given."""
    sources: bool
    """Whether each client has a loopback address of its own."""

    @property
    def rounds(self) -> int:
        """Requests that one client makes at most."""
        return max(2, math.floor(self.seconds * self.rate))


def read(written: Written) -> Plan:
    """The plan that was written; raises ConfigError with everything that is wrong with it."""
    wrong = [*_target(written), *_bounds(written), *_tell(written)]
    if wrong:
        raise ConfigError([Problem("command line", None, "", message) for message in wrong])
    time = duration.parse(written.duration)
    return Plan(
        url=written.url,
        clients=written.clients,
        seconds=time.total_seconds() if time else 0.0,
        rate=written.rate,
        field=written.field,
        pattern=re.compile(written.pattern or "()"),
        cookies=written.cookies,
        sources=written.sources,
    )


def _target(written: Written) -> list[str]:
    try:
        parts = urlsplit(written.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        return ['found a URL that is none of HTTP; write one such as "http://127.0.0.1:8080/"']
    if parts.username is not None:
        return ["found a URL with a password or user; write one without"]
    if written.sources and not _is_loopback(host):
        return [f"found --sources and the host {host}; write a URL of 127.0.0.1, the only place it works at"]
    return []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _bounds(written: Written) -> list[str]:
    wrong = []
    if not 1 <= written.clients <= _MOST_CLIENTS:
        wrong.append(f"found --clients {written.clients}; write a number from 1 to {_MOST_CLIENTS}")
    time = duration.parse(written.duration)
    if time is None or not 0 < time.total_seconds() <= _MOST_SECONDS:
        wrong.append(f'found --duration "{written.duration}"; write a time up to an hour, such as 30s')
    if not 0 < written.rate <= _MOST_RATE:
        wrong.append(f"found --rate {written.rate:g}; write requests a second of each client, up to 100")
    return wrong


def _tell(written: Written) -> list[str]:
    if (written.field is None) == (written.pattern is None):
        found = "neither --field nor --pattern" if written.field is None else "--field and --pattern"
        return [f"found {found}; write one of them: it tells which server has answered"]
    if written.field is not None:
        well = _FIELD.fullmatch(written.field)
        return [] if well else [f'found --field "{written.field}"; write a field name such as X-Server']
    try:
        groups = re.compile(written.pattern or "").groups
    except re.error as error:
        return [
            f"found a --pattern that is no regular expression ({error}); write one such as 'on (web[0-9]+)'"
        ]
    return (
        []
        if groups == 1
        else [f"found a --pattern with {groups} groups; write one group, such as (web[0-9]+)"]
    )
