"""The admin API of an engine in front of three shops."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Balance
from equalizer import admin
from support.admin import Client
from support.balancer import Balancer
from support.origin import Origin


@dataclass(frozen=True)
class Open:
    """An API that is open."""

    lb: Balancer
    client: Client
    file: Path
    """That of the token."""


@pytest.fixture
def api(balance: Balance, shops: dict[str, Origin], tmp_path: Path) -> Iterator[Open]:
    file = tmp_path / "admin.token"
    lb = balance(shops, admin={"address": "127.0.0.1:0", "token_file": str(file)})
    with admin.serve(lb.service) as found:
        yield Open(lb, Client(found.url, file.read_text().strip()), file)
