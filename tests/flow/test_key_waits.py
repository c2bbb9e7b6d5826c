"""A fleet with one key file: a new key waits until all have read it, and a rotation loses nobody."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from support.process import Named, Running, key_of, run, running, write
from support.visitor import until

Start = Callable[[str], Named]


def newest(ring: Path) -> tuple[int, str]:
    """The id of the newest key, and what `keys list` says that it does."""
    done = run("keys", "list", ring)
    assert (done.returncode, done.stderr) == (0, "")
    line = done.stdout.splitlines()[0]
    return int(line.split()[0]), line.partition("UTC  ")[2]


def visits(born: Running, elsewhere: Running, enough: Event) -> tuple[int, list[tuple[str, str]]]:
    """New clients of one member that come back to the other at once: how many, and who was lost."""
    count, lost = 0, []
    while not enough.is_set():
        home, cookie = born.get()
        again, stamped = elsewhere.get(cookie)
        count += 1
        if (again, stamped) != (home, cookie):
            lost.append((home, again))
    return count, lost


def until_sealed(member: Running, key: int) -> None:
    """Until new clients get a cookie of this key; its workers may take a moment longer than its log."""
    until(lambda: key_of(member.get()[1]), lambda found: found == key)


@pytest.mark.timeout(180)
def test_a_rotation_loses_nobody_between_two_members(tmp_path: Path, start: Start) -> None:
    servers = {name: start(name).address for name in ("web1", "web2", "web3")}
    ring = tmp_path / "shop.keys"
    assert run("keys", "new", ring).returncode == 0
    files = [write(tmp_path / f"{name}.toml", servers, '[keys]\nfile = "shop.keys"') for name in "ab"]
    enough = Event()
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        # A connection is for one thread: each member is asked by both loads, and by us.
        members = [stack.enter_context(running(file)) for file in files]
        loads = [stack.enter_context(each.again()) for each in (*members, *reversed(members))]
        try:
            one = threads.submit(visits, loads[0], loads[1], enough)
            other = threads.submit(visits, loads[2], loads[3], enough)
            old, _ = newest(ring)
            # Long enough for a busy machine to start the command and to read the file meanwhile.
            rotated = run("keys", "rotate", ring, "--seal-after", "12s")
            assert "opens, and seals from " in rotated.stdout
            new, _ = newest(ring)
            for member in members:
                told = member.log("keys:")
                assert f"{old} seals" in told
                assert str(new) in told
                assert key_of(member.get()[1]) == old
            until(lambda: newest(ring), lambda found: found == (new, "seals and opens"))
            for member in members:
                assert f"{new} seals" in member.log("keys:")
                until_sealed(member, new)
        finally:
            enough.set()
        for load in (one, other):
            count, lost = load.result()
            assert count > 0
            assert lost == []


def test_a_key_that_waits_goes_on_waiting_over_a_restart(tmp_path: Path, start: Start) -> None:
    file = write(tmp_path / "eq.toml", {"web1": start("one").address}, '[keys]\nfile = "eq.keys"')
    with running(file) as balancer:
        old = key_of(balancer.get()[1])
    assert run("keys", "rotate", "--config", file).returncode == 0
    with running(file) as balancer:
        assert key_of(balancer.get()[1]) == old
        assert run("keys", "rotate", "--config", file, "--seal-now").returncode == 0
        new, _ = newest(tmp_path / "eq.keys")
        assert f"{new} seals" in balancer.log("keys:")
        until_sealed(balancer, new)
