"""Clients that prove who they are: who is let in, and what servers are told that no client can write."""

import ssl
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from conftest import Balance, MakeOrigin
from equalizer.errors import ConfigError
from support.authority import Authority, shake
from support.balancer import Balancer, get
from support.origin import Origin
from support.visitor import until
from support.wire import Ended, Message, Wire

TOLD = {
    "X-Client-Cert-Verified",
    "X-Client-Cert-Subject",
    "X-Client-Cert-Issuer",
    "X-Client-Cert-Serial",
    "X-Client-Cert-Fingerprint",
    "X-Client-Cert-Not-After",
}
Start = Callable[..., Balancer]


@pytest.fixture
def origin(make_origin: MakeOrigin) -> Origin:
    return make_origin()


@pytest.fixture
def start(balance: Balance, authority: Authority, people: Authority, origin: Origin) -> Start:
    """Equalizer with a plain listener and one that asks for certificates."""

    def begin(**settings: Any) -> Balancer:
        tls = authority.issue("shop", "127.0.0.1") | {"clients": {"ca": str(people.file), **settings}}
        return balance(origin, listeners={"web-tls": {"address": "127.0.0.1:0", "tls": tls}})

    return begin


def ask(
    lb: Balancer, context: ssl.SSLContext, *fields: str, session: ssl.SSLSession | None = None
) -> Message:
    with Wire(shake(lb.service.address("web-tls"), context, session=session)) as client:
        client.send(get(*fields))
        return client.response()


def showing(authority: Authority, own: dict[str, str]) -> ssl.SSLContext:
    context = authority.trust()
    context.load_cert_chain(own["certificate"], own["key"])
    return context


