"""The page: the slices summed up as JSON, and as the Markdown tables that the README shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench import stats
from bench.measure import Memory
from bench.peers import PEERS, SIDES
from bench.slices import Slice
from bench.workloads import WORKLOADS

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_MEDIANS = ("cpu_us", "per_second", "p50_us", "p99_us", "demand", "waited", "origin_us", "load_us")


def summarise(slices: Iterable[Slice], names: Sequence[str], subject: str) -> list[dict[str, Any]]:
    """One entry for each workload and pace: each side's medians, and the subject's paired ratios."""
    groups: dict[tuple[str, int | None], list[Slice]] = defaultdict(list)
    for one in slices:
        groups[one.workload, one.rate].append(one)
    return [_entry(workload, rate, group, names, subject) for (workload, rate), group in groups.items()]


def _entry(
    workload: str, rate: int | None, group: list[Slice], names: Sequence[str], subject: str
) -> dict[str, Any]:
    sides = {}
    for name in names:
        mine = [one for one in group if one.side == name]
        kept = [asdict(one) for one in mine if one.rejected is None]
        sides[name] = {
            "slices": len(kept),
            "rejected": dict(Counter(one.rejected for one in mine if one.rejected is not None)),
            **{key: median(one[key] for one in kept) for key in _MEDIANS if kept},
        }
    return {"workload": workload, "rate": rate, "sides": sides, "ratios": _ratios(group, names, subject)}


def _ratios(group: list[Slice], names: Sequence[str], subject: str) -> dict[str, Any]:
    ratios: dict[str, Any] = {}
    for key in ("cpu_us", "p99_us"):
        figures = {
            name: {one.round: asdict(one)[key] for one in group if one.side == name and one.rejected is None}
            for name in names
        }
        best = stats.best(figures, [name for name in PEERS if name in names and name != subject])
        for label, other in (("best peer", best), ("relay", "relay")):
            if other is None or subject not in figures or other not in figures or other == subject:
                continue
            ratio = stats.bootstrap(stats.paired(figures[subject], figures[other]))
            if ratio is not None:
                ratios[f"{key} to {label}"] = {"side": other, **asdict(ratio)}
    return ratios


def markdown(page: dict[str, Any]) -> str:
    """The page's tables and what must be known to read them."""
    names, subject = page["sides"], page["subject"]
    parts = [costs(page["results"], names, subject), _speeds(page["results"], names)]
    parts.append(_calls(page["syscalls"], names))
    parts.append(_idle(page["idle"], names))
    parts.append(_notes(page))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _what(entry: dict[str, Any]) -> str:
    pace = "saturated" if entry["rate"] is None else f"{entry['rate']:,}/s"
    return f"{entry['workload']} {WORKLOADS[entry['workload']].title}, {pace}"


def _ratio(entry: dict[str, Any], key: str, *, name: bool) -> str:
    found = entry["ratios"].get(key)
    if found is None:
        return "–"
    side = f" ({found['side']})" if name else ""
    return f"**{found['value']:.2f}** [{found['low']:.2f}, {found['high']:.2f}]{side}"


def costs(results: list[dict[str, Any]], names: Sequence[str], subject: str) -> str:
    """The first table: what a request costs each side, and the subject's ratios that could be measured."""
    if not results:
        return ""
    titles = {"cpu_us to best peer": "the best peer", "cpu_us to relay": "the relay"}
    shown = [key for key in titles if any(key in entry["ratios"] for entry in results)]
    rows = []
    for entry in results:
        each = [f"{side['cpu_us']:.1f}" if "cpu_us" in side else "–" for side in entry["sides"].values()]
        ratios = [_ratio(entry, key, name=key == "cpu_us to best peer") for key in shown]
        rows.append([_what(entry), *each, *ratios])
    return _table(
        ["CPU µs a request, message or event", *names, *(f"{subject} to {titles[key]}" for key in shown)],
        rows,
    )


def _speeds(results: list[dict[str, Any]], names: Sequence[str]) -> str:
    if not results:
        return ""
    rows = []
    for entry in results:
        each = []
        for side in entry["sides"].values():
            if "cpu_us" not in side:
                each.append("–")
                continue
            latency = f"{side['p50_us'] / 1000:.2f} / {side['p99_us'] / 1000:.2f} ms"
            each.append(f"{side['per_second']:,.0f}; {latency}")
        rows.append([_what(entry), *each, _ratio(entry, "p99_us to best peer", name=True)])
    return _table(["of these a second; p50 / p99", *names, "p99 to the best peer"], rows)


def _calls(calls: dict[str, dict[str, float]], names: Sequence[str]) -> str:
    if not calls:
        return ""
    rows = []
    for name in (name for name in names if name in calls):
        most = sorted(calls[name].items(), key=lambda item: -item[1])
        rows.append(
            [name, f"{sum(calls[name].values()):.2f}", ", ".join(f"{call} {n:.2f}" for call, n in most)]
        )
    return _table(["system calls a request, W1 saturated", "all", "which"], rows)


def _idle(idle: dict[str, dict[int, Memory]], names: Sequence[str]) -> str:
    if not idle:
        return ""
    counts = sorted({count for one in idle.values() for count in one if count})
    rows = []
    for name in (name for name in names if name in idle):
        base, row = idle[name][0], [name, f"{idle[name][0].rss / 2**20:.1f}"]
        for count in counts:
            now = idle[name][count]
            rss, pss = (now.rss - base.rss) / count / 1024, (now.pss - base.pss) / count / 1024
            row.append(f"{now.rss / 2**20:.1f} ({rss:.2f} / {pss:.2f})")
        rows.append(row)
    head = [f"{count:,} idle (KiB each, RSS / PSS)" for count in counts]
    return _table(["RSS in MiB", "no connection", *head], rows)


def _notes(page: dict[str, Any]) -> str:
    lines = []
    for name in page["sides"]:
        version = f" {page['versions'][name]}" if page["versions"][name] else ""
        lines.append(f"- {name}{version}: {SIDES[name].does}.")
    refused = [
        f"{entry['workload']} {entry['rate'] or 'saturated'} {name}: {count} ({why})"
        for entry in page["results"]
        for name, side in entry["sides"].items()
        for why, count in side["rejected"].items()
    ]
    lines.append(f"- Slices not counted: {'; '.join(refused) or 'none'}.")
    waits = [
        side["waited"] for entry in page["results"] for side in entry["sides"].values() if "waited" in side
    ]
    if waits:
        lines.append(
            f"- Other programs had the proxy's core for {median(waits):.1%} of the counted time (median)."
        )
    place = ", ".join(f"{key}: {value}" for key, value in page["arena"].items())
    lines.append(
        f"- {page['rounds']} rounds of {page['seconds']:g} s; commit {page['commit']}; "
        f"Linux {page['kernel']}; {page['processor']}; {place}."
    )
    return "\n".join(lines)


def rewrite(readme: Path, text: str) -> None:
    """Puts `text` between the two markers of the README."""
    old = readme.read_text()
    before, found, rest = old.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{readme.name}: no `{BEGIN}` … `{END}`; add the two lines where the table belongs")
    readme.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
