"""Keys in use: what rotation, sharing and retiring do to sessions, and that no secret is ever shown."""

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Condition

import pytest

import equalizer
from equalizer.config.load import load
from equalizer.control import rotation
from equalizer.control.reconcile import checked, reconcile
from equalizer.control.ring import Ring
from equalizer.engine import native
from equalizer.engine.port import Engine
from support.process import key_of

from .conftest import LIMIT, NamedServer

SESSIONS, ROTATIONS, KEEP, CLIENTS = 10_000, 5, 3, 4
NOW = timedelta(0)


@dataclass(frozen=True)
class Visit:
    """Who answered, and the cookie that came with it."""

    server: str
    cookie: str | None

    @property
    def key(self) -> int:
        """The id of the key that sealed the cookie."""
        assert self.cookie is not None
        return key_of(self.cookie)


def visit(client: HTTPConnection, cookie: str | None = None) -> Visit:
    """One request."""
    client.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
    response = client.getresponse()
    response.read()
    assert response.status == 200
    written = response.headers.get("Set-Cookie")
    return Visit(response.headers["Server-Name"], written.partition(";")[0] if written else None)


def client_of(address: str) -> closing[HTTPConnection]:
    return closing(HTTPConnection(address, timeout=LIMIT))


@pytest.fixture
def config(tmp_path: Path, named_servers: dict[str, NamedServer]) -> Path:
    """A configuration of three servers and a key file."""
    servers = "\n".join(f'{name} = "{each.address}"' for name, each in named_servers.items())
    text = f"""
        [listeners.web]
        address = "127.0.0.1:0"
        [pools.shop.servers]
        {servers}
        [keys]
        file = "shop.keys"
        """
    path = tmp_path / "equalizer.toml"
    path.write_text(text)
    rotation.new(tmp_path / "shop.keys")
    return path


@pytest.fixture
def ring(config: Path) -> Path:
    """Its key file."""
    return config.parent / "shop.keys"


@pytest.fixture
def engine(config: Path) -> Iterator[Engine]:
    """An engine that serves it."""
    started = native.start(workers=2)
    reconcile(load(config), started, 1, Ring())
    yield started
    started.stop()


