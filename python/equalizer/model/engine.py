"""Engine: how much of the machine the data plane may use."""

from pydantic import Field

from equalizer.model.noun import Noun


class Engine(Noun):
    """The data plane."""

    workers: int | None = Field(default=None, ge=1, le=1024, strict=True)
    """Threads; as many as there are cores when absent."""
