"""Equalizer: a load balancer that keeps every client at its server.

with equalizer.serve("equalizer.toml") as lb:
    print(lb.url("web"))
"""

from importlib import import_module
from typing import TYPE_CHECKING

from equalizer.errors import (
    ConfigError,
    ControlError,
    EngineError,
    EqualizerError,
    KeyRingError,
    ListenError,
    LogFileError,
    Problem,
    RequestError,
)

if TYPE_CHECKING:
    from equalizer.config.load import Written
    from equalizer.control.service import Service
    from equalizer.model.config import Config
    from equalizer.policy.birth import Birth, Fields, PoolNow, ServerNow

__all__ = [
    "Birth",
    "Config",
    "ConfigError",
    "ControlError",
    "EngineError",
    "EqualizerError",
    "Fields",
    "KeyRingError",
    "ListenError",
    "LogFileError",
    "PoolNow",
    "Problem",
    "RequestError",
    "ServerNow",
    "Service",
    "serve",
]

_LATE = {
    "Birth": "equalizer.policy.birth",
    "Config": "equalizer.model.config",
    "Fields": "equalizer.policy.birth",
    "PoolNow": "equalizer.policy.birth",
    "ServerNow": "equalizer.policy.birth",
    "Service": "equalizer.control.service",
}


def serve(config: "Written") -> "Service":
    """Serve a dict of the file's shape, a Config, or the path of a file, from now until the `with` ends.

    Address `127.0.0.1:0` takes a free port, which `address` tells. Raises EqualizerError.
    """
    from equalizer.control.service import Service

    return Service(config)


def __getattr__(name: str) -> object:
    """Load late what is slow to load: the command line imports this package first."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
