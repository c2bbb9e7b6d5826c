"""HTTP/2 through h2load: how it is asked for 100 streams a connection, timed from outside, and understood.

The generator of the other workloads speaks HTTP/1.1. h2load (nghttp2) is no work of ours, and it says when
its measured time begins and ends: what a proxy costs is read at those moments.
"""

from __future__ import annotations

import http.client
import re
import shutil
import ssl
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import arena
from bench.workloads import COOKIE, Workload

STREAMS = 100
_WARM_UP = 0.3
_BEGUN, _OVER = "Main benchmark duration is started", "Main benchmark duration is over"
# The fields of the other generator's head; h2load sends the rest.
_FIELDS = (
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language: en-US,en;q=0.9,de;q=0.8",
    "accept-encoding: gzip, deflate, br, zstd",
    "referer: https://shop.example/shop/category/garden?page=2",
    "upgrade-insecure-requests: 1",
    "sec-fetch-dest: document",
    "sec-fetch-mode: navigate",
)


def missing() -> str | None:
    """Why HTTP/2 cannot be measured here; `None` when it can."""
    return None if shutil.which("h2load") else "`h2load` is not there; `apt install nghttp2-client`"


@dataclass(frozen=True)
class Newcomer:
    """The cookie that a side gave to a newcomer, the server it is for, and the length of the body."""

    cookie: str
    server: str
    length: int


def first_answer(port: int, trust: Path) -> Newcomer:
    """Asks a side as a newcomer, over HTTP/1.1."""
    context = ssl.create_default_context(cafile=str(trust))
    context.check_hostname = False  # the certificate is localhost's, the address is numbers
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", "/", headers={"Host": "shop.example"})
        answer = connection.getresponse()
        length = len(answer.read())
        stamped = re.match(rf"({COOKIE}=[^;]+)", answer.getheader("Set-Cookie") or "")
        server = answer.getheader("X-Server")
    finally:
        connection.close()
    if stamped is None or server is None:
        raise RuntimeError(
            f"port {port}: status {answer.status}, no cookie for `{COOKIE}` or no X-Server came"
        )
    return Newcomer(stamped[1], server, length)


class Streams:
    """h2load with its connections up and its measured time begun; `length` is that of every body."""

    def __init__(self, words: list[str], log: Path, length: int) -> None:
        self._log, self._length, self._said = log, length, ""
        log.unlink(missing_ok=True)
        command = ["taskset", "-c", str(arena.LOAD_CORE), "h2load", *words, f"--log-file={log}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.pid = self._process.pid

    def until(self, mark: str) -> None:
        """Reads on to the line that begins so."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said += line
            if line.startswith(mark):
                return
        raise RuntimeError(f"h2load ended early: {self._said.strip()}")

    def ready(self) -> None:
        """Returns when the measured time begins: h2load does not wait to be told."""
        self.until(_BEGUN)

    def go(self) -> None:
        """Nothing is left to start."""

    def wait(self) -> None:
        """Returns when the measured time is over."""
        self.until(_OVER)

    def report(self, seconds: float, rate: int | None) -> dict[str, Any]:
        """What it has seen, in the words of the other generator."""
        assert self._process.stdout is not None
        self._said += self._process.stdout.read()  # it ends by its own clock, whatever the proxy does
        self._process.wait()
        return understand(self._said, self._log.read_text(), self._length, seconds, rate)

    def close(self) -> None:
        """Ends it where it has not ended by itself."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def arguments(
    workload: Workload, port: int, newcomer: Newcomer, rate: int | None, seconds: float
) -> list[str]:
    """h2load's command line; a server that the cookie is not for would answer the path with 421."""
    words = [f"--clients={workload.connections}", f"--max-concurrent-streams={STREAMS}", "--threads=1"]
    words += [f"--warm-up-time={_WARM_UP * 1000:.0f}ms", f"--duration={seconds * 1000:.0f}ms"]
    words += [word for field in (*_FIELDS, f"cookie: {newcomer.cookie}") for word in ("--header", field)]
    if rate is not None:
        words.append(f"--rps={rate / workload.connections:g}")
    return [*words, f"https://127.0.0.1:{port}/only/{newcomer.server}"]


def understand(said: str, log: str, length: int, seconds: float, rate: int | None) -> dict[str, Any]:
    """Turns h2load's summary and its log (start, status, microseconds) into a report."""
    rows = [line.split("\t") for line in log.splitlines()]
    latencies = sorted(float(row[2]) for row in rows)
    errors = Counter(
        {
            what: int(number)
            for number, what in re.findall(r"(\d+) (failed|errored|timeout)", said)
            if int(number)
        }
    )
    if "Application protocol: h2\n" not in said:
        errors["HTTP/2 was not agreed on"] += 1
    data = re.search(r"\((\d+)\) data", said)
    if data is None:
        errors["h2load has printed no summary"] += 1
    elif int(data[1]) < length * len(rows):  # what came in the warm-up is counted here too
        errors["bodies are shorter than the origin's"] += 1
    return {
        "requests": len(rows),
        "seconds": seconds,
        "per_second": len(rows) / seconds,
        "p50_us": _quantile(latencies, 0.5),
        "p99_us": _quantile(latencies, 0.99),
        "statuses": dict(Counter(row[1] for row in rows)),
        "errors": dict(errors),
        "stamps": 0,
        "strays": 0,
        "unsent": 0 if rate is None else max(0, round(rate * seconds) - len(rows)),
    }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
