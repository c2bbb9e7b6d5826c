"""A listener: an address we accept on, with or without TLS."""

from pydantic import Field

from equalizer.model.address import ListenAddress
from equalizer.model.https import Https
from equalizer.model.noun import Noun
from equalizer.model.tls import ListenerTls


class Listener(Noun):
    """An address to accept on."""

    address: ListenAddress
    """`IP:port`, or `:port` for every IPv4 address; port 0 asks the system for one."""
    tls: ListenerTls | None = None
    """Present when the listener speaks TLS."""
    http2: bool = Field(default=True, strict=True, examples=[False])
    """Whether clients may speak HTTP/2: agreed on under TLS, by prior knowledge without."""
    https: Https = Https()
    """How it keeps its clients on HTTPS; beside `tls` only."""
