"""The sides: how each is configured to do the same work, started on its core, and stopped."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import arena
from bench.workloads import COOKIE

SERVERS = {"web1": 9001, "web2": 9002, "web3": 9003}
PEERS = ("haproxy", "nginx")


@dataclass(frozen=True)
class Kit:
    """Where a run keeps its files, and the tools it uses."""

    folder: Path
    tools: Path
    equalizer: str

    @property
    def certificate(self) -> Path:
        """What every side presents."""
        return self.folder / "shop.pem"

    @property
    def key(self) -> Path:
        """Its private key; both are made anew for each run."""
        return self.folder / "shop.key"


@dataclass(frozen=True)
class Side:
    """One proxy; `configure` writes its files into its own folder and returns the command to start it."""

    name: str
    does: str
    ports: dict[str, int]
    configure: Callable[[Side, Kit, Path], list[str]]
    version: Callable[[Kit], list[str]]
    stamps: bool = True


def _haproxy(side: Side, kit: Kit, folder: Path) -> list[str]:
    both = folder / "both.pem"
    both.write_text(kit.certificate.read_text() + kit.key.read_text())
    both.chmod(0o600)
    servers = "\n".join(f"  server {name} 127.0.0.1:{port} cookie {name}" for name, port in SERVERS.items())
    pool = f"""  balance roundrobin
  cookie {COOKIE} insert indirect nocache httponly
  http-reuse always
{servers}"""
    (folder / "haproxy.cfg").write_text(f"""global
  nbthread 1
  maxconn 20000
  no strict-limits
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend web
  bind 127.0.0.1:{side.ports["plain"]}
  bind 127.0.0.1:{side.ports["tls"]} ssl crt {both} alpn http/1.1
  bind 127.0.0.1:{side.ports["h2"]} ssl crt {both} alpn h2
  default_backend shop
backend shop
{pool}
frontend push
  bind 127.0.0.1:{side.ports["push"]}
  option http-no-delay
  default_backend push
backend push
  option http-no-delay
{pool}
frontend large
  bind 127.0.0.1:{side.ports["large"]}
  option splice-request
  option splice-response
  default_backend large
backend large
  option splice-request
  option splice-response
{pool}
""")
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


def _nginx(side: Side, kit: Kit, folder: Path) -> list[str]:
    address = {name: f"127.0.0.1:{port}" for name, port in SERVERS.items()}
    # As many as exchanges go on at once in H2: nginx would open a connection for each beyond this.
    kept = "keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600s;"
    single = "\n".join(f"  upstream {name} {{ server {where}; {kept} }}" for name, where in address.items())
    every = " ".join(f"server {where};" for where in address.values())
    temporary = "\n".join(
        f"  {kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""user root;
worker_processes 1;
daemon off;
pid {folder / "nginx.pid"};
error_log {folder / "error.log"};
events {{ worker_connections 12000; }}
http {{
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
{temporary}
{single}
  upstream shop {{ {every} {kept} }}
  map $cookie_{COOKIE} $home {{ {" ".join(f"{name} {name};" for name in address)} default shop; }}
  map $upstream_addr $chosen {{ {" ".join(f"{where} {name};" for name, where in address.items())} }}
  map $home $stamp {{ shop "{COOKIE}=$chosen; Path=/; HttpOnly"; default ""; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_max_temp_file_size 0;
  ssl_certificate {kit.certificate};
  ssl_certificate_key {kit.key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:TLS:10m;
  server {{
    listen 127.0.0.1:{side.ports["plain"]} backlog=4096;
    listen 127.0.0.1:{side.ports["tls"]} ssl backlog=4096;
    listen 127.0.0.1:{side.ports["h2"]} ssl http2 backlog=4096;
    location / {{ proxy_pass http://$home; add_header Set-Cookie $stamp; }}
    location /events/ {{
      proxy_pass http://$home;
      proxy_buffering off;
      add_header Set-Cookie $stamp;
    }}
    location /ws {{
      proxy_pass http://$home;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection Upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 600s;
    }}
  }}
  server {{
    listen 127.0.0.1:{side.ports["large"]} backlog=4096;
    proxy_buffers 16 64k;
    proxy_buffer_size 64k;
    proxy_busy_buffers_size 256k;
    location / {{ proxy_pass http://$home; add_header Set-Cookie $stamp; }}
  }}
}}
""")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def serve_shop(kit: Kit, folder: Path, port: int, tables: str, servers: Mapping[str, int]) -> list[str]:
    """Writes an Equalizer's file, and returns the command that serves it.

    It has one worker, a plain listener, a pool of these servers by port, a key file, and the `tables`.
    """
    addresses = "\n".join(f'{name} = "127.0.0.1:{number}"' for name, number in servers.items())
    file = folder / "equalizer.toml"
    file.write_text(f"""[engine]
workers = 1

[listeners.web]
address = "127.0.0.1:{port}"

{tables}
[pools.shop.servers]
{addresses}

[keys]
file = "{folder / "equalizer.keys"}"
""")
    return [kit.equalizer, "run", str(file)]


def _equalizer(side: Side, kit: Kit, folder: Path) -> list[str]:
    tables = f"""[listeners.web-tls]
address = "127.0.0.1:{side.ports["tls"]}"
tls = {{ certificate = "{kit.certificate}", key = "{kit.key}" }}

[pools.shop]
balance = "round_robin"
persistence = {{ kind = "cookie", name = "{COOKIE}" }}
"""
    return serve_shop(kit, folder, side.ports["plain"], tables, SERVERS)


