"""TLS towards servers: whom we believe, and what we prove ourselves."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from equalizer.model.noun import Noun, Refusal, refuse_keys
from equalizer.model.tls import Version
from equalizer.model.words import Host


class ServerTls(Noun):
    """The servers of a pool speak TLS, and prove who they are; an empty table is enough."""

    verify: bool = Field(default=True, strict=True, examples=[False])
    """Whether a server must prove that it is the one; without it, anybody on the way may answer."""
    ca: Path | None = Field(default=None, examples=["servers.pem"])
    """PEM file: who may have signed the servers' certificates, or these themselves; absent: the system's."""
    name: Annotated[Host | None, Field(examples=["shop.internal"])] = None
    """The name that is asked for, and that each server must prove; without it, each its own host."""
    certificate: Path | None = Field(default=None, examples=["equalizer.pem"])
    """PEM file: what we show servers that ask, leaf first."""
    key: Path | None = Field(default=None, examples=["equalizer.key"])
    """PEM file: its key."""
    min_version: Version = "1.2"
    """The oldest version that is spoken."""

    @model_validator(mode="after")
    def _fit(self) -> "ServerTls":
        refusals = []
        if self.certificate and not self.key:
            refusals.append(Refusal("certificate", "a certificate without a key", "key with it"))
        if self.key and not self.certificate:
            refusals.append(Refusal("key", "a key without a certificate", "certificate with it"))
        if self.ca and not self.verify:
            refusals.append(
                Refusal("ca", "an authority, though nothing is verified", "verify = true, or no ca")
            )
        refuse_keys(refusals)
        return self
