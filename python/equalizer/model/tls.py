"""TLS towards clients: which certificates a listener shows, and what it asks of its clients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from equalizer.model.noun import Noun, refuse
from equalizer.model.words import OwnFieldOrNone

Version = Literal["1.2", "1.3"]
_ONE = ("certificate", "key")


class Pair(Noun):
    """A certificate chain and its private key; relative paths start at the configuration file."""

    certificate: Path = Field(examples=["shop.pem"])
    """PEM file, leaf first."""
    key: Path = Field(examples=["shop.key"])
    """PEM file: PKCS#8, PKCS#1 or SEC1."""


class Certificate(Pair):
    """One of several certificates; its names are those that it holds."""

    default: bool = Field(default=False, strict=True, examples=[True])
    """Whether it answers clients that ask for no name of ours; where none does, the first."""


class ClientFields(Noun):
    """The request fields in which servers read of a client's certificate; `""` for what they are not told."""

    verified: OwnFieldOrNone = Field(default="X-Client-Cert-Verified", examples=["X-Client-Cert-Verified"])
    """`yes`, or `no` for a client without one."""
    subject: OwnFieldOrNone = Field(default="X-Client-Cert-Subject", examples=["X-Client-Cert-Subject"])
    """Whose it is, as RFC 4514 writes it."""
    issuer: OwnFieldOrNone = Field(default="X-Client-Cert-Issuer", examples=["X-Client-Cert-Issuer"])
    """Who signed it."""
    serial: OwnFieldOrNone = Field(default="X-Client-Cert-Serial", examples=["X-Client-Cert-Serial"])
    """Its number, in hexadecimal."""
    fingerprint: OwnFieldOrNone = Field(
        default="X-Client-Cert-Fingerprint", examples=["X-Client-Cert-Fingerprint"]
    )
    """SHA-256 of the whole, in hexadecimal."""
    not_after: OwnFieldOrNone = Field(default="X-Client-Cert-Not-After", examples=["X-Client-Cert-Not-After"])
    """Until when it counts, as RFC 3339 writes it."""
    certificate: OwnFieldOrNone = Field(default="", examples=["Client-Cert"])
    """The whole, as RFC 9440 writes it."""


class Clients(Noun):
    """What clients must prove."""

    ca: Path = Field(examples=["clients.pem"])
    """PEM file: those who may have signed clients' certificates, or these themselves."""
    require: bool = Field(default=True, strict=True, examples=[False])
    """Whether a client without a certificate is turned away; one whose certificate is not good always is."""
    crl: Path | None = Field(default=None, examples=["clients.crl"])
    """PEM file: revocation lists, one of each authority that signed."""
    fields: ClientFields = ClientFields()
    """What servers are told; no client can write these fields itself."""


class _Terms(Noun):
    min_version: Version = "1.2"
    """The oldest version that is spoken."""
    clients: Clients | None = None
    """Present when clients are asked for certificates."""


class TlsOfOne(_Terms, Pair):
    """TLS with one certificate."""


def _one_default(certificates: Sequence[Certificate]) -> Sequence[Certificate]:
    count = sum(certificate.default for certificate in certificates)
    if count > 1:
        raise refuse("default = true for one of them", f"{count} certificates with default = true")
    return certificates


def _at_least_one(value: object) -> object:
    if isinstance(value, list) and not value:
        raise refuse('at least one, such as [{ certificate = "shop.pem", key = "shop.key" }]')
    return tuple(value) if isinstance(value, list) else value


class Tls(_Terms):
    """TLS with any number of certificates, chosen by the name that a client asks for."""

    certificates: Annotated[
        tuple[Certificate, ...],
        AfterValidator(_one_default),
        BeforeValidator(_at_least_one, json_schema_input_type=list[Certificate]),
    ] = Field(examples=[[{"certificate": "shop.pem", "key": "shop.key"}]])
    """For one name there may be an RSA and an ECDSA certificate."""


def _as_list(value: object) -> object:
    """A certificate and a key are short for a list of one."""
    if not isinstance(value, Mapping):
        return value
    pair = {key: value[key] for key in _ONE if key in value}
    if "certificates" not in value:
        rest = {key: each for key, each in value.items() if key not in _ONE}
        return {**rest, "certificates": [pair]}
    if pair:
        raise refuse("certificate and key for one, or certificates for several", "both")
    return value


ListenerTls = Annotated[Tls, BeforeValidator(_as_list, json_schema_input_type=TlsOfOne | Tls)]
"""`{ certificate, key }` is short for `{ certificates = [{ certificate, key }] }`."""