def turned_away(lb: Balancer, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> bool:
    try:
        ask(lb, context, session=session)
    except (OSError, Ended):
        return True
    return False


def leaf(own: dict[str, str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(own["certificate"]).read_bytes())


def test_a_certificate_is_told_to_servers_in_named_fields(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    own = people.issue(
        "ann", "ann@shop.test", organization_name="Shop, Ltd\r\nX-Admin: yes", common_name="Änn"
    )
    lb = start(fields={"certificate": "Client-Cert"})
    assert ask(lb, showing(authority, own)).status == 200
    (request,) = origin.requests
    certificate = leaf(own)
    assert request.get("X-Client-Cert-Verified") == "yes"
    subject = request.get("X-Client-Cert-Subject") or ""
    assert subject.startswith("CN=\\C3\\84nn,")
    assert "O=Shop\\, Ltd\\0D\\0AX-Admin: yes" in subject
    assert request.get("X-Admin") is None
    assert "O=trustme" in (request.get("X-Client-Cert-Issuer") or "")
    assert int(request.get("X-Client-Cert-Serial") or "", 16) == certificate.serial_number
    assert request.get("X-Client-Cert-Fingerprint") == certificate.fingerprint(hashes.SHA256()).hex()
    until = datetime.fromisoformat(request.get("X-Client-Cert-Not-After") or "")
    assert until == certificate.not_valid_after_utc
    encoded = (request.get("Client-Cert") or "").strip(":")
    assert (
        x509.load_pem_x509_certificate(
            f"-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n".encode()
        )
        == certificate
    )


def test_the_chain_of_rfc_9440_cannot_be_made_up(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    lb = start(fields={"certificate": "Client-Cert"})
    context = showing(authority, people.issue("ann", "ann@shop.test"))
    with Wire(shake(lb.service.address("web-tls"), context)) as client:
        client.send(get("Client-Cert-Chain: :AAAA:", "client_cert_chain: :AAAA:"))
        assert client.response().status == 200
    assert not any("chain" in name.lower() for name, _ in origin.requests[0].fields)


def test_a_resumed_session_is_told_as_the_first(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    lb, context = start(), showing(authority, people.issue("ann", "ann@shop.test"))
    address = lb.service.address("web-tls")
    with Wire(shake(address, context)) as client:
        client.send(get())
        client.response()
        assert isinstance(client.sock, ssl.SSLSocket)
        session = client.sock.session
    with Wire(shake(address, context, session=session)) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.session_reused
        client.send(get())
        client.response()
    first, second = origin.requests
    assert [first.get(name) for name in TOLD] == [second.get(name) for name in TOLD]


def test_nobody_comes_in_without_a_good_certificate(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    lb = start()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert turned_away(lb, authority.trust())
    assert turned_away(lb, showing(authority, authority.issue("stranger", "eve@shop.test")))
    assert turned_away(lb, showing(authority, people.issue("old", "old@shop.test", not_after=yesterday)))
    assert origin.requests == []


def test_a_certificate_that_is_only_requested_may_be_absent_but_not_bad(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    lb = start(require=False)
    assert ask(lb, authority.trust()).status == 200
    assert ask(lb, showing(authority, people.issue("ann", "ann@shop.test"))).status == 200
    assert turned_away(lb, showing(authority, authority.issue("stranger", "eve@shop.test")))
    nobody, ann = origin.requests
    assert [name for name in TOLD if nobody.get(name)] == ["X-Client-Cert-Verified"]
    assert (nobody.get("X-Client-Cert-Verified"), ann.get("X-Client-Cert-Verified")) == ("no", "yes")


def test_a_client_may_vouch_for_itself_where_its_certificate_is_named(
    balance: Balance, authority: Authority, people: Authority, origin: Origin
) -> None:
    ann, eve, old = (
        people.vouch_for_itself(name, days=days) for name, days in [("ann", 1), ("eve", 1), ("old", -1)]
    )
    named = people.folder / "named.pem"
    named.write_text(Path(ann["certificate"]).read_text() + Path(old["certificate"]).read_text())
    tls = authority.issue("shop", "127.0.0.1") | {"clients": {"ca": str(named)}}
    lb = balance(origin, listeners={"web-tls": {"address": "127.0.0.1:0", "tls": tls}})
    assert ask(lb, showing(authority, ann)).status == 200
    assert turned_away(lb, showing(authority, eve))
    assert turned_away(lb, showing(authority, old))
    (request,) = origin.requests
    assert (request.get("X-Client-Cert-Subject"), request.get("X-Client-Cert-Verified")) == ("CN=ann", "yes")


def test_no_client_can_write_these_fields_behind_a_body(start: Start, origin: Origin) -> None:
    forged = "".join(f"{name.lower()}: forged\r\n" for name in sorted(TOLD)).encode()
    begins = get("Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n"
    ends = b"0\r\n" + forged + b"X-Other: kept\r\n\r\n"
    with start().client() as client:
        client.send(begins + ends)
        assert client.response().status == 200
        # What comes after the head has gone takes another way.
        client.send(begins)
        until(lambda: origin.connections[0].received.count(b"hello"), lambda count: count == 2)
        client.send(ends)
        assert client.response().status == 200
    assert [request.trailers for request in origin.requests] == [(("X-Other", "kept"),)] * 2


@pytest.mark.parametrize("disguise", [str, str.lower, str.upper, lambda name: name.replace("-", "_")])
@pytest.mark.parametrize("listener", ["web", "web-tls"])
def test_no_client_can_write_these_fields_on_any_listener(
    start: Start, authority: Authority, origin: Origin, disguise: Callable[[str], str], listener: str
) -> None:
    lb = start(require=False)
    forged = [f"{disguise(name)}: forged" for name in sorted(TOLD)]
    if listener == "web":
        assert lb.ask(get(*forged, "X-Other: kept")).status == 200
    else:
        assert ask(lb, authority.trust(), *forged, "X-Other: kept").status == 200
    (request,) = origin.requests
    assert b"forged" not in request.head
    assert request.get("X-Other") == "kept"


def test_a_name_may_be_another_and_none(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    lb = start(fields={"subject": "Remote-User", "serial": "", "issuer": ""})
    assert (
        ask(lb, showing(authority, people.issue("ann", "ann@shop.test")), "Remote-User: root").status == 200
    )
    (request,) = origin.requests
    assert "trustme" in (request.get("Remote-User") or "")
    assert request.get("X-Client-Cert-Serial") is None


def revoked(people: Authority, *certificates: x509.Certificate, days: int = 1) -> Path:
    """A revocation list that counts for so many days from now."""
    key = serialization.load_pem_private_key(people.signer.private_key_pem.bytes(), None)
    signer = x509.load_pem_x509_certificate(people.signer.cert_pem.bytes())
    now = datetime.now(UTC)
    until = now + timedelta(days=days)
    builder = x509.CertificateRevocationListBuilder(signer.subject, min(now, until), until)
    for certificate in certificates:
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, now).build()
        builder = builder.add_revoked_certificate(entry)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())  # type: ignore[arg-type]
    builder = builder.add_extension(identifier, critical=False)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    file = people.folder / "people.crl"
    signed = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_a_revoked_certificate_is_turned_away_from_the_reload_on(
    start: Start, authority: Authority, people: Authority
) -> None:
    ann, bob = people.issue("ann", "ann@shop.test"), people.issue("bob", "bob@shop.test")
    lb = start(crl=str(revoked(people, leaf(bob))))
    context = showing(authority, ann)
    with Wire(shake(lb.service.address("web-tls"), context)) as client:
        client.send(get())
        client.response()
        assert isinstance(client.sock, ssl.SSLSocket)
        session = client.sock.session
    assert turned_away(lb, showing(authority, bob))
    revoked(people, leaf(bob), leaf(ann))
    lb.service.reload(lb.config)
    assert turned_away(lb, context)
    # What was let in before is not let in again by its session.
    assert turned_away(lb, context, session)


def test_a_list_that_has_expired_still_counts_and_is_warned_of(
    start: Start, authority: Authority, people: Authority
) -> None:
    ann, bob = people.issue("ann", "ann@shop.test"), people.issue("bob", "bob@shop.test")

    def warned(notices: Sequence[str]) -> list[str]:
        return [each for each in notices if "revocation list" in each]

    file = revoked(people, leaf(bob), days=-1)
    lb = start(crl=str(file))
    (notice,) = warned(lb.service.notices())
    # Long paths are shown in part.
    assert notice.startswith(f'config: listeners.web-tls.tls.clients.crl: found "{str(file)[:60]}')
    told = x509.load_pem_x509_crl(file.read_bytes()).next_update_utc
    assert told
    assert f"that has expired ({told:%b} {told.day:>2} {told:%H:%M:%S %Y} +00:00)" in notice
    assert warned(lb.service.reload(lb.config).notices) == [notice]
    assert turned_away(lb, showing(authority, bob))
    assert not turned_away(lb, showing(authority, ann))
    revoked(people, leaf(bob))
    assert warned(lb.service.reload(lb.config).notices) == []


def test_curl_comes_in(start: Start, authority: Authority, people: Authority) -> None:
    own = people.issue("ann", "ann@shop.test")
    url = f"https://{start().service.address('web-tls')}/"
    command = ["curl", "-sS", "--cacert", str(authority.file), url, "-o", "/dev/null", "-w", "%{http_code}"]
    with_own = [*command, "--cert", own["certificate"], "--key", own["key"]]
    assert subprocess.run(with_own, capture_output=True, check=True).stdout == b"200"
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_every_request_on_a_connection_of_http2_tells_of_its_certificate(
    start: Start, authority: Authority, people: Authority, origin: Origin
) -> None:
    own = people.issue("ann", "ann@shop.test")
    url = f"https://{start().service.address('web-tls')}/"
    command = [
        "curl",
        "-sS",
        "--http2",
        "--cacert",
        str(authority.file),
        "-w",
        "%{http_version} %{num_connects} ",
    ]
    shown = ["--cert", own["certificate"], "--key", own["key"], "-H", "X-Client-Cert-Verified: no"]
    done = subprocess.run([*command, *shown, url, url], capture_output=True, check=True)
    assert done.stdout == b"hello2 1 hello2 0 "
    assert [request.get("x-client-cert-verified") for request in origin.requests] == ["yes", "yes"]


def test_what_is_no_authority_and_no_list_is_told(start: Start, people: Authority) -> None:
    wrong = people.folder / "wrong.pem"
    wrong.write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(ConfigError) as refused:
        start(ca=str(wrong), crl=str(people.file))
    problems = {problem.key: problem.message for problem in refused.value.problems}
    place = "listeners.web-tls.tls.clients"
    with pytest.raises(ConfigError) as refused:
        start(crl=str(wrong))
    (problem,) = refused.value.problems
    assert problem.key == f"{place}.crl"
    assert "which holds a revocation list that cannot be read; write the path of lists of" in problem.message
    assert 'which has no "-----BEGIN … CERTIFICATE-----"' in problems[f"{place}.ca"]
    assert 'which has no "-----BEGIN … X509 CRL-----"' in problems[f"{place}.crl"]
