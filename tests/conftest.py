"""Settings of all tests: a slow machine is no failure, and control sockets are apart from the user's own."""

import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One for each test, with a short path: that of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="eq", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield directory
