"""Bad input: every problem at once, each with its file, line and key, what was found and what to write."""

from pathlib import Path

import pytest

from equalizer import Config, ConfigError
from equalizer.config.load import load
from support.complaints import complaints

GOOD = """
[listeners.web]
address = "127.0.0.1:8080"

[pools.shop.servers]
web1 = "127.0.0.1:9001"
"""
AS_TOML = 'write KEY = VALUE on a line of its own, with texts in quotes, such as address = "127.0.0.1:8080"'


def test_whom_to_believe_is_said_by_address(tmp_path: Path) -> None:
    text = """\
        [listeners.web]
        address = "127.0.0.1:8080"
        proxy_protocol = "required"
        [listeners.inner]
        address = "127.0.0.1:8081"
        trusted = ["10.0.0.1/8", "cdn.example"]
        proxy_protocol = "v1"
        [pools.shop]
        protocol = "h2c"
        proxy_protocol = "v2"
        servers = { web1 = "127.0.0.1:9001" }
        """
    assert complaints(text, tmp_path) == [
        'FILE:3: listeners.web.proxy_protocol: found "required" without trusted; write '
        'trusted = ["10.0.0.1"] beside it, the addresses of those that connect',
        'FILE:6: listeners.inner.trusted[0]: found "10.0.0.1/8"; write "10.0.0.0/8"',
        'FILE:6: listeners.inner.trusted[1]: found "cdn.example"; write an address or a '
        'prefix, such as "192.0.2.0/24" or "2001:db8::/32"',
        'FILE:7: listeners.inner.proxy_protocol: found "v1"; write "off" or "required"',
        'FILE:10: pools.shop.proxy_protocol: found "v2" beside protocol = "h2c", whose '
        'connections clients share; write protocol = "h1", or "off"',
    ]


