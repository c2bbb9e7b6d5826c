"""What the guide shows of the admin API can be typed, and does what the guide says."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from equalizer.config.load import load
from support.process import LIMIT, Named, run, running, write

PAGE = (Path(__file__).parents[3] / "docs" / "guide" / "admin-api.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
CONFIGURATIONS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_of_the_guide_run_one_after_the_other(
    tmp_path: Path, start: Callable[[str], Named]
) -> None:
    more = '[admin]\naddress = "127.0.0.1:0"\ntoken_file = "admin.token"'
    with running(write(tmp_path / "eq.toml", {"web1": start("one").address}, more)) as balancer:
        assert balancer.process.stdout
        address = re.findall(r"http://([^/]+)/", balancer.process.stdout.readline())[0]
        script = "\n".join(EXAMPLES).replace("127.0.0.1:9090", address)
        done = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert '"state":"draining","sessions"' in done.stdout
        assert '"revision":2' in done.stdout
        assert (tmp_path / "admin.curl").stat().st_mode & 0o777 == 0o600
        assert [line.split()[2] for line in run("status").stdout.splitlines()[2:]] == ["up"]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_of_the_guide_is_valid(tmp_path: Path, text: str) -> None:
    for name in ("admin.pem", "admin.key"):
        (tmp_path / name).touch()
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9001"}, text)
    assert load(file).config.admin
