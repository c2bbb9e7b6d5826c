"""Persistence on its way to the engine: every kind says what it has, and nothing where it has none."""

from typing import Any

import pytest

from equalizer.config.load import load
from equalizer.errors import ConfigError
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire

KEY = wire.Key(id=1, secret="c2VjcmV0")
SERVERS = {"web1": "10.1.2.3:8080", "web2": "web2.internal:80", "web3": "[2001:db8::3]:80"}
PLAIN = {
    "path": "/",
    "domain": None,
    "same_site": None,
    "secure": "auto",
    "http_only": False,
    "partitioned": False,
    "max_age": None,
}
ALWAYS: dict[str, object] = {"when": (), "unless": ()}
COOKIE = {
    "kind": "cookie",
    "scope": "pool",
    "duplicates": "first",
    "attributes": PLAIN,
    "strip": False,
    "preserve": False,
    "post_only": False,
    "cache": "skip",
    "seal_value": False,
    "capacity": 0,
    "record_idle": 0,
    "parameters": (),
    "condition": ALWAYS,
}


FIELD = {"scope": "pool", "duplicates": "first", "capacity": 0, "record_idle": 0}


def compiled(servers: object = SERVERS, **pool: object) -> wire.Pool:
    """One pool with these settings, as the engine reads it."""
    written = {"listeners": {"web": {"address": ":8080"}}, "pools": {"shop": {"servers": servers, **pool}}}
    return compiler.compile(load(written), [KEY], 1, {"web2.internal": "10.1.2.4"}.__getitem__).pools[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"mode": "rewrite", "name": "A", "scope": "listener"},
            COOKIE | {"mode": "rewrite", "name": "A", "scope": "listener"},
        ),
        (
            {"mode": "prefix", "name": "JSESSIONID", "seal_value": True},
            COOKIE | {"mode": "prefix", "name": "JSESSIONID", "seal_value": True},
        ),
        (
            {"mode": "learn", "name": "PHPSESSID"},
            COOKIE | {"mode": "learn", "name": "PHPSESSID", "capacity": 100_000, "record_idle": 1800},
        ),
        (
            {"mode": "route", "name": "JSESSIONID", "parameters": ["jsessionid", "sid"]},
            COOKIE | {"mode": "route", "name": "JSESSIONID", "parameters": ("jsessionid", "sid")},
        ),
        (
            {
                "domain": "shop.example",
                "same_site": "none",
                "partitioned": True,
                "scope": {"group": "all"},
                "http_only": False,
                "max_age": "30d",
                "strip": False,
                "preserve": True,
                "post_only": True,
                "cache": "private",
            },
            COOKIE
            | {
                "mode": "insert",
                "name": "EQ",
                "scope": {"group": "all"},
                "attributes": PLAIN
                | {
                    "domain": "shop.example",
                    "same_site": "none",
                    "partitioned": True,
                    "max_age": 2_592_000,
                },
                "preserve": True,
                "post_only": True,
                "cache": "private",
            },
        ),
        (
            {"same_site": "off", "secure": "never"},
            COOKIE
            | {
                "mode": "insert",
                "name": "EQ",
                "attributes": PLAIN | {"secure": "never", "http_only": True},
                "strip": True,
            },
        ),
    ],
)
def test_a_cookie_of_each_mode(written: dict[str, object], expected: dict[str, object]) -> None:
    (found,) = compiled(persistence={"kind": "cookie", **written}).persistence
    assert found.model_dump() == expected


