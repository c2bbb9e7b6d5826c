"""The guide says what the program does: every setting with its default, and the errors word for word."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from equalizer.config.load import load
from equalizer.config.schema import keys as keys_of
from equalizer.config.schema import nodes, schema
from equalizer.errors import ConfigError
from equalizer.model.limits import Limits
from equalizer.model.timeouts import Timeouts

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "configuration.md"
PERSISTENCE = GUIDE.with_name("persistence.md").read_text()
SETTINGS, ERRORS = GUIDE.read_text().split("## What is said when it is wrong")
SHOP = {"servers": {"web1": {"address": "127.0.0.1:9001"}}}
BASE = {"listeners": {"web": {"address": "127.0.0.1:8080"}}, "pools": {"shop": SHOP}}
DEFAULTS = [("limits", key) for key in Limits.model_fields] + [
    ("timeouts", key) for key in Timeouts.model_fields
]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(title: str) -> dict[str, str]:
    """Key to default, of one part of the guide."""
    part = next(part for part in SETTINGS.split("\n## ") if part.startswith(f"`[{title}]`"))
    return {cells[0].strip("`"): cells[1].strip("`") for cells in rows(part)}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid upon `base`; tables are merged, values replaced."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and value and isinstance(base.get(key), Mapping)
        result[key] = merged(base[key], value) if both else value
    return result


@pytest.mark.parametrize(("title", "key"), DEFAULTS)
def test_a_default_is_the_programs(title: str, key: str) -> None:
    said = load(BASE | {title: {key: tomllib.loads(f"it = {section(title)[key]}")["it"]}})
    assert getattr(said.config, title) == getattr(load(BASE).config, title)


PLACE = ("pools", "shop", "persistence")
PROBE = ("pools", "shop", "probe", "all")
TABLES: dict[str, list[tuple[str, ...]]] = {
    '`kind = "cookie"`': [
        (*PLACE, "kind=cookie", f"mode={mode}") for mode in ("insert", "rewrite", "prefix", "learn", "route")
    ],
    '`kind = "field"`': [(*PLACE, "kind=field", f"mode={mode}") for mode in ("insert", "learn")],
    '`kind = "address"`': [(*PLACE, "kind=address")],
    '`kind = "hash"`': [
        (*PLACE, "kind=hash", f"over={over}") for over in ("field", "cookie", "query", "path", "address")
    ],
    "A matcher, in": [(*PLACE, "kind=address", "unless")],
    "`[pools.NAME.probe]`": [
        *((*PROBE, f"kind={kind}") for kind in ("tcp", "http", "acv", "tls", "grpc", "icmp")),
        PROBE[:-1],
    ],
    "`[pools.NAME.agent]`": [("pools", "shop", "agent", f"kind={kind}") for kind in ("tcp", "http")],
    "`[pools.NAME.sessions]`": [("pools", "shop", "sessions")],
    "`[pools.NAME.retry]`": [("pools", "shop", "retry")],
    "`[pools.NAME.breaker]`": [("pools", "shop", "breaker")],
}
"""Parts of the guide, and the tables of the schema that they tell of."""


@pytest.mark.parametrize("title", TABLES)
def test_a_table_of_persistence_tells_every_key_with_its_default(title: str) -> None:
    part = next(part for part in re.split(r"\n##+ ", SETTINGS) if part.startswith(title))
    told = {cells[0].strip("`"): cells[1] for cells in rows(part) if "." not in cells[0]}
    assert told.keys() == {key for table in TABLES[title] for key in keys_of(table)}
    for key, said in told.items():
        defaults = [
            node["default"]
            for table in TABLES[title]
            for node in nodes((*table, key))[:1]
            if "default" in node
        ]
        if said.startswith("`"):
            value = tomllib.loads(f"it = {said.split('`')[1]}")["it"]
            assert value in defaults, (key, said)
        else:
            assert all(default in (None, []) for default in defaults), (key, said)


def test_no_key_is_missing() -> None:
    known = {key for table in schema()["$defs"].values() for key in table.get("properties", {})}  # type: ignore[attr-defined]
    told = {part for cells in rows(SETTINGS + PERSISTENCE) for part in cells[0].strip("`").split(".")}
    # Small tables are told where they are written, such as { group = "shops" }.
    told |= set(re.findall(r"[{,] (\w+) = ", PERSISTENCE))
    assert known <= told


@pytest.mark.parametrize(("written", "said"), list(rows(ERRORS)), ids=lambda cell: cell.strip("`")[:40])
def test_an_error_reads_as_the_guide_has_it(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(merged(BASE, tomllib.loads(written.strip("`"))))
    message = re.sub(r"^`+|`+$", "", said).replace("\\|", "|")
    assert message in {problem.message for problem in refused.value.problems}
