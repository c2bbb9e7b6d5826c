"""A file is new once after each change, and not while it is written or away."""

import os
from pathlib import Path

from equalizer.control.look import Watch


def test_a_file_is_new_once_when_it_has_come_to_rest(tmp_path: Path) -> None:
    file = tmp_path / "eq.toml"
    file.write_text("a")
    watch = Watch(file)
    assert [watch.is_new() for _ in range(3)] == [False, False, False]
    file.write_text("ab")
    assert not watch.is_new()  # it may be half written
    file.write_text("abc")
    assert [watch.is_new() for _ in range(3)] == [False, True, False]
    other = tmp_path / "new"
    other.write_text("abc")
    os.replace(other, file)
    assert [watch.is_new() for _ in range(3)] == [False, True, False]


def test_one_that_is_away_is_not_new_before_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "eq.toml"
    watch = Watch(file)
    assert not watch.is_new()
    file.write_text("a")
    assert [watch.is_new() for _ in range(3)] == [False, True, False]
    file.unlink()
    assert [watch.is_new() for _ in range(3)] == [False, False, False]


def test_one_that_was_read_for_another_reason_is_not_new(tmp_path: Path) -> None:
    file = tmp_path / "eq.toml"
    file.write_text("a")
    watch = Watch(file)
    file.write_text("ab")
    watch.note()
    assert [watch.is_new() for _ in range(3)] == [False, False, False]
