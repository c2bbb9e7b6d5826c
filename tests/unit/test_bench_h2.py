"""What the benchmark understands of h2load's words."""

from __future__ import annotations

from typing import Any

import pytest

from bench import h2, run
from bench.workloads import WORKLOADS

SAID = """Application protocol: h2
Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.30s, 4.00 req/s, 425.04KB/s
requests: 4 total, 4 started, 4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.5KB (1502) total, 902B (902) headers (space savings 50.51%), 600B (600) data
"""
LOG = "17000\t200\t400\n17001\t200\t100\n17002\t200\t300\n17003\t200\t200\n"


def understood(said: str = SAID, log: str = LOG, rate: int | None = None) -> dict[str, Any]:
    """Half a second of bodies of 100 bytes."""
    return h2.understand(said, log, 100, 0.5, rate)


def test_requests_statuses_and_latencies_come_from_the_log() -> None:
    report = understood()
    assert (report["requests"], report["per_second"], report["statuses"]) == (4, 8.0, {"200": 4})
    assert (report["p50_us"], report["p99_us"], report["errors"]) == (300.0, 400.0, {})


def test_what_a_fixed_rate_lacks_is_unsent() -> None:
    assert understood(rate=20)["unsent"] == 6
    assert understood(rate=8)["unsent"] == 0


@pytest.mark.parametrize(
    ("found", "instead", "error"),
    [
        ("0 failed", "3 failed", "failed"),
        ("0 timeout", "1 timeout", "timeout"),
        ("protocol: h2", "protocol: http/1.1", "HTTP/2 was not agreed on"),
        ("600B (600) data", "", "h2load has printed no summary"),
        ("(600) data", "(399) data", "bodies are shorter than the origin's"),
    ],
)
def test_what_went_wrong_is_an_error(found: str, instead: str, error: str) -> None:
    assert set(understood(SAID.replace(found, instead))["errors"]) == {error}


def test_a_rate_is_shared_among_the_connections_and_the_path_names_the_server() -> None:
    words = h2.arguments(WORKLOADS["H2"], 8102, h2.Newcomer("EQ=abc", "web2", 100), 8_000, 1.0)
    assert {"--clients=4", "--max-concurrent-streams=100", "--duration=1000ms", "--rps=2000"} <= set(words)
    assert words[-1] == "https://127.0.0.1:8102/only/web2"
    assert "cookie: EQ=abc" in words


def test_without_h2load_http2_is_left_out_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run.able_workloads(["W1", "H2", "SSE"]) == ["W1", "SSE"]
    assert "H2 is left out: `h2load` is not there" in capsys.readouterr().err
    assert set(WORKLOADS) - set(run.able_workloads(None)) == {"H2"}
