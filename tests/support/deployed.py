"""Servers that are deployed: processes that count, in their own memory, what each visitor has asked.

Run as a program it is one of them. A supervisor restarts each when its URL is asked.
"""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

_RESTARTS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"


class _Counting(BaseHTTPRequestHandler):
    """Answers with the process, and how often this visitor, which is its browser, has asked it."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        visitor = self.headers.get("User-Agent", "")
        self.asked[visitor] += 1
        self.send_response(200)
        self.send_header("Server-Name", sys.argv[1])
        self.send_header("Server-Life", str(os.getpid()))
        self.send_header("Asked", str(self.asked[visitor]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


class _Sharing(ThreadingHTTPServer):
    allow_reuse_port = True


class Deployed:
    """A server; it keeps its port, and refuses connections while no process of it listens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lives: list[int] = []
        """The processes that it has been."""
        self.may_start = True
        self._reserved = socket.socket()  # nobody else gets the port between two lives
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self._reserved.getsockname()[1]}"

    def start(self) -> None:
        """Begin another life, and do not wait until it listens; nothing where it may not start."""
        if self.may_start:
            command = [sys.executable, __file__, self.name, self.address.rpartition(":")[2]]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
            self.lives.append(self._process.pid)

    def wait_until_it_listens(self) -> None:
        """What `start` does not."""
        assert self._process
        assert self._process.stdout
        assert self._process.stdout.readline()

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process:
            with self._process as process:
                process.kill()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._reserved.close()


class Machines:
    """Where servers run."""

    def __init__(self, servers: dict[str, Deployed], port: int) -> None:
        self.servers = servers
        self.restart = (sys.executable, "-c", _RESTARTS, f"http://127.0.0.1:{port}/{{server}}")
        """The command that restarts one."""


@contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Servers web1, web2, … that run, and a supervisor that restarts them."""
    with ExitStack() as stack:
        servers = {name: Deployed(name) for name in (f"web{number + 1}" for number in range(count))}
        for server in servers.values():
            stack.callback(server.close)
        for server in servers.values():
            server.wait_until_it_listens()

        class Restart(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server = servers[self.path.removeprefix("/")]
                server.kill()
                server.start()
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        supervisor = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Restart))
        thread = Thread(target=supervisor.serve_forever)
        thread.start()
        stack.callback(thread.join)
        stack.callback(supervisor.shutdown)
        yield Machines(servers, supervisor.server_port)


if __name__ == "__main__":
    listening = _Sharing(("127.0.0.1", int(sys.argv[2])), _Counting)
    print("listens", flush=True)
    listening.serve_forever()
