"""Requests that could mean two things, or nothing: what each is answered, with the section it offends.

`raw` is what a client sends; where it ends in `…` an ordinary request's `Host` and empty line follow. What is
answered below 400 reaches the server as exactly one well-formed request; of all others it sees not a byte.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """One way to be bad, or only odd."""

    section: str
    raw: bytes
    status: int

    @property
    def bytes(self) -> bytes:
        """What goes over the wire."""
        return self.raw.replace("…".encode(), b"\r\nHost: shop.test\r\n\r\n")


def heads(section: str, status: int, *lines: str) -> list[Case]:
    """Cases of one field line in an ordinary POST that has no body."""
    return [
        Case(section, b"POST / HTTP/1.1\r\nHost: shop.test\r\n%b\r\n\r\n" % line.encode("latin-1"), status)
        for line in lines
    ]


def starts(section: str, status: int, *lines: str) -> list[Case]:
    """Cases of one request line before an ordinary Host."""
    return [Case(section, line.encode("latin-1") + "…".encode(), status) for line in lines]


def bodies(section: str, status: int, *bodies: str) -> list[Case]:
    """Cases of one body in chunks."""
    head = b"POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [Case(section, head + body.encode("latin-1"), status) for body in bodies]


A, CL, TE, LAST = "GET / HTTP/1.1", "Content-Length", "Transfer-Encoding", "0\r\n\r\n"
LONG = "a" * 20_000

REQUEST_LINES = [
    *starts("9112 3", 400, "GET", "GET /", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 "),
    *starts("9112 3", 400, " GET / HTTP/1.1", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / x HTTP/1.1", "/ HTTP/1.1"),
    *starts("9112 3", 400, "GET / HTTP/1.1 x", "GET /\x0bHTTP/1.1", "GET / HTTP/1.1\r", "GET /\r HTTP/1.1", "\x00"),
    *starts("9112 3.1", 400, "G=T / HTTP/1.1", "G(T / HTTP/1.1", '"GET" / HTTP/1.1', "G\x00T / HTTP/1.1", "GÉT / HTTP/1.1"),
    *starts("9112 3.2", 400, "GET a HTTP/1.1", "GET * HTTP/1.1", "GET shop.test HTTP/1.1", "POST shop.test:80 HTTP/1.1"),
    *starts("9112 3.2", 400, "GET /\x00 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /é HTTP/1.1", "GET /#a HTTP/1.1", "GET ?a HTTP/1.1"),
    *starts("9112 3.2.2", 400, "GET ftp://shop.test/ HTTP/1.1", "GET http:/shop.test/ HTTP/1.1", "GET http:///a HTTP/1.1"),
    *starts("9112 3.2.2", 400, "GET http://evil.test/ HTTP/1.1", "GET http://shop.test:80/ HTTP/1.1", "GET http://shop.test?a HTTP/1.1"),
    *starts("9110 4.2.4", 400, "GET http://me@shop.test/ HTTP/1.1", "GET http://shop.test@evil.test/ HTTP/1.1"),
    *starts("9112 2.3", 400, "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/11", "GET / HTTP/1.10", "GET / HTTP/ 1.1", "GET / HTTP/1,1"),
    *starts("9112 2.3", 400, "GET / HTP/1.1", "GET / XHTTP/1.1", "GET / HTTP/x.y", "GET / HTTP1.1", "GET / HTTPS/1.1"),
    *starts("9110 15.6.6", 505, "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1.2", "GET / HTTP/3.0", "PRI * HTTP/2.0"),
    *starts("9110 9.3.6", 501, "CONNECT / HTTP/1.1", "CONNECT shop.test:443 HTTP/1.1"),
    *starts("9110 15.5.15", 414, f"GET /{LONG} HTTP/1.1", f"GET http://shop.test/{LONG} HTTP/1.1"),
    *starts("9112 2.2", 200, "\r\nGET / HTTP/1.1", "\r\n\r\nGET / HTTP/1.1"),
    *starts("9112 2.2", 400, "\nGET / HTTP/1.1", "\r\n\nGET / HTTP/1.1", "\rGET / HTTP/1.1", "\r\r\nGET / HTTP/1.1"),
    *starts("9112 3.2", 200, "GET //a//b HTTP/1.1", "OPTIONS * HTTP/1.1", "GET HTTP://shop.test/ HTTP/1.1", "GET https://SHOP.test/ HTTP/1.1"),
    Case("9112 2.2", b"GET / HTTP/1.1\nHost: shop.test\r\n\r\n", 400),
    Case("9112 2.2", b"GET / HTTP/1.1\nHost: shop.test\n\n", 400),
    Case("9112 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
    Case("9112 3", b"HTTP/1.1 200 OK\r\nHost: shop.test\r\n\r\n", 400),
    Case("9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
]

HOSTS = [
    Case("9112 3.2", b"GET / HTTP/1.1\r\n\r\n", 400),
    Case("9112 3.2", b"GET / HTTP/1.1\r\nX-Host: shop.test\r\n\r\n", 400),
    *heads("9112 3.2", 400, "Host: shop.test", "Host: evil.test", "host:", "HOST: shop.test"),
    *(
        Case("9110 7.2", b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host, 400)
        for host in (b"a b", b"a,b", b"a/b", b"me@a", b"a?b", b"a#b", b'a"', b"a\\b", b"\xff", b"a<b", b"{a}", b"a^", b"a|b")
    ),
    Case("9110 7.2", b"GET http:// HTTP/1.0\r\nHost: a/b\r\n\r\n", 400),
]

FIELD_LINES = [
    *heads("9112 5.1", 400, "X : 1", "X\t: 1", " X: 1", "\tX: 1", ": 1", "X", "X Y: 1", "X=1", "Content-Length : 0", "\x0bX: 1"),
    *heads("9112 5.1", 400, f"{TE} : chunked", f"{TE}\x00: chunked", f"{TE}\x0b: chunked", f"{TE}\r: chunked", f"\x00{TE}: chunked"),
    *heads("9112 5.2", 400, "X: 1\r\n 2", "X: 1\r\n\t2", f"{CL}: 1\r\n 0", f"{TE}:\r\n chunked", "X:\r\n \r\n 1", "Host: a\r\n b"),
    *heads("9110 5.5", 400, "X: a\x00b", "X: \x00", "X: a\rb", "X: a\nb", "X: \x01", "X: a\x1fb", "X: a\x7f", "X: a\x0bb", "X: a\x08"),
    *heads("9110 5.1", 400, "X(1): 2", "X\x80: 1", "X@: 1", "X/Y: 1", "[X]: 1", '"X": 1', "X;Y: 1", "Xé: 1", "{X}: 1", "X,Y: 1", "X?: 1"),
    *heads("9112 2.2", 400, "X: 1\nY: 2", "X: 1\n", "X: 1\r\r", "X: 1\n\r", "\n", f"X: 1\n{CL}: 5", f"X: 1\r{CL}: 5", f"X: 1\n{TE}: chunked"),
    *heads("9110 5.5", 200, "X:", "X: ", "X:1", "X:\t1\t", "X: a\tb", "X: \xe9\xff", "X!#$%&'*+-.^_`|~9: 1", "X: ,;=()<>@"),
    *heads("6585 5", 431, f"X: {'a' * 70_000}", f"{'X' * 70_000}: 1", "\r\n".join(f"X{n}: 1" for n in range(120)), "X: 1\r\n" * 11_000),
]

LENGTHS = [
    *heads("9110 8.6", 400, f"{CL}: -1", f"{CL}: +0", f"{CL}: 0x0", f"{CL}: 0 0", f"{CL}: 0,0", f"{CL}: 0, 0", f"{CL}:", f"{CL}: ,"),
    *heads("9110 8.6", 400, f"{CL}: 0.0", f"{CL}: 0e0", f"{CL}: a", f"{CL}: 0;", f'{CL}: "0"', f"{CL}: 0_0", f"{CL}: ²", f"{CL}: 0\x0b"),
    *heads("9110 8.6", 400, f"{CL}: 18446744073709551616", f"{CL}: 99999999999999999999", f"{CL}: {'0' * 40}", f"{CL}: 1-1"),
    *heads("9110 8.6", 400, f"{CL}: 0\r\n{CL}: 0", f"{CL}: 0\r\n{CL}: 5", f"{CL}: 5\r\nx: y\r\n{CL.lower()}: 0", f"{CL}:\r\n{CL}: 0"),
    *heads("9112 6.3", 400, f"{CL}: 0\r\n{TE}: chunked", f"{TE}: chunked\r\n{CL}: 0", f"{CL}: 5\r\nX: 1\r\n{TE}: chunked", f"{TE.lower()}: CHUNKED\r\n{CL.upper()}: 0"),
    *heads("9110 8.6", 200, f"{CL}: 0", f"{CL}: 000", f"{CL}:0", f"{CL}: \t0 ", f"{CL.upper()}: 0", f"Content_Length: 5\r\n{CL}: 0", f"X-{CL}: 5"),
]

CODINGS = [
    *heads("9112 6.1", 501, f"{TE}: gzip", f"{TE}: identity", f"{TE}: xchunked", f"{TE}: chunkedx", f"{TE}: gzip, chunked", f'{TE}: "chunked"'),
    *heads("9112 6.1", 501, f"{TE}: chunked;a=b", f"{TE}: chunk", f"{TE}: chunked gzip", f"{TE}: x", f"{TE}: cow, chunked", f"{TE}: 'chunked'"),
    *heads("9112 6.1", 400, f"{TE}: chunked, identity", f"{TE}: chunked, chunked", f"{TE}: chunked,", f"{TE}: ,chunked", f"{TE}:", f"{TE}: chunked, gzip"),
    *heads("9112 6.1", 400, f"{TE}: chunked\r\n{TE}: chunked", f"{TE}: chunked\r\n{TE}: identity", f"{TE}: chunked\r\n{TE}: x", f"{TE}: ,"),
    *heads("9112 6.1", 501, f"{TE}: identity\r\n{TE}: chunked", f"{TE}: x\r\n{TE}: chunked"),
    *heads("9110 5.5", 400, f"{TE}: \x0bchunked", f"{TE}: chunked\x00", f"{TE}: chunked\x0c", f"{TE}: chun\rked"),
    Case("9112 6.1", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    Case("9112 6.1", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    *bodies("9112 7.1", 200, LAST, f"5\r\nhello\r\n{LAST}", f"005\r\nhello\r\n{LAST}", f"A\r\n0123456789\r\n{LAST}", "000\r\n\r\n"),
    *bodies("9112 7.1.1", 200, f"5;a\r\nhello\r\n{LAST}", f'5;a="b;c"\r\nhello\r\n{LAST}', f"5;a=b;c\r\nhello\r\n{LAST}", "0;last\r\n\r\n"),
    *bodies("9112 7.1.2", 200, "0\r\nX: 1\r\n\r\n", f"0\r\n{CL}: 5\r\n\r\n", f"0\r\n{TE}: chunked\r\nHost: evil\r\n\r\n"),
    *bodies("9112 7.1", 400, "\r\n", "x\r\n", f"5 \r\nhello\r\n{LAST}", f" 5\r\nhello\r\n{LAST}", f"0x5\r\nhello\r\n{LAST}", f"+5\r\nhello\r\n{LAST}"),
    *bodies("9112 7.1", 400, "-1\r\n", "8000000000000000\r\n", "ffffffffffffffff\r\n", "10000000000000000\r\n", "5.0\r\nhello\r\n", "5,\r\nhello\r\n"),
    *bodies("9112 7.1", 400, f"5\nhello\r\n{LAST}", f"5\r\nhello\n{LAST}", f"5\rhello\r\n{LAST}", f"5\r\r\nhello\r\n{LAST}", f"5\r\nhello{LAST}"),
    *bodies("9112 7.1", 400, f"4\r\nhello\r\n{LAST}", "0\r\n\n", "0\n\r\n", "0\r\r\n\r\n", "0\r\n\rX", "0\r\nX\r\n\r\n", f"5\x00\r\nhello\r\n{LAST}"),
    *bodies("9112 7.1.1", 400, f"5;a\nb\r\nhello\r\n{LAST}", f"5;a\x00\r\nhello\r\n{LAST}", f"5;a\rb\r\nhello\r\n{LAST}", f"5;{'a' * 17_000}\r\n"),
    *bodies("9112 7.1.2", 400, "0\r\nX Y: 1\r\n\r\n", "0\r\n: 1\r\n\r\n", "0\r\nX: 1\n\r\n", "0\r\nX: \x00\r\n\r\n", "0\r\n X: 1\r\n\r\n", "0\r\nX: 1\r\n 2\r\n\r\n"),
]

ODD = [
    *heads("9110 7.6.1", 200, f"Connection: {CL}", f"Connection: close, {TE}", "Connection: Host", "Connection: close, X", "Connection: ,,"),
    *heads("9110 7.8", 200, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "Upgrade: websocket"),
    *heads("9110 10.1.1", 200, "Expect: 100-continue", "Expect: something", "TE: trailers, deflate", "Trailer: Content-Length"),
    Case("9112 6.3", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200),
    Case("9112 6.3", b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200),
    Case("9112 3.2", b"GET / HTTP/1.0\r\n\r\n", 200),
]

REQUESTS = [*REQUEST_LINES, *HOSTS, *FIELD_LINES, *LENGTHS, *CODINGS, *ODD]

RESPONSES = [
    ("9112 4", b"\r\n\r\n"),
    ("9112 4", b"hello\r\n\r\n"),
    ("9112 4", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    ("9112 4", b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"),
    ("9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    ("9112 2.2", b"HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 0\r\n\r\n"),
    ("9112 2.2", b"HTTP/1.1 200 OK\r\nX: 1\rY\r\nContent-Length: 0\r\n\r\n"),
    ("9112 5.1", b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
    ("9112 5.1", b"HTTP/1.1 200 OK\r\n: 0\r\nContent-Length: 0\r\n\r\n"),
    ("9112 5.2", b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"),
    ("9110 5.5", b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 0\r\n\r\n"),
    ("9110 8.6", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    ("9110 8.6", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"),
    ("9110 8.6", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("9112 6.3", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("9112 6.1", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("9112 6.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    ("9112 6.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("9112 7.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
    ("9112 7.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    ("9110 15.2.2", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("9112 8", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("9112 8", b"H"),
    ("6585 5", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"),
    ("6585 5", b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 300 + b"\r\n"),
]
"""What a server says that cannot be passed on: the client is answered 502."""
