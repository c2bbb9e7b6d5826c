"""Bad persistence: what would do nothing and what no browser would keep are told before they are served."""

from pathlib import Path
from typing import Any

import pytest

from equalizer.config.load import load
from support.complaints import FOUND, PLAIN, complaints, shop


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '{ kind = "cookie", mode = "rewrit", name = "A" }',
            [f'{FOUND}.mode: found "rewrit"; write "rewrite"'],
        ),
        (
            '{ kind = "cookie", mode = "rewrit", name = "a b", domain = "shop.example" }',
            [
                f'{FOUND}.domain: found a key that does not apply to mode = "rewrite"; '
                'leave it out, or write mode = "insert"',
                f'{FOUND}.mode: found "rewrit"; write "rewrite"',
                f'{FOUND}.name: found "a b"; write 1 to 64 letters, digits or any of '
                '!#$%&\'*+-.^_`|~, such as "EQ"',
            ],
        ),
        (
            '{ kind = "cokie", mode = "lern", name = "a b", capacity = 5 }',
            [
                f'{FOUND}.kind: found "cokie"; write "cookie"',
                f'{FOUND}.mode: found "lern"; write "learn"',
                f'{FOUND}.name: found "a b"; write 1 to 64 letters, digits or any of '
                '!#$%&\'*+-.^_`|~, such as "EQ"',
            ],
        ),
        (
            '{ kind = "cookie", mode = 5 }',
            [f'{FOUND}.mode: found 5; write "insert", "rewrite", "prefix", "learn" or "route"'],
        ),
        (
            '{ kind = "cookie", mode = "prefix" }',
            [f'{FOUND}.name: found nothing; write name = "JSESSIONID"'],
        ),
        (
            '{ kind = "cookie", mode = "rewrite", name = "A", domain = "shop.example", capacity = 5 }',
            [
                f'{FOUND}.capacity: found a key that does not apply to mode = "rewrite"; '
                'leave it out, or write mode = "learn"',
                f'{FOUND}.domain: found a key that does not apply to mode = "rewrite"; '
                'leave it out, or write mode = "insert"',
            ],
        ),
        (
            '{ kind = "cookie", mode = "route", name = "A", scope = "pool" }',
            [
                f'{FOUND}.scope: found a key that does not apply to mode = "route"; '
                'leave it out, or write mode = "insert", mode = "rewrite" or mode = "prefix"'
            ],
        ),
        (
            '{ kind = "cookie", mode = "prefix", name = "A", prefix = "__Host-" }',
            [
                f'{FOUND}.prefix: found a key that does not apply to mode = "prefix"; '
                'leave it out, or write mode = "insert"'
            ],
        ),
        (
            '{ kind = "cookie", seal_value = true }',
            [
                f'{FOUND}.seal_value: found a key that does not apply to mode = "insert"; '
                'leave it out, or write mode = "prefix"'
            ],
        ),
        (
            '{ kind = "field", name = "Session-Id", capacity = 5 }',
            [
                f'{FOUND}.capacity: found a key that does not apply to mode = "insert"; '
                'leave it out, or write mode = "learn"'
            ],
        ),
        (
            '{ kind = "field", name = "Session-Id", path = "/" }',
            [
                f'{FOUND}.path: found a key that does not apply to kind = "field"; '
                'leave it out, or write kind = "cookie"'
            ],
        ),
        (
            '{ kind = "cookie", prefix4 = 24 }',
            [
                f'{FOUND}.prefix4: found a key that does not apply to kind = "cookie"; '
                'leave it out, or write kind = "address" or kind = "hash"'
            ],
        ),
        (
            '{ kind = "address", name = "A" }',
            [
                f'{FOUND}.name: found a key that does not apply to kind = "address"; '
                'leave it out, or write kind = "cookie", kind = "field" or kind = "hash"'
            ],
        ),
        (
            '{ kind = "hash", over = "path", name = "A" }',
            [
                f'{FOUND}.name: found a key that does not apply to over = "path"; '
                'leave it out, or write over = "field", over = "cookie" or over = "query"'
            ],
        ),
        (
            '{ kind = "hash" }',
            [
                f'{FOUND}.over: found nothing; write over = "field", over = "cookie", over = "query", '
                'over = "path" or over = "address"'
            ],
        ),
        ('"hash"', [f'{FOUND}: found "hash"; write a table such as {{ kind = "hash", over = "field" }}']),
        (
            '"field"',
            [
                f'{FOUND}: found "field"; '
                'write a table such as { kind = "field", mode = "insert", name = "Session-Id" }'
            ],
        ),
        (
            "5",
            [f'{FOUND}: found 5; write a table such as {{ kind = "cookie" }}'],
        ),
        (
            '{ kind = "cookie", idle = "30m", strict = true, pat = "/" }',
            [
                f"{FOUND}.idle: found a key of the sessions; write it in [pools.shop.sessions]",
                f"{FOUND}.pat: found a key that is not known here; write path",
                f"{FOUND}.strict: found a key of the sessions; write it in [pools.shop.sessions]",
            ],
        ),
    ],
)
def test_a_setting_that_does_not_apply_is_told_where_it_does(
    written: str, expected: list[str], tmp_path: Path
) -> None:
    assert shop("persistence", written, tmp_path) == expected