def test_a_prefix_is_part_of_the_name_that_crosses() -> None:
    shop = {
        "servers": SERVERS,
        "persistence": {"kind": "cookie", "name": "BASKET", "prefix": "__Host-"},
    }
    other = {"servers": {"web1": "10.0.0.1:80"}}
    written = {
        "listeners": {"web": {"address": ":8080"}},
        "pools": {"shop": shop, "other": other},
        "routes": [{"pool": "other"}],
    }
    snapshot = compiler.compile(load(written), [KEY], 1, {"web2.internal": "10.1.2.4"}.__getitem__)
    (cookie,) = snapshot.pools[0].persistence
    assert isinstance(cookie, wire.Cookie)
    assert cookie.name == "__Host-BASKET"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"kind": "field", "name": "Session-Id", "scope": "listener"},
            FIELD | {"mode": "insert", "name": "Session-Id", "scope": "listener"},
        ),
        (
            {"kind": "field", "mode": "learn", "name": "Mcp-Session-Id", "capacity": 9, "record_idle": "1h"},
            FIELD | {"mode": "learn", "name": "Mcp-Session-Id", "capacity": 9, "record_idle": 3600},
        ),
        ({"kind": "address"}, {"prefix4": 32, "prefix6": 64, "idle": 1800, "capacity": 1_000_000}),
        (
            {"kind": "hash", "over": "field", "name": "X-Tenant"},
            {"over": "field", "name": "X-Tenant", "prefix4": 32, "prefix6": 64},
        ),
        (
            {"kind": "hash", "over": "cookie", "name": "account"},
            {"over": "cookie", "name": "account", "prefix4": 32, "prefix6": 64},
        ),
        (
            {"kind": "hash", "over": "query", "name": "room"},
            {"over": "query", "name": "room", "prefix4": 32, "prefix6": 64},
        ),
        ({"kind": "hash", "over": "path"}, {"over": "path", "name": "", "prefix4": 32, "prefix6": 64}),
        (
            {"kind": "hash", "over": "address", "prefix4": 24, "prefix6": 48},
            {"over": "address", "name": "", "prefix4": 24, "prefix6": 48},
        ),
    ],
)
def test_each_other_kind(written: dict[str, object], expected: dict[str, object]) -> None:
    (found,) = compiled(persistence=written).persistence
    assert found.model_dump() == {"kind": written["kind"], "condition": ALWAYS} | expected


def test_matchers_cross_with_every_value_in_a_list() -> None:
    unless = [{"path": "*.css", "field": {"User-Agent": "*bot*"}}, {"client": "10.0.0.7", "scheme": "http"}]
    when = {
        "path": ["/a", "/b/*"],
        "method": ["GET", "HEAD"],
        "host": "*.shop.example",
        "field": {"A": ["1", "2"]},
    }
    kinds: list[dict[str, object]] = [
        {"kind": "cookie", "duplicates": "newest"},
        {"kind": "cookie", "mode": "learn", "name": "A"},
        {"kind": "field", "name": "Session-Id", "duplicates": "newest"},
        {"kind": "field", "mode": "learn", "name": "A"},
        {"kind": "address"},
        {"kind": "hash", "over": "path"},
    ]
    plain: dict[str, object] = dict.fromkeys(("path", "method", "host", "client", "scheme"), ()) | {
        "field": {}
    }
    for kind in compiled(
        persistence=[{**kind, "when": when, "unless": unless} for kind in kinds]
    ).persistence:
        assert kind.condition.model_dump() == {
            "when": (
                plain
                | {
                    "path": ("/a", "/b/*"),
                    "method": ("GET", "HEAD"),
                    "host": ("*.shop.example",),
                    "field": {"A": ("1", "2")},
                },
            ),
            "unless": (
                plain | {"path": ("*.css",), "field": {"User-Agent": ("*bot*",)}},
                plain | {"client": ("10.0.0.7/32",), "scheme": ("http",)},
            ),
        }
        sealed = isinstance(kind, wire.Cookie | wire.CarryingField) and kind.mode == "insert"
        assert getattr(kind, "duplicates", None) in (("newest",) if sealed else ("first", None))


def test_a_chain_keeps_its_order() -> None:
    chain = compiled(persistence=["cookie", {"kind": "field", "name": "Session-Id"}, "address"]).persistence
    assert [kind.kind for kind in chain] == ["cookie", "field", "address"]


