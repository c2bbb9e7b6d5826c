"""The benchmark itself, run for two rounds: its namespace, its tools, its figures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import arena

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_two_rounds_of_the_relay_give_a_page(tmp_path: Path) -> None:
    reason = arena.why_no_namespace()
    if reason is not None:
        pytest.skip(f"network namespaces are not permitted here: {reason}")
    if arena.cores():
        pytest.skip(arena.cores()[0])
    if shutil.which("cargo") is None and "EQUALIZER_BENCH_TOOLS" not in os.environ:
        pytest.skip("cargo is missing, so the benchmark's tools cannot be built")
    page = tmp_path / "page.json"
    words = ["--side", "relay", "--subject", "relay", "--workloads", "W1", "W3", "W5"]
    words += ["--rounds", "2", "--seconds", "0.2", "--saturated-only", "--json", str(page)]
    if tools := os.environ.get("EQUALIZER_BENCH_TOOLS"):
        words += ["--tools", tools]
    command = [sys.executable, "-m", "bench.run", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(page.read_text())
    assert result["arena"]["congestion control"] == "reno"
    assert [entry["workload"] for entry in result["results"]] == ["W1", "W3", "W5"]
    assert len(result["slices"]) == 6
    for one in result["slices"]:
        # How fast is for the machine to say; that every exchange was right is for the harness.
        assert one["rejected"] != "errors", one["report"]["errors"]
        assert one["requests"] > 0
        assert one["cpu_us"] > 0
        assert sum(one["report"]["servers"].values()) >= one["requests"]
        assert set(one["report"]["servers"]) == {"web1", "web2", "web3"}
