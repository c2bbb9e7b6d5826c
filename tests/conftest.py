"""Settings of all tests: a slow machine is no failure, and control sockets are apart from the user's own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread

import pytest
from hypothesis import HealthCheck, settings

from support.process import Named

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One for each test, with a short path: that of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eq", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield directory


@pytest.fixture
def start() -> Iterator[Callable[[str], Named]]:
    """Starts a web server of a name."""
    with ExitStack() as stack:

        def started(name: str) -> Named:
            server = stack.enter_context(Named(name))
            thread = Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server

        yield started
