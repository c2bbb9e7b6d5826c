"""The access log: one line for every exchange, whatever a client sends and however slow its reader is."""

import fcntl
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import equalizer
from conftest import Balance, MakeOrigin
from support.balancer import configuration, get, post
from support.origin import HELLO, Origin, answering
from support.process import Named, running, stream, write
from support.wire import LIMIT, Ended

COMBINED = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}|-) (\d+|-) "([^"]*)" "([^"]*)" (\S+) (\S+) (\S+)'
)
Line = dict[str, Any]


def lines(path: Path, count: int) -> list[str]:
    """The first so many lines, when they are there."""
    until = time.monotonic() + LIMIT
    while path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < until, path.read_bytes()
        os.sched_yield()
    return path.read_text("ascii").removesuffix("\n").split("\n")


def told(path: Path, count: int = 1) -> list[Line]:
    """The lines as objects; there are exactly so many."""
    found = [json.loads(line) for line in lines(path, count)]
    assert len(found) == count
    return found


def log(path: Path | str, **settings: object) -> dict[str, object]:
    return {"access_log": {"to": str(path), **settings}}


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


def full_pipe(path: Path) -> tuple[int, int]:
    """A pipe that is read by nobody, and cannot take a byte more."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    while True:
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            return reader, writer


def test_traffic_flows_while_nobody_reads_the_log_and_lines_are_dropped_and_counted(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "pipe"
    reader, writer = full_pipe(path)
    lb = balance(make_origin(answering(HELLO)), **log(path))
    asked = 0
    with lb.client() as client:
        # What waits is bounded: 128 batches, each with less than 128 KiB of texts.
        request = get("User-Agent: " + "\u00e9" * 4000, method="GET")
        while lb.report()["access_log"]["dropped"] == 0:
            for _ in range(100):
                client.send(request)
                client.response()
                client.forget()
            asked += 100
            assert asked < 5000
    assert lb.report()["access_log"]["written"] == 0
    before = time.monotonic()
    lb.stop()
    assert time.monotonic() - before < 5
    os.close(reader)
    os.close(writer)


def test_a_reader_that_comes_back_gets_whole_lines(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "pipe"
    reader, writer = full_pipe(path)
    os.close(writer)
    lb = balance(make_origin(answering(HELLO)), **log(path))
    for _ in range(3):
        lb.ask(get())
    found = b""
    while found.count(b"\n") < 3:
        try:
            found += os.read(reader, 1 << 16)
        except BlockingIOError:
            os.sched_yield()
    os.close(reader)
    assert [json.loads(line)["status"] for line in found.lstrip(b"x").splitlines()] == [200] * 3


def test_what_is_written_to_a_pipe_at_once_ends_with_a_line(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)  # takes nothing while there is something in it
    lb = balance(make_origin(answering(HELLO)), **log(path))
    with lb.client() as client:
        for _ in range(50):
            client.send(get("User-Agent: " + "a" * 1000, method="GET"))
            client.response()
            client.forget()
    found: list[bytes] = []
    while sum(part.count(b"\n") for part in found) < 50:
        try:
            found.append(os.read(reader, 1 << 16))
        except BlockingIOError:
            os.sched_yield()
    os.close(reader)
    assert [part[-20:] for part in found if not part.endswith(b"}\n")] == []


def test_a_pipe_without_a_reader_or_a_file_that_may_not_be_written_to_is_refused(
    shops: dict[str, Origin], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "No such device"), (tmp_path, "Is a directory")):
        with pytest.raises(equalizer.LogFileError, match=f"cannot write to .*{said}"):
            equalizer.serve(configuration({"web1": shops["web1"]}, 1, **log(path)))


def test_a_file_that_is_renamed_away_is_made_anew(
    shops: dict[str, Origin], balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance({"web1": shops["web1"]}, **log(path))
    lb.ask(get(target="/one"))
    lines(path, 1)
    path.rename(tmp_path / "access.log.1")
    lb.ask(get(target="/two"))
    wait(path.exists)
    assert [line["target"] for line in told(path)] == ["/two"]
    assert [line["target"] for line in told(tmp_path / "access.log.1")] == ["/one"]
    assert path.stat().st_mode & 0o777 == 0o640
    os.truncate(path, 0)  # as logrotate's copytruncate does
    lb.ask(get(target="/three"))
    assert [line["target"] for line in told(path)] == ["/three"]


def wait(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT
    while not ready():
        assert time.monotonic() < until
        os.sched_yield()


def test_the_last_lines_are_there_after_a_stop(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    lb = balance(make_origin(answering(HELLO)), workers=2, **log(path))
    for _ in range(20):
        lb.ask(get())
    lb.stop()
    assert len(told(path, 20)) == 20


def test_a_reload_turns_the_log_on_changes_it_and_turns_it_off(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    origin = make_origin(answering(HELLO))
    lb = balance(origin)

    def reload(**tables: Any) -> None:
        lb.service.reload(configuration({"web1": origin}, 1, **tables))
        lb.report()  # the worker has answered, and so runs the new revision

    with lb.client() as client:

        def ask(target: str) -> None:
            client.send(get(target=target))
            client.response()

        for name in ("one", "two", "three"):
            reload(**log(tmp_path / name))
            ask(f"/{name}")
            ask(f"/{name}")
        reload(**log(tmp_path / "three", format="combined"))
        ask("/three")
        reload()
        ask("/off")
    for name in ("one", "two"):
        assert [line["target"] for line in told(tmp_path / name, 2)] == [f"/{name}"] * 2
    # Two writers, the one before and the new one, have the same file: their order is open.
    combined, *objects = sorted(lines(tmp_path / "three", 3))
    assert all(json.loads(line)["target"] == "/three" for line in objects)
    assert COMBINED.fullmatch(combined)
    wait(lambda: lb.report()["access_log"] == {"written": 7, "dropped": 0})


def test_logrotate_renames_and_tells_the_process(tmp_path: Path, start: Callable[[str], Named]) -> None:
    path = tmp_path / "access.log"
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, '[access_log]\nto = "access.log"')
    with running(file) as balancer:
        balancer.get()
        told(path)
        path.rename(tmp_path / "access.log.1")
        balancer.process.send_signal(signal.SIGUSR1)
        balancer.get()
        wait(path.exists)
        told(path)
        balancer.process.send_signal(signal.SIGTERM)
        assert balancer.process.wait(LIMIT) == 0


def test_the_standard_output_takes_lines_too(tmp_path: Path, start: Callable[[str], Named]) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, '[access_log]\nto = "stdout"')
    with running(file) as balancer:
        balancer.get()
        assert json.loads(stream(balancer.process.stdout).readline())["server"] == "web1"
