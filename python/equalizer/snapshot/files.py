"""Reads the PEM files that a configuration names; what is wrong with one is told without its text."""

from dataclasses import dataclass
from pathlib import Path

from equalizer.config import places
from equalizer.config.source import Source, show
from equalizer.errors import Problem

_MOST = 1 << 20  # bytes: far more than any chain, far less than a disk read by mistake


@dataclass(frozen=True)
class Files:
    """The files of one configuration, and the problems that are found with them."""

    source: Source
    problems: list[Problem]

    def pem(self, path: Path, wanted: str, place: places.Path) -> str:
        """The text of a PEM file with a block of this kind; empty where there is none, which is told."""
        text, fault = _read(self.source.base / path, wanted)
        if fault:
            message = f"found {show(path)}, {fault}; write the path of a PEM file"
            self.problems.append(self.source.problem(place, message))
        return text


def _read(path: Path, wanted: str) -> tuple[str, str]:
    """The text of a file, and what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
    except OSError as error:
        return "", f"which cannot be read ({(error.strerror or 'unknown error').lower()})"
    text = content.decode("ascii", errors="replace")
    if len(content) > _MOST:
        return "", "which is over 1 MiB"
    return (text, "") if f"{wanted}-----" in text else ("", f'which has no "-----BEGIN … {wanted}-----"')