def _relay(side: Side, kit: Kit, folder: Path) -> list[str]:
    return [str(kit.tools / "relay"), f"127.0.0.1:{side.ports['plain']}", *server_addresses()]


def server_addresses() -> list[str]:
    """The origin's addresses, in the order of the servers' names."""
    return [f"127.0.0.1:{port}" for port in SERVERS.values()]


SIDES = {
    side.name: side
    for side in (
        Side(
            "equalizer",
            "one worker; sealed cookie, taken out of the request; X-Forwarded-* and Forwarded; key file",
            {"plain": 8101, "tls": 8102, "large": 8101, "h2": 8102, "push": 8101},
            _equalizer,
            lambda kit: [kit.equalizer, "--version"],
        ),
        Side(
            "haproxy",
            "nbthread 1; `cookie insert indirect nocache httponly`; forwardfor; http-reuse always; "
            "splice both ways where bodies are large, `http-no-delay` for events; no log",
            {"plain": 8201, "tls": 8202, "large": 8203, "h2": 8204, "push": 8205},
            _haproxy,
            lambda kit: ["haproxy", "-v"],
        ),
        Side(
            "nginx",
            "one worker; `map` from the cookie to the server, Set-Cookie where there is none (the cookie "
            "stays in the request, as with its own `sticky`); X-Forwarded-For; kept-alive servers; no log; "
            "larger buffers and no temporary file where bodies are large; `proxy_buffering off` "
            "for events",
            {"plain": 8301, "tls": 8302, "large": 8303, "h2": 8304, "push": 8301},
            _nginx,
            lambda kit: ["nginx", "-v"],
        ),
        Side(
            "relay",
            "copies bytes between a client's connection and one to a server that it opens for it; parses "
            "nothing, sets no cookie, no TLS; in W3 it alone opens a server's connection for each request",
            {"plain": 8401, "large": 8401, "push": 8401},
            _relay,
            lambda kit: [],
            stamps=False,
        ),
    )
}


class Running:
    """A started process, pinned to a core, that answers on its ports; its output is kept in a file."""

    def __init__(self, name: str, command: list[str], core: int, ports: list[int], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("w") as log:
            words = ["taskset", "-c", str(core), *command]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self._process.pid
        try:
            for port in ports:
                self._wait_for(port)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, port: int, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with code {self._process.returncode}:\n{self._said()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(
            f"{self.name} does not answer on port {port} after {seconds:.0f} s:\n{self._said()}"
        )

    def _said(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> None:
        """Asks the process to end, and makes it after five seconds."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start(side: Side, kit: Kit) -> Running:
    """Configures and starts one side on the proxy's core."""
    folder = kit.folder / side.name
    folder.mkdir(exist_ok=True)
    command = side.configure(side, kit, folder)
    return Running(side.name, command, arena.PROXY_CORE, sorted(set(side.ports.values())), folder)


def start_origin(kit: Kit) -> Running:
    """Starts the three servers, one process, on the load's core."""
    command = [str(kit.tools / "origin"), *server_addresses()]
    return Running("origin", command, arena.LOAD_CORE, list(SERVERS.values()), kit.folder)


def missing(sides: list[Side], kit: Kit) -> list[str]:
    """What is not installed, with what to do about it."""
    remedies = {
        "equalizer": "pip install .",
        "haproxy": "apt install haproxy",
        "nginx": "apt install nginx-light",
    }
    found = []
    for side in sides:
        program = kit.equalizer if side.name == "equalizer" else side.name
        if side.name in remedies and shutil.which(program) is None:
            others = " ".join(f"--side {other.name}" for other in sides if other is not side)
            instead = f", or leave it out: {others}" if others else ""
            found.append(f"{side.name}: `{program}` is not there; `{remedies[side.name]}`{instead}")
    found += [
        f"`{tool}` is not there; `apt install openssl util-linux`"
        for tool in ("openssl", "taskset")
        if shutil.which(tool) is None
    ]
    return found


def version(side: Side, kit: Kit) -> str:
    """What the side calls itself, without the words around the number."""
    command = side.version(kit)
    if not command:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    number = re.search(r"\d+\.\d+[^\s]*", said[0]) if said else None
    how = f" ({_how_built(kit)})" if side.name == "equalizer" else ""
    return (number[0] if number else "?") + how


def _how_built(kit: Kit) -> str:
    """How make built the engine, by the mark that it left beside it."""
    made = Path(kit.equalizer).parent.parent
    if (made / "engine").exists():
        return "the quick build of tests: publish nothing"
    mark = made / "engine-release"
    return mark.read_text().strip() if mark.exists() else "not built by make"


def find_equalizer(root: Path) -> str:
    """The command of this checkout where it is installed, else whichever is on the path."""
    beside = Path(sys.executable).parent / "equalizer"
    for candidate in (beside, root / ".venv/bin/equalizer"):
        if os.access(candidate, os.X_OK):
            return str(candidate)
    return "equalizer"


def make_certificate(kit: Kit) -> None:
    """One self-signed ECDSA P-256 certificate that every side uses and the generator trusts."""
    extensions = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7"]
    files = ["-keyout", str(kit.key), "-out", str(kit.certificate)]
    command = ["openssl", "req", "-x509", *curve, *files, "-subj", "/CN=localhost", *extensions]
    subprocess.run(command, check=True, capture_output=True)
