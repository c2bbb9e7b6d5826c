"""What sessions notice of a balance in Python while more clients come than it can choose for.

    python -m bench.births                 # 9 rounds: 20,000 births a second beside 2,000 with a session
    python -m bench.births --births 5000

Two Equalizers stand beside each other, one that takes turns and one that asks a function. Each round offers
both the same: newcomers on kept-alive connections, each request a birth, and clients with a session at a
fixed rate. Printed are the sessions' p50 and p99, the ratios of the rounds, and what became of the births.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers, stats
from bench.peers import SERVERS, Kit, Running, Side
from bench.run import ROOT, in_arena
from bench.slices import Generator
from bench.workloads import COOKIE
from equalizer.control.remote import Remote

_FUNCTION = '''"""A choice that looks at the request and at every server, as real ones do."""


def choose(birth, pool):
    if birth.fields.get("X-Customer") == "acme":
        return "web1"
    able = [server for server in pool.servers.values() if server.takes_sessions]
    return min(able, key=lambda server: server.in_flight).name if able else None
'''
BALANCES = {
    "turns": '"round_robin"',
    "python": '{ kind = "python", function = "bench_choice:choose", wait = "5ms" }',
}


def configure(side: Side, kit: Kit, folder: Path) -> list[str]:
    """An Equalizer whose sessions are all born one by one."""
    (folder / "bench_choice.py").write_text(_FUNCTION)
    tables = f"""[pools.shop]
balance = {BALANCES[side.name]}
persistence = {{ kind = "cookie", name = "{COOKIE}" }}
sessions = {{ burst = "off" }}

[control]
socket = "{folder / "control.sock"}"
"""
    return peers.serve_shop(kit, folder, side.ports["plain"], tables, SERVERS)


SIDES = [
    Side(name, "", {"plain": 8101 + place}, configure, lambda kit: []) for place, name in enumerate(BALANCES)
]


@dataclass(frozen=True)
class Round:
    """One second of one side."""

    sessions: dict[str, Any]
    births: dict[str, Any]


def take(kit: Kit, side: Side, options: argparse.Namespace) -> Round:
    """Offers both crowds at once."""
    common = ["--hold", "--target", f"127.0.0.1:{side.ports['plain']}", "--seconds", str(options.seconds)]
    known = ["--connections", "32", "--cookie", COOKIE, "--rate", str(options.sessions)]
    with ExitStack() as stack:
        crowds = [
            Generator(kit, [*common, *words])
            for words in (known, ["--connections", "128", "--rate", str(options.births)])
        ]
        for crowd in crowds:
            stack.callback(crowd.close)
            crowd.line()
        for crowd in crowds:
            crowd.go()
        sessions, births = (json.loads(crowd.line()) for crowd in crowds)
    return Round(sessions, births)


def unharmed(found: Round) -> None:
    """Every exchange with a session has reached its home."""
    wrong = {name: found.sessions[name] for name in ("errors", "strays") if found.sessions[name]}
    if wrong or set(found.sessions["statuses"]) - {"200"}:
        raise RuntimeError(f"sessions were harmed: {wrong or found.sessions['statuses']}")


def choices(kit: Kit) -> dict[str, int]:
    """What became of the births, as the running Equalizer counts them."""
    text = Remote(kit.folder / "python" / "control.sock").metrics().text
    lines = [line for line in text.splitlines() if line.startswith("equalizer_choices_total{")]
    return {
        line.partition('outcome="')[2].partition('"')[0]: int(float(line.rsplit(" ", 1)[1])) for line in lines
    }


def run(options: argparse.Namespace, kit: Kit) -> None:
    """All rounds, and the page."""
    taken: dict[str, list[Round]] = {side.name: [] for side in SIDES}
    with ExitStack() as stack:
        stack.callback(peers.start_origin(kit).stop)
        for side in SIDES:
            running: Running = peers.start(side, kit)
            stack.callback(running.stop)
        for number in range(options.rounds):
            for name in stats.order([side.name for side in SIDES], number):
                found = take(kit, next(side for side in SIDES if side.name == name), options)
                unharmed(found)
                taken[name].append(found)
        counted = choices(kit)
    print(
        f"{options.births} births and {options.sessions} requests with a session a second, "
        f"{options.rounds} rounds"
    )
    for name, rounds in taken.items():
        p50, p99 = (median(one.sessions[key] for one in rounds) for key in ("p50_us", "p99_us"))
        born = median(one.births["per_second"] for one in rounds)
        print(f"  {name}: sessions p50 {p50:.0f} µs, p99 {p99:.0f} µs; {born:.0f} births a second")
    for key in ("p50_us", "p99_us"):
        ours, theirs = (
            {number: one.sessions[key] for number, one in enumerate(taken[name])}
            for name in ("python", "turns")
        )
        ratio = stats.bootstrap(stats.paired(ours, theirs))
        if ratio:
            print(f"  {key[:3]}, python over turns: {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})")
    total = max(sum(counted.values()), 1)
    print("  births: " + ", ".join(f"{100 * count / total:.0f} % {word}" for word, count in counted.items()))


def main() -> int:
    """Measures in a namespace, and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.births", description=__doc__)
    parser.add_argument("--births", type=int, default=20_000, help="offered a second")
    parser.add_argument("--sessions", type=int, default=2_000, help="requests a second with a session")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--tools", type=Path, help="where the tools are, if they are built")
    parser.add_argument("--equalizer", default=peers.find_equalizer(ROOT))
    options = parser.parse_args()
    return in_arena("bench.births", options, [], lambda kit, _place: run(options, kit))


if __name__ == "__main__":
    sys.exit(main())