class Load:
    """Clients that begin sessions until there are enough, each visited again at once."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.born: list[Visit] = []
        self.lost: list[tuple[Visit, Visit]] = []
        self._changed = Condition()

    def run(self) -> None:
        with client_of(self.address) as client:
            for _ in range(SESSIONS // CLIENTS):
                first = visit(client)
                again = visit(client, first.cookie)
                with self._changed:
                    self.born.append(first)
                    if again != Visit(first.server, None):
                        self.lost.append((first, again))
                    self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.born) >= count, 2 * LIMIT)


@pytest.mark.timeout(180)
def test_rotation_under_load_loses_no_session_of_a_kept_key(config: Path, ring: Path, engine: Engine) -> None:
    keys = [rotation.ring(ring)[0].id]
    address = engine.sockets()["web"]
    load_ = Load(address)
    with ThreadPoolExecutor(CLIENTS) as threads:
        running = [threads.submit(load_.run) for _ in range(CLIENTS)]
        for number in range(1, ROTATIONS + 1):
            load_.wait_for(number * SESSIONS // (ROTATIONS + 1))
            keys.append(rotation.rotate(ring, KEEP, NOW).ring[0].id)
            reconcile(load(config), engine, 1 + number, Ring())
        for each in running:
            each.result()
        assert load_.lost == []
        assert len(load_.born) == SESSIONS
        assert Counter(each.key for each in load_.born).keys() == set(keys)
        kept = keys[-KEEP:]
        for wrong in threads.map(lambda part: returned(address, part, kept), parts(load_.born)):
            assert wrong == []


def parts(visits: list[Visit]) -> list[list[Visit]]:
    return [visits[start::CLIENTS] for start in range(CLIENTS)]


def returned(address: str, visits: list[Visit], kept: list[int]) -> list[tuple[Visit, Visit]]:
    """Clients that come back, and those of them that were not received as they should."""
    wrong = []
    with client_of(address) as client:
        for first in visits:
            again = visit(client, first.cookie)
            # A cookie of the oldest key is sealed anew, as the next rotation drops it.
            stamped = again.key if again.cookie else None
            recalled = (again.server, stamped) == (first.server, kept[-1] if first.key == kept[0] else None)
            new = again.cookie is not None and again.key in kept
            if not (recalled if first.key in kept else new):
                wrong.append((first, again))
    return wrong


def test_two_equalizers_with_one_key_file_open_each_others_cookies(config: Path) -> None:
    with equalizer.serve(config) as one, equalizer.serve(config) as other:
        for here, there in ((one, other), (other, one)):
            with client_of(here.address()) as client, client_of(there.address()) as elsewhere:
                for _ in range(6):
                    first = visit(client)
                    assert visit(elsewhere, first.cookie) == Visit(first.server, None)


def test_a_ring_of_the_environment_is_the_ring_of_the_file(
    config: Path, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation.rotate(ring, wait=NOW)
    monkeypatch.setenv("SHOP_KEYS", ", ".join(f"{key.id}:{key.text}" for key in rotation.ring(ring)))
    contained = config.with_name("contained.toml")
    contained.write_text(config.read_text().replace('file = "shop.keys"', 'environment = "SHOP_KEYS"'))
    with equalizer.serve(config) as one, equalizer.serve(contained) as other:
        assert other.notices() == []
        with client_of(one.address()) as client, client_of(other.address()) as elsewhere:
            first = visit(client)
            assert visit(elsewhere, first.cookie) == Visit(first.server, None)


def test_a_retired_key_makes_a_new_visitor(config: Path, ring: Path, engine: Engine) -> None:
    with client_of(engine.sockets()["web"]) as client:
        first = visit(client)
        rotation.rotate(ring, wait=NOW)
        rotation.retire(ring, first.key)
        reconcile(load(config), engine, 2, Ring())
        engine.report()  # every worker has answered, and so has the new ring
        again = visit(client, first.cookie)
        assert again.cookie is not None
        assert again.key == rotation.ring(ring)[0].id


def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "equalizer", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT, check=False)


def test_a_made_cookie_is_opened_again_and_honoured_by_the_engine(
    config: Path, ring: Path, engine: Engine
) -> None:
    made = run("cookie", "seal", "shop/web2", config)
    assert (made.returncode, made.stderr) == (0, "")
    cookie = made.stdout.strip()
    with client_of(engine.sockets()["web"]) as client:
        assert visit(client, cookie) == Visit("web2", None)
    value = cookie.removeprefix("EQ=")
    for written, stdin in ((cookie, ""), (value, ""), (f'"{value}"', ""), ("-", f"{cookie}; Path=/\n")):
        opened = run("cookie", "open", written, config, "--json", stdin=stdin)
        assert (opened.returncode, opened.stderr) == (0, "")
        found = json.loads(opened.stdout)
        assert len(found.pop("session")) == 16
        assert found.pop("born") == found.pop("seen")
        assert found == {
            "opened": True,
            "pool": "shop",
            "home": "web2",
            "pinned": False,
            "key": rotation.ring(ring)[0].id,
            "generation": {"pool": 0, "server": 0},
            "incarnation": None,
            "honoured": True,
            "reason": "recalled",
        }
    told = run("cookie", "open", f"a=b; {cookie}; c={'d' * 95}", config).stdout
    assert "home         web2\n" in told
    assert "ago)\n" in told
    assert told.endswith("honoured     yes: recalled\n")


def test_a_cookie_that_would_not_be_honoured_says_why(config: Path, ring: Path) -> None:
    cookie = run("cookie", "seal", "shop/web2", config).stdout.strip()
    config.write_text("\n".join(line for line in config.read_text().splitlines() if "web2" not in line))
    gone = run("cookie", "open", cookie, config)
    assert gone.returncode == 0
    assert "home         gone from the pool\n" in gone.stdout
    assert gone.stdout.endswith("honoured     no: home_removed\n")
    rotation.rotate(ring, keep=1, wait=NOW)
    unknown = run("cookie", "open", cookie, config)
    assert (unknown.returncode, unknown.stderr) == (1, "")
    assert unknown.stdout.startswith("does not open: sealed_by_unknown_key: the key that sealed it is not")
    assert run("cookie", "open", f"a=b; {cookie}", config).stdout == unknown.stdout
    foreign = run("cookie", "open", "JSESSIONID=0F3A; a=b", config, "--json")
    assert foreign.returncode == 1
    assert json.loads(foreign.stdout) == {"opened": False, "reason": "not_ours"}


@pytest.mark.parametrize(
    ("home", "message"),
    [
        ("shop", 'command line: found "shop"; write POOL/SERVER, such as shop/web1'),
        ("shpo/web1", 'FILE:4: pools: found no pool "shpo"; write "shop"'),
        ("shop/web9", 'FILE:4: pools.shop.servers: found no server "web9"; write "web1" or "web2" or "web3"'),
    ],
)
def test_a_cookie_for_a_home_that_is_not_there_is_refused(home: str, message: str, config: Path) -> None:
    done = run("cookie", "seal", home, config)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace(str(config), "FILE") == f"{message}\n"


def test_a_cookie_is_made_as_if_it_had_been_idle(config: Path) -> None:
    with config.open("a") as file:
        file.write('[pools.shop.sessions]\nidle = "20m"\n')
    cookie = run("cookie", "seal", "shop/web2", config, "--idle", "15m").stdout.strip()
    opened = run("cookie", "open", cookie, config)
    assert opened.stdout.count("(15 minutes ago)") == 2
    assert opened.stdout.endswith("honoured     yes: recalled\n")
    older = run("cookie", "seal", "shop/web2", config, "--idle", "21m").stdout.strip()
    assert run("cookie", "open", older, config).stdout.endswith("honoured     no: expired_idle\n")
    wrong = run("cookie", "seal", "shop/web2", config, "--idle", "soon")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == 'command line: found --idle "soon"; write a time such as 15m\n'


def test_without_a_ring_no_cookie_is_opened_or_made(config: Path, ring: Path) -> None:
    ring.unlink()
    absent = run("cookie", "open", "x", config)
    assert absent.returncode == 2
    assert f'found "shop.keys", which does not exist; run: equalizer keys new {ring}\n' in absent.stderr
    config.write_text(config.read_text().replace('file = "shop.keys"', ""))
    none = run("cookie", "seal", "shop/web1", config)
    assert none.returncode == 2
    assert 'write [keys] with file = "equalizer.keys"' in none.stderr
    assert list(config.parent.iterdir()) == [config]


def test_keys_are_managed_from_the_command_line(config: Path, ring: Path) -> None:
    first = rotation.ring(ring)[0]
    rotated = run("keys", "rotate", "--config", config)
    second = rotation.ring(ring)[0]
    assert second.seals_from is not None
    waits = f"{second.seals_from:%Y-%m-%d %H:%M:%S UTC}"
    assert rotated.stdout == f"{ring}: key {second.id} opens, and seals from {waits} on\n"
    assert (first.created, second.created) != (None, None)
    lines = run("keys", "list", ring).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(second.id), str(first.id)]
    assert f"{second.created:%Y-%m-%d %H:%M:%S UTC}" in lines[0]
    assert [line.partition("UTC  ")[2] for line in lines] == [
        f"opens, waits until {waits}",
        "seals and opens",
    ]
    third = run("keys", "rotate", ring, "--seal-now", "--keep", "2")
    newest = rotation.ring(ring)[0]
    assert third.stdout == f"{ring}: key {newest.id} seals and opens, key {first.id} is gone\n"
    retired = run("keys", "retire", ring, str(newest.id))
    assert retired.stdout == f"{ring}: key {second.id} seals, key {newest.id} is gone\n"
    both = run("keys", "rotate", ring, "--seal-now", "--seal-after", "5m")
    assert (both.returncode, both.stdout) == (2, "")
    assert "found --seal-after 5m and --seal-now; write one of them" in both.stderr
    last = run("keys", "retire", str(second.id), "--config", config)
    assert (last.returncode, rotation.ring(ring)) == (2, (second,))
    assert run("keys", "new", ring).returncode == 2
    assert run("keys", "new", ring.with_name("other.keys")).returncode == 0
    for arguments in ((), (ring, "--config", config)):
        wrong = run("keys", "list", *arguments)
        assert (wrong.returncode, wrong.stderr) == (
            2,
            "command line: write either FILE or --config FILE\n",
        )


def test_no_secret_is_shown_by_any_command_report_or_repr(config: Path, ring: Path) -> None:
    rotation.rotate(ring)
    keys = rotation.ring(ring)
    cookie = run("cookie", "seal", "shop/web1", config).stdout.strip()
    shown = [cookie, repr(keys), repr(load(config))]
    for arguments in (
        ("keys", "list", ring),
        ("keys", "list", "--config", config),
        ("keys", "new", ring),
        ("keys", "retire", ring, "65536"),
        ("keys", "rotate", ring, "--keep", "0"),
        ("cookie", "open", cookie, config),
        ("cookie", "open", cookie, config, "--json"),
        ("check", config),
    ):
        done = run(*arguments)
        shown += [done.stdout, done.stderr]
    started = native.start(workers=1)
    try:
        snapshot = checked(load(config), started, 1, Ring(), make_keys=False).snapshot
        started.apply(snapshot)
        shown += [repr(snapshot), str(snapshot), repr(started), repr(started.report())]
    finally:
        started.stop()
    ring.write_text(ring.read_text().replace("secret", "secrte", 1))
    for arguments in (("keys", "list", ring), ("check", config), ("run", config)):
        done = run(*arguments)
        assert done.returncode == 2
        shown += [done.stdout, done.stderr]
    text = "".join(shown)
    for key in keys:
        for secret in (
            key.text,
            key.secret.hex(),
            base64.urlsafe_b64encode(key.secret).decode(),
            repr(key.secret),
        ):
            assert secret[2:20] not in text


def test_a_wrong_ring_in_the_environment_is_told_without_it(
    config: Path, ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = rotation.ring(ring)[0].text
    config.write_text(config.read_text().replace('file = "shop.keys"', 'environment = "SHOP_KEYS"'))
    monkeypatch.setitem(os.environ, "SHOP_KEYS", f"{secret} 5")
    for command in ("check", "run"):
        done = run(command, config)
        assert done.returncode == 2
        assert 'keys.environment: found "SHOP_KEYS", whose key 1 is not made of' in done.stderr
        assert secret[:20] not in done.stdout + done.stderr
