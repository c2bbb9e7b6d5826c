"""Which requests something is asked for, as it crosses the boundary; mirrors wire/asking.rs."""

from typing import Literal

from equalizer.snapshot.parts import Wire


class Matcher(Wire):
    """What a request must be like: every key that has values must hold, by one of them."""

    path: tuple[str, ...]
    method: tuple[str, ...]
    host: tuple[str, ...]
    field: dict[str, tuple[str, ...]]
    client: tuple[str, ...]
    scheme: tuple[Literal["http", "https"], ...]


class Condition(Wire):
    """The requests that a kind is asked for; with neither, all."""

    when: tuple[Matcher, ...]
    unless: tuple[Matcher, ...]


Duplicates = Literal["first", "last", "newest", "refuse"]
"""Which of several values is believed."""
