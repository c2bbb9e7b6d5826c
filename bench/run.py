"""Measures the sides against each other and writes the page: `python -m bench.run --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import arena, h2, measure, page, peers, slices, stats
from bench.peers import PEERS, SIDES, Kit, Side
from bench.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
IDLE = (1_000, 10_000)
TRIALS = 3


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--side", action="append", choices=SIDES, help="a side to measure; default: all")
    parser.add_argument(
        "--subject", choices=SIDES, default="equalizer", help="the side whose ratios are printed"
    )
    parser.add_argument("--workloads", nargs="*", choices=WORKLOADS, default=None, help="default: all")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--quick", action="store_true", help="five rounds: a first look, no result to publish"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a slice is")
    parser.add_argument(
        "--saturated-only", action="store_true", help="leave the two fixed rates out: nothing of SSE is left"
    )
    parser.add_argument("--syscalls", action="store_true", help="also count system calls on W1")
    parser.add_argument("--idle", action="store_true", help="also weigh 1,000 and 10,000 idle connections")
    parser.add_argument("--equalizer", default=peers.find_equalizer(ROOT), help="the command to measure")
    parser.add_argument(
        "--tools", type=Path, help="where origin, relay and load are; built here when not given"
    )
    parser.add_argument(
        "--json", type=Path, default=ROOT / "bench" / "results.json", help="where the page goes"
    )
    parser.add_argument("--readme", type=Path, nargs="?", const=ROOT / "README.md", help="rewrite its table")
    chosen = parser.parse_args(words)
    chosen.rounds = 5 if chosen.quick else chosen.rounds
    if chosen.rounds < 1 or chosen.seconds <= 0:
        parser.error("--rounds and --seconds must be above zero")
    return chosen


def build_tools() -> Path:
    """Builds the three tools and says where they are."""
    if shutil.which("cargo") is None:
        raise SystemExit("bench: cargo is missing; install Rust from https://rustup.rs")
    manifest = ROOT / "bench" / "tools" / "Cargo.toml"
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(manifest)]
    subprocess.run([*command, "--quiet"], check=True)
    target = os.environ.get("CARGO_TARGET_DIR", str(manifest.parent / "target"))
    return Path(target) / "release"


@contextmanager
def stage(kit: Kit, chosen: list[Side], seconds: float) -> Iterator[slices.Stage]:
    """The origin and every chosen side, all up at once."""
    with ExitStack() as stack:
        origin = peers.start_origin(kit)
        stack.callback(origin.stop)
        running = {}
        for side in chosen:
            running[side.name] = peers.start(side, kit)
            stack.callback(running[side.name].stop)
        yield slices.Stage(kit, origin, running, seconds)


def slowest(stand: slices.Stage, able: list[Side], workload: Workload) -> float | None:
    """What the slowest of the peers can do in a second, by trials; `None` where that cannot be told."""
    peers_here = [side for side in able if side.name in PEERS] if workload.saturates else []
    tried = [
        max(slices.take(stand, side, workload, None, 0).per_second for _ in range(TRIALS))
        for side in peers_here
    ]
    return min(tried, default=None)


def play(
    stand: slices.Stage, chosen: list[Side], workload: Workload, options: argparse.Namespace
) -> list[slices.Slice]:
    """Every round of one workload, at each of its paces."""
    able = {side.name: side for side in chosen if workload.port in side.ports}
    paces = workload.paces(
        slowest(stand, list(able.values()), workload), saturated_only=options.saturated_only
    )
    taken: list[slices.Slice] = []
    for number in range(options.rounds):
        for pace in paces:
            order = stats.order(list(able), number)
            taken += [slices.take(stand, able[name], workload, pace, number) for name in order]
        _progress(workload, number, options.rounds, taken)
    return taken


def _progress(workload: Workload, number: int, rounds: int, taken: list[slices.Slice]) -> None:
    refused = sum(one.rejected is not None for one in taken)
    text = f"bench: {workload.name} round {number + 1}/{rounds}, {refused} of {len(taken)} slices not counted"
    print(text, file=sys.stderr, flush=True)


def describe(
    options: argparse.Namespace, kit: Kit, chosen: list[Side], place: dict[str, str]
) -> dict[str, Any]:
    """What one must know to repeat the run."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run(
        [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False)
    model = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": ?"
    )
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": (commit.stdout.strip() or "unknown") + (" with changes" if changes.stdout.strip() else ""),
        "kernel": platform.release(),
        "processor": f"{model.partition(':')[2].strip()}, {os.cpu_count()} cores",
        "flags": sys.argv[1:],
        "arena": place,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "subject": options.subject,
        "sides": [side.name for side in chosen],
        "versions": {side.name: peers.version(side, kit) for side in chosen},
        "notes": {side.name: side.does for side in chosen},
    }


