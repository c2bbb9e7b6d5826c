"""`equalizer` as a process: one that serves, and the commands that are run beside it."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import IO
from urllib.parse import urlsplit

COMMAND = (sys.executable, "-m", "equalizer")
LIMIT = 30  # seconds


class Named(ThreadingHTTPServer):
    """A web server that answers with its name; at once, unless `may_answer` is cleared."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.text = name.encode()
        self.asked = Event()
        self.may_answer = Event()
        self.may_answer.set()

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Named

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.may_answer.wait(LIMIT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


@dataclass(frozen=True)
class Running:
    """A process that serves."""

    process: subprocess.Popen[str]
    line: str
    """What it said first."""
    client: HTTPConnection

    def get(self, cookie: str = "") -> tuple[str, str]:
        """What the server answers, and the session's cookie; on one connection as long as it lives."""
        self.client.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
        response = self.client.getresponse()
        assert response.status == 200
        return response.read().decode(), (response.getheader("Set-Cookie") or cookie).partition(";")[0]

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"{self.client.host}:{self.client.port}"

    @contextmanager
    def again(self) -> Iterator["Running"]:
        """The same process with a client of its own."""
        with closing(HTTPConnection(self.client.host, self.client.port, timeout=LIMIT)) as client:
            yield Running(self.process, self.line, client)

    def log(self, text: str) -> str:
        """The next line of its log that has this text."""
        return next(line for line in stream(self.process.stderr) if text in line)


def key_of(cookie: str) -> int:
    """The id of the key that sealed a cookie of ours."""
    return int.from_bytes(base64.urlsafe_b64decode(cookie.partition("=")[2] + "=")[1:3])


@contextmanager
def running(*arguments: str | Path) -> Iterator[Running]:
    with subprocess.Popen(
        [*COMMAND, "run", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = stream(process.stdout).readline()
            assert line, stream(process.stderr).read()
            url = urlsplit(next(word for word in line.split() if word.startswith("http")))
            with closing(HTTPConnection(str(url.hostname), url.port, timeout=LIMIT)) as client:
                yield Running(process, line, client)
        finally:
            process.kill()


def stream(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT, check=False
    )


def status(*arguments: str | Path) -> dict[str, dict[str, object]]:
    """What `equalizer status --json` says of the servers of the pool `shop`."""
    done = run("status", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return {server["name"]: server for server in json.loads(done.stdout)["pools"][0]["servers"]}


def write(path: Path, servers: dict[str, str], more: str = "") -> Path:
    """A configuration of one listener on a free port, and one pool."""
    lines = "\n".join(f'{name} = "{address}"' for name, address in servers.items())
    listener = '[listeners.web]\naddress = "127.0.0.1:0"'
    path.write_text(f"{listener}\n[pools.shop.servers]\n{lines}\n{more}\n")
    return path
