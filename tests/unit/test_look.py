"""Files are new once after each change, and not while one is written or away."""

import os
from pathlib import Path

from equalizer.config.load import load
from equalizer.control.look import Watch, named


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


def test_the_files_that_a_configuration_names_are_looked_at_too(tmp_path: Path) -> None:
    file, key = tmp_path / "eq.toml", tmp_path / "shop.key"
    secured = '[listeners.web]\naddress = ":0"\ntls = { certificate = "live/shop.pem", key = "shop.key" }\n'
    file.write_text(f'{secured}[pools.shop.servers]\nweb1 = "127.0.0.1:80"\n')
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.pem").touch()
    (tmp_path / "live").symlink_to("1")
    key.touch()
    watch = Watch(file)
    watch.use(load(file))
    assert [watch.is_new() for _ in range(3)] == [False, False, False]
    (tmp_path / "new").symlink_to("2")
    os.replace(tmp_path / "new", tmp_path / "live")
    assert not watch.is_new()
    key.write_text("renewed")  # both are waited for
    assert [watch.is_new() for _ in range(3)] == [False, True, False]
    key.unlink()
    assert [watch.is_new() for _ in range(3)] == [False, False, False]
    file.write_text(f'{secured}[pools.shop.servers]\nweb1 = "127.0.0.1:81"\n')  # is read all the same
    assert [watch.is_new() for _ in range(3)] == [False, True, False]


def test_every_file_of_certificates_and_the_debug_token_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "eq.toml"
    file.write_text("""
        [listeners.web]
        address = ":0"
        tls.certificates = [{ certificate = "a", key = "b" }, { certificate = "c", key = "d" }]
        tls.clients = { ca = "e", crl = "f" }
        [pools.shop]
        tls = { ca = "g", certificate = "h", key = "i" }
        servers.web1 = "127.0.0.1:80"
        [admin]
        token_file = "admin.token"
        tls = { certificate = "j", key = "k" }
        [debug]
        token_file = "l"
    """)
    files = [tmp_path / name for name in "abcdefghijkl"]
    for each in files:
        each.touch()
    assert sorted(named(load(file))) == files
