"""The file of records: one process has it, whatever is renamed in between, and it is replaced whole."""

import os
import stat
from pathlib import Path

import pytest

from equalizer.control.record_file import RecordFile
from equalizer.errors import RecordsError


def test_what_is_written_is_read_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "eq.records"
    before = os.umask(0)
    try:
        file = RecordFile(path)
        assert file.read() == b""
        file.write(b"one")
        file.write(b"two")
    finally:
        os.umask(before)
    file.close()
    file.close()
    file.write(b"three")  # too late
    assert RecordFile(path).read() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["eq.records"]


def test_it_belongs_to_one_before_and_after_each_writing(tmp_path: Path) -> None:
    path = tmp_path / "eq.records"
    file = RecordFile(path)
    for content in (b"one", b"two"):
        with pytest.raises(RecordsError, match="which another Equalizer uses"):
            RecordFile(path)
        file.write(content)
    file.close()
    RecordFile(path).close()


def test_what_one_that_was_killed_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".eq.records.new").write_bytes(b"half of something longer")
    file = RecordFile(tmp_path / "eq.records")
    file.write(b"whole")
    assert file.read() == b"whole"
    assert os.listdir(tmp_path) == ["eq.records"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "which cannot be opened (is a directory); write a path that we may read and write"),
        (tmp_path / "pipe", "which is no regular file; write the path of a file"),
        (
            tmp_path / "no" / "eq",
            "which cannot be opened (no such file or directory); write a path that we may read and write",
        ),
    ):
        with pytest.raises(RecordsError) as caught:
            RecordFile(path)
        assert str(caught.value) == said


def test_what_is_kept_aside_outlives_the_next_writing(tmp_path: Path) -> None:
    path = tmp_path / "eq.records"
    for content in (b"strange", b"stranger"):
        path.write_bytes(content)
        file = RecordFile(path)
        aside = file.keep_aside()
        file.write(b"ours")
        file.close()
        assert aside == tmp_path / "eq.records.refused"
        assert (aside.read_bytes(), path.read_bytes()) == (content, b"ours")
