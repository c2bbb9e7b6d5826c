"""Control: how `equalizer status` and its like reach a running Equalizer."""

from pathlib import Path

from pydantic import Field

from equalizer.model.noun import Noun


class Control(Noun):
    """The control socket."""

    socket: Path | None = Field(default=None, examples=["equalizer.sock"])
    """Its path; without it, one that the commands find by themselves."""
