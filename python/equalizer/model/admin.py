"""Admin: where the admin API is, and who may use it."""

from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from equalizer.model.address import Address, ListenAddress
from equalizer.model.keys import Variable
from equalizer.model.noun import Noun, Refusal, refuse_keys
from equalizer.model.tls import Pair


class Admin(Noun):
    """The admin API; without this table there is none."""

    address: ListenAddress = Address("127.0.0.1", 9090)
    """Where it listens."""
    token_file: Path | None = Field(default=None, examples=["admin.token"])
    """Holds the token that every request has to show; made with mode 0600 when absent."""
    token_environment: Variable | None = Field(default=None, examples=["EQUALIZER_ADMIN_TOKEN"])
    """The variable that holds it instead, for containers."""
    tls: Pair | None = Field(default=None, examples=[{"certificate": "admin.pem", "key": "admin.key"}])
    """Serves it over TLS."""
    without_tls: bool = Field(default=False, strict=True, examples=[True])
    """Whether it is served without TLS at an address that others reach."""

    @property
    def is_alone(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.address.host).is_loopback

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        refusals = []
        if self.token_file is None and self.token_environment is None:
            write = 'token_file = "admin.token", which is made when absent, or token_environment'
            refusals.append(Refusal("token_file", "neither token_file nor token_environment", write))
        if self.token_file is not None and self.token_environment is not None:
            refusals.append(Refusal("token_environment", "token_file and token_environment", "one of them"))
        if not self.is_alone and self.tls is None and not self.without_tls:
            found = f'"{self.address}", which others reach, without tls'
            write = 'tls = { certificate = "admin.pem", key = "admin.key" }, or without_tls = true'
            refusals.append(Refusal("address", found, write))
        if self.without_tls and self.tls is not None:
            refusals.append(Refusal("without_tls", "true beside tls", "one of the two"))
        refuse_keys(refusals)
        return self
