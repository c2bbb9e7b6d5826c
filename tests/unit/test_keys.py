"""The key ring file: made private, believed only when private, and never shown."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from equalizer.control import keys
from equalizer.control.keys import Key
from equalizer.errors import KeyRingError

SECRET = Key(0, bytes(range(100, 132))).text


def private(path: Path, text: str) -> Path:
    """A file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def test_an_absent_file_is_made_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "equalizer.keys"
    ring = keys.read_or_make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(ring) == 1
    assert keys.read_or_make(path) == ring == keys.read(path)
    assert os.listdir(tmp_path) == ["equalizer.keys"]


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.read_or_make(tmp_path / "equalizer.keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "equalizer.keys").stat().st_mode) == 0o600


def test_all_who_start_at_once_have_one_ring(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        rings = set(threads.map(keys.read_or_make, [tmp_path / "equalizer.keys"] * 64))
    assert len(rings) == 1
    assert os.listdir(tmp_path) == ["equalizer.keys"]


def test_reading_makes_nothing(tmp_path: Path) -> None:
    assert keys.read(tmp_path / "equalizer.keys") is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_that_others_may_touch_is_not_believed(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "equalizer.keys"
    keys.read_or_make(path)
    path.chmod(mode)
    with pytest.raises(KeyRingError) as caught:
        keys.read_or_make(path)
    assert str(caught.value) == f"which others may read or write (mode {mode:04o}); run: chmod 600 {path}"


def test_the_order_of_the_file_is_kept(tmp_path: Path) -> None:
    newest, oldest = Key(7, b"n" * 32), Key(3, b"o" * 32)
    text = "".join(f'[[keys]]\nid = {key.id}\nsecret = "{key.text}"\n' for key in (newest, oldest))
    assert keys.read(private(tmp_path / "ring", text)) == (newest, oldest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no key ring"),
        ("keys = []", "no key ring"),
        (f"secret = '{SECRET}'", "no key ring"),
        (f"[[keys]\nsecret = '{SECRET}'", "not TOML"),
        (f"[[keys]]\nsecret = '{SECRET}'", "key 1 is not made of an id and a secret"),
        (f"[[keys]]\nid = 1\nsecret = '{SECRET}'\nuse = 1", "key 1 is not made of an id and a secret"),
        (f"[[keys]]\nid = 65536\nsecret = '{SECRET}'", "key 1 has a wrong id"),
        (f"[[keys]]\nid = true\nsecret = '{SECRET}'", "key 1 has a wrong id"),
        (f"[[keys]]\nid = 1\nsecret = '{SECRET[4:]}'", "key 1 is not 32 bytes in base64"),
        (f"[[keys]]\nid = 1\nsecret = '{SECRET}ü'", "key 1 is not 32 bytes in base64"),
        (f"[[keys]]\nid = 1\nsecret = '{SECRET}'\n" * 2, "two keys of one id"),
        ("\0", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_without_showing_it(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match=message) as caught:
        keys.read(private(tmp_path / "ring", text))
    assert SECRET[4:30] not in f"{caught.value!r} {caught.value}"
    assert caught.value.hint


@pytest.mark.parametrize("read", [keys.read, keys.read_or_make])
def test_a_directory_is_no_key_ring(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="cannot be read"):
        read(tmp_path)


def test_a_pipe_is_no_key_ring(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", mode=0o600)
    with pytest.raises(KeyRingError, match="no regular file"):
        keys.read(tmp_path / "pipe")


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "equalizer.keys").symlink_to(tmp_path / "gone")
    with pytest.raises(KeyRingError, match="link to nothing"):
        keys.read_or_make(tmp_path / "equalizer.keys")
    assert os.listdir(tmp_path) == ["equalizer.keys"]


def test_a_file_in_no_directory_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="cannot be made"):
        keys.read_or_make(tmp_path / "nowhere" / "ring")


def test_a_secret_is_not_shown() -> None:
    assert repr(Key(5, b"s" * 32)) == "Key(id=5)"
