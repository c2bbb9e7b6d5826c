"""Changes to a key ring file: whole or not at all, one at a time, and never with a word of a secret."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from equalizer.control import keys, rotation
from equalizer.control.keys import Key
from equalizer.errors import KeyRingError

NONE, SECOND = timedelta(0), timedelta(seconds=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key ring file of one key."""
    rotation.new(tmp_path / "equalizer.keys")
    return tmp_path / "equalizer.keys"


def ids(path: Path) -> list[int]:
    return [key.id for key in rotation.ring(path)]


def test_a_new_ring_has_one_key_with_its_time(path: Path) -> None:
    (key,) = rotation.ring(path)
    assert key.created is not None
    assert abs(datetime.now(UTC) - key.created) < timedelta(minutes=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyRingError, match="which exists"):
        rotation.new(path)
    assert path.read_bytes() == before


def test_a_rotation_puts_a_new_key_in_front_and_drops_those_beyond_keep(path: Path) -> None:
    first = ids(path)
    second = rotation.rotate(path, wait=NONE)
    assert ids(path)[1:] == first
    assert [key.id for key in second.ring] == ids(path)
    rotation.rotate(path, wait=NONE)
    fourth = rotation.rotate(path, keep=3, wait=NONE)
    assert len(ids(path)) == 3
    assert [key.id for key in fourth.dropped] == first
    assert [key.id for key in rotation.rotate(path, keep=1, wait=NONE).ring] == ids(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_a_new_key_waits_and_then_seals(path: Path) -> None:
    (old,) = rotation.ring(path)
    new = rotation.rotate(path, wait=timedelta(minutes=5)).ring[0]
    assert rotation.ring(path) == (new, old)
    assert new.created is not None
    assert new.seals_from is not None
    assert timedelta(minutes=5) <= new.seals_from - new.created <= timedelta(minutes=5, seconds=2)
    for now, seals in ((new.created, old), (new.seals_from - SECOND, old), (new.seals_from, new)):
        assert keys.sealing((new, old), now) is seals
    assert keys.sealing((new,), new.created) is new


def test_the_key_that_seals_is_not_dropped_for_one_that_waits(path: Path) -> None:
    (sealing,) = ids(path)
    for keep in (3, 3, 3, 1):
        ring = rotation.rotate(path, keep).ring
        assert ring[-1].id == sealing
        assert len(ring) <= keep + 1
    assert len(rotation.rotate(path, 1, wait=NONE).ring) == 1


@pytest.mark.parametrize(
    ("after", "now", "found"),
    [
        (None, False, timedelta(minutes=5)),
        ("90s", False, timedelta(seconds=90)),
        ("30d", False, timedelta(days=30)),
        (None, True, NONE),
        ("5m", True, "found --seal-after 5m and --seal-now; write one of them"),
        ("0s", False, 'found --seal-after 0s; write a time from 1s to 30d, such as "5m", or --seal-now'),
        ("soon", False, 'found --seal-after soon; write a time from 1s to 30d, such as "5m", or --seal-now'),
    ],
)
def test_how_long_a_key_waits_is_read_as_it_is_written(
    after: str | None, now: bool, found: timedelta | str
) -> None:
    if isinstance(found, timedelta):
        assert rotation.waiting(after, now=now) == found
    else:
        with pytest.raises(KeyRingError) as caught:
            rotation.waiting(after, now=now)
        assert str(caught.value) == found


def test_a_ring_without_a_new_key_is_none(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyRingError, match="found --keep 0; write 1 or more"):
        rotation.rotate(path, keep=0)
    assert path.read_bytes() == before


def test_rotations_at_once_lose_no_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: rotation.rotate(path, keep=100).ring[0].id, range(40)))
    assert len(set(made)) == 40
    assert set(made) < set(ids(path))
    assert len(ids(path)) == 41


def test_readers_meet_a_whole_ring_while_it_changes(path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        changes = [threads.submit(rotation.rotate, path) for _ in range(30)]
        while not all(change.done() for change in changes):
            assert keys.read(path)
        assert all(change.result() for change in changes)


def test_a_retired_key_is_gone_and_the_last_one_stays(path: Path) -> None:
    old = ids(path)[0]
    new = rotation.rotate(path).ring[0].id
    assert [key.id for key in rotation.retire(path, old).dropped] == [old]
    assert ids(path) == [new]
    with pytest.raises(KeyRingError, match=f"whose last key is {new}"):
        rotation.retire(path, new)
    with pytest.raises(KeyRingError, match=f"which has no key {old}; write one of {new}"):
        rotation.retire(path, old)
    assert ids(path) == [new]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    new = rotation.rotate(link).ring[0].id
    assert link.is_symlink()
    assert ids(path)[0] == new


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_root_leaves_the_file_to_its_owner(path: Path) -> None:
    os.chown(path, 65534, 65534)
    rotation.rotate(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


CHANGES: list[Callable[[Path], object]] = [
    rotation.rotate,
    rotation.ring,
    lambda path: rotation.retire(path, 1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_there_is_told(change: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "none.keys"
    with pytest.raises(KeyRingError) as caught:
        change(path)
    assert str(caught.value) == f"found {path}, which does not exist; run: equalizer keys new {path}"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_others_read_is_not_changed(change: Callable[[Path], object], path: Path) -> None:
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(KeyRingError, match="chmod 600"):
        change(path)
    assert path.read_bytes() == before


def test_a_file_without_times_is_read_and_keeps_its_keys(tmp_path: Path) -> None:
    path, old = tmp_path / "ring", Key(7, b"o" * 32)
    path.touch(mode=0o600)
    path.write_text(f'[[keys]]\nid = 7\nsecret = "{old.text}"\n')
    rotation.rotate(path)
    assert rotation.ring(path)[1] == old


@pytest.mark.parametrize("name", ["created", "seals_from"])
@pytest.mark.parametrize("time", ["1", "'now'", "2026-01-31", "2026-01-31T12:00:00"])
def test_a_wrong_time_is_told(time: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "ring"
    path.touch(mode=0o600)
    path.write_text(f'[[keys]]\nid = 7\n{name} = {time}\nsecret = "{Key(7, b"o" * 32).text}"\n')
    with pytest.raises(KeyRingError, match=f"key 1 has a wrong {name}; write a time such as"):
        keys.read(path)


def test_no_error_shows_a_secret(path: Path) -> None:
    secret = rotation.ring(path)[0].text
    for change in (rotation.new, lambda path: rotation.retire(path, 65536)):
        with pytest.raises(KeyRingError) as caught:
            change(path)
        assert secret not in f"{caught.value!r} {caught.value}"
