"""From the settings of TLS to the wire: the files that they name are read here."""

from equalizer.config import places
from equalizer.model.server_tls import ServerTls
from equalizer.model.tls import Certificate, Clients, Tls
from equalizer.snapshot import wire
from equalizer.snapshot.files import Files


def listener(written: Tls, files: Files, place: places.Path) -> wire.Tls:
    """TLS towards clients."""
    return wire.Tls(
        certificates=tuple(
            _certificate(each, files, (*place, "certificates", index))
            for index, each in enumerate(written.certificates)
        ),
        min_version=written.min_version,
        clients=_clients(written.clients, files, (*place, "clients")) if written.clients else None,
    )


def servers(written: ServerTls, files: Files, place: places.Path) -> wire.ServerTls:
    """TLS towards the servers of a pool."""
    own = None
    if written.certificate and written.key:
        own = wire.Own(
            certificate=files.pem(written.certificate, "CERTIFICATE", (*place, "certificate")),
            key=files.pem(written.key, "PRIVATE KEY", (*place, "key")),
        )
    return wire.ServerTls(
        verify=written.verify,
        ca=files.pem(written.ca, "CERTIFICATE", (*place, "ca")) if written.ca else "",
        name=written.name or "",
        own=own,
        min_version=written.min_version,
    )


def _clients(written: Clients, files: Files, place: places.Path) -> wire.Clients:
    return wire.Clients(
        ca=files.pem(written.ca, "CERTIFICATE", (*place, "ca")),
        require=written.require,
        crl=files.pem(written.crl, "X509 CRL", (*place, "crl")) if written.crl else "",
        fields=wire.ClientFields(**written.fields.model_dump()),
    )


def _certificate(written: Certificate, files: Files, place: places.Path) -> wire.Certificate:
    return wire.Certificate(
        certificate=files.pem(written.certificate, "CERTIFICATE", (*place, "certificate")),
        key=files.pem(written.key, "PRIVATE KEY", (*place, "key")),
        default=written.default,
    )
