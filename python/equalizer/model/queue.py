"""Queue: who may wait for a server that is at its limit."""

from datetime import timedelta

from pydantic import Field

from equalizer.model.duration import Patience
from equalizer.model.noun import Noun


class Queue(Noun):
    """What happens to requests that find every server they may go to at its limit."""

    wait: Patience = timedelta(seconds=5)
    """How long a request waits at most; 0 for not at all."""
    length: int = Field(default=128, ge=0, le=65535, strict=True)
    """Requests that wait for one server at most, and as many for any."""
