"""The command line, as a shell sees it, as far as it goes without serving."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def equalizer(*arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "equalizer", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_check_tells_every_problem_on_standard_error_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[listeners.web]\naddress = '8080'\n[pool.shop]\n")
    done = equalizer("check", "bad.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        'bad.toml:2: listeners.web.address: found "8080"; write "0.0.0.0:8080"',
        "bad.toml:3: pool: found a key that is not known here; write pools",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["check", "none.toml"],
            "none.toml: cannot be read: no such file or directory; write the path of a TOML file",
        ),
        (
            ["run"],
            "command line: found neither a file nor servers; "
            "write equalizer.toml, or servers such as 127.0.0.1:9001",
        ),
        (
            ["run", "a.toml", "127.0.0.1:1"],
            "command line: found a.toml and more; write one file, or servers only",
        ),
        (
            ["run", "--listen", ":1", "a.toml"],
            "command line: found --listen beside a.toml; "
            "write the address into the file, under [listeners.web]",
        ),
        (
            ["run", "--listen", ":1", "a=127.0.0.1:1", "a=127.0.0.1:2"],
            "command line: found two servers of the name a; write another name for 127.0.0.1:2",
        ),
        (
            ["run", "--listen", "8080", "127.0.0.1:9001"],
            'command line: listeners.web.address: found "8080"; write "0.0.0.0:8080"',
        ),
        (
            ["run", "--listen", ":8080", "b=127.0.0.1:9001", "127.0.0.1"],
            'command line: pools.default.servers.server2: found "127.0.0.1"; '
            'write host:port, such as "127.0.0.1:9001"',
        ),
        (
            ["run", "--listen", ":8080", "9001"],
            'command line: pools.default.servers.server1: found "9001"; write "127.0.0.1:9001"',
        ),
        (
            ["keys", "retire", "equalizer.keys", "9" * 5000],
            "command line: write FILE ID, or ID --config FILE; equalizer keys list shows the IDs",
        ),
        (
            ["keys", "rotate", "equalizer.keys", "--keep", "0"],
            "equalizer: found --keep 0; write 1 or more: the new key is one of them",
        ),
        (
            ["keys", "list", "none.keys"],
            "equalizer: found none.keys, which does not exist; run: equalizer keys new none.keys",
        ),
        (
            ["agent", "--command", " "],
            "equalizer: found an empty --command; write one that prints the number, or --measure",
        ),
        (
            ["run", "--listen", "*:8080", "[fe80::1%eth0]:80"],
            'command line: listeners.web.address: found "*:8080"; write "0.0.0.0:8080"\n'
            'command line: pools.default.servers.server1: found "[fe80::1%eth0]:80"; '
            'write an IPv6 address without a scope such as "%eth0"',
        ),
        (
            ["agent", "--listen", f":{'9' * 5000}"],
            f'equalizer: found --listen :{"9" * 5000}; write IP:PORT or :PORT, such as ":1510"',
        ),
    ],
)
def test_a_wrong_command_line_is_told_and_exits_2(arguments: list[str], message: str) -> None:
    done = equalizer(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message + "\n")


def test_a_file_is_served_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "equalizer.conf").write_text("[listeners.web]\nadress = ':8080'\n")
    told = [equalizer(word, "equalizer.conf", cwd=tmp_path) for word in ("check", "run")]
    assert [done.returncode for done in told] == [2, 2]
    assert told[0].stderr == told[1].stderr
    assert "equalizer.conf:2: listeners.web.adress: found a key that is not known here" in told[0].stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["schema"], ["metrics", "--catalogue"], ["--version"]])
def test_output_that_cannot_be_written_is_told_and_exits_1(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "equalizer", *arguments]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        "equalizer: the output cannot be written (No space left on device); make room for it\n"
    )


@pytest.mark.parametrize("arguments", [["rum"], ["run", "--lisen", ":1"], ["check"]])
def test_an_unknown_command_or_option_exits_2(arguments: list[str]) -> None:
    done = equalizer(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_a_number_without_an_end_is_told(tmp_path: Path) -> None:
    (tmp_path / "eq.toml").write_text(f"[engine]\nworkers = {'9' * 5000}\n")
    done = equalizer("check", "eq.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "eq.toml: found a number that is too long to read; write one of fewer digits\n",
    )


def test_a_path_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    """What is served is told as JSON, which has no such names."""
    folder = tmp_path / "shop\udcff"
    folder.mkdir()
    (folder / "eq.toml").write_text("[listeners.web]\naddress = '127.0.0.1:0'\n")
    for word in ("check", "run"):
        done = equalizer(word, "eq.toml", cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("eq.toml: the path of this file is not UTF-8; give it, and the")


def test_a_terminal_without_an_arrow_is_told_all_the_same() -> None:
    done = equalizer("metrics", "--catalogue", PYTHONIOENCODING="ascii")
    plain = equalizer("metrics", "--catalogue")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == plain.stdout.encode("ascii", "backslashreplace").decode()


def test_schema_prints_json() -> None:
    done = equalizer("schema")
    assert done.returncode == 0
    assert json.loads(done.stdout)["properties"].keys() >= {"listeners", "pools"}


def test_an_engine_that_is_not_there_is_told_and_exits_1() -> None:
    script = "import sys; sys.modules['equalizer._engine'] = None; from equalizer.cli.app import main; main()"
    command = [sys.executable, "-c", script, "run", "127.0.0.1:9001"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("equalizer: the engine is not installed")
    assert done.stderr.endswith("; run: pip install .\n")


def test_who_interrupts_a_command_while_it_is_loaded_sees_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt\n")
    done = equalizer("status", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_names_the_commands() -> None:
    done = equalizer("--help")
    assert done.returncode == 0
    assert {"run", "check", "schema"} <= set(done.stdout.split())
