"""A listener: an address we accept on, with or without TLS."""

from pathlib import Path

from pydantic import Field

from equalizer.model.address import ListenAddress
from equalizer.model.noun import Noun


class Tls(Noun):
    """A certificate chain and its private key; relative paths start at the configuration file."""

    certificate: Path = Field(examples=["shop.pem"])
    """PEM file, leaf first."""
    key: Path = Field(examples=["shop.key"])
    """PEM file: PKCS#8, PKCS#1 or SEC1."""


class Listener(Noun):
    """An address to accept on."""

    address: ListenAddress
    """`IP:port`, or `:port` for every IPv4 address; port 0 asks the system for one."""
    tls: Tls | None = None
    """Present when the listener speaks TLS."""
    http2: bool = Field(default=True, strict=True, examples=[False])
    """Whether clients may speak HTTP/2: agreed on under TLS, by prior knowledge without."""