@pytest.mark.parametrize("key", ["idle", "lifetime", "generation", "strict", "fail_back"])
def test_what_holds_for_all_sessions_is_written_in_one_place(key: str, tmp_path: Path) -> None:
    said = "found a key of the sessions; write it in [pools.shop.sessions]"
    assert shop("persistence", f'{{ kind = "cookie", {key} = 1 }}', tmp_path) == [f"{FOUND}.{key}: {said}"]
    assert shop(key, "1", tmp_path) == [f"FILE:1: pools.shop.{key}: {said}"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '{ kind = "cookie", same_site = "Lax" }',
            [f'{FOUND}.same_site: found "Lax"; write "lax"'],
        ),
        (
            '{ kind = "cookie", domain = ".shop.example" }',
            [
                f'{FOUND}.domain: found ".shop.example"; '
                'write a host name without a dot in front, such as "shop.example"'
            ],
        ),
        (
            '{ kind = "cookie", http_only = 1 }',
            [f"{FOUND}.http_only: found 1; write true or false"],
        ),
        (
            '{ kind = "cookie", max_age = "soon" }',
            [f'{FOUND}.max_age: found "soon"; write a time such as "30m", "8h", "30d" or "off"'],
        ),
        (
            '{ kind = "cookie", scope = "shops" }',
            [f'{FOUND}.scope: found "shops"; write "pool", "listener" or {{ group = "shops" }}'],
        ),
        (
            '{ kind = "cookie", mode = "route", name = "A", parameters = ["a b"] }',
            [
                f'{FOUND}.parameters[0]: found "a b"; '
                'write 1 to 64 letters, digits or any of . _ ~ -, such as "jsessionid"'
            ],
        ),
        (
            '{ kind = "field", name = "Transfer-Encoding" }',
            [
                f'{FOUND}.name: found "Transfer-Encoding"; '
                'write a field that HTTP itself does not use, such as "Session-Id"'
            ],
        ),
        (
            '{ kind = "address", prefix4 = 33, prefix6 = 0, idle = "1.5s", capacity = 0 }',
            [
                f"{FOUND}.capacity: found 0; write a whole number from 1 to 67108800",
                f'{FOUND}.idle: found "1.5s"; write whole seconds from 1s to 3650d',
                f"{FOUND}.prefix4: found 33; write a whole number from 1 to 32",
                f"{FOUND}.prefix6: found 0; write a whole number from 1 to 128",
            ],
        ),
        (
            '[{ kind = "cookie", prefix = "__Host-", name = "A" }, { kind = "cookie", mode = "learn", '
            'name = "__Host-A" }]',
            [f'{FOUND}: found kind "cookie" with name "__Host-A" twice; write each kind and name once'],
        ),
        (
            '["address", { kind = "address", prefix4 = 24 }]',
            [f'{FOUND}: found kind "address" twice; write each kind and name once'],
        ),
        (
            '[{ kind = "field", name = "session-id" }, '
            '{ kind = "field", mode = "learn", name = "Session-ID" }]',
            [f'{FOUND}: found kind "field" with name "Session-Id" twice; write each kind and name once'],
        ),
        (
            '[{ kind = "hash", over = "path" }, { kind = "hash", over = "path" }]',
            [f'{FOUND}: found kind "hash" over "path" twice; write each kind and name once'],
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_to_write(written: str, expected: list[str], tmp_path: Path) -> None:
    assert shop("persistence", written, tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "setting", "sessions"),
    [
        ("session-pin", "pin_field", ""),
        ("Life", "incarnation_field", 'incarnation_field = "life"'),
        ("Session-Moved", "announce", "announce = true"),
    ],
)
def test_a_field_in_which_servers_speak_carries_no_session(
    name: str, setting: str, sessions: str, tmp_path: Path
) -> None:
    text = (
        f'pools.shop.persistence = {{ kind = "field", name = "{name}" }}\n{PLAIN}[pools.shop.servers]\n'
        f'web1 = "10.0.0.1:80"\n[pools.shop.sessions]\n{sessions}\n'
    )
    message = f'found "{name}", which sessions.{setting} has; write another name'
    assert complaints(text, tmp_path) == [f"{FOUND}.name: {message}"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '{ kind = "cookie", prefix = "__Host-", path = "/shop", domain = "shop.example", '
            'secure = "never" }',
            [
                f'{FOUND}.domain: found "shop.example" for a cookie named "__Host-…"; '
                'write no domain, or prefix = "__Secure-"',
                f'{FOUND}.path: found "/shop" for a cookie named "__Host-…"; write path = "/"',
                f'{FOUND}.secure: found "never" for a cookie named "__Host-…"; write "auto" or "always"',
            ],
        ),
        (
            '{ kind = "cookie", name = "__secure-EQ", secure = "never" }',
            [f'{FOUND}.secure: found "never" for a cookie named "__Secure-…"; write "auto" or "always"'],
        ),
        (
            '{ kind = "cookie", name = "__Host-EQ", prefix = "__Secure-" }',
            [f'{FOUND}.name: found "__Host-EQ" beside prefix = "__Secure-"; write one prefix'],
        ),
        (
            '{ kind = "cookie", same_site = "none", secure = "never" }',
            [f'{FOUND}.secure: found "never" for same_site = "none"; write "auto" or "always"'],
        ),
        (
            '{ kind = "cookie", partitioned = true, secure = "never" }',
            [f'{FOUND}.secure: found "never" for partitioned = true; write "auto" or "always"'],
        ),
    ],
)
def test_a_cookie_that_browsers_drop_is_refused(written: str, expected: list[str], tmp_path: Path) -> None:
    assert shop("persistence", written, tmp_path) == expected


