"""Certificates for a test: an authority in a folder, what it issues, and clients that believe it."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from trustme import KeyType

from support.wire import LIMIT

RSA, ECDSA = KeyType.RSA, KeyType.ECDSA


class Authority:
    """Signs certificates, and writes them into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.signer = trustme.CA()
        self.file = folder / f"{name}.pem"
        self.signer.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *hosts: str, **options: Any) -> dict[str, str]:
        """A certificate for these hosts as the settings name it; one that is there is written over."""
        issued = self.signer.issue_cert(*hosts, **options)
        files = {"certificate": self.folder / f"{name}.pem", "key": self.folder / f"{name}.key"}
        files["certificate"].write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(files["key"])
        return {key: str(path) for key, path in files.items()}

    def trust(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A client that believes this authority, and speaks one version where it is told which."""
        context = self.trust_in(self.file)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def vouch_for_itself(self, name: str, *hosts: str, days: int = 1) -> dict[str, str]:
        """A certificate that nobody else has signed, as `openssl req -x509` makes it, for so many days."""
        key, own = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={name}")
        until = datetime.now(UTC) + timedelta(days=days)
        builder = x509.CertificateBuilder(own, own, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(until - timedelta(days=10)).not_valid_after(until)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
        files = {"certificate": self.folder / f"{name}.pem", "key": self.folder / f"{name}.key"}
        files["certificate"].write_bytes(signed.public_bytes(Encoding.PEM))
        files["key"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return {key: str(path) for key, path in files.items()}

    @staticmethod
    def trust_in(file: Path) -> ssl.SSLContext:
        """A client that believes whoever is in a file."""
        return ssl.create_default_context(cafile=file)


def shake(
    address: str, context: ssl.SSLContext, name: str | None = None, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """A connection over TLS that asks for a name; without one, for the address."""
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=LIMIT)
    try:
        return context.wrap_socket(sock, server_hostname=name or host, session=session)
    except BaseException:
        sock.close()
        raise


def names(sock: ssl.SSLSocket) -> set[str]:
    """The names in the certificate that was shown."""
    shown: Any = sock.getpeercert()
    return {value for _, value in shown["subjectAltName"]}
