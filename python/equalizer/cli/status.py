"""`equalizer status`: a table of pools and servers, once or every second."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from equalizer.cli.words import Which, clock, span
from equalizer.control.answers import Draining, PoolStatus, ServerStatus, Status

_HEADINGS = (
    *("POOL", "SERVER", "STATE", "WEIGHT", "SESSIONS", "IN FLIGHT"),
    *("REQ/S", "P50 MS", "P99 MS", "EXCHANGES", "FAULTS", ""),
)
_NUMBERS = range(3, 10)  # columns that are read from the right
_AGAIN = 1.0  # seconds
_CLEAR = "\x1b[H\x1b[2J"


def status(which: Which, *, as_json: bool, watch: bool) -> None:
    """Print it; with `watch` until interrupted."""
    while True:
        found = which.remote().status()
        text = json.dumps(asdict(found), ensure_ascii=False) if as_json else table(found)
        clear = watch and not as_json and sys.stdout and sys.stdout.isatty()
        print(f"{_CLEAR if clear else ''}{text}", flush=True)
        if not watch:
            return
        time.sleep(_AGAIN)


def table(found: Status) -> str:
    """One line a server."""
    rows = [_HEADINGS]
    for pool in found.pools:
        for server in pool.servers:
            sessions = "-" if server.sessions is None else str(server.sessions)
            in_flight = f"{server.in_flight}/{server.limit}" if server.limit else str(server.in_flight)
            pace = (_short(server.rate), _milliseconds(server.p50), _milliseconds(server.p99))
            numbers = (str(server.weight_now), sessions, in_flight, *pace, str(server.exchanges))
            notes = [f"{server.waiting} waiting"] if server.waiting else []
            notes += [] if server.given is None else [f"weight {server.weight} configured"]
            notes += [_note(server.draining, found.at)] if server.draining else []
            notes += _told(pool, server)
            note = ", ".join(notes)
            rows.append((pool.name, server.name, server.state, *numbers, _counts(server.faults), note))
    first = f"{found.config}: revision {found.revision}, process {found.pid}, {found.connections} connections"
    lost = [f"lost in {pool.name}: {_counts(pool.lost)}" for pool in found.pools if any(pool.lost.values())]
    limited = [
        f"at their limit in {pool.name}: {_counts({**pool.limited, 'waiting for any': pool.waiting})}"
        for pool in found.pools
        if pool.waiting or any(pool.limited.values())
    ]
    rates = [
        f"over their rate in {pool.name}: {_counts(pool.rates)}"
        for pool in found.pools
        if any(pool.rates.values())
    ]
    retries = [
        f"retries in {pool.name}: {_counts(pool.retries)}"
        for pool in found.pools
        if any(pool.retries.values())
    ]
    breakers = [
        f"breaker of {pool.name}: {pool.breaker.state}, {pool.breaker.refused} refused since the start"
        for pool in found.pools
        if pool.breaker and pool.breaker.opened
    ]
    panics = [
        f"in {pool.name} too few servers are well by their probes, which are not believed"
        for pool in found.pools
        if pool.panics
    ]
    return "\n".join((first, *_aligned(rows), *lost, *limited, *rates, *retries, *breakers, *panics))


def _told(pool: PoolStatus, server: ServerStatus) -> list[str]:
    """What a person said, where the state does not show it, what probes and handshakes found, its ejection.

    A panic is about probes alone: one that is ejected stays so.
    """
    said = [] if server.load is None else [f"load {server.load}"]
    said += [f"{server.said} but for its probes"] if server.said not in ("up", server.state) else []
    found = f"not believed: {server.why}" if server.why and pool.panics else server.why
    return [*said, *(each for each in (found, server.handshake, server.ejected) if each)]


def _note(draining: Draining, now: float) -> str:
    """When it is empty: by how it goes, and at the latest."""
    left = draining.empty_in
    parts = ["empty" if left == 0 else f"empty in about {span(left)}" if left is not None else "draining"]
    parts[0] += f" since {clock(draining.since)}" if left is None else ""
    if draining.deadline is not None:
        passed = draining.deadline <= now
        when = "passed" if passed else f"{clock(draining.deadline)} (in {span(draining.deadline - now)})"
        parts.append(f"deadline {when}")
    if draining.idle_first is not None:
        parts.append(f"idle for {span(draining.idle_first)} first")
    return ", ".join(parts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "0"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else _short(seconds * 1000)


def _short(number: float) -> str:
    """Two digits that count, or all of a whole number."""
    if number >= 10 or number == 0:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.2g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [
        "  ".join(
            text.rjust(width) if column in _NUMBERS else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
