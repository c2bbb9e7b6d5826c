"""A route: which pool takes a request; in order, the first that matches wins."""

from pydantic import Field

from equalizer.model.name import Name
from equalizer.model.noun import Noun


class Route(Noun):
    """Where requests go."""

    pool: Name = Field(examples=["shop"])
    """Name of the pool."""