def able_workloads(asked: list[str] | None) -> list[str]:
    """The workloads asked for (`None`: all), without those that this machine has no generator for."""
    names = list(WORKLOADS) if asked is None else asked
    reason = h2.missing()
    if reason is None:
        return names
    left_out = [name for name in names if WORKLOADS[name].kind == "streams"]
    for name in left_out:
        print(f"bench: {name} is left out: {reason}", file=sys.stderr)
    return [name for name in names if name not in left_out]


def measure_all(
    options: argparse.Namespace, kit: Kit, chosen: list[Side], place: dict[str, str]
) -> dict[str, Any]:
    """The whole page."""
    result = describe(options, kit, chosen, place)
    idle: dict[str, dict[int, measure.Memory]] = {}
    if options.idle:
        with stage(kit, chosen, options.seconds) as stand:
            # The relay opens a server's connection for every client's: its weight would say nothing.
            idle = {
                side.name: slices.weigh_idle(stand, side, IDLE) for side in chosen if side.name != "relay"
            }
    taken: list[slices.Slice] = []
    calls: dict[str, dict[str, float]] = {}
    names = able_workloads(options.workloads)
    with stage(kit, chosen, options.seconds) as stand:
        for name in names:
            taken += play(stand, chosen, WORKLOADS[name], options)
        if options.syscalls:
            calls = {side.name: slices.count_calls(stand, side, WORKLOADS["W1"]) for side in chosen}
    result["results"] = page.summarise(taken, result["sides"], options.subject)
    result["syscalls"], result["idle"] = calls, idle
    result["slices"] = [asdict(one) for one in taken]
    return result


def write(result: dict[str, Any], options: argparse.Namespace) -> None:
    """Prints the tables, and leaves the JSON and, where asked for, the README."""
    text = page.markdown(result)
    print(text)
    weighed = {name: {n: asdict(one) for n, one in counts.items()} for name, counts in result["idle"].items()}
    options.json.write_text(json.dumps({**result, "idle": weighed}, indent=1) + "\n")
    print(f"bench: {options.json} written", file=sys.stderr)
    if options.readme is not None:
        page.rewrite(options.readme, text)


def in_arena(
    module: str,
    options: argparse.Namespace,
    sides: list[Side],
    work: Callable[[Kit, dict[str, str]], None],
) -> int:
    """Starts `module` again in a namespace, and does `work` there with its kit and the place.

    `options` has `tools`, built here where it is None, and `equalizer`. Returns the exit code. What `sides`
    need and is missing is told, and an error of `work`, each in a line.
    """
    if not arena.inside():
        options.tools = options.tools or build_tools()
        tools = str(options.tools.resolve())
        arena.enter([sys.executable, "-m", module, *sys.argv[1:], "--tools", tools])
    with tempfile.TemporaryDirectory(prefix="equalizer-bench-") as folder:
        kit = Kit(Path(folder), options.tools, options.equalizer)
        problems = [*arena.cores(), *peers.missing(sides, kit)]
        if problems:
            print("\n".join(f"bench: {problem}" for problem in problems), file=sys.stderr)
            return 2
        place = arena.prepare()
        peers.make_certificate(kit)
        try:
            work(kit, place)
        except (RuntimeError, ValueError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    return 0


def main() -> int:
    """Measures, and writes the page."""
    options = arguments()
    chosen = [SIDES[name] for name in (options.side or SIDES)]
    return in_arena(
        "bench.run",
        options,
        chosen,
        lambda kit, place: write(measure_all(options, kit, chosen, place), options),
    )


if __name__ == "__main__":
    sys.exit(main())
