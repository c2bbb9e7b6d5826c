"""Records of addresses and learned values over a restart: clients are home, or are told why not."""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from flow.persistence.conftest import MakeServers
from support.balancer import get
from support.process import LIMIT, Running, run, running, stream, write
from support.visitor import until
from support.wire import Message, connect

CHAINS = {
    "address": '{ kind = "address" }',
    "cookie": '{ kind = "cookie", mode = "learn", name = "SID" }',
    "field": '{ kind = "field", mode = "learn", name = "Session-Id" }',
}
SOURCES = [f"127.0.0.{number}" for number in range(2, 14)]


class Clients:
    """Twelve of them, each from its own address and with the value that a server gave it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def homes(self, balancer: Running) -> dict[str, str | None]:
        """Who answers each of them."""
        return {source: self.ask(balancer, source).get("server-name") for source in SOURCES}

    def ask(self, balancer: Running, source: str) -> Message:
        value = self.values.get(source)
        fields = [] if value is None else [f"Cookie: SID={value}", f"Session-Id: {value}"]
        with connect(f"{balancer.client.host}:{balancer.client.port}", source) as wire:
            wire.send(get(*fields))
            answer = wire.response()
        self.values[source] = answer.get("session-id") or self.values[source]
        return answer


@pytest.fixture
def origins(servers: MakeServers) -> dict[str, str]:
    """Servers that give every client a value of its own, by cookie and by field."""
    numbers = count()

    def says(name: str, request: Message) -> tuple[str, ...]:
        value = request.get("session-id")
        if value is not None:
            return (f"Session-Id: {value}",)
        value = f"{name}-{next(numbers)}"
        return (f"Session-Id: {value}", f"Set-Cookie: SID={value}")

    return {name: origin.address for name, origin in servers(says).items()}


def config(folder: Path, servers: dict[str, str], kind: str = "address", every: str = "1h") -> Path:
    more = f"""
        [pools.shop]
        persistence = [{CHAINS[kind]}]
        [engine]
        workers = 2
        [records]
        file = "eq.records"
        every = "{every}"
        """
    return write(folder / "eq.toml", servers, more)


def end(balancer: Running, number: int = signal.SIGTERM) -> str:
    """Send a signal, and give what is left of the log."""
    balancer.client.close()
    balancer.process.send_signal(number)
    rest = stream(balancer.process.stderr).read()
    assert balancer.process.wait(LIMIT) == (-number if number == signal.SIGKILL else 0)
    return rest


def other_than(before: os.stat_result) -> Callable[[os.stat_result], bool]:
    return lambda found: found.st_mtime_ns != before.st_mtime_ns


@pytest.mark.parametrize("kind", CHAINS)
def test_clients_are_home_after_a_restart(kind: str, tmp_path: Path, origins: dict[str, str]) -> None:
    file, clients = config(tmp_path, origins, kind), Clients()
    with running(file) as balancer:
        homes = clients.homes(balancer)
        assert set(homes.values()) == set(origins)
        end(balancer)
    records = tmp_path / "eq.records"
    assert records.stat().st_mode & 0o777 == 0o600
    values = [value.encode() for value in clients.values.values()]
    assert not any(value in records.read_bytes() for value in values)
    # In another order, and with one more: a home is a name.
    turned = dict(reversed(origins.items())) | {"web0": origins["web1"]}
    with running(config(tmp_path, turned, kind)) as balancer:
        assert f"records: {len(SOURCES)} taken from {records}" in balancer.log("records:")
        assert clients.homes(balancer) == homes
    assert sorted(os.listdir(tmp_path)) == ["eq.records", "eq.toml"]


def test_who_was_idle_too_long_meanwhile_is_not_taken(tmp_path: Path, origins: dict[str, str]) -> None:
    file, clients = config(tmp_path, origins), Clients()
    with running(file) as balancer:
        clients.homes(balancer)
        end(balancer)
    text = file.read_text().replace('kind = "address"', 'kind = "address", idle = "1s"')
    file.write_text(text)

    def start() -> str:
        with running(file) as balancer:
            return balancer.log("records:")

    # The time goes on while nothing runs, so that they are all forgotten some day.
    until(start, lambda line: "records: 0 taken" in line and f"expired={len(SOURCES)}" in line)


@pytest.mark.parametrize("harm", ["cut", "changed", "foreign", "newer"])
def test_a_file_that_is_no_good_is_told_and_kept_aside(
    harm: str, tmp_path: Path, origins: dict[str, str]
) -> None:
    file, clients, records = config(tmp_path, origins), Clients(), tmp_path / "eq.records"
    with running(file) as balancer:
        clients.homes(balancer)
        end(balancer)
    whole = records.read_bytes()
    content, why = {
        "cut": (whole[:-5], "it is cut off or damaged"),
        "changed": (whole[:100] + b"?" + whole[101:], "it is cut off or damaged"),
        "foreign": (b"[[keys]]\n" + whole, "it is no file of records"),
        "newer": (whole[:9] + b"\x02" + whole[10:], "it is of version 2, and this Equalizer reads version 1"),
    }[harm]
    records.write_bytes(content)
    aside = tmp_path / "eq.records.refused"
    with running(file) as balancer:
        told = balancer.log("records:")
        assert f"none taken from {records}: {why}; what was there is kept as {aside}" in told
        clients.homes(balancer)
        end(balancer)
    assert aside.read_bytes() == content
    with running(file) as balancer:
        assert f"records: {len(SOURCES)} taken" in balancer.log("records:")


def test_who_is_killed_loses_no_more_than_the_last_period(tmp_path: Path, origins: dict[str, str]) -> None:
    file, clients, records = config(tmp_path, origins, every="1s"), Clients(), tmp_path / "eq.records"
    with running(file) as balancer:
        homes = clients.homes(balancer)
        sizes = []
        # Two more writings: the second began after the last of them was recorded.
        for _ in range(2):
            written = until(records.stat, other_than(records.stat()))
            sizes.append(written.st_size)
        end(balancer, signal.SIGKILL)
    assert sizes[1] > 28 * len(SOURCES)
    with running(file) as balancer:
        assert f"records: {len(SOURCES)} taken" in balancer.log("records:")
        assert clients.homes(balancer) == homes


def test_a_file_is_for_one_process(tmp_path: Path, origins: dict[str, str]) -> None:
    file = config(tmp_path, origins)
    other = tmp_path / "other.toml"
    other.write_text(file.read_text())
    line = 1 + file.read_text().splitlines().index('        file = "eq.records"')
    with running(file) as balancer:
        Clients().homes(balancer)
        done = run("run", other)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f'{other}:{line}: records.file: found "eq.records", which another Equalizer uses; '
            "stop it, or write another path for this one\n"
        )
        assert run("check", other).returncode == 0
        end(balancer)
    with running(other) as balancer:
        assert f"records: {len(SOURCES)} taken" in balancer.log("records:")


def test_a_file_that_cannot_be_written_is_told_and_serving_goes_on(
    tmp_path: Path, origins: dict[str, str]
) -> None:
    file, clients, records = config(tmp_path, origins, every="1s"), Clients(), tmp_path / "eq.records"
    with running(file) as balancer:
        homes = clients.homes(balancer)
        (tmp_path / ".eq.records.new").mkdir()
        assert f"{records} cannot be written (is a directory)" in balancer.log("records:").lower()
        assert clients.homes(balancer) == homes
        (tmp_path / ".eq.records.new").rmdir()
        assert "cannot be written" not in end(balancer).rpartition("stopping")[2]
    with running(file) as balancer:
        assert f"records: {len(SOURCES)} taken" in balancer.log("records:")


def test_the_place_of_the_file_counts_from_the_next_start(tmp_path: Path, origins: dict[str, str]) -> None:
    file = config(tmp_path, origins)
    with running(file):
        file.write_text(file.read_text().replace("eq.records", "other.records"))
        done = run("reload")
        assert (done.returncode, done.stderr) == (0, "records.file counts from the next start or upgrade\n")
    assert not (tmp_path / "other.records").exists()
