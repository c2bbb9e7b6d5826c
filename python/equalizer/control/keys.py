"""The key ring file: which keys seal and open the cookies.

The file is TOML, the newest key first:

    [[keys]]
    id = 41231                  # 0 to 65535, unique; written into each cookie
    secret = "…"                # 32 random bytes in base64

It is made with mode 0600 when absent, and not believed when anybody but its owner may read it.
"""

import base64
import binascii
import os
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import cast

from equalizer.errors import KeyRingError

_SIZE = 32  # bytes of a secret
_IDS = 1 << 16
_HEADER = "# Equalizer's key ring, newest key first. Whoever reads it can make cookies: keep it private.\n"
_REMAKE = "restore it, or move it away and a new one is made (which ends the persistence of running sessions)"


@dataclass(frozen=True)
class Key:
    """One key; its secret shows nowhere."""

    id: int
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "Key":
        """A key of chance; the id too, so that rings made apart seldom share one."""
        return cls(secrets.randbelow(_IDS), secrets.token_bytes(_SIZE))

    @property
    def text(self) -> str:
        """The secret as the file and the wire have it."""
        return base64.b64encode(self.secret).decode()


def read(path: Path) -> tuple[Key, ...] | None:
    """The ring of a file, newest first; None when there is no file. Raises KeyRingError."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyRingError("which is no regular file", "write the path of a file")
            mode = stat.S_IMODE(status.st_mode)
            if mode & 0o077:
                raise KeyRingError(
                    f"which others may read or write (mode {mode:04o})", f"run: chmod 600 {path}"
                )
            return _parse(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed("read", error) from None


def read_or_make(path: Path) -> tuple[Key, ...]:
    """The ring of a file, which is made with one new key when absent. Raises KeyRingError."""
    ring = read(path)
    if ring is not None:
        return ring
    try:
        _write_new(path, (Key.new(),))
    except OSError as error:
        raise _failed("made", error) from None
    ring = read(path)  # what is there now: another process may have been quicker
    if ring is None:
        raise KeyRingError("which is a link to nothing", "remove the link, or make what it leads to")
    return ring


def _without_waiting(path: str, flags: int) -> int:
    """A pipe is refused like anything else that is no file, not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _write_new(path: Path, ring: tuple[Key, ...]) -> None:
    """Write a whole file or none, and never over another's: the link fails when the name is taken."""
    descriptor, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_text(ring).encode())
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)


def _text(ring: tuple[Key, ...]) -> str:
    return _HEADER + "".join(f'\n[[keys]]\nid = {key.id}\nsecret = "{key.text}"\n' for key in ring)


def _parse(content: bytes) -> tuple[Key, ...]:
    try:
        document = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise KeyRingError("which is no key ring (not TOML)", _REMAKE) from None
    tables = document.get("keys")
    if document.keys() != {"keys"} or not isinstance(tables, list) or not tables:
        raise KeyRingError("which is no key ring (it needs [[keys]], and nothing else)", _REMAKE)
    ring = tuple(_key(table, number) for number, table in enumerate(tables, 1))
    if len({key.id for key in ring}) < len(ring):
        raise KeyRingError("which has two keys of one id", "give each key an id of its own")
    return ring


def _key(table: object, number: int) -> Key:
    """A key of the file; what is wrong is said without what is written."""
    entry = cast(Mapping[str, object], table) if isinstance(table, dict) else {}
    identity, secret = entry.get("id"), entry.get("secret")
    if entry.keys() != {"id", "secret"} or not isinstance(secret, str):
        raise KeyRingError(f"whose key {number} is not made of an id and a secret", _REMAKE)
    if not isinstance(identity, int) or isinstance(identity, bool) or not 0 <= identity < _IDS:
        raise KeyRingError(f"whose key {number} has a wrong id", f"write a number from 0 to {_IDS - 1}")
    try:
        value = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != _SIZE:
        raise KeyRingError(f"whose key {number} is not {_SIZE} bytes in base64", _REMAKE)
    return Key(identity, value)


def _failed(verb: str, error: OSError) -> KeyRingError:
    reason = (error.strerror or "unknown error").lower()
    return KeyRingError(f"which cannot be {verb} ({reason})", "write a path that we may read and write")
