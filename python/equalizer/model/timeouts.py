"""Timeouts: how long each step may take."""

from datetime import timedelta

from equalizer.model.duration import Duration, Patience
from equalizer.model.noun import Noun


class Timeouts(Noun):
    """How long we wait."""

    head: Duration = timedelta(seconds=10)
    """From the first byte of a request head to its last; 408 beyond."""
    body: Duration = timedelta(seconds=30)
    """Between two bytes of a body, in either direction."""
    connect: Duration = timedelta(seconds=5)
    """To connect to a server."""
    response: Duration = timedelta(seconds=60)
    """From the request's end to the response head; 504 beyond."""
    idle_client: Duration = timedelta(seconds=75)
    """A kept-alive client connection without a request."""
    idle_server: Duration = timedelta(seconds=60)
    """A kept-alive server connection without a request."""
    tunnel: Duration = timedelta(hours=1)
    """A WebSocket without a byte in either direction."""
    stop: Patience = timedelta(seconds=30)
    """How long a stop waits for exchanges in flight."""
    upgrade: Patience = timedelta(minutes=10)
    """How long the process before an upgrade keeps the connections that it has."""
