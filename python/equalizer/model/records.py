"""Records: whether those of addresses and learned values outlive the process."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from equalizer.model.duration import Seconds
from equalizer.model.noun import Noun


class Records(Noun):
    """The file of records; without one, they end with the process."""

    file: Path | None = Field(default=None, examples=["equalizer.records"])
    """Written with mode 0600 at a stop and from time to time, read at the start."""
    every: Seconds = timedelta(minutes=1)
    """How often it is written: what a process that is killed loses at most."""
