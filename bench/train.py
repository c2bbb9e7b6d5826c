"""Puts an engine through every workload, so that the compiler learns which of its paths are the common ones.

`maturin --pgo` (or `MATURIN_PGO=1 pip install .`) builds the engine twice: first one that counts what it does
while this runs, then the one to keep, laid out by those counts. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import peers, slices
from bench.peers import SIDES, Kit
from bench.run import ROOT, able_workloads, in_arena, stage
from bench.seen import WATCHED
from bench.workloads import WORKLOADS

# As fast as it goes, and so slowly that it also learns to wait.
PACES = (None, 1_000)
_SIDES = [SIDES["equalizer"], WATCHED]


def train(kit: Kit, seconds: float) -> None:
    """Every workload at both paces, by an engine that is alone and by one whose operators see everything."""
    with stage(kit, _SIDES, seconds) as stand:
        taken = [
            slices.take(stand, side, workload, pace, 0)
            for workload in (WORKLOADS[name] for name in able_workloads(None))
            for side in _SIDES
            for pace in PACES
            if workload.saturates or pace is not None
        ]
    served = sum(one.requests for one in taken)
    print(f"train: {served} requests served in {len(taken)} slices", file=sys.stderr)
    # What is not counted for a figure is good enough to learn from; nothing at all is not.
    silent = [f"{one.workload} {one.side}: {one.report['errors']}" for one in taken if one.requests == 0]
    if silent:
        raise RuntimeError("; ".join(silent))


def main() -> int:
    """Trains in a namespace."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each is offered")
    parser.add_argument("--tools", type=Path, help="where origin and load are; built here when not given")
    parser.add_argument("--equalizer", default=peers.find_equalizer(ROOT))
    options = parser.parse_args()
    return in_arena("bench.train", options, _SIDES, lambda kit, _place: train(kit, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
