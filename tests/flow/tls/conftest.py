"""An authority for the tests of TLS."""

from pathlib import Path

import pytest

from support.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One that lives as long as the test."""
    return Authority(tmp_path)


@pytest.fixture
def people(tmp_path: Path) -> Authority:
    """Who signs the certificates of clients."""
    return Authority(tmp_path, "people")
