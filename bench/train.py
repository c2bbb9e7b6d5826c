"""Puts an engine through every workload, so that the compiler learns which of its paths are the common ones.

`maturin --pgo` (or `MATURIN_PGO=1 pip install .`) builds the engine twice: first one that counts what it does
while this runs, then the one to keep, laid out by those counts. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import arena, peers, slices
from bench.peers import SIDES, Kit
from bench.run import ROOT, able_workloads, build_tools, stage
from bench.seen import WATCHED
from bench.slices import Slice
from bench.workloads import WORKLOADS

# As fast as it goes, and so slowly that it also learns to wait.
PACES = (None, 1_000)


def train(kit: Kit, seconds: float) -> list[Slice]:
    """Every workload at both paces, by an engine that is alone and by one whose operators see everything."""
    sides = [SIDES["equalizer"], WATCHED]
    with stage(kit, sides, seconds) as stand:
        return [
            slices.take(stand, side, workload, pace, 0)
            for workload in (WORKLOADS[name] for name in able_workloads(None))
            for side in sides
            for pace in PACES
            if workload.saturates or pace is not None
        ]


def main() -> int:
    """Builds the tools, enters a namespace, trains."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each is offered")
    parser.add_argument("--tools", type=Path, help="where origin and load are; built here when not given")
    options = parser.parse_args()
    if not arena.inside():
        tools = options.tools or build_tools()
        arena.enter([sys.executable, "-m", "bench.train", *sys.argv[1:], "--tools", str(tools.resolve())])
        options.tools = tools
    with tempfile.TemporaryDirectory(prefix="equalizer-train-") as folder:
        kit = Kit(Path(folder), options.tools, peers.find_equalizer(ROOT))
        problems = [*arena.cores(), *peers.missing([SIDES["equalizer"]], kit)]
        if problems:
            print("\n".join(f"train: {problem}" for problem in problems), file=sys.stderr)
            return 2
        arena.prepare()
        peers.make_certificate(kit)
        taken = train(kit, options.seconds)
    served = sum(one.requests for one in taken)
    print(f"train: {served} requests served in {len(taken)} slices", file=sys.stderr)
    # What is not counted for a figure is good enough to learn from; nothing at all is not.
    silent = [f"{one.workload} {one.side}: {one.report['errors']}" for one in taken if one.requests == 0]
    print("\n".join(f"train: {line}" for line in silent), end="", file=sys.stderr)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
