"""Where the access log goes: files that are renamed, pipes that nobody reads, and no worker waits for it."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import equalizer
from conftest import Balance, MakeOrigin
from support.access_log import COMBINED, lines, log, told
from support.balancer import configuration, get
from support.origin import HELLO, Origin, answering
from support.process import Named, running, stream, write
from support.wire import LIMIT


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
