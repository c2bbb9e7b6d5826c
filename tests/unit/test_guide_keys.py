"""What the guide says of keys can be written."""

import re
from pathlib import Path

import pytest

from equalizer.config.load import load

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "keys.md"
CONFIGURATIONS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_of_the_guide_is_valid(text: str, tmp_path: Path) -> None:
    file = tmp_path / "equalizer.toml"
    file.write_text(text)
    keys = load(file).config.keys
    assert (keys.file is None) != (keys.environment is None)
