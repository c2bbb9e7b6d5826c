"""Who takes nobody now, and since when those are back that did not: their caches may be cold."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from equalizer.control.states import Name


class Returns:
    """Servers that come and go; times are seconds on any clock that does not jump."""

    def __init__(self, known: Mapping[Name, float | None]) -> None:
        """`known` is what the process before knew."""
        self._there: AbstractSet[Name] = known.keys()
        self._unseen: AbstractSet[Name] = frozenset()
        self.away: AbstractSet[Name] = frozenset()
        """Those that take nobody now."""
        self.back: Mapping[Name, float] = {name: since for name, since in known.items() if since is not None}
        """When each was back."""

    @property
    def known(self) -> Mapping[Name, float | None]:
        """Who has taken anybody yet, and when each was back, if it was ever away."""
        return {name: self.back.get(name) for name in self._there - self._unseen}

    def use(self, there: AbstractSet[Name]) -> None:
        """These servers are there from now on."""
        self._unseen = (self._unseen | (there - self._there)) & there
        self._there = there
        self.away &= there
        self.back = {name: since for name, since in self.back.items() if name in there}

    def see(self, away: AbstractSet[Name], now: float) -> None:
        """These take nobody. Whoever has never taken anybody does not come back, but begins."""
        returned = dict.fromkeys(self.away - away - self._unseen, now)
        known = {name: since for name, since in self.back.items() if name not in away}
        self.back = {**known, **returned}
        self._unseen &= away
        self.away = away
