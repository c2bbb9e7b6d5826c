from typing import final

__all__ = ["Engine", "EngineError", "explain_cookie", "seal_cookie", "version"]

class EngineError(Exception): ...  # a snapshot refused, with a sentence that says why

@final
class Engine:
    def __new__(cls, workers: int) -> Engine: ...
    def check(
        self, snapshot: bytes
    ) -> bytes: ...  # JSON list of {"path": [...], "message": "..."}; [] when well
    def apply(self, snapshot: bytes) -> None: ...  # all or nothing; EngineError, or OSError(errno, message)
    def adopt(self, listener: str | None, descriptor: int) -> None: ...  # before the first apply; OSError
    def handles(self) -> list[tuple[str, int]]: ...  # listener and descriptor; they stay the engine's
    def set_states(self, states: bytes) -> None: ...  # JSON list, in place of the one before; EngineError
    def tell_incarnation(self, pool: str, server: str, incarnation: str) -> None: ...  # EngineError
    def set_weights(self, weights: bytes) -> None: ...  # the same for weights; EngineError
    def load_records(
        self, snapshot: bytes, records: bytes
    ) -> bytes: ...  # before the first apply; JSON counts of taken, expired, no_room, unclaimed; EngineError
    def records(self) -> bytes: ...  # what load_records takes; releases the GIL
    def sockets(self) -> bytes: ...  # JSON {"web": "127.0.0.1:8080", ...}: real ports of the bound listeners
    def report(self, sessions: bool) -> bytes: ...  # JSON counters, with the live sessions if asked
    def births(
        self, most: int, wait_ms: int
    ) -> bytes | None: ...  # JSON list of [number, birth]; None once stopped; releases the GIL
    def decide(
        self, decision: bytes
    ) -> None: ...  # JSON {"chosen": [[number, name or null]], "failed": [...]}
    def failing(
        self, wait_ms: int
    ) -> list[tuple[str, str]] | None: ...  # pool and server; None once stopped; releases the GIL
    def drain(
        self, wait_ms: int, in_their_time: bool
    ) -> bool: ...  # True when no exchange was left; releases the GIL
    def drill(self, what: str) -> None: ...  # panic on purpose in "connection", "worker" or "accepting"
    def stop(self) -> None: ...  # end the workers at once; idempotent

def explain_cookie(
    snapshot: bytes, states: bytes, value: str
) -> bytes: ...  # JSON {"opened": "yes" or "no", "reason": ..., ...}
def seal_cookie(
    snapshot: bytes, pool: str, server: str, idle: int
) -> str: ...  # a session at home there, last seen so many seconds ago
def version() -> str: ...
