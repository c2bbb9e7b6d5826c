"""The access log: one line for every exchange, whatever a client sends."""

import json
import re
import time
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.access_log import COMBINED, lines, log, told
from support.balancer import configuration, get, post
from support.origin import HELLO, Origin
from support.wire import LIMIT, Ended


def test_a_line_tells_what_was_asked_and_what_became_of_it(
    shops: dict[str, Origin], balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, **log(path))
    before = time.time()
    with lb.client() as client:
        client.send(
            get("User-Agent: browser", "Referer: http://shop.test/a?b", target="/basket?item=3", method="PUT")
        )
        cookie = client.response().all("set-cookie")[0].partition(";")[0]
        client.send(post(b"12345", f"Cookie: {cookie}"))
        client.response()
    first, second = told(path, 2)
    at = time.mktime(time.strptime(first.pop("time")[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert before - 2 < at < time.time() + 2
    assert first.pop("head_us") <= first.pop("duration_us") < LIMIT * 1e6
    session = first.pop("session")
    assert re.fullmatch("[0-9a-f]{12}", session)
    assert first == {
        "listener": "web",
        "client": "127.0.0.1",
        "method": "PUT",
        "target": "/basket?item=3",
        "host": "shop.test",
        "protocol": "HTTP/1.1",
        "status": 200,
        "received": 0,
        "sent": 4,
        "pool": "shop",
        "server": "web1",
        "reason": "new",
        "attempts": 1,
        "user_agent": "browser",
        "referer": "http://shop.test/a?b",
    }
    assert (second["reason"], second["session"], second["received"]) == ("recalled", session, 5)
    assert cookie not in path.read_text()


def test_a_session_that_loses_its_home_tells_both_homes(
    shops: dict[str, Origin], balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, **log(path))
    cookie = lb.cookie("web1")
    addresses = {name: shops[name].address for name in ("web1", "web2")}
    shops["web1"].end()
    lb.service.reload(configuration(addresses, 1, **log(path)))
    lb.report()  # the worker has answered, and so runs the new revision
    assert lb.ask(get(f"Cookie: {cookie}")).get("server-name") == "web2"
    first, second = told(path, 2)
    assert (second["home_before"], second["server"], second["reason"]) == ("web1", "web2", "home_down")
    assert (second["attempts"], second["fault"], second["status"]) == (2, "connect", 200)
    assert second["session"] == first["session"]


@pytest.mark.parametrize(
    ("request_", "status", "fault"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "host"),
        (b"nonsense\r\n\r\n", 400, "start_line"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version"),
        (get("Field: " + "x" * 5000), 431, "head_too_large"),
        (get(target="/" + "x" * 600), 414, "target_too_long"),
        (get("Transfer-Encoding: gzip"), 501, "unknown_coding"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", 408, "request_timeout"),
    ],
    ids=lambda value: str(value) if isinstance(value, int | str) else "",
)
def test_an_answer_of_our_own_is_told_too(
    request_: bytes, status: int, fault: str, make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    limits = {"head": 4096, "target": 512}
    lb = balance(make_origin(HELLO), **log(path), limits=limits, timeouts={"head": "300ms"})
    assert lb.ask(request_).status == status
    (line,) = told(path)
    assert (line["status"], line["fault"], line["listener"]) == (status, fault, "web")
    assert line["sent"] > 0
    assert "server" not in line


def test_nobody_left_and_no_answer_in_time_are_told_with_a_reason(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    gone, silent = (
        make_origin(HELLO),
        make_origin(lambda origin, wire: void(origin.read(wire), wire.at_end())),
    )
    address = gone.address
    gone.end()
    assert balance({"web1": address}, **log(path)).ask(get()).status == 503
    (line,) = told(path)
    assert (line["status"], line["fault"], line["reason"]) == (503, "connect", "new")
    path.unlink()
    lb = balance(silent, **log(path), timeouts={"response": "100ms"})
    assert lb.ask(get()).status == 504
    (line,) = told(path)
    assert (line["status"], line["fault"], line["reason"]) == (504, "response_timeout", "new")
    assert line["server"] == "web1"
    assert lb.report()["pools"]["shop"]["reasons"] == {"new": 1}


def void(*_: object) -> None:
    """Nothing comes of it."""


def test_a_response_that_breaks_off_is_told(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    origin = make_origin(
        lambda origin, wire: void(
            origin.read(wire), wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel")
        )
    )
    lb = balance(origin, **log(path))
    with lb.client() as client:
        client.send(get())
        with pytest.raises((Ended, ConnectionError)):
            client.response()
    (line,) = told(path)
    assert (line["status"], line["fault"], line["sent"]) == (200, "cut_short", 3)


HOSTILE = bytes(
    byte for byte in range(256) if byte not in b"\r\n\0" and not (byte < 32 and byte != 9) and byte != 127
)


@pytest.mark.parametrize("format_", ["json", "combined"])
def test_hostile_bytes_never_break_a_line(
    format_: str, make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance(make_origin(HELLO), **log(path, format=format_))
    agent = b"User-Agent: a" + HOSTILE + "\u2028\u0085\u202eé".encode() + b"z\r\n"
    target = b'/"\\%0a%0d<>{}|^`'
    request = b"GET " + target + b" HTTP/1.1\r\nHost: shop.test\r\n" + agent + b'Referer: "\\x22\r\n\r\n'
    assert lb.ask(request).status == 200
    (line,) = lines(path, 1)
    assert line.isprintable()
    if format_ == "json":
        found = json.loads(line)
        assert found["target"] == target.decode()
        assert found["referer"] == '"\\x22'
        assert found["user_agent"].endswith("\u2028\u0085\u202eéz")
    else:
        match = COMBINED.fullmatch(line)
        assert match
        assert match[5] == r"GET /\x22\x5c%0a%0d<>{}|^` HTTP/1.1"


def test_combined_is_read_as_ever(shops: dict[str, Origin], balance: Balance, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, **log(path, format="combined", query=False))
    lb.ask(get("User-Agent: browser/1 (x)", "Referer: http://shop.test/a?secret", target="/a?token=1"))
    lb.ask(b"nonsense\r\n\r\n")
    found = [COMBINED.fullmatch(line) for line in lines(path, 2)]
    assert found[0]
    assert found[1]
    assert found[0].group(1, 5, 6, 7, 8, 9, 10, 11, 12) == (
        "127.0.0.1",
        "GET /a HTTP/1.1",
        "200",
        "4",
        "http://shop.test/a",
        "browser/1 (x)",
        "shop",
        "web1",
        "new",
    )
    time.strptime(found[0][4], "%d/%b/%Y:%H:%M:%S %z")
    assert found[1].group(5, 6, 8, 9, 10, 11, 12) == ("-", "400", "-", "-", "-", "-", "-")


def test_tls_and_its_listener_are_told(
    shops: dict[str, Origin], balance: Balance, certificate: Path, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, folder=certificate, **log(path))
    with lb.tls_client() as client:
        client.send(get())
        client.response()
    (line,) = told(path)
    assert (line["listener"], line["tls"]) == ("web-tls", "1.3")


def test_secrets_are_never_told(shops: dict[str, Origin], balance: Balance, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, **log(path))
    lb.ask(get("Cookie: EQ=verysecret; other=verysecret", "Authorization: Basic verysecret"))
    told(path)
    assert "verysecret" not in path.read_text()
