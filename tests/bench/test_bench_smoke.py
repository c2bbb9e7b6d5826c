"""The benchmark itself, run for a round or two: its namespace, its tools, its figures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import arena, h2

ROOT = Path(__file__).resolve().parents[2]


def start(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a part of the benchmark with short slices."""
    reason = arena.why_no_namespace()
    if reason is not None:
        pytest.skip(f"network namespaces are not permitted here: {reason}")
    if arena.cores():
        pytest.skip(arena.cores()[0])
    if shutil.which("cargo") is None and "EQUALIZER_BENCH_TOOLS" not in os.environ:
        pytest.skip("cargo is missing, so the benchmark's tools cannot be built")
    command = [sys.executable, "-m", module, *words, "--seconds", "0.2"]
    if tools := os.environ.get("EQUALIZER_BENCH_TOOLS"):
        command += ["--tools", tools]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def run(page: Path, *words: str) -> dict[str, Any]:
    """The page that a few rounds give."""
    start("bench.run", *words, "--json", str(page))
    result: dict[str, Any] = json.loads(page.read_text())
    assert result["arena"]["congestion control"] == "reno"
    for one in result["slices"]:
        # How fast is for the machine to say; that every exchange was right is for the harness.
        assert one["rejected"] != "errors", one["report"]["errors"]
        assert one["rejected"] != "a cookie reached another server", one["report"]["statuses"]
        assert one["requests"] > 0
        assert one["cpu_us"] > 0
    return result


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_two_rounds_of_the_relay_give_a_page(tmp_path: Path) -> None:
    words = ["--side", "relay", "--subject", "relay", "--workloads", "W1", "W3", "W5", "--rounds", "2"]
    result = run(tmp_path / "page.json", *words, "--saturated-only")
    assert [entry["workload"] for entry in result["results"]] == ["W1", "W3", "W5"]
    assert len(result["slices"]) == 6
    for one in result["slices"]:
        assert sum(one["report"]["servers"].values()) >= one["requests"]
        assert set(one["report"]["servers"]) == {"web1", "web2", "web3"}


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_messages_and_events_pass_the_relay_whole(tmp_path: Path) -> None:
    words = ["--side", "relay", "--subject", "relay", "--workloads", "WS", "SSE", "--rounds", "1"]
    result = run(tmp_path / "page.json", *words)
    paces = [(entry["workload"], entry["rate"]) for entry in result["results"]]
    assert paces == [("WS", None), ("WS", 25_000), ("WS", 8_000), ("SSE", 20_000), ("SSE", 8_000)]


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_http2_messages_and_events_pass_the_peers(tmp_path: Path) -> None:
    missing = [name for name in ("haproxy", "nginx", "h2load") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    words = ["--side", "haproxy", "--side", "nginx", "--subject", "nginx", "--workloads", "H2", "WS", "SSE"]
    result = run(tmp_path / "page.json", *words, "--rounds", "1")
    assert len(result["slices"]) == 2 * (3 + 3 + 2)
    statuses = [set(one["report"]["statuses"]) for one in result["slices"] if one["workload"] == "H2"]
    assert statuses == [{"200"}] * 6


@pytest.mark.bench
@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_no_client_notices_a_server_that_refuses(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    words = ["--fault", "refused", "--seconds", "8", "--page", str(page)]
    subprocess.run([sys.executable, "-m", "bench.faults", *words], cwd=ROOT, check=True, capture_output=True)
    (row,) = [line for line in page.read_text().splitlines() if "| equalizer |" in line]
    _, _, _, failed, _, _, _, strayed, *_ = (cell.strip() for cell in row.split("|"))
    assert (failed, strayed) == ("0", "0")


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_an_engine_is_trained_on_every_workload_without_an_error() -> None:
    done = start("bench.train")
    # SSE has one pace, H2 none where its generator is missing.
    slices = 34 if h2.missing() else 38
    assert f"in {slices} slices" in done.stderr


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_what_seeing_everything_costs_is_told_beside_the_best_peer() -> None:
    done = start("bench.seen", "--rounds", "1", "--workloads", "W1")
    assert done.stdout.count("the log over none: ") == 2
    assert done.stdout.count("CPU µs a request: ") == 2
