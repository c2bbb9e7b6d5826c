"""The table of `equalizer status`."""

import json
from dataclasses import asdict, replace

import pytest

from equalizer.cli.status import table
from equalizer.cli.words import clock, span
from equalizer.control.answers import BreakerStatus, Draining, PoolStatus, ServerStatus, Status, status_from

NOW = 1_800_000_000.0
UP = replace(
    ServerStatus("web1", "127.0.0.1:9001", 100, None, 100, None, "up", 1204, 3, 0, 0, 98765, 7, {}, None),
    rate=412.34,
    p50=0.00448,
    p99=0.212,
)
GOING = replace(
    UP,
    name="web2",
    state="draining",
    sessions=88,
    faults={"connect_refused": 2, "reset": 0},
    rate=0.4,
    p50=None,
    p99=None,
    draining=Draining(NOW - 60, NOW + 1800, 300.0, 725.0),
)
FOUND = Status("eq.toml", 42, 3, NOW, 17, (PoolStatus("shop", {"home_down": 4}, {}, 0, (UP, GOING)),))


def test_a_draining_server_shows_what_is_left_and_until_when() -> None:
    assert table(FOUND).splitlines() == [
        "eq.toml: revision 3, process 42, 17 connections",
        "POOL  SERVER  STATE     WEIGHT  SESSIONS  IN FLIGHT  REQ/S  P50 MS  P99 MS  EXCHANGES  FAULTS",
        "shop  web1    up           100      1204          3    412     4.5     212      98765  0",
        "shop  web2    draining     100        88          3    0.4       -       -      98765  "
        "2 connect_refused  "
        f"empty in about 12m 5s, deadline {clock(NOW + 1800)} (in 30m), idle for 5m first",
        "lost in shop: 4 home_down",
    ]


@pytest.mark.parametrize(
    ("draining", "note"),
    [
        (Draining(NOW, None, None, None), f"draining since {clock(NOW)}"),
        (Draining(NOW, None, None, 0.0), "empty"),
        (Draining(NOW - 60, NOW - 1, None, 5.0), "empty in about 5s, deadline passed"),
    ],
)
def test_what_is_not_known_is_not_shown(draining: Draining, note: str) -> None:
    server = replace(GOING, faults={}, draining=draining)
    assert table(replace(FOUND, pools=(PoolStatus("shop", {}, {}, 0, (server,)),))).endswith(
        f"  0       {note}"
    )


def test_what_waits_and_what_a_limit_decided_is_shown() -> None:
    full = replace(UP, in_flight=50, limit=50, waiting=7)
    pool = PoolStatus("shop", {}, {"overflow": 12, "queue_full": 0, "queue_timeout": 2}, 3, (full,))
    lines = table(replace(FOUND, pools=(pool,))).splitlines()
    assert " 1204      50/50 " in lines[2]
    assert lines[2].endswith("98765  0       7 waiting")
    assert lines[3] == "at their limit in shop: 12 overflow, 2 queue_timeout, 3 waiting for any"


def test_a_weight_that_was_given_stands_beside_the_configured_one() -> None:
    server = replace(UP, given=50, weight_now=63)
    line = table(replace(FOUND, pools=(PoolStatus("shop", {}, {}, 0, (server,)),))).splitlines()[2]
    assert line.endswith("98765  0       weight 100 configured")
    assert line.split()[3] == "63"


@pytest.mark.parametrize(
    ("panics", "why", "ejected", "note"),
    [
        (False, "probe tcp: refused", "", "probe tcp: refused"),
        (True, "probe tcp: refused", "", "not believed: probe tcp: refused"),
        (True, "", "ejected for 10s: 5 failures in a row", "ejected for 10s: 5 failures in a row"),
        (True, "probe tcp: refused", "ejected for 10s", "not believed: probe tcp: refused, ejected for 10s"),
    ],
)
def test_in_a_panic_probes_are_not_believed_and_what_clients_were_answered_is(
    panics: bool, why: str, ejected: str, note: str
) -> None:
    server = replace(UP, state="down", why=why, ejected=ejected)
    pool = PoolStatus("shop", {}, {}, 0, (server,), panics)
    assert table(replace(FOUND, pools=(pool,))).splitlines()[2].endswith(f"98765  0       {note}")


def test_a_handshake_that_failed_is_shown_beside_its_server() -> None:
    server = replace(UP, handshake="its certificate has expired")
    line = table(replace(FOUND, pools=(PoolStatus("shop", {}, {}, 0, (server,)),))).splitlines()[2]
    assert line.endswith("98765  0       its certificate has expired")


def test_rates_retries_and_an_open_breaker_have_their_lines() -> None:
    pool = PoolStatus(
        "shop",
        {},
        {},
        0,
        (UP,),
        rates={"client": 12, "login": 0},
        retries={"made": 7, "over_budget": 3},
        breaker=BreakerStatus("open", 1, 42),
    )
    found = replace(FOUND, pools=(pool,))
    assert table(found).splitlines()[-3:] == [
        "over their rate in shop: 12 client",
        "retries in shop: 7 made, 3 over_budget",
        "breaker of shop: open, 42 refused since the start",
    ]
    assert status_from(json.loads(json.dumps(asdict(found)))) == found


def test_a_status_survives_its_json() -> None:
    assert status_from(json.loads(json.dumps(asdict(FOUND)))) == FOUND


def test_spans_have_two_units_at_most() -> None:
    assert [span(each) for each in (0, 59.6, 3601, 7260, 90_000, -5)] == [
        "0s",
        "1m",
        "1h 1s",
        "2h 1m",
        "1d 1h",
        "0s",
    ]
