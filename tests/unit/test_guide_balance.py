"""What the pages on balance show can be written, and is what the examples are."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from equalizer.config.load import load

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / "guide" / name).read_text() for name in ("balance.md", "balance-in-python.md")
}
BLOCKS = [block for page in PAGES.values() for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_of_the_pages_is_valid(block: str) -> None:
    written = tomllib.loads(block)
    pools = {name: {"servers": {"web1": "127.0.0.1:9001"}, **pool} for name, pool in written["pools"].items()}
    listeners = {"web": {"address": ":80"}}
    for name, pool in pools.items():
        assert name in load({"listeners": listeners, "pools": {name: pool}}).config.pools


def test_every_word_of_the_page_is_a_balance() -> None:
    table = PAGES["balance.md"].partition("| `balance` |")[2].partition("\n\n")[0]
    told = re.findall(r'`"(\w+)"`', table)
    assert len(told) == 10
    for word in set(told) - {"custom"}:
        config = {"listeners": {"web": {"address": ":80"}}, "pools": {"a": {"servers": {"b": "c:1"}}}}
        config["pools"]["a"]["balance"] = word  # type: ignore[index]
        assert load(config).config.pools["a"].balance.kind == word


def test_the_function_of_the_page_is_that_of_the_example() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", PAGES["balance-in-python.md"], re.DOTALL)
    assert shown == (ROOT / "examples" / "customers.py").read_text()


def test_the_replay_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", PAGES["balance.md"], re.DOTALL)
    server = {"weight": 100, "given": None, "in_flight": 0, "load": None}
    servers = [
        server | {"name": "web1", "response_time": 0.1},
        server | {"name": "web2", "response_time": 0.3},
    ]
    (tmp_path / "history.jsonl").write_text(
        json.dumps({"pools": [{"name": "shop", "servers": servers}]}) + "\n"
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(shown, "balance.md", "exec"), {})
    assert capsys.readouterr().out == "{'web1': 102, 'web2': 99}\n"
