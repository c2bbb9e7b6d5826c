"""The admin API: what the commands show and do, over HTTP with JSON, and `/metrics` for Prometheus.

    with equalizer.serve("equalizer.toml") as lb, admin.serve(lb) as api:
        print(api.url)

What it needs is slow to load, and is loaded in its own thread.
"""

from equalizer.admin.server import NAME, Admin
from equalizer.control.service import Service
from equalizer.control.sockets import Opened
from equalizer.errors import RequestError

__all__ = ["NAME", "Admin", "opened", "serve"]


def serve(service: Service) -> Admin:
    """Open the API that the service's configuration asks for; raises EqualizerError."""
    api = opened(service)
    if api is None:
        hint = 'write [admin] with token_file = "admin.token"'
        raise RequestError("the configuration asks for no admin API", hint)
    return api


def opened(service: Service, handed: Opened | None = None) -> Admin | None:
    """The same, or None; `handed` is the socket of the process before. Raises ListenError."""
    admission = service.admission
    if admission is None or (handed and handed.address != admission.address):
        if handed:
            handed.close()
        handed = None
    return Admin(service, admission, handed) if admission else None
