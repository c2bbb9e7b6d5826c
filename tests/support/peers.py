"""Other balancers in front of one server of a test, configured to do as little as they can."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

LIMIT = 15  # seconds

HAPROXY = """global
  nbthread 1
defaults
  mode http
  retries 0
  timeout connect 5s
  timeout client 20s
  timeout http-request 1s
  timeout server 20s
frontend web
  bind {address}
  default_backend shop
backend shop
  server web1 {server}
"""

NGINX = """worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_header_timeout 1s;
  client_body_timeout 1s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream shop {{ server {server} max_fails=0; keepalive 8; }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://shop;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""

COMMANDS = {
    "haproxy": ["haproxy", "-db", "-f", "{file}"],
    "nginx": ["nginx", "-c", "{file}", "-e", "{folder}/error.log"],
}
TEMPLATES = {"haproxy": HAPROXY, "nginx": NGINX}


@contextmanager
def running(name: str, server: str, folder: Path) -> Iterator[str]:
    """Start `haproxy` or `nginx` in front of `server`; yields the address it listens on."""
    address = free_address()
    file = folder / f"{name}.conf"
    file.write_text(TEMPLATES[name].format(address=address, server=server, folder=folder))
    with started([word.format(file=file, folder=folder) for word in COMMANDS[name]], address, folder):
        yield address


def free_address() -> str:
    """One on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def started(command: list[str], address: str, folder: Path) -> Iterator[None]:
    """Start a program that listens on this address; what it says is kept in the folder."""
    file_of_log = folder / f"{command[0]}.log"
    with file_of_log.open("w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(address, process, file_of_log)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT)


def version(name: str) -> str:
    """The number it gives itself."""
    done = subprocess.run([name, "-v"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    assert found is not None
    return found[0]


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = address.rpartition(":")
    until = monotonic() + LIMIT
    while True:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        assert monotonic() < until, f"{address} does not answer"
