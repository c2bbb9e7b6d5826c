"""A server that answers when it is told to, so that tests decide how many requests are under way."""

from collections.abc import Callable
from threading import Condition

from support.origin import Origin, Script, response
from support.wire import LIMIT, Wire


class Held:
    """A server that answers when it is told, and knows how many requests it has had at once."""

    def __init__(self, name: str, make_origin: Callable[[Script], Origin]) -> None:
        self.name, self.inside, self.most = name, 0, 0
        self._open, self._permits = True, 0
        self._changed = Condition()
        self.origin: Origin = make_origin(self._script())

    def _script(self) -> Script:
        def script(origin: Origin, wire: Wire) -> None:
            while origin.read(wire):
                with self._changed:
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                    self._changed.notify_all()
                    assert self._changed.wait_for(lambda: self._open or self._permits > 0, LIMIT)
                    self._permits = max(0, self._permits - 1)
                    self.inside -= 1
                    self._changed.notify_all()
                wire.send(response(b"", f"Server-Name: {self.name}"))

        return script

    def hold(self) -> None:
        """Answer nobody until told."""
        self._open = False

    def release(self) -> None:
        """Answer one."""
        with self._changed:
            self._permits += 1
            self._changed.notify_all()

    def open(self) -> None:
        """Answer everybody."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def wait_for(self, inside: int) -> None:
        """Wait until it has so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.inside == inside, LIMIT), self.inside

    def asked(self) -> list[str]:
        """The targets, in the order in which they came."""
        return [request.target for request in self.origin.requests]
