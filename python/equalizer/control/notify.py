"""What systemd is told, where it has started us, as sd_notify(3) describes it; elsewhere nobody is told."""

import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Manager:
    """Who started this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # One of the abstract namespace is written with an @.
        self._path = "\0" + path[1:] if path.startswith("@") else path
        self._watches = "WATCHDOG_USEC" in environment

    def ready(self, status: str) -> None:
        """Everything is served, in one line."""
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Another configuration is read; `ready` ends that."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._say("STOPPING=1")

    def replaced(self, pid: int, status: str) -> None:
        """Another process is the one to be watched."""
        self._say(f"MAINPID={pid}", f"STATUS={status}")

    def alive(self) -> None:
        """For its watchdog, where it has one."""
        if self._watches:
            self._say("WATCHDOG=1")

    def _say(self, *words: str) -> None:
        if not self._path:
            return
        # Nobody is served better by an end of ours, when it does not listen.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            end.sendto("\n".join(words).encode(), self._path)
