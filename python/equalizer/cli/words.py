"""How the commands write times, and which Equalizer they mean."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from equalizer.control.remote import Remote


@Parameter(name="*")  # its fields are options of each command
@dataclass(frozen=True)
class Which:
    """Which Equalizer is meant; needed where several run."""

    socket: Annotated[Path | None, Parameter(help="Control socket of the Equalizer, where several run.")] = (
        None
    )
    config: Annotated[Path | None, Parameter(help="The file that it serves, where several run.")] = None

    def remote(self) -> "Remote":
        """Found; raises EqualizerError."""
        from equalizer.control.remote import find

        return find(self.socket, self.config)


def span(seconds: float) -> str:
    """Two units at most: `45s`, `12m 5s`, `3h 20m`, `2d 4h`."""
    left = max(round(seconds), 0)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def clock(at: float) -> str:
    """A time of this day, or of another with its date, on the clock of whoever reads."""
    there, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if there[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", there)
