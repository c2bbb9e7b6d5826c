"""How many of a kind are asked of control at once, each in a thread.

Whoever waits for an event or for a slow reload leaves room for those who only look.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

_Terms = ParamSpec("_Terms")
_Answer = TypeVar("_Answer")


class Turns:
    """So many at once; the others wait."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._limiter: CapacityLimiter | None = None

    async def ask(
        self, question: Callable[_Terms, _Answer], *args: _Terms.args, **keywords: _Terms.kwargs
    ) -> _Answer:
        """What the question returns or raises."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._most)
        # Who asked may leave; the thread then ends for nobody.
        return await to_thread.run_sync(
            partial(question, *args, **keywords), abandon_on_cancel=True, limiter=self._limiter
        )
