"""The table of what clients noticed, as docs/reference/faults.md shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .scenes import BAD, FAULTS, RATE, Outcome
from .sides import NAMES, SIDES

_HEAD = """# When servers fail

What clients notice behind Equalizer, and behind HAProxy beside it. This page is written by `make faults`.

Each stands in front of {count} servers of its own; one of them, {bad}, fails from the first quarter of
{seconds:.0f} s to the last. Meanwhile {rate} requests a second come to each balancer, half of them from 100
clients with a session, half from newcomers, each on a connection of its own; one in ten is a POST. Servers
answer in 5 ms with 4 KiB.

Both are told to watch as closely, and to be as patient:

{sides}

"""
_EXPLAINED = """
- **failed**: requests that may be repeated (GET) and got no whole answer, or one with a status of 500 or
  above. In brackets those whose answer had begun: what a client has of a body nobody can take back.
- **POST**: the same of requests that may not be repeated.
- **last new**: seconds from the beginning of the fault until the last newcomer that the failing server
  answered well enough for a session to begin there.
- **moved**: how often a session went from the failing server to another; **strayed**: how often one left a
  server that was well, the way back to the failing one after it was mended not counted.
- **lost**: sessions that Equalizer itself counts as lost, by [reason](../guide/reasons.md).
"""


def markdown(outcomes: Sequence[Outcome], seconds: float, versions: Mapping[str, str]) -> str:
    """The whole page."""
    sides = "\n".join(f"- **{side.name}** {versions[side.name]}: {side.does}" for side in SIDES)
    head = _HEAD.format(count=len(NAMES), bad=BAD, seconds=seconds, rate=RATE, sides=sides)
    return head + "\n".join(_table(outcomes)) + "\n" + _EXPLAINED


def _table(outcomes: Sequence[Outcome]) -> Iterable[str]:
    yield "| fault | behind | failed | POST | last new | moved | strayed | p99 | slowest | lost |"
    yield "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --- |"
    what = {fault.name: fault.what for fault in FAULTS}
    for one in outcomes:
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(one.lost.items()) if count)
        cells = [
            f"**{one.fault}**: {what[one.fault]}",
            one.side,
            f"{one.failed} ({one.cut})" if one.cut else str(one.failed),
            str(one.failed_posts),
            f"{one.last_new:.1f} s",
            str(one.moved),
            str(one.strayed),
            f"{one.p99 * 1000:.0f} ms",
            f"{one.slowest * 1000:.0f} ms",
            lost or ("none" if one.side == "equalizer" else ""),
        ]
        yield "| " + " | ".join(cells) + " |"
