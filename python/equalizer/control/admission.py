"""Who may use the admin API, and where it is: its address, its token, and its certificate.

The token is read anew with every reload, and so is the certificate. It leaves this file in no way.
"""

import hmac
import os
import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp

from equalizer.config.load import Loaded
from equalizer.config.source import show
from equalizer.errors import Problem
from equalizer.model.address import Address
from equalizer.model.admin import Admin
from equalizer.model.tls import Pair
from equalizer.snapshot import token

_BYTES = 32  # of chance in a token that we make


@dataclass(frozen=True, slots=True)
class Admission:
    """What the admin API needs to know of a configuration."""

    address: Address
    token_at: str
    """Where the token is found, in words."""
    tls: ssl.SSLContext | None
    _token: bytes = field(repr=False)

    def admits(self, shown: bytes) -> bool:
        """Whether this is the token; how long that takes does not tell how much of it is right."""
        return hmac.compare_digest(self._token, shown)


def admission(loaded: Loaded, problems: list[Problem], *, make: bool) -> Admission | None:
    """Everything read; None where there is no admin API, and with a problem where something cannot be had."""
    admin, base = loaded.config.admin, loaded.source.base
    if admin is None:
        return None
    before = len(problems)

    def refused(key: str, written: object, fault: str) -> None:
        problems.append(loaded.source.problem(("admin", key), f"found {show(written)}, {fault}"))

    text, fault = _token(admin, base, make=make)
    if fault:
        key = "token_environment" if admin.token_file is None else "token_file"
        refused(key, getattr(admin, key), fault)
    context = None
    if admin.tls:
        context, fault = _context(admin.tls, base)
        if fault:
            refused("tls", admin.tls.certificate, fault)
    if len(problems) > before:
        return None
    at = f"in ${admin.token_environment}" if admin.token_file is None else f"in {base / admin.token_file}"
    return Admission(admin.address, at, context, text.encode())


def _token(admin: Admin, base: Path, *, make: bool) -> tuple[str, str]:
    """The token, and what is wrong with it; one that is yet to be made is nothing."""
    if admin.token_file is None:
        text = os.environ.get(admin.token_environment or "", "").strip()
        write = "set it to 16 to 128 visible ASCII characters"
        return (text, "") if token.is_token(text) else ("", f"which holds no token; {write}")
    path = base / admin.token_file
    if not os.path.lexists(path):
        if not make:
            return "", ""
        try:
            _make(path)
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            return "", f"which cannot be made ({reason}); write a path in a directory that may be written to"
    return token.read(path)


def _make(path: Path) -> None:
    """Whole or not at all; whoever was quicker has made it for us, too."""
    descriptor, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its mode is 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_urlsafe(_BYTES)}\n")
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        os.unlink(temporary)


def _context(pair: Pair, base: Path) -> tuple[ssl.SSLContext | None, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password, one would be asked for at the terminal.
        context.load_cert_chain(base / pair.certificate, base / pair.key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it cannot be read"
        return None, (
            f"which does not serve with its key ({str(reason).lower().replace('_', ' ')}); "
            "write a PEM file, leaf first, and the key of that certificate"
        )
    return context, ""
