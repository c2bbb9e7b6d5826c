"""What is said of a file that is wrong."""

import textwrap
from pathlib import Path

import pytest

from equalizer import ConfigError
from equalizer.config.load import load

FOUND = "FILE:1: pools.shop.persistence"
"""Where `shop` has persistence written."""
PLAIN = '[listeners.web]\naddress = "127.0.0.1:8080"\n'


def complaints(text: str, folder: Path) -> list[str]:
    """What is said of a file, with FILE for its path."""
    file = folder / "equalizer.toml"
    file.write_text(textwrap.dedent(text))
    with pytest.raises(ConfigError) as caught:
        load(file)
    return str(caught.value).replace(str(file), "FILE").splitlines()


def shop(key: str, value: str, folder: Path, *, tls: bool = True) -> list[str]:
    """What is said of one pool with a setting in the first line."""
    for name in ("shop.pem", "shop.key"):
        (folder / name).touch()
    more = 'tls = { certificate = "shop.pem", key = "shop.key" }\n' if tls else ""
    servers = '[pools.shop.servers]\nweb1 = "10.0.0.1:80"\nweb2 = "10.0.0.2:80"\n'
    return complaints(f"pools.shop.{key} = {value}\n{PLAIN}{more}{servers}", folder)
