"""Lets servers fail behind both balancers, prints what clients noticed, and writes the page.

python -m bench.faults                     # every fault, a minute each
python -m bench.faults --fault hung --seconds 20 --page -
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import arena, peers
from bench.peers import Kit
from bench.run import ROOT

from .page import markdown
from .scenes import FAULTS, Outcome, play
from .sides import SIDES

PAGE = ROOT / "docs" / "reference" / "faults.md"


def main() -> int:
    """Enters the namespace, plays, writes."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", action="append", choices=names, help="one of them; default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each is played")
    parser.add_argument("--page", default=str(PAGE), help="where the page goes; - for standard output")
    parser.add_argument("--equalizer", default=peers.find_equalizer(ROOT))
    options = parser.parse_args()
    if not arena.inside():
        arena.enter([sys.executable, "-m", "bench.faults", *sys.argv[1:]])
    outcomes: list[Outcome] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="eq-faults-") as folder:
        kit = Kit(Path(folder), Path(folder), options.equalizer)
        problems = peers.missing(list(SIDES), kit)
        if problems:
            print("\n".join(f"faults: {problem}" for problem in problems), file=sys.stderr)
            return 2
        arena.prepare()
        versions = {side.name: peers.version(side, kit) for side in SIDES}
        for fault in FAULTS:
            if fault.name in (options.fault or names):
                print(f"faults: {fault.name}: {fault.what}", file=sys.stderr, flush=True)
                outcomes += play(kit, fault, options.seconds)
    text = markdown(outcomes, options.seconds, versions)
    if options.page == "-":
        print(text)
    else:
        Path(options.page).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
