"""The access log as its readers see it."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from support.wire import LIMIT

COMBINED = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}|-) (\d+|-) "([^"]*)" "([^"]*)" (\S+) (\S+) (\S+)'
)
"""A line of that format, by its words."""

Line = dict[str, Any]


def lines(path: Path, count: int) -> list[str]:
    """The first so many lines, when they are there."""
    until = time.monotonic() + LIMIT
    while path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < until, path.read_bytes()
        os.sched_yield()
    return path.read_text("ascii").removesuffix("\n").split("\n")


def told(path: Path, count: int = 1) -> list[Line]:
    """The lines as objects; there are exactly so many."""
    found = [json.loads(line) for line in lines(path, count)]
    assert len(found) == count
    return found


def log(path: Path | str, **settings: object) -> dict[str, object]:
    """The settings that write it there."""
    return {"access_log": {"to": str(path), **settings}}
