"""Why there is no agreement on TLS with a server, in words."""

from typing import Final

_WORDS: Final = {
    "expired": "its certificate has expired",
    "not_yet_valid": "its certificate is not valid yet",
    "other_name": "its certificate is not for the name that it is asked for",
    "unknown_issuer": "its certificate is signed by nobody who is believed",
    "authority": "its certificate is that of an authority, and ca does not name it",
    "old_version": "its certificate is of an older version of X.509 than 3",
    "purpose": "its certificate is not meant for servers",
    "unreadable": "its certificate cannot be read",
    "untrusted": "its certificate is not believed",
    "not_tls": "it speaks no TLS",
    "nothing_shared": "it shares no version or cipher suite of TLS with us",
    "no_http2": "it does not agree on HTTP/2",
    "server_refused": "it breaks off the handshake, perhaps for want of a certificate of ours",
    "server_gone": "it closes the connection before the handshake is done",
    "broken": "it breaks the rules of TLS",
}
FAULTS: Final = ("untrusted", "tls")
"""The faults that a handshake ends with."""


def told(word: str) -> str:
    """A word of the report; empty where nothing is wrong."""
    return _WORDS.get(word, word)
