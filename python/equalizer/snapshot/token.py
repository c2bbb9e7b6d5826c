"""A token, read from its file; what is wrong with it is told, never what it is."""

import os
import re
import stat
from pathlib import Path

from equalizer.config.source import Source, show
from equalizer.errors import Problem
from equalizer.model.debug import Debug
from equalizer.snapshot import wire

_TOKEN = re.compile(r"[!-~]{16,128}", re.ASCII)
_SIZE = 4096  # bytes: far more than any token, far less than a disk read by mistake
_WRITE = "write the path of a file with a token of 16 to 128 visible ASCII characters"


def debugging(debug: Debug, source: Source, problems: list[Problem]) -> wire.Debugging | None:
    """The token as the engine takes it; None with a problem where it cannot be had."""
    text, fault = read(source.base / debug.token_file)
    if fault:
        problems.append(source.problem(("debug", "token_file"), f"found {show(debug.token_file)}, {fault}"))
        return None
    return wire.Debugging(token=text)


def is_token(text: str) -> bool:
    """Whether it may be one."""
    return _TOKEN.fullmatch(text) is not None


def read(path: Path) -> tuple[str, str]:
    """The token of a file, and what is wrong with it."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return "", f"which is no regular file; {_WRITE}"
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                return "", f"which others may read or write (mode {mode:04o}); run: chmod 600 {path}"
            text = file.read(_SIZE).decode("latin-1").strip()
    except FileNotFoundError:
        return "", f"which does not exist; {_WRITE}"
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "no file name").lower()
        return "", f"which cannot be read ({reason}); {_WRITE}"
    return (text, "") if is_token(text) else ("", f"which holds no token; {_WRITE}")


def _without_waiting(path: str, flags: int) -> int:
    """A pipe is refused like anything else that is no file, not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)