def test_what_ejects_servers_is_refused_where_it_would_not(tmp_path: Path) -> None:
    text = (
        GOOD
        + """
[pools.one]
servers = { web1 = "127.0.0.1:9001" }
ejection = { failures = 0, share = "off" }
[pools.two]
servers = { web1 = "127.0.0.1:9001" }
ejection = { time = "1m", longest = "30s" }
[pools.three]
servers = { web1 = "127.0.0.1:9001" }
ejection = { failures = -1, share = "0%", slower = 1, window = "1.5s", at_most = 1 }
[[routes]]
pool = "shop"
"""
    )
    assert complaints(text, tmp_path) == [
        "FILE:10: pools.one.ejection: found nothing that ejects a server; write failures, share or slower, "
        "at least one of them",
        "FILE:13: pools.two.ejection.longest: found a longest time of 30s beside a first one of 1m; write "
        "one that is not shorter than time",
        'FILE:16: pools.three.ejection.at_most: found 1; write a share from "0%" to "100%"',
        "FILE:16: pools.three.ejection.failures: found -1; write a whole number from 0 to 10000",
        'FILE:16: pools.three.ejection.share: found "0%"; write a share from "0.01%" to "100%", or "off"',
        'FILE:16: pools.three.ejection.slower: found 1; write a number from 1.5 to 100, such as 3, or "off"',
        'FILE:16: pools.three.ejection.window: found "1.5s"; write whole seconds from 1s to 3650d',
    ]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = """\
        [listeners.web]
        adress = "127.0.0.1:8080"

        [listeners."we b"]
        address = "localhost:80"
        tls = { certificate = "shop.pem", key = "shop.key" }

        [pools.shop]
        balance = "round_robbin"
        persistence = [{ kind = "cooky" }, { kind = "cookie", name = "E Q" }]

        [pools.shop.servers]
        web1 = "http://127.0.0.1:9001/"
        web2 = { address = "127.0.0.1:9002", weight = 500, wait = 3 }
        web3 = 9003

        [pools.other]
        persistence = [{ kind = "cookie" }, { kind = "cookie", name = "EQ" }]
        servers = {}

        [limits]
        head = "64kb"
        fields = true
        streams = 20_000

        [timeouts]
        stop = "2d"
        head = 0

        [keys]
        file = "nowhere/equalizer.keys"

        [engine]
        workers = "four"

        [[routes]]
        pool = "shopp"
    """
    assert complaints(text, tmp_path) == [
        "FILE:2: listeners.web.adress: found a key that is not known here; write address",
        'FILE:4: listeners."we b": found the name "we b"; write 1 to 63 letters, digits or any of . _ -',
        'FILE:5: listeners."we b".address: found "localhost:80"; write an IP address and a port to '
        'accept on, such as "127.0.0.1:8080" or ":8080"',
        'FILE:6: listeners."we b".tls.certificate: found "shop.pem", which does not exist; '
        "write the path of a PEM file",
        'FILE:6: listeners."we b".tls.key: found "shop.key", which does not exist; '
        "write the path of a PEM file",
        'FILE:9: pools.shop.balance: found "round_robbin"; write "round_robin"',
        'FILE:10: pools.shop.persistence[0].kind: found "cooky"; write "cookie"',
        'FILE:10: pools.shop.persistence[1].name: found "E Q"; write 1 to 64 letters, digits or any of '
        '!#$%&\'*+-.^_`|~, such as "EQ"',
        'FILE:13: pools.shop.servers.web1: found "http://127.0.0.1:9001/"; write "127.0.0.1:9001"',
        "FILE:14: pools.shop.servers.web2.wait: found a key that is not known here; write weight",
        "FILE:14: pools.shop.servers.web2.weight: found 500; write a whole number from 0 to 256",
        'FILE:15: pools.shop.servers.web3: found 9003; write a text such as "127.0.0.1:9001"',
        'FILE:18: pools.other.persistence: found kind "cookie" with name "EQ" twice; '
        "write each kind and name once",
        "FILE:19: pools.other.servers: found an empty table; "
        'write at least one, such as { web1 = "127.0.0.1:9001" }',
        'FILE:22: limits.head: found "64kb"; write a size such as "64KiB", or a number of bytes',
        "FILE:23: limits.fields: found true; write a whole number from 1 to 256",
        "FILE:24: limits.streams: found 20000; write a whole number from 1 to 10000",
        'FILE:27: timeouts.stop: found "2d"; write a time from 0s to 24h',
        "FILE:28: timeouts.head: found 0; write a time from 1ms to 24h",
        'FILE:31: keys.file: found "nowhere/equalizer.keys", which is in no directory; '
        "write a path in a directory that exists",
        'FILE:34: engine.workers: found "four"; write a whole number from 1 to 1024',
        'FILE:37: routes[0].pool: found "shopp", which is no pool; write "shop"',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            [
                "FILE:1: listeners: found nothing; "
                'write listeners = { web = { address = "127.0.0.1:8080" } }',
                "FILE:1: pools: found nothing; "
                'write pools = { shop = { servers = { web1 = "127.0.0.1:9001" } } }',
            ],
        ),
        (
            GOOD + "[pools.other]\n",
            [
                'FILE:5: pools: found 2 pools and no route; write [[routes]] with pool = "shop" or "other"',
                'FILE:7: pools.other.servers: found nothing; write servers = { web1 = "127.0.0.1:9001" }',
            ],
        ),
        (
            GOOD + '[pools.b.servers]\nweb1 = "127.0.0.1:9002"\n',
            ['FILE:5: pools: found 2 pools and no route; write [[routes]] with pool = "shop" or "b"'],
        ),
        (
            GOOD + "[listeners.two]\naddress = '127.0.0.1:8080'",
            [
                'FILE:8: listeners.two.address: found "127.0.0.1:8080", which listener "web" has; '
                "write another port"
            ],
        ),
        (
            GOOD + "[listeners.web.tls]\nkey = 'a.key'",
            [
                'FILE:7: listeners.web.tls.certificate: found nothing; write certificate = "shop.pem"',
                'FILE:8: listeners.web.tls.key: found "a.key", which does not exist; '
                "write the path of a PEM file",
            ],
        ),
        (
            GOOD + "[[routes]]\npool = 'shop'\n[[routes]]\npool = 'shop'\n",
            ["FILE:9: routes[1]: found a route after one that takes every request; write one route"],
        ),
        (
            GOOD + "[pools.shop]\npersistence = []",
            [
                'FILE:8: pools.shop.persistence: found an empty list; write "none", '
                'or a table such as { kind = "cookie" }'
            ],
        ),
        (
            GOOD + "[pools.shop]\npersistence = { name = 'A' }",
            [
                'FILE:8: pools.shop.persistence.kind: found nothing; write kind = "cookie", kind = "field", '
                'kind = "address" or kind = "hash"'
            ],
        ),
        (
            GOOD + "[pools.shop]\npersistence = { kind = 'cookie', name = 5, path = 'shop' }",
            [
                'FILE:8: pools.shop.persistence.name: found 5; write a text such as "EQ"',
                'FILE:8: pools.shop.persistence.path: found "shop"; '
                'write a path that starts with "/" and has no ";", such as "/"',
            ],
        ),
        (
            GOOD + "[listener]\n",
            ["FILE:7: listener: found a key that is not known here; write listeners"],
        ),
        (
            "listeners = 5\npools = []\nroutes = 1\nengine = 'x'\n[keys]\nfile = 5",
            [
                'FILE:1: listeners: found 5; write a table such as { web = { address = "127.0.0.1:8080" } }',
                "FILE:2: pools: found an empty list; "
                'write a table such as { shop = { servers = { web1 = "127.0.0.1:9001" } } }',
                'FILE:3: routes: found 1; write a list such as [{ pool = "shop" }]',
                'FILE:4: engine: found "x"; write a table with workers',
                'FILE:6: keys.file: found 5; write a text such as "equalizer.keys"',
            ],
        ),
        ("a = 1\nb = [1,\n", [f"FILE:3: not TOML: found nothing (invalid value); {AS_TOML}"]),
        (
            "a = 1\na = 2\n",
            [
                'FILE:2: not TOML: found "a = 2" (cannot overwrite a value); '
                "write each key and each [table] once"
            ],
        ),
        (
            "[a.b]\n[a.b]\n",
            [
                'FILE:2: not TOML: found "[a.b]" (cannot declare a.b twice); '
                "write each key and each [table] once"
            ],
        ),
        ("a = \n", [f'FILE:1: not TOML: found "a =" (invalid value); {AS_TOML}']),
        (
            "[listeners.web]\naddress = 127.0.0.1:8080\n",
            [
                'FILE:2: not TOML: found "address = 127.0.0.1:8080" '
                f"(expected newline or end of document after a statement); {AS_TOML}"
            ],
        ),
        (
            GOOD + "[listeners.s]\naddress = ':8443'\ntls = { certificate = 'a.pem', key = 'a.pem' }\n"
            "https = { redirect = [{}, ['web']] }\n",
            [
                'FILE:9: listeners.s.tls.certificate: found "a.pem", which does not exist; '
                "write the path of a PEM file",
                'FILE:9: listeners.s.tls.key: found "a.pem", which does not exist; '
                "write the path of a PEM file",
                'FILE:10: listeners.s.https.redirect[0]: found an empty table; write a text such as "web"',
                'FILE:10: listeners.s.https.redirect[1]: found a list; write a text such as "web"',
            ],
        ),
        ("a = " + "[" * 9999, ["FILE: nested too deep; write fewer brackets"]),
    ],
)
def test_each_problem_names_its_place_and_what_to_write(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    assert complaints(text, tmp_path) == expected


def test_a_line_that_may_hold_a_secret_is_not_shown(tmp_path: Path) -> None:
    secret = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
    (told,) = complaints(f"[keys]\nsecret = {secret}\n", tmp_path)
    assert told.startswith("FILE:2: not TOML: found a line that is not shown here")
    assert secret[:12] not in told


def test_choices_that_are_as_close_as_one_another_are_all_told(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key"):
        (tmp_path / name).touch()
    tls = 'tls = { certificate = "a.pem", key = "a.key", min_version = "1.1" }'
    text = GOOD.replace("\n\n[pools", f"\n{tls}\n\n[pools")
    assert complaints(text, tmp_path) == [
        'FILE:4: listeners.web.tls.min_version: found "1.1"; write "1.2" or "1.3"'
    ]


def test_a_wrong_setting_of_a_server_is_told(tmp_path: Path) -> None:
    written = '{ address = "10.0.0.3:80", generation = -1, incarnation = "a b" }'
    assert complaints(f"{GOOD}web3 = {written}", tmp_path) == [
        "FILE:7: pools.shop.servers.web3.generation: found -1; write a whole number from 0 to 65535",
        'FILE:7: pools.shop.servers.web3.incarnation: found "a b"; write up to 64 visible ASCII characters, '
        'such as "2026-11-22T10:00"',
    ]


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    file.write_bytes(b"# ok\n# \xff\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}:2: not UTF-8; save the file as UTF-8"


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() + b"[limits]\r\nbodies = 1\r\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [problem.line for problem in caught.value.problems] == [8]


def test_a_dict_has_no_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            {
                "listeners": {"web": {"address": "8080"}},
                "pools": {"shop": {"servers": {"a": "b:1", "c": ":2"}}},
            }
        )
    assert str(caught.value).splitlines() == [
        'config: listeners.web.address: found "8080"; write "0.0.0.0:8080"',
        'config: pools.shop.servers.c: found ":2"; write a host and a port from 1 to 65535, '
        'such as "127.0.0.1:9001"',
    ]


def test_a_model_is_checked_like_a_file() -> None:
    shop = {"servers": {"a": "127.0.0.1:1"}}
    config = Config.model_validate(
        {
            "listeners": {"web": {"address": ":80"}},
            "pools": {"a": shop, "b": shop},
            "timeouts": {"stop": "2.5s"},
        }
    )
    with pytest.raises(ConfigError, match="config: pools: found 2 pools and no route"):
        load(config)


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHVubw==\n-----END PRIVATE KEY-----\n",
        "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==",
        "http://admin:secret@127.0.0.1:9001",
    ],
)
def test_what_looks_like_a_secret_is_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            {
                "listeners": {"web": {"address": secret, "tls": {"certificate": secret, "key": secret}}},
                "pools": {"shop": {"balance": secret, "servers": {"web1": secret}}},
                "keys": {"file": f"no/where/{secret}"},
                "timeouts": {"stop": secret},
                "limits": {"fields": secret},
            }
        )
    for part in secret.splitlines():
        assert part not in str(caught.value)
        assert part not in repr(caught.value.problems)
    assert "not shown here" in str(caught.value)


def test_a_control_socket_in_no_directory_is_told(tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    file.write_text(
        "[listeners.web]\naddress = ':8080'\n[pools.shop.servers]\nweb1 = '127.0.0.1:9001'\n"
        "[control]\nsocket = 'nowhere/eq.sock'\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        f'{file}:6: control.socket: found "nowhere/eq.sock", which is in no directory; '
        "write a path in a directory that exists"
    )


def test_a_file_of_records_that_cannot_be_is_told(tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    begin = "[listeners.web]\naddress = ':8080'\n[pools.shop.servers]\nweb1 = '127.0.0.1:9001'\n"
    for written, said in (
        (
            "'no/eq.records'\nevery = '1s'",
            'file: found "no/eq.records", which is in no directory; write a path in a directory that exists',
        ),
        ("'./eq'\n[keys]\nfile = 'eq'", 'file: found "./eq", which is the key file; write another path'),
    ):
        file.write_text(f"{begin}[records]\nfile = {written}\n")
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert str(caught.value) == f"{file}:6: records.{said}"
    file.write_text(f"{begin}[records]\nevery = '100ms'\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        f'{file}:6: records.every: found "100ms"; write whole seconds from 1s to 3650d'
    )
