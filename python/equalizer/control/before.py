"""What a process takes over from the one that it follows, so that no client notices."""

import base64
import os
import socket
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from equalizer.control import sockets
from equalizer.control.answers import NOTHING, Happenings, happenings_from
from equalizer.control.keys import Key
from equalizer.control.line import Line, LineEnded
from equalizer.control.remembered import Remembered
from equalizer.control.sockets import Opened
from equalizer.control.states import Name
from equalizer.errors import EqualizerError

LINE = "EQUALIZER_LINE"
"""The environment variable that names the descriptor of our end of the line."""
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Held:
    """A file or socket that the process before has open, at its path."""

    path: Path
    descriptor: int


@dataclass(frozen=True)
class Before:
    """What there was before this process; nothing, most often."""

    opened: tuple[Opened, ...] = ()
    own_key: Key | None = field(default=None, repr=False)
    """The key of that run, which no file has."""
    remembered: Remembered = field(default_factory=Remembered)
    weights: Mapping[Name, int] = field(default_factory=dict)
    """Those that people gave."""
    events: Happenings = NOTHING
    control: Held | None = None
    """The control socket."""
    record_file: Held | None = None
    faces: Mapping[str, Opened] = field(default_factory=dict)
    """The sockets by which it could be asked, beside the control socket."""
    line: Line | None = None
    """To the process that is to be followed, as long as it serves."""

    def records(self) -> bytes:
        """Its records, as late as can be: all that can fail before has gone well. Raises EqualizerError."""
        if self.line is None:
            return b""
        try:
            self.line.say({"word": "prepared"})
            return self.line.hear().content
        except LineEnded:
            raise EqualizerError("the process before has changed its mind", "see its log") from None

    def ready(self, version: str) -> None:
        """Say that everything is served now: the process before leaves. Raises EqualizerError."""
        if self.line is not None:
            try:
                self.line.say({"word": "ready", "pid": os.getpid(), "version": version})
            except LineEnded:
                raise EqualizerError("the process before has changed its mind", "see its log") from None
            self.line.close()

    def failed(self, error: EqualizerError) -> None:
        """Say why this process cannot take over."""
        if self.line is not None:
            try:
                self.line.say({"word": "failed", "why": str(error)})
            except LineEnded:
                return  # nobody asks any more


def found(environment: MutableMapping[str, str]) -> Before:
    """What the environment tells of; it does so once. Raises EqualizerError."""
    end = environment.pop(LINE, None)
    opened = () if end else sockets.of_systemd(environment)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    return Before(opened) if end is None else _taken(Line(socket.socket(fileno=int(end)), _PATIENCE))


@dataclass(frozen=True)
class Given:
    """What a process gives to the one that follows it; the same as `Before`, seen from the other side."""

    handles: Sequence[tuple[str, int]]
    """The sockets that are accepted on, each with its listener."""
    own_key: Key | None = field(repr=False)
    remembered: Remembered
    weights: Mapping[Name, int]
    events: Happenings
    record_file: Held | None

    def say(self, line: Line, control: Held | None, faces: Sequence[tuple[str, int]] = ()) -> None:
        """Raises LineEnded."""
        handles = [*self.handles, *faces]
        held = {"control": control, "record_file": self.record_file}
        descriptors = [each.descriptor for each in held.values() if each]
        key = self.own_key
        line.say(
            {
                "sockets": [name for name, _ in handles],
                "held": {word: each and str(each.path) for word, each in held.items()},
                "key": key and [key.id, key.text],
                "weights": [[*name, weight] for name, weight in self.weights.items()],
                "events": asdict(self.events),
                **self.remembered.said(),
            },
            [*(handle for _, handle in handles), *descriptors],
        )


def _taken(line: Line) -> Before:
    try:
        said = line.hear()
        names = list(said.fields["sockets"])
        descriptors = list(said.descriptors)
        opened = tuple(map(Opened.of, names, descriptors))
        faces = {each.name: each for each in opened if each.name.startswith("[")}  # no listener's does
        opened = tuple(each for each in opened if each.name not in faces)
        rest = descriptors[len(names) :]
        held = {
            word: Held(Path(path), rest.pop(0))
            for word, path in said.fields["held"].items()
            if path is not None
        }
        weights = {(pool, server): weight for pool, server, weight in said.fields["weights"]}
        key, remembered = _key(said.fields["key"]), Remembered.heard(said.fields)
        # One that is a little older does not tell them.
        events = happenings_from(said.fields.get("events", asdict(NOTHING)))
        return Before(opened, key, remembered, weights, events, faces=faces, line=line, **held)
    except (LineEnded, KeyError, TypeError, ValueError, IndexError):
        raise EqualizerError(
            "the process before says what is not understood here", "restart it instead, if it is much older"
        ) from None


def _key(said: tuple[int, str] | None) -> Key | None:
    return None if said is None else Key(said[0], base64.b64decode(said[1]))
