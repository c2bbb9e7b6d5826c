"""The key ring in the environment: a list, newest first, believed whole or refused without showing it."""

from pathlib import Path

import pytest

from equalizer.config.load import load
from equalizer.control import keys
from equalizer.control.key_source import configured, key_file
from equalizer.control.keys import Key
from equalizer.control.ring import Ring
from equalizer.errors import ConfigError, KeyRingError, Problem

NEWEST, OLDEST = Key(7, b"n" * 32), Key(65535, b"o" * 32)
A, B = (f"{key.id}:{key.text}" for key in (NEWEST, OLDEST))
SECRET = NEWEST.text
BASE = {
    "listeners": {"web": {"address": "127.0.0.1:0"}},
    "pools": {"shop": {"servers": {"web1": "127.0.0.1:9"}}},
}


@pytest.mark.parametrize("text", [f"{A} {B}", f"{A},{B}", f" {A}, {B}\n", f"{A}\n{B}", f",{A},,{B},"])
def test_the_order_of_the_list_is_kept(text: str) -> None:
    assert keys.parse_list(text) == (NEWEST, OLDEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "which is empty"),
        (" , ", "which is empty"),
        (SECRET, "key 1 is not made of an id and a secret"),
        (f"{A} {SECRET}", "key 2 is not made of an id and a secret"),
        (f"65536:{SECRET}", "key 1 has a wrong id"),
        (f"-1:{SECRET}", "key 1 has a wrong id"),
        (f"{SECRET}:7", "key 1 has a wrong id"),
        (f"٣:{SECRET}", "key 1 has a wrong id"),
        (f"7:{SECRET[4:]}", "key 1 is not 32 bytes in base64"),
        (f"7:{SECRET}:8", "key 1 is not 32 bytes in base64"),
        (f"{A} {A}", "two keys of one id"),
    ],
)
def test_a_wrong_list_is_refused_without_showing_it(text: str, message: str) -> None:
    with pytest.raises(KeyRingError, match=message) as caught:
        keys.parse_list(text)
    assert SECRET[4:30] not in f"{caught.value!r} {caught.value}"
    assert caught.value.hint


def test_a_configuration_takes_its_ring_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEYS", f"{A} {B}")
    problems: list[Problem] = []
    loaded = load({**BASE, "keys": {"environment": "SHOP_KEYS"}})
    assert configured(loaded, problems, make=True, ring=Ring()) == (NEWEST, OLDEST)
    assert problems == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, 'keys.environment: found "SHOP_KEYS", which is not set; set it, or write file ='),
        (SECRET, 'keys.environment: found "SHOP_KEYS", whose key 1 is not made of an id and a secret; write'),
    ],
)
def test_a_wrong_variable_is_told_at_its_key(
    value: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_KEYS", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_KEYS", value)
    problems: list[Problem] = []
    assert (
        configured(load({**BASE, "keys": {"environment": "SHOP_KEYS"}}), problems, make=True, ring=Ring())
        is None
    )
    (problem,) = problems
    assert message in str(problem)
    assert SECRET not in str(problem)


def test_a_file_and_a_variable_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keys: found file and environment; write one of them"):
        load({**BASE, "keys": {"file": str(tmp_path / "ring"), "environment": "SHOP_KEYS"}})


@pytest.mark.parametrize("written", [A, SECRET, "SHOP KEYS", "7KEYS", ""])
def test_what_is_no_variable_is_refused_without_showing_it(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({**BASE, "keys": {"environment": written}})
    assert str(caught.value) == (
        "config: keys.environment: found a text that is no such name; "
        'write the name of a variable, such as "EQUALIZER_KEYS"'
    )


def test_the_key_file_of_a_configuration_stands_beside_it(tmp_path: Path) -> None:
    config = tmp_path / "equalizer.toml"
    text = "[listeners.web]\naddress = ':0'\n[pools.shop.servers]\nweb1 = '127.0.0.1:9'\n"
    config.write_text(f"{text}[keys]\nfile = 'shop.keys'\n")
    assert key_file(config) == tmp_path / "shop.keys"
    for keys_table, message in (
        ("", 'found no key file; write [keys] with file = "equalizer.keys"'),
        ("[keys]\nenvironment = 'K'\n", 'keys: found environment = "K"; change the keys where that is set'),
    ):
        config.write_text(text + keys_table)
        with pytest.raises(ConfigError) as caught:
            key_file(config)
        assert str(caught.value).endswith(message)
