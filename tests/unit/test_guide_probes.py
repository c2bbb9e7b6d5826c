"""What the guide says of probes can be written."""

import re
import tomllib
from pathlib import Path

import pytest

from equalizer.config.load import load

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "probes-and-agents.md"
CONFIGURATIONS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_of_the_guide_is_valid(text: str) -> None:
    pools = tomllib.loads(text)["pools"]
    for pool in pools.values():
        pool.setdefault("servers", {"web1": "127.0.0.1:9001"})
    load({"listeners": {"web": {"address": ":8080"}}, "pools": pools})
