class EngineError(Exception): ...  # a snapshot refused, with a sentence that says why

class Engine:
    def __init__(self, workers: int) -> None: ...
    def check(
        self, snapshot: bytes
    ) -> bytes: ...  # JSON list of {"path": [...], "message": "..."}; [] when well
    def apply(self, snapshot: bytes) -> None: ...  # all or nothing; EngineError, or OSError(errno, message)
    def set_states(self, states: bytes) -> None: ...  # JSON list, in place of the one before; EngineError
    def sockets(self) -> bytes: ...  # JSON {"web": "127.0.0.1:8080", ...}: real ports of the bound listeners
    def report(self) -> bytes: ...  # JSON counters
    def drain(self, wait_ms: int) -> bool: ...  # True when no exchange was left; releases the GIL
    def stop(self) -> None: ...  # end the workers at once; idempotent
    def seal_cookie(self, pool: str, server: str) -> str: ...
    def open_cookie(self, value: str) -> bytes: ...  # JSON

def version() -> str: ...
