"""The place a measurement happens in: a network namespace of its own, one congestion control, two cores."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PROXY_CORE = 0
LOAD_CORE = 1
_INSIDE = "EQUALIZER_BENCH_NAMESPACE"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def unshare_command() -> list[str]:
    """How to enter a new network namespace: as root directly, otherwise through a user namespace."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def why_no_namespace() -> str | None:
    """Why this machine gives us no network namespace; `None` when it does."""
    if shutil.which("unshare") is None:
        return "`unshare` (util-linux) is not installed"
    tried = subprocess.run([*unshare_command(), "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() or "unshare failed" if tried.returncode else None


def inside() -> bool:
    """Whether this process already runs in the benchmark's namespace."""
    return os.environ.get(_INSIDE) == "yes"


def enter(command: Sequence[str]) -> None:
    """Starts `command` again inside a new namespace; returns only where that is not permitted."""
    reason = why_no_namespace()
    if reason is not None:
        print(
            f"bench: no private network namespace ({reason}); measuring in the host's, where its",
            file=sys.stderr,
        )
        print("bench: congestion control and firewall count too. Run as root for one.", file=sys.stderr)
        return
    words = [*unshare_command(), *command]
    os.execvpe(words[0], words, {**os.environ, _INSIDE: "yes"})


def prepare() -> dict[str, str]:
    """Brings loopback up, pins Reno and widens the limits; returns what holds now, for the page."""
    if inside():
        _loopback_up()
        _write("net/ipv4/tcp_congestion_control", "reno")
        _write("net/ipv4/ip_local_port_range", "10000 65000")
        _write("net/core/somaxconn", "4096")
    return {
        "namespace": "private" if inside() else "the host's",
        "congestion control": _read("net/ipv4/tcp_congestion_control"),
        "open files": str(_raise_open_files()),
    }


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _raise_open_files() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (65_536, hard):
        with suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _write(name: str, value: str) -> None:
    (Path("/proc/sys") / name).write_text(value)


def _read(name: str) -> str:
    return (Path("/proc/sys") / name).read_text().strip()


def cores() -> list[str]:
    """What keeps this machine from pinning the proxy and the load apart; empty when nothing does."""
    allowed = os.sched_getaffinity(0)
    if {PROXY_CORE, LOAD_CORE} <= allowed:
        return []
    return [f"cores {PROXY_CORE} and {LOAD_CORE} are needed, this process may use {sorted(allowed)}"]
