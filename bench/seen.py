"""What it costs to see everything: the access log alone, and it with probes, the admin API and its metrics.

    python -m bench.seen                   # 15 rounds of W1 and W2, saturated and at a fixed rate
    python -m bench.seen --rounds 5

Three Equalizers stand beside the peers: one as `bench.run` has it, one with a log to a file, and one that is
also probing its servers while its metrics are read every five seconds. Printed are what a request costs each,
the ratio of the log to none, and of each to the best peer, which logs nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from threading import Event, Thread
from urllib.request import Request, urlopen

from bench import peers, slices, stats
from bench.peers import PEERS, SIDES, Kit, Side
from bench.run import ROOT, in_arena, slowest, stage
from bench.slices import Slice, Stage
from bench.workloads import WORKLOADS, Workload

_PLAIN = SIDES["equalizer"]
_ADMIN_PORT = 8199
_SCRAPE_SECONDS = 5.0
_LOG = "access.log"


def _logged(side: Side, kit: Kit, folder: Path) -> list[str]:
    command = _PLAIN.configure(side, kit, folder)
    file = Path(command[-1])
    file.write_text(f'{file.read_text()}\n[access_log]\nto = "{folder / _LOG}"\n')
    return command


def _watched(side: Side, kit: Kit, folder: Path) -> list[str]:
    command = _logged(side, kit, folder)
    file = Path(command[-1])
    probed = file.read_text().replace(
        "[pools.shop]\n", '[pools.shop]\nprobe = { kind = "http", path = "/" }\n'
    )
    admin = f'[admin]\naddress = "127.0.0.1:{_ADMIN_PORT}"\ntoken_file = "{folder / "token"}"\n'
    file.write_text(f"{probed}\n{admin}")
    return command


def _beside(offset: int) -> dict[str, int]:
    return {kind: port + offset for kind, port in _PLAIN.ports.items()}


LOGGED = replace(_PLAIN, name="logged", ports=_beside(10), configure=_logged)
WATCHED = replace(_PLAIN, name="watched", ports=_beside(20), configure=_watched)
_SIDES = [_PLAIN, LOGGED, WATCHED, *(SIDES[name] for name in PEERS)]


@contextmanager
def scraped(token_file: Path) -> Iterator[None]:
    """Reads the metrics now and then, as a Prometheus would; a reading that fails ends the run."""
    done, failed = Event(), []
    shown = {"Authorization": f"Bearer {token_file.read_text().strip()}"}
    request = Request(f"http://127.0.0.1:{_ADMIN_PORT}/metrics", headers=shown)

    def scrape() -> None:
        try:
            while not done.wait(_SCRAPE_SECONDS):
                with urlopen(request, timeout=_SCRAPE_SECONDS) as answer:
                    answer.read()
        except OSError as error:
            failed.append(error)

    thread = Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failed:
        raise RuntimeError(f"the metrics could not be read: {failed[0]}")


def tell(workload: Workload, pace: int | None, taken: list[Slice]) -> None:
    """Prints what one workload showed at one pace."""
    figures = {
        side.name: {one.round: one.cpu_us for one in taken if one.side == side.name and one.rejected is None}
        for side in _SIDES
    }
    medians = [f"{name} {median(each.values()):.1f}" for name, each in figures.items() if each]
    print(f"{workload.name} {'saturated' if pace is None else f'{pace:,}/s'}, CPU µs a request: ", end="")
    print(", ".join(medians))
    print(f"  the log over none: {_ratio(figures['logged'], figures['equalizer'])}")
    best = stats.best(figures, PEERS)
    for side in (_PLAIN, LOGGED, WATCHED) if best else ():
        print(f"  {side.name} over {best}: {_ratio(figures[side.name], figures[str(best)])}", flush=True)


def _ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    ratio = stats.bootstrap(stats.paired(ours, theirs))
    return f"{ratio.value:.3f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else "not measured"


def play(stand: Stage, workload: Workload, rounds: int) -> None:
    """Every round of one workload, saturated and at the higher of its fixed rates."""
    able = {side.name: side for side in _SIDES}
    for pace in workload.paces(slowest(stand, _SIDES, workload), saturated_only=False)[:2]:
        taken = []
        for number in range(rounds):
            for name in stats.order(list(able), number):
                begin_anew(stand.kit, name)
                taken.append(slices.take(stand, able[name], workload, pace, number))
        tell(workload, pace, taken)


def begin_anew(kit: Kit, name: str) -> None:
    """Empties a side's log.

    A machine that runs for long writes into memory that it has; a young virtual one gets each page from its
    host first, at the expense of the process that writes.
    """
    log = kit.folder / name / _LOG
    if log.exists():
        os.truncate(log, 0)


def measure_all(kit: Kit, options: argparse.Namespace) -> None:
    """Every workload, while the metrics are read."""
    with stage(kit, _SIDES, options.seconds) as stand, scraped(kit.folder / "watched" / "token"):
        for name in options.workloads:
            play(stand, WORKLOADS[name], options.rounds)


def main() -> int:
    """Measures in a namespace, and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.seen", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a slice is")
    parser.add_argument("--workloads", nargs="*", choices=["W1", "W2"], default=["W1", "W2"])
    parser.add_argument("--tools", type=Path, help="where the tools are, if they are built")
    parser.add_argument("--equalizer", default=peers.find_equalizer(ROOT))
    options = parser.parse_args()
    return in_arena("bench.seen", options, _SIDES, lambda kit, _place: measure_all(kit, options))


if __name__ == "__main__":
    sys.exit(main())
