"""The reference lists what the engine refuses: every refusal, with its status and its rule."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFUSALS = ROOT / "crates" / "core" / "src" / "http" / "refusal.rs"
PAGE = ROOT / "docs" / "reference" / "refusals.md"


def test_the_refusals_are_those_of_the_engine() -> None:
    source = REFUSALS.read_text()
    rules = {name: rule for rule, name in re.findall(r'\((RFC [^()"]+)\)"\)\]\s+(\w+),', source)}
    arms = re.findall(r"((?:Self::\w+[\s|]*)+) => (\d{3})", source.partition("fn status")[2])
    statuses = {name: status for names, status in arms for name in re.findall(r"Self::(\w+)", names)}
    told = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (RFC [^|]+?) \|", PAGE.read_text(), re.MULTILINE)
    assert len(rules) > 10
    assert sorted(told) == sorted((name, statuses[name], rule) for name, rule in rules.items())
    assert set(statuses) == set(rules)
