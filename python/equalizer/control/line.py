"""The line between a process and the one that follows it: JSON, with descriptors and bytes beside it."""

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LENGTHS = struct.Struct("!QQQ")  # of the JSON, of the bytes; the number of descriptors
_AT_ONCE = 200  # descriptors; the system takes 253
_LONGEST = 64 << 20  # bytes of JSON


class LineEnded(Exception):
    """The other process is gone, says nothing, or speaks another language."""


@dataclass(frozen=True)
class Message:
    """What is said."""

    fields: Mapping[str, Any]
    descriptors: Sequence[int] = ()
    content: bytes = b""


class Line:
    """One end."""

    def __init__(self, end: socket.socket, patience: float) -> None:
        """`patience` is how many seconds the other side may take for anything."""
        self._end = end
        self._end.settimeout(patience)

    def say(self, fields: Mapping[str, Any], descriptors: Sequence[int] = (), content: bytes = b"") -> None:
        """Raises LineEnded."""
        text = json.dumps(fields).encode()
        try:
            self._end.sendall(_LENGTHS.pack(len(text), len(content), len(descriptors)))
            for start in range(0, len(descriptors), _AT_ONCE):
                socket.send_fds(self._end, [b"\0"], descriptors[start : start + _AT_ONCE])
            # At once: whoever has heard all of it may hang up.
            self._end.sendall(text + content)
        except OSError as error:
            raise LineEnded from error

    def hear(self) -> Message:
        """Raises LineEnded."""
        try:
            text, content, count = _LENGTHS.unpack(self._take(_LENGTHS.size))
            descriptors: list[int] = []
            while len(descriptors) < count:
                mark, some, _, _ = socket.recv_fds(self._end, 1, min(count - len(descriptors), _AT_ONCE))
                if not mark or not some:
                    raise LineEnded
                descriptors += some
            if text > _LONGEST:
                raise LineEnded
            return Message(json.loads(self._take(text)), descriptors, self._take(content))
        except (OSError, ValueError) as error:
            raise LineEnded from error

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def _take(self, length: int) -> bytes:
        taken = bytearray()
        while len(taken) < length:
            more = self._end.recv(min(length - len(taken), 1 << 20))
            if not more:
                raise LineEnded
            taken += more
        return bytes(taken)
