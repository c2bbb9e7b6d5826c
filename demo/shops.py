"""Shops as processes: each is given a socket that listens already, so nobody waits for it to start."""

import os
import socket
import subprocess
import sys
from types import TracebackType

_PATIENCE = 10  # seconds that a shop may take to end


class ShopProcess:
    """A shop that runs; as a context, until it ends. It keeps its port when it is started again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        """`IP:port`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, with empty baskets."""
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.port))
            listening.listen()
            self.port = listening.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "demo.shop", str(listening.fileno())],
                env=os.environ | {"SHOP_NAME": self.name},
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C is for the demo, which then stops its shops in order
            )

    def stop(self) -> None:
        """End it, and its baskets."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> "ShopProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
