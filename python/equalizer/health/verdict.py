"""What a run of probes concludes: a pure table of what was found, again and again, and what is believed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found."""

    well: bool
    what: str = ""
    """In a few words, where it is not well."""
    answered: bool = True
    """Whether the server said anything at all: one that refuses is there, one that is silent may not be."""
    incarnation: str = ""
    """The life that the server told; empty where it told none."""
    load: int | None = None
    """What an agent said."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is believed of one probe of one address."""

    up: bool | None = None
    """None before the first probe has ended."""
    against: int = 0
    """Findings in a row that say otherwise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all probes of one server say together."""

    up: bool
    why: str = ""
    """Which probe failed, and what it found; empty while the server is up."""
    answered: bool = True
    """Whether each probe that failed was answered, if only wrongly."""


WELL: Final = Verdict(up=True)
UNAVAILABLE: Final = -1
"""A load."""


def heard(tally: Tally, well: bool, rise: int, fall: int) -> Tally:
    """What is believed after one more finding: the first at once, another only after enough in a row."""
    if tally.up is None or tally.up is well:
        return Tally(well)
    against = tally.against + 1
    return Tally(well) if against >= (rise if well else fall) else Tally(tally.up, against)


@dataclass(frozen=True, slots=True)
class Said:
    """One probe of a server: what is believed of it, and what it found last."""

    name: str
    """What the probe is called in a line of the log."""
    start: bool
    """Whether the server counts as up before the first probe has ended."""
    tally: Tally = Tally()
    last: Finding = Finding(True)

    @property
    def up(self) -> bool:
        """What it says of the server."""
        return self.start if self.tally.up is None else self.tally.up


def combined(every: Sequence[Said], some: Sequence[Said]) -> Verdict:
    """The verdict on a server: each of `every` must be well, and one of `some`, where there are any."""
    failed = [said for said in every if not said.up]
    if some and not any(said.up for said in some):
        failed += some
    if not failed:
        return WELL
    return Verdict(False, "; ".join(map(_told, failed)), all(said.last.answered for said in failed))


def of_agent(said: Said, load: int | None, *, required: bool) -> Said | None:
    """What an agent has against its server; one that does not answer says nothing, where it need not."""
    if load == UNAVAILABLE:
        return replace(said, tally=Tally(False), last=Finding(False, "says that the server is unavailable"))
    return said if required else None


def _told(said: Said) -> str:
    return f"{said.name}: {said.last.what if said.tally.up is False else 'no verdict yet'}"
