"""Where the control socket of a running Equalizer is, so that the commands find it by themselves.

It lies in a directory that is ours alone, under a name made of the configuration's path:
`$XDG_RUNTIME_DIR/equalizer/NAME.sock`, `/run/equalizer/NAME.sock`, or else among the temporary files.
"""

import errno
import os
import socket
import stat
import tempfile
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path

from equalizer.errors import ControlError

_RUN = Path("/run/equalizer")


def of_file(file: Path) -> Path:
    """The socket of whoever serves this configuration; a file that cannot be read asks for none."""
    try:
        control = tomllib.loads(file.read_text()).get("control")
    except (OSError, ValueError):
        control = None
    asked = control.get("socket") if isinstance(control, Mapping) else None
    return file.parent / asked if isinstance(asked, str) else directory() / name_of(file)


def name_of(file: Path) -> str:
    """Readable, and another one for each path."""
    whole = os.path.realpath(file)
    return f"{file.stem[:32]}-{zlib.crc32(os.fsencode(whole)):08x}.sock"


def name_of_process() -> str:
    """For a configuration that is no file."""
    return f"run-{os.getpid()}.sock"


def directory() -> Path:
    """Where a socket without a path of its own is made."""
    return _directories()[0]


def sockets() -> list[Path]:
    """All that a command may find, the nearest directory first; dead ones too."""
    return [path for each in _directories() if _is_ours(each) for path in sorted(each.glob("*.sock"))]


def prepare(folder: Path) -> None:
    """Make the directory when it is absent, for us alone; raises ControlError when others may write to it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(folder):
        raise ControlError(
            f"the directory {folder} belongs to somebody else, or others may write to it",
            'write another path, under [control] socket = "equalizer.sock"',
        )


def _directories() -> list[Path]:
    """Those that this user may have, in the order in which one is chosen."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    found = [Path(runtime) / "equalizer"] if runtime else []
    if os.access(_RUN, os.W_OK) or os.access(_RUN.parent, os.W_OK):
        found.append(_RUN)
    return [*found, Path(tempfile.gettempdir()) / f"equalizer-{os.getuid()}"]


def _is_ours(folder: Path) -> bool:
    """Nobody else can put a socket there, which would be told what we are told."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return mine and not status.st_mode & 0o022


def is_alive(path: Path) -> bool:
    """Whether a process listens there, be it busy."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except OSError as error:
            return error.errno in (errno.EAGAIN, errno.EACCES, errno.EPERM)
        return True