@pytest.mark.parametrize(
    ("written", "key", "found", "write"),
    [
        ('{ kind = "cookie", secure = "always" }', "secure", "always", '"auto"'),
        ('{ kind = "cookie", prefix = "__Host-" }', "prefix", "__Host-", "a cookie without prefix"),
        ('{ kind = "cookie", name = "__Secure-BASKET" }', "name", "__Secure-BASKET", '"BASKET"'),
    ],
)
def test_a_cookie_that_a_plain_listener_cannot_set_is_refused(
    written: str, key: str, found: str, write: str, tmp_path: Path
) -> None:
    assert shop("persistence", written, tmp_path, tls=False) == [
        f'{FOUND}.{key}: found "{found}", but listener "web" has no TLS, so that browsers never keep the '
        f"cookie there; write {write}, or give it [listeners.web.tls]"
    ]


@pytest.mark.parametrize("cookie", [{"secure": "always"}, {"prefix": "__Host-"}, {"name": "__Secure-BASKET"}])
@pytest.mark.parametrize(
    ("web", "https"),
    [({"trusted": ["10.0.0.1"]}, {}), ({}, {"redirect": ["web"]})],
    ids=["behind a proxy that tells of TLS", "that sends its clients to HTTPS"],
)
def test_a_plain_listener_may_stand_beside_a_cookie_of_tls(
    web: dict[str, Any], https: dict[str, Any], cookie: dict[str, Any], tmp_path: Path
) -> None:
    tls = {"certificate": str(tmp_path / "shop.pem"), "key": str(tmp_path / "shop.key")}
    for name in tls.values():
        Path(name).touch()
    pool = {"persistence": {"kind": "cookie", **cookie}, "servers": {"web1": "10.0.0.1:80"}}
    listeners = {"web": {"address": ":80", **web}, "web-tls": {"address": ":443", "tls": tls, "https": https}}
    load({"listeners": listeners, "pools": {"shop": pool}})


def test_an_application_may_name_its_own_cookie_as_it_likes() -> None:
    cookie = {"kind": "cookie", "mode": "learn", "name": "__Host-session"}
    pool = {"persistence": cookie, "servers": {"web1": "10.0.0.1:80"}}
    load({"listeners": {"web": {"address": ":80"}}, "pools": {"shop": pool}})


def test_a_pool_that_no_request_reaches_may_wait_for_its_tls_listener() -> None:
    servers = {"web1": "10.0.0.1:80"}
    pools = {
        "shop": {"servers": servers},
        "later": {"servers": servers, "persistence": {"kind": "cookie", "secure": "always"}},
    }
    load({"listeners": {"web": {"address": ":80"}}, "pools": pools, "routes": [{"pool": "shop"}]})


def test_pools_of_a_group_have_the_same_servers(tmp_path: Path) -> None:
    text = """\
        [listeners.web]
        address = ":80"
        [pools.shop]
        persistence = { kind = "cookie", scope = { group = "all" } }
        servers = { web1 = "10.0.0.1:80", web2 = "10.0.0.2:80" }
        [pools.chat]
        persistence = { kind = "cookie", scope = { group = "all" } }
        servers = { web1 = "10.0.0.1:81", web3 = "10.0.0.3:81" }
        [[routes]]
        pool = "shop"
    """
    assert complaints(text, tmp_path) == [
        'FILE:7: pools.chat.persistence.scope.group: found the group "all" of pool "shop", and only one of '
        'the two has "web2" and "web3"; write servers of the same names, or another group'
    ]