def test_the_rules_of_the_sessions_cross_in_whole_seconds() -> None:
    sessions = compiled(
        sessions={
            "idle": "45m",
            "lifetime": "30d",
            "generation": 7,
            "strict": True,
            "fail_back": "return_same_incarnation",
            "pin_field": "",
            "incarnation_field": "Server-Life",
            "announce": True,
            "burst": "off",
            "rebalance": {"rate": "0.5%/min", "idle_over": "5m"},
        }
    ).sessions
    assert sessions.model_dump() == {
        "idle": 2700,
        "lifetime": 2_592_000,
        "generation": 7,
        "strict": True,
        "fail_back": "return_same_incarnation",
        "pin_field": "",
        "incarnation_field": "Server-Life",
        "incarnation_on_return": False,
        "announce": True,
        "census_window": 2700,
        "burst_ms": 0,
        "rebalance": {"per_minute": 5000, "idle_over": 300},
        "accept": (),
    }


@pytest.mark.parametrize(
    ("sessions", "seconds"),
    [({}, 1800), ({"idle": "1h"}, 3600), ({"idle": "1h", "census_window": "5m"}, 300)],
)
def test_the_census_counts_within_idle_unless_told(sessions: dict[str, Any], seconds: int) -> None:
    assert compiled(sessions=sessions).sessions.census_window == seconds


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"format": "haproxy", "name": "SERVERID", "servers": {"s1": "web1"}},
            {"format": "literal", "name": "SERVERID", "servers": {"s1": "web1"}},
        ),
        (
            {"format": "literal", "name": "route"},
            {"format": "literal", "name": "route", "servers": {name: name for name in SERVERS}},
        ),
        (
            {"format": "bigip"},
            {
                "format": "bigip",
                "name": "BIGipServer",
                "servers": {"50462986.36895.0000": "web1", "67240202.20480.0000": "web2"},
            },
        ),
        (
            {"format": "bigip", "name": "BIGipServershop", "servers": {"10.1.1.100:8080": "web3"}},
            {"format": "bigip", "name": "BIGipServershop", "servers": {"1677787402.36895.0000": "web3"}},
        ),
        (
            {"format": "bigip", "servers": {"1677787402.36895.0000": "web3"}},
            {"format": "bigip", "name": "BIGipServer", "servers": {"1677787402.36895.0000": "web3"}},
        ),
        (
            {"format": "coyote"},
            {"format": "coyote", "name": "Coyote-", "servers": {"0A010203": "web1", "0A010204": "web2"}},
        ),
        (
            {"format": "coyote", "servers": {"10.0.0.255": "web1", "0a0000fe": "web2"}},
            {"format": "coyote", "name": "Coyote-", "servers": {"0A0000FF": "web1", "0A0000FE": "web2"}},
        ),
    ],
)
def test_a_foreign_cookie_means_our_servers(written: object, expected: dict[str, object]) -> None:
    (found,) = compiled(sessions={"accept": [written]}).sessions.accept
    assert found.model_dump() == expected


@pytest.mark.parametrize(
    ("servers", "form", "expected"),
    [
        (
            {"web1": "[2001:db8::1]:80"},
            "bigip",
            "found no servers, and no server has an IPv4 address; "
            'write servers = { "10.0.0.1:80" = "web1" }, with the addresses that the other balancer has',
        ),
        (
            {"web1": "10.0.0.1:80", "web2": "10.0.0.1:81"},
            "coyote",
            'found no servers, and the cookie cannot tell "web1" from "web2" by their addresses; '
            'write servers = { "10.0.0.1" = "web1" }, with the addresses that the other balancer has',
        ),
    ],
)
def test_servers_that_a_foreign_cookie_cannot_tell_apart_are_told(
    servers: object, form: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(servers, sessions={"accept": [{"format": form}]})
    assert str(caught.value) == f"config: pools.shop.sessions.accept[0]: {expected}"
