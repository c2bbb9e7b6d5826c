"""From a configuration to a snapshot: files read, names resolved, short forms gone."""

import socket
from pathlib import Path

import pytest
import trustme

from equalizer.config.load import load
from equalizer.errors import ConfigError
from equalizer.snapshot import compile as compiler
from equalizer.snapshot import wire

KEY = wire.Key(id=1, secret="c2VjcmV0")
ORDINARY: dict[str, object] = {"spare": False, "persist": True, "generation": 0, "incarnation": ""}
HOSTS = {"web2.internal": "192.0.2.2", "web3.internal": "2001:db8::3"}


def known(host: str) -> str:
    """A name server of two names."""
    try:
        return HOSTS[host]
    except KeyError:
        raise socket.gaierror from None


def test_everything_that_was_written_is_in_the_snapshot(tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("shop.test")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "shop.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "shop.key")
    token = tmp_path / "debug.token"
    token.touch(0o600)
    token.write_text("0123456789abcdef\n")
    file = tmp_path / "equalizer.toml"
    file.write_text(
        """
        [listeners.web]
        address = ":8080"
        trusted = ["10.0.0.0/8"]
        proxy_protocol = "required"
        connections = 100
        [listeners.web-tls]
        address = "[::1]:8443"
        tls = { certificate = "shop.pem", key = "shop.key" }
        http2 = false
        [pools.shop]
        proxy_protocol = "v2"
        via = "eq"
        persistence = { kind = "cookie", name = "BASKET", path = "/shop" }
        queue = { wait = "250ms" }
        ejection = { failures = 3, slower = 4 }
        breaker = { share = "40%", open = "2500ms" }
        retry = { on = ["503", "closed"], per_try = "2s", budget = "12.5%" }
        rates = { client = "20/m", all = { rate = "9/s", burst = 4, key = "pool", when = { path = "/a" } } }
        [pools.shop.servers]
        web1 = { address = "127.0.0.1:9001", limit = 50 }
        web3 = "web3.internal:80"
        [pools.shop.servers.web2]
        address = "web2.internal:80"
        weight = 0
        spare = true
        persist = false
        generation = 3
        incarnation = "b"
        [limits]
        head = "32KiB"
        body = "10MiB"
        clients = { connections = 20, prefix4 = 24 }
        [timeouts]
        head = "1500ms"
        [access_log]
        to = "access.log"
        format = "combined"
        query = false
        [debug]
        token_file = "debug.token"
        """
    )
    snapshot = compiler.compile(load(file), [KEY], 7, known)
    assert snapshot.model_dump() == {
        "revision": 7,
        "listeners": (
            {
                "name": "web",
                "address": "0.0.0.0:8080",
                "tls": None,
                "http2": True,
                "redirect": None,
                "hsts": "",
                "location": True,
                "trusted": ("10.0.0.0/8",),
                "proxy_protocol": True,
                "connections": 100,
            },
            {
                "name": "web-tls",
                "address": "[::1]:8443",
                "tls": {
                    "certificates": (
                        {
                            "certificate": (tmp_path / "shop.pem").read_text(),
                            "key": (tmp_path / "shop.key").read_text(),
                            "default": False,
                        },
                    ),
                    "min_version": "1.2",
                    "clients": None,
                },
                "http2": False,
                "redirect": None,
                "hsts": "",
                "location": True,
                "trusted": (),
                "proxy_protocol": False,
                "connections": 0,
            },
        ),
        "pools": (
            {
                "name": "shop",
                "protocol": "h1",
                "proxy_protocol": "v2",
                "via": "eq",
                "balance": {"kind": "round_robin"},
                "persistence": (
                    {
                        "kind": "cookie",
                        "mode": "insert",
                        "name": "BASKET",
                        "scope": "pool",
                        "attributes": {
                            "path": "/shop",
                            "domain": None,
                            "same_site": "lax",
                            "secure": "auto",
                            "http_only": True,
                            "partitioned": False,
                            "max_age": None,
                        },
                        "strip": True,
                        "preserve": False,
                        "post_only": False,
                        "cache": "skip",
                        "seal_value": False,
                        "capacity": 0,
                        "record_idle": 0,
                        "parameters": (),
                        "duplicates": "first",
                        "condition": {"when": (), "unless": ()},
                    },
                ),
                "sessions": {
                    "idle": 0,
                    "lifetime": 0,
                    "generation": 0,
                    "strict": False,
                    "fail_back": "stay",
                    "pin_field": "Session-Pin",
                    "incarnation_field": "",
                    "incarnation_on_return": False,
                    "announce": False,
                    "census_window": 1800,
                    "burst_ms": 2000,
                    "rebalance": None,
                    "overflow": "elsewhere",
                    "overflow_rehome": 0,
                    "accept": (),
                },
                "queue": {"wait": 250, "length": 128},
                "watch": {"failures": 3, "timed": True},
                "retry": {
                    "attempts": 0,
                    "on": ("closed",),
                    "statuses": (503,),
                    "per_try": 2_000,
                    "sessions": "stay",
                    "budget": {"share": 1250, "least": 3},
                },
                "breaker": {
                    "share": 4_000,
                    "over": 10,
                    "least": 20,
                    "open": 2_500,
                    "trials": 3,
                    "statuses": (502, 503, 504),
                },
                "rates": (
                    {
                        "name": "client",
                        "count": 20,
                        "per": 60_000,
                        "burst": 20,
                        "key": {"over": "address", "name": "", "prefix4": 32, "prefix6": 64},
                        "capacity": 100_000,
                        "condition": {"when": (), "unless": ()},
                    },
                    {
                        "name": "all",
                        "count": 9,
                        "per": 1_000,
                        "burst": 4,
                        "key": None,
                        "capacity": 100_000,
                        "condition": {
                            "when": (
                                {
                                    "path": ("/a",),
                                    "method": (),
                                    "host": (),
                                    "field": {},
                                    "client": (),
                                    "scheme": (),
                                },
                            ),
                            "unless": (),
                        },
                    },
                ),
                "tls": None,
                "servers": (
                    {"name": "web1", "address": "127.0.0.1:9001", "host": "127.0.0.1", "weight": 100}
                    | {"limit": 50}
                    | ORDINARY,
                    {"name": "web3", "address": "[2001:db8::3]:80", "host": "web3.internal", "weight": 100}
                    | {"limit": 0}
                    | ORDINARY,
                    {"name": "web2", "address": "192.0.2.2:80", "host": "web2.internal", "weight": 0}
                    | {"limit": 0, "spare": True, "persist": False, "generation": 3, "incarnation": "b"},
                ),
            },
        ),
        "routes": ({"pool": "shop"},),
        "keys": ({"id": 1, "secret": "c2VjcmV0"},),
        "limits": {
            "head": 32768,
            "target": 16384,
            "fields": 100,
            "streams": 128,
            "body": 10 << 20,
            "requests": 0,
            "clients": {"connections": 20, "prefix4": 24, "prefix6": 64},
        },
        "timeouts": {
            "head": 1500,
            "body": 30000,
            "connect": 5000,
            "response": 60000,
            "idle_client": 75000,
            "idle_server": 60000,
            "tunnel": 3600000,
        },
        "access_log": {"file": str(tmp_path / "access.log"), "format": "combined", "query": False},
        "debug": {"token": "0123456789abcdef"},
    }
    assert wire.Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    assert "PRIVATE" not in repr(snapshot)
    assert "c2VjcmV0" not in repr(snapshot)


def test_routes_name_the_pools_that_are_served() -> None:
    pool = {"servers": {"web1": "127.0.0.1:9001"}}
    written = {
        "listeners": {"web": {"address": ":8080"}},
        "pools": {"a": pool, "b": pool},
        "routes": [{"pool": "b"}],
    }
    assert compiler.compile(load(written), [KEY], 1).routes == (wire.Route(pool="b"),)


def test_names_without_address_and_files_without_pem_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    (tmp_path / "swapped.key").write_text("-----BEGIN CERTIFICATE-----\nsecret\n")
    file = tmp_path / "equalizer.toml"
    file.write_text(
        """[listeners.web]
        address = ":8080"
        tls = { certificate = "empty.pem", key = "swapped.key" }
        [pools.shop.servers]
        web1 = "web1.internal:9001"
        web2 = { address = "web1.internal:9001", weight = 0 }
        """
    )
    with pytest.raises(ConfigError) as caught:
        compiler.compile(load(file), [KEY], 1, known)
    unknown = 'found the host name "web1.internal", which has no address; write one that resolves, or an IP'
    assert str(caught.value).replace(str(file), "FILE").splitlines() == [
        'FILE:3: listeners.web.tls.certificate: found "empty.pem", '
        'which has no "-----BEGIN … CERTIFICATE-----"; write the path of a PEM file',
        'FILE:3: listeners.web.tls.key: found "swapped.key", which has no "-----BEGIN … PRIVATE KEY-----"; '
        "write the path of a PEM file",
        f"FILE:5: pools.shop.servers.web1: {unknown}",
        f"FILE:6: pools.shop.servers.web2.address: {unknown}",
    ]


def test_a_name_means_its_ipv4_address_first() -> None:
    assert compiler.first_address("localhost") == "127.0.0.1"


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o600, "short", "which holds no token; write the path of a file with a token of 16 to 128"),
        (0o600, "two tokens of some length", "which holds no token; write"),
        (0o644, "0123456789abcdef", "which others may read or write (mode 0644); run: chmod 600 "),
        (None, "", "which does not exist; write the path of a file with a token of 16 to 128 visible ASCII"),
    ],
)
def test_a_token_that_cannot_be_believed_is_refused_and_not_shown(
    mode: int | None, text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "debug.token"
    if mode is not None:
        path.write_text(text)
        path.chmod(mode)
    servers = {"web1": "127.0.0.1:9001"}
    file = tmp_path / "equalizer.toml"
    file.write_text(
        f"""
        [listeners.web]
        address = ":8080"
        [pools.shop]
        servers = {{ web1 = "{servers["web1"]}" }}
        [debug]
        token_file = "debug.token"
        """
    )
    with pytest.raises(ConfigError) as refused:
        compiler.compile(load(file), [KEY], 1)
    (problem,) = refused.value.problems
    assert problem.key == "debug.token_file"
    assert problem.message.startswith('found "debug.token", ' + said)
    assert not text or text not in str(refused.value)


def test_a_token_shows_in_no_repr() -> None:
    assert "0123456789abcdef" not in repr(wire.Debugging(token="0123456789abcdef"))
