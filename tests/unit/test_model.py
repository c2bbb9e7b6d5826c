"""What may be written, and what it means."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from equalizer import Config
from equalizer.model import address, duration, size
from equalizer.model.sessions import Rebalance

SMALL: dict[str, object] = {
    "listeners": {"web": {"address": "127.0.0.1:8080"}},
    "pools": {"shop": {"servers": {"web1": "127.0.0.1:9001"}}},
}


def shop(**pool: object) -> Config:
    """A configuration of one pool with these settings."""
    servers = {"web1": "127.0.0.1:9001"}
    return Config.model_validate(SMALL | {"pools": {"shop": {"servers": servers, **pool}}})


def test_what_is_left_out_has_the_documented_defaults() -> None:
    config = Config.model_validate(SMALL)
    pool = config.pools["shop"]
    assert pool.balance.kind == "round_robin"
    assert [kind.model_dump() for kind in pool.persistence] == [
        {
            "kind": "cookie",
            "mode": "insert",
            "name": "EQ",
            "prefix": None,
            "path": "/",
            "domain": None,
            "same_site": "lax",
            "secure": "auto",
            "http_only": True,
            "partitioned": False,
            "max_age": "off",
            "scope": "pool",
            "duplicates": "first",
            "when": None,
            "unless": None,
            "strip": True,
            "preserve": False,
            "post_only": False,
            "cache": "skip",
        }
    ]
    assert pool.sessions.model_dump() == {
        "idle": "off",
        "lifetime": "off",
        "generation": 0,
        "strict": False,
        "fail_back": "stay",
        "pin_field": "Session-Pin",
        "incarnation_field": "",
        "incarnation_on_return": False,
        "announce": False,
        "census_window": None,
        "burst": "2s",
        "rebalance": None,
        "overflow": None,
        "overflow_rehome": 0,
        "accept": (),
    }
    assert pool.servers["web1"].model_dump() == {
        "address": "127.0.0.1:9001",
        "weight": 100,
        "limit": 0,
        "spare": False,
        "persist": True,
        "generation": 0,
        "incarnation": "",
    }
    assert config.limits.model_dump() == {
        "head": 65536,
        "target": 16384,
        "fields": 100,
        "streams": 128,
        "body": "off",
        "requests": 0,
        "clients": {"connections": 0, "prefix4": 32, "prefix6": 64},
    }
    assert config.timeouts.model_dump() == {
        "head": "10s",
        "body": "30s",
        "connect": "5s",
        "response": "1m",
        "idle_client": "75s",
        "idle_server": "1m",
        "tunnel": "1h",
        "stop": "30s",
        "upgrade": "10m",
    }
    assert config.keys.file is None
    assert config.records.model_dump() == {"file": None, "every": "1m"}
    assert config.engine.workers is None


def test_short_and_long_forms_mean_the_same() -> None:
    assert shop(balance="round_robin") == shop(balance={"kind": "round_robin"})
    assert shop(persistence={"kind": "cookie"}) == shop(persistence=[{"kind": "cookie"}])
    assert shop(persistence="cookie") == shop(persistence={"kind": "cookie"})
    assert shop(servers={"a": "b:1"}) == shop(servers={"a": {"address": "b:1", "weight": 100}})


def test_persistence_is_turned_off_by_a_word() -> None:
    assert shop(persistence="none").pools["shop"].persistence == ()


def test_a_configuration_cannot_change() -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(SMALL).limits.fields = 1  # type: ignore[misc]


def test_a_configuration_is_read_again_from_what_it_writes() -> None:
    config = shop(persistence="none", servers={"a": {"address": "[::1]:1", "weight": 0}})
    assert Config.model_validate(config.model_dump()) == config
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_every_setting_of_persistence_is_read_again_from_what_it_writes() -> None:
    config = shop(
        persistence=[
            {"kind": "cookie", "prefix": "__Host-", "same_site": "off", "max_age": "30d"},
            {"kind": "cookie", "mode": "learn", "name": "A", "record_idle": 90},
            {"kind": "field", "name": "Session-Id", "scope": {"group": "all"}},
            {"kind": "hash", "over": "query", "name": "room"},
        ],
        sessions={
            "idle": "30m",
            "lifetime": "off",
            "burst": "500ms",
            "rebalance": {"rate": "0.25%/min"},
            "accept": [{"format": "bigip", "servers": {"10.1.2.3:8080": "web1"}}, {"format": "coyote"}],
        },
    )
    assert Config.model_validate(config.model_dump()) == config
    assert Config.model_validate_json(config.model_dump_json()) == config


@given(st.integers(1, 1_000_000))
def test_a_rate_is_read_again_from_what_it_writes(millionths: int) -> None:
    rebalance = Rebalance.model_validate({"rate": millionths})
    assert Rebalance.model_validate(rebalance.model_dump()) == rebalance


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("500ms", 0.5),
        ("5m", 300),
        ("2h", 7200),
        ("30d", 2_592_000),
        ("1.5 s", 1.5),
        ("7", 7),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_a_time_is_read(text: object, seconds: float) -> None:
    assert duration.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "10 days", "-1s", "1e3", "٣s", -1, True, None, float("nan"), float("inf")]
)
def test_what_is_no_time_is_not_read(text: object) -> None:
    assert duration.parse(text) is None


@given(st.integers(0, 10**9))
def test_a_time_is_read_again_from_what_it_writes(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert duration.parse(duration.write(value)) == value


@pytest.mark.parametrize(
    ("text", "count"), [("64KiB", 65536), ("1 MiB", 1 << 20), ("300B", 300), ("300", 300), (9, 9)]
)
def test_a_size_is_read(text: object, count: int) -> None:
    assert size.parse(text) == count


@pytest.mark.parametrize("text", ["64KB", "64k", "1.5MiB", "-1", "", 1.5, True, None])
def test_what_is_no_size_is_not_read(text: object) -> None:
    assert size.parse(text) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        (":80", "0.0.0.0:80"),
        ("[::1]:80", "[::1]:80"),
        ("[0:0::1]:0", "[::1]:0"),
        ("web_1.shop.internal:65535", "web_1.shop.internal:65535"),
    ],
)
def test_an_address_is_read(text: str, written: str) -> None:
    assert str(address.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "a",
        "a:",
        "a:65536",
        "a:-1",
        "a: 1",
        "::1:80",
        "[a]:80",
        "10.0.0.300:80",
        "a b:1",
        "-a:1",
        "a:1/",
        "a:٣",
    ],
)
def test_what_is_no_address_is_not_read(text: str) -> None:
    assert address.parse(text) is None


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_ip_and_port_is_an_address(ip: object, port: int) -> None:
    text = f"[{ip}]:{port}" if ":" in str(ip) else f"{ip}:{port}"
    found = address.parse(text)
    assert found is not None
    assert (found.host, found.port, found.is_ip, str(found)) == (str(ip), port, True, text)


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (address.parse, duration.parse, size.parse):
        read(text)
    with pytest.raises(ValidationError):
        shop(servers={"a": {"address": text, "unknown": 1}})
