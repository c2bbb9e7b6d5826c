"""Reads the tables of cases beside it; how their lines are written stands in requests.txt."""

import re
from pathlib import Path
from typing import NamedTuple

_REPEAT = re.compile(r"<(.+?)\*(\d+)>")
_ORDINARY = r"\r\nHost: shop.test\r\n\r\n"


class Case(NamedTuple):
    """One way to be bad, or only odd."""

    section: str
    status: int
    sent: bytes


def read(name: str) -> list[Case]:
    """The cases of a table, in order."""
    lines = (Path(__file__).parent / name).read_text().splitlines()
    return [_case(line) for line in lines if line and not line.startswith("#")]


def _case(line: str) -> Case:
    rfc, section, status, text = line.split(maxsplit=3)
    if r"\n" not in text:
        text += _ORDINARY
    text = _REPEAT.sub(lambda found: found[1] * int(found[2]), text)
    return Case(f"{rfc} {section}", int(status), text.encode().decode("unicode_escape").encode("latin-1"))


REQUESTS = read("requests.txt")
RESPONSES = read("responses.txt")
