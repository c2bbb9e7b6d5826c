"""Debug: who may ask of a request where it went, and why."""

from pathlib import Path

from pydantic import Field

from equalizer.model.noun import Noun


class Debug(Noun):
    """A request with a token in `Equalizer-Debug` is answered in `Equalizer-Decision`."""

    token_file: Path = Field(examples=["debug.token"])
    """Holds the token, 16 to 128 visible ASCII characters; nobody else may read it."""
