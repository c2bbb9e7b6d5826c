"""What is different between two configurations, key by key; what means the same is no difference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from equalizer.config.places import Path
from equalizer.config.source import dotted, show
from equalizer.model.config import Config


@dataclass(frozen=True, slots=True)
class Change:
    """One key that is there, gone, or has another value."""

    what: Literal["added", "removed", "changed"]
    key: str
    """Dotted."""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.key}" + (f": {self.before} → {self.after}" if self.before else "")


def diff(before: Config, after: Config) -> tuple[Change, ...]:
    """Every change, in the order of the model."""
    return tuple(_between((), before.model_dump(mode="json"), after.model_dump(mode="json")))


def _between(path: Path, before: object, after: object) -> Iterator[Change]:
    if before == after:
        # A dictionary with its keys in another order is the same: names are what counts.
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _between((*path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _between((*path, index), old, new)
    elif before is None and isinstance(after, Mapping):
        yield Change("added", dotted(path))
    elif isinstance(before, Mapping) and after is None:
        yield Change("removed", dotted(path))
    else:
        yield Change("changed", dotted(path), _shown(before), _shown(after))


def _shown(value: object) -> str:
    """Lists by their length, as one change may add or remove several items."""
    return f"{len(value)} of them" if isinstance(value, list) else show(value)
