"""What the guide shows of the engine inside Python does what the guide says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "engine-in-python.md"


def test_the_example_of_the_guide_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, PAGE.name, "exec"), {})  # it asserts for itself
