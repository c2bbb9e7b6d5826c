"""HTTPS: how a listener with TLS keeps its clients there."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from equalizer.model.duration import OptionalSeconds
from equalizer.model.name import Name
from equalizer.model.noun import Noun


class Https(Noun):
    """What holds for the clients of a listener with TLS, and for those who should have come to it."""

    redirect: Annotated[
        tuple[Name, ...],
        BeforeValidator(
            lambda value: tuple(value) if isinstance(value, list) else value,
            json_schema_input_type=list[Name],
        ),
        Field(examples=[["web"]]),
    ] = ()
    """Listeners without TLS whose clients are all sent here."""
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)
    """The port that clients know this listener by; that of its address where nothing is said."""
    hsts: OptionalSeconds = None
    """How long browsers shall come by HTTPS only, from each response on."""
    subdomains: bool = Field(default=False, strict=True, examples=[True])
    """Whether that holds for all names below the host's too."""
    location: bool = Field(default=True, strict=True, examples=[False])
    """Whether a server's `Location: http://…` is made `https://…` where its host is that of the request.

    Only for clients that came by HTTPS, be it to a trusted proxy.
    """
