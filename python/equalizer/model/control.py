"""Control: how a running Equalizer hears that something shall be different."""

from pathlib import Path

from pydantic import Field

from equalizer.model.noun import Noun


class Control(Noun):
    """The control socket, and the file itself."""

    socket: Path | None = Field(default=None, examples=["equalizer.sock"])
    """Its path; without it, one that the commands find by themselves."""
    watch: bool = Field(default=False, strict=True, examples=[True])
    """Whether the file is read again by itself when it, or a certificate that it names, has changed."""
