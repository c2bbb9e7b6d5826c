"""Keys: where the key ring of the sealed cookies is kept."""

from pathlib import Path

from pydantic import Field

from equalizer.model.noun import Noun


class Keys(Noun):
    """The key ring."""

    file: Path | None = Field(default=None, examples=["equalizer.keys"])
    """Made with mode 0600 when absent; without it, there is a key for this run only."""
