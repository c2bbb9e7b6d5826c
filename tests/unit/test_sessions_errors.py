"""Bad rules of sessions, and foreign cookies that mean nothing, are told before they are served."""

from pathlib import Path

import pytest

from support.complaints import shop

SESSIONS = "FILE:1: pools.shop.sessions"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("idle", '"soon"', 'found "soon"; write a time such as "30m", "8h", "30d" or "off"'),
        ("idle", '"500ms"', 'found "500ms"; write whole seconds from 1s to 3650d'),
        ("lifetime", '"4000d"', 'found "4000d"; write whole seconds from 1s to 3650d'),
        ("burst", '"5m"', 'found "5m"; write a time from 1ms to 1m'),
        ("burst", '"no"', 'found "no"; write a time such as "2s", "500ms" or "off"'),
        ("generation", "65536", "found 65536; write a whole number from 0 to 65535"),
        ("strict", '"yes"', 'found "yes"; write true or false'),
        ("fail_back", '"returns"', 'found "returns"; write "return"'),
        (
            "pin_field",
            '"Set-Cookie"',
            'found "Set-Cookie"; write a field that HTTP itself does not use, such as "Session-Pin"',
        ),
        (
            "pin_field",
            '"a b"',
            'found "a b"; write 1 to 64 letters, digits or any of !#$%&\'*+-.^_`|~, '
            'such as "Session-Pin", or "" for none',
        ),
        (
            "incarnation_field",
            '"session-pin"',
            'found "session-pin", which pin_field has; write another name',
        ),
        ("census_window", '"off"', 'found "off"; write a time such as "30m", "8h" or "30d"'),
        ("rebalance", '"1%/min"', 'found "1%/min"; write a table with rate and idle_over'),
        (
            "rebalance.rate",
            '"1%"',
            'found "1%"; write a share from "0.0001%/min" to "100%/min", such as "1%/min"',
        ),
        (
            "rebalance.rate",
            '"101%/min"',
            'found "101%/min"; write a share from "0.0001%/min" to "100%/min", such as "1%/min"',
        ),
        ("overflow", '"wait"', 'found "wait"; write "elsewhere" or "refuse"'),
        ("overflow_rehome", "8", "found 8; write a whole number from 0 to 7"),
        ("idel", "1", "found a key that is not known here; write idle"),
    ],
)
def test_a_wrong_rule_of_the_sessions_is_told(key: str, value: str, expected: str, tmp_path: Path) -> None:
    assert shop(f"sessions.{key}", value, tmp_path) == [f"{SESSIONS}.{key}: {expected}"]


def test_two_rules_that_exclude_each_other_are_told_with_all_that_is_wrong(tmp_path: Path) -> None:
    fields = 'pin_field = "Life", incarnation_field = "life", incarnation_on_return = true'
    assert sorted(shop("sessions", f"{{ {fields} }}", tmp_path)) == [
        f'{SESSIONS}.incarnation_field: found "life", which pin_field has; write another name',
        f'{SESSIONS}.incarnation_on_return: found true beside incarnation_field = "life", by which servers '
        "tell it; write one of the two",
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            '{ strict = true, overflow = "elsewhere" }',
            'overflow: found "elsewhere" beside strict = true; write "refuse", or strict = false',
        ),
        (
            '{ overflow = "refuse", overflow_rehome = 3 }',
            'overflow_rehome: found 3 beside overflow = "refuse"; write 0',
        ),
        (
            "{ strict = true, overflow_rehome = 3 }",
            "overflow_rehome: found 3 beside strict = true; write 0",
        ),
    ],
)
def test_what_contradicts_a_refusal_is_told(rules: str, expected: str, tmp_path: Path) -> None:
    assert shop("sessions", rules, tmp_path) == [f"{SESSIONS}.{expected}"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{ format = "f5" }', '.format: found "f5"; write "haproxy", "literal", "bigip" or "coyote"'),
        (
            '{ name = "A" }',
            '.format: found nothing; write format = "haproxy", format = "literal", '
            'format = "bigip" or format = "coyote"',
        ),
        ('{ format = "haproxy" }', '.name: found nothing; write name = "SERVERID"'),
        (
            '{ format = "bigip", servers = { "10.0.0.1:80" = "web9" } }',
            '.servers."10.0.0.1:80": found "web9", which is no server of the pool; write "web1" or "web2"',
        ),
        (
            '{ format = "bigip", servers = { "10.0.0.1" = "web1" } }',
            '.servers: found "10.0.0.1" before a server; '
            'write an IPv4 address and a port, such as "10.0.0.1:80"',
        ),
        (
            '{ format = "coyote", servers = { "10.0.0.1:80" = "web1" } }',
            '.servers: found "10.0.0.1:80" before a server; write an IPv4 address, such as "10.0.0.1"',
        ),
        (
            '{ format = "literal", name = "A", servers = { "a;b" = "web1" } }',
            '.servers: found "a;b" before a server; '
            "write what the cookie says, without spaces, quotes, commas, semicolons or backslashes",
        ),
    ],
)
def test_a_foreign_cookie_that_means_nothing_is_told(written: str, expected: str, tmp_path: Path) -> None:
    assert shop("sessions.accept", f"[{written}]", tmp_path) == [f"{SESSIONS}.accept[0]{expected}"]
