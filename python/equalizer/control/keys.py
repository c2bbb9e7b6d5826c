"""The key ring: which keys seal and open the cookies.

Every key opens. The newest that does not wait seals: a key may wait until all who share the file have it.

In a file it is TOML, the newest key first:

    [[keys]]
    id = 41231                          # 0 to 65535, unique; written into each cookie
    created = 2026-01-31T12:00:00Z      # for people only; may be left out
    seals_from = 2026-01-31T12:05:00Z   # until then it only opens; left out, it seals at once
    secret = "…"                        # 32 random bytes in base64

The file is made with mode 0600 when absent, and not believed when anybody but its owner may read it.
In the environment it is a list of `id:secret`, the newest key first, between spaces or commas.
"""

import base64
import binascii
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkstemp
from typing import cast

from equalizer.errors import KeyRingError

_IDS = 1 << 16
_SIZE = 32  # bytes of a secret
_HEADER = "# Equalizer's key ring, newest key first. Whoever reads it can make cookies: keep it private.\n"
_REMAKE = "restore it, or move it away and a new one is made (which ends the persistence of running sessions)"
_LIST = 'write keys as "id:secret", newest first, between spaces or commas'
_ID = f"write a number from 0 to {_IDS - 1}"
_NEEDED, _TIMES = {"id", "secret"}, ("created", "seals_from")


@dataclass(frozen=True)
class Key:
    """One key; its secret shows nowhere."""

    id: int
    secret: bytes = field(repr=False)
    created: datetime | None = field(default=None, repr=False)
    seals_from: datetime | None = field(default=None, repr=False)
    """When it may begin to seal; None for at once."""

    @classmethod
    def new(cls, taken: Collection[int] = (), wait: timedelta = timedelta(0)) -> "Key":
        """A key of chance that waits; the id is of chance too, so that rings made apart seldom share one."""
        identity = next(found for found in iter(lambda: secrets.randbelow(_IDS), None) if found not in taken)
        now = datetime.now(UTC)
        # Whole seconds, and never less than was asked for.
        until = (now + wait + timedelta(seconds=1)).replace(microsecond=0) if wait else None
        return cls(identity, secrets.token_bytes(_SIZE), now.replace(microsecond=0), until)

    def waits(self, now: datetime) -> bool:
        """Whether it does not seal yet."""
        return self.seals_from is not None and now < self.seals_from

    @property
    def text(self) -> str:
        """The secret as the file and the wire have it."""
        return base64.b64encode(self.secret).decode()


def sealing(ring: Sequence[Key], now: datetime) -> Key:
    """The key that seals: the newest that does not wait, or the oldest where all do."""
    return next((key for key in ring if not key.waits(now)), ring[-1])


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
        raise failed("read", error) from None


def read_or_make(path: Path) -> tuple[Key, ...]:
    """The ring of a file, which is made with one new key when absent. Raises KeyRingError."""
    ring = read(path)
    if ring is not None:
        return ring
    make(path)
    ring = read(path)  # what is there now: another process may have been quicker
    if ring is None:
        raise KeyRingError("which is a link to nothing", "remove the link, or make what it leads to")
    return ring


def make(path: Path) -> Key | None:
    """Make a file of one new key, or leave the one that is there: then None. Raises KeyRingError."""
    key = Key.new()
    try:
        temporary = written(path, (key,))
        try:
            os.link(temporary, path)  # unlike a rename, it fails when the name is taken
        finally:
            os.unlink(temporary)
    except FileExistsError:
        return None
    except OSError as error:
        raise failed("made", error) from None
    return key


def written(path: Path, ring: Sequence[Key]) -> str:
    """A file beside `path` that holds the ring, whole and on the disk, with mode 0600. Raises OSError."""
    descriptor, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_text(ring).encode())
        file.flush()
        os.fsync(file.fileno())
    return temporary


def parse_list(text: str) -> tuple[Key, ...]:
    """The ring of an environment variable, newest first; raises KeyRingError."""
    entries = re.split(r"[\s,]+", text.strip(" \t\r\n,"))
    if entries == [""]:
        raise KeyRingError("which is empty", _LIST)
    ring = []
    for number, entry in enumerate(entries, 1):
        identity, colon, secret = entry.partition(":")
        if not colon:
            raise KeyRingError(f"whose key {number} is not made of an id and a secret", _LIST)
        if re.fullmatch(r"[0-9]{1,5}", identity) is None or int(identity) >= _IDS:
            raise KeyRingError(f"whose key {number} has a wrong id", _ID)
        ring.append(Key(int(identity), _secret(secret, number, _LIST)))
    return _distinct(ring)


def failed(verb: str, error: OSError) -> KeyRingError:
    """What the system would not let us do with a file."""
    reason = (error.strerror or "unknown error").lower()
    return KeyRingError(f"which cannot be {verb} ({reason})", "write a path that we may read and write")


def _without_waiting(path: str, flags: int) -> int:
    """A pipe is refused like anything else that is no file, not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _text(ring: Sequence[Key]) -> str:
    return _HEADER + "".join(map(_table, ring))


def _table(key: Key) -> str:
    times = ((name, getattr(key, name)) for name in _TIMES)
    lines = "".join(f"{name} = {time.isoformat()}\n" for name, time in times if time)
    return f'\n[[keys]]\nid = {key.id}\n{lines}secret = "{key.text}"\n'


def _parse(content: bytes) -> tuple[Key, ...]:
    try:
        document = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise KeyRingError("which is no key ring (not TOML)", _REMAKE) from None
    tables = document.get("keys")
    if document.keys() != {"keys"} or not isinstance(tables, list) or not tables:
        raise KeyRingError("which is no key ring (it needs [[keys]], and nothing else)", _REMAKE)
    return _distinct([_key(table, number) for number, table in enumerate(tables, 1)])


def _key(table: object, number: int) -> Key:
    """A key of the file; what is wrong is said without what is written."""
    entry = cast(Mapping[str, object], table) if isinstance(table, dict) else {}
    identity, secret = entry.get("id"), entry.get("secret")
    if not _NEEDED <= entry.keys() <= _NEEDED | {*_TIMES} or not isinstance(secret, str):
        raise KeyRingError(f"whose key {number} is not made of an id and a secret", _REMAKE)
    if not isinstance(identity, int) or isinstance(identity, bool) or not 0 <= identity < _IDS:
        raise KeyRingError(f"whose key {number} has a wrong id", _ID)
    created, seals_from = (_time(entry.get(name), name, number) for name in _TIMES)
    return Key(identity, _secret(secret, number, _REMAKE), created, seals_from)


def _time(value: object, name: str, number: int) -> datetime | None:
    if value is None or (isinstance(value, datetime) and value.tzinfo):
        return value
    raise KeyRingError(
        f"whose key {number} has a wrong {name}", "write a time such as 2026-01-31T12:00:00Z, or nothing"
    )


def _secret(text: str, number: int, hint: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != _SIZE:
        raise KeyRingError(f"whose key {number} is not {_SIZE} bytes in base64", hint)
    return value


def _distinct(ring: Sequence[Key]) -> tuple[Key, ...]:
    if len({key.id for key in ring}) < len(ring):
        raise KeyRingError("which has two keys of one id", "give each key an id of its own")
    return tuple(ring)
