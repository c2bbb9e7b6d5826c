"""A listener has many certificates: the client's wish, and what it can verify, choose one."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from conftest import Balance
from equalizer.errors import ConfigError
from support.authority import ECDSA, RSA, Authority, names, shake
from support.balancer import Balancer
from support.process import running, write
from support.wire import LIMIT, Wire


def tls(*certificates: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A listener with these certificates."""
    return {"web-tls": {"address": "127.0.0.1:0", "tls": {"certificates": list(certificates), **more}}}


def address(lb: Balancer) -> str:
    return lb.service.address("web-tls")


def test_the_name_that_a_client_asks_for_chooses(balance: Balance, authority: Authority) -> None:
    listeners = tls(
        authority.issue("first", "first.test", "127.0.0.1"),
        authority.issue("shop", "shop.test", "www.shop.test"),
        authority.issue("wild", "*.shop.test"),
    )
    lb = balance({"web1": "127.0.0.1:9"}, listeners=listeners)

    def shown(name: str | None) -> set[str]:
        context = authority.trust()
        context.check_hostname = False
        with shake(address(lb), context, name) as sock:
            return names(sock)

    assert shown("shop.test") == shown("SHOP.test") == {"shop.test", "www.shop.test"}
    assert shown("www.shop.test") == {"shop.test", "www.shop.test"}  # exact before wildcard
    assert shown("api.shop.test") == {"*.shop.test"}
    # One label is free, no more and no less; and nobody's name gets the first.
    for name in ("a.b.shop.test", "elsewhere.test", None):
        assert shown(name) == {"first.test", "127.0.0.1"}


def test_a_default_may_be_named(balance: Balance, authority: Authority) -> None:
    other, default = authority.issue("a", "a.test"), authority.issue("b", "127.0.0.1")
    lb = balance({"web1": "127.0.0.1:9"}, listeners=tls(other, {**default, "default": True}))
    with shake(address(lb), authority.trust()) as sock:
        assert names(sock) == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["shop.test", "127.0.0.1"])
@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_rsa_and_ecdsa_stand_beside_each_other(
    balance: Balance, authority: Authority, name: str, version: str
) -> None:
    rsa = authority.issue("rsa", "shop.test", "127.0.0.1", key_type=RSA)
    ecdsa = authority.issue("ecdsa", "shop.test", "127.0.0.1", key_type=ECDSA)
    lb = balance({"web1": "127.0.0.1:9"}, listeners=tls(rsa, ecdsa))

    def shown(algorithms: str) -> str:
        asks = ["-noservername"] if name == "127.0.0.1" else ["-servername", name]
        command = ["openssl", "s_client", "-connect", address(lb), *asks, "-sigalgs", algorithms]
        done = subprocess.run(
            [*command, f"-tls{version}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            check=False,
        )
        return done.stdout.decode()

    assert "Peer signature type: RSA-PSS" in shown("RSA-PSS+SHA256:RSA+SHA256")
    assert "Peer signature type: ECDSA" in shown("ECDSA+SHA256")
    assert "Peer signature type: ECDSA" in shown("RSA-PSS+SHA256:ECDSA+SHA256")  # the cheaper one


def test_a_wildcard_helps_out_where_the_exact_name_cannot_be_verified(
    balance: Balance, authority: Authority
) -> None:
    rsa = authority.issue("rsa", "www.shop.test", key_type=RSA)
    ecdsa = authority.issue("ecdsa", "*.shop.test", key_type=ECDSA)
    lb = balance({"web1": "127.0.0.1:9"}, listeners=tls(rsa, ecdsa))

    def shown(suites: str) -> set[str]:
        context = authority.trust(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(suites)
        with shake(address(lb), context, "www.shop.test") as sock:
            return names(sock)

    assert shown("ECDHE+AESGCM") == {"www.shop.test"}
    assert shown("ECDHE-ECDSA-AES128-GCM-SHA256") == {"*.shop.test"}


def test_a_certificate_of_version_1_is_shown(balance: Balance, tmp_path: Path) -> None:
    key, request, certificate = (str(tmp_path / name) for name in ("old.key", "old.csr", "old.pem"))

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], capture_output=True, timeout=LIMIT, check=True)

    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=old.test")
    openssl("x509", "-req", "-in", request, "-signkey", key, "-out", certificate)
    if x509.load_pem_x509_certificate(Path(certificate).read_bytes()).version is not x509.Version.v1:
        pytest.skip("this openssl makes certificates of version 3 alone")
    lb = balance({"web1": "127.0.0.1:9"}, listeners=tls({"certificate": certificate, "key": key}))
    context = ssl._create_unverified_context()
    with shake(address(lb), context, "old.test") as sock:
        assert sock.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(Path(certificate).read_text())


def test_an_older_version_than_the_least_is_refused(balance: Balance, authority: Authority) -> None:
    listeners = tls(authority.issue("shop", "127.0.0.1"), min_version="1.3")
    lb = balance({"web1": "127.0.0.1:9"}, listeners=listeners)
    with shake(address(lb), authority.trust()) as sock:
        assert sock.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shake(address(lb), authority.trust(ssl.TLSVersion.TLSv1_2))


def test_a_reload_shows_another_certificate_and_drops_no_connection(
    balance: Balance, authority: Authority, shops: Any
) -> None:
    listeners = tls(authority.issue("shop", "127.0.0.1", "old.test"))
    lb = balance(shops, listeners=listeners)
    with Wire(shake(address(lb), authority.trust())) as before:
        authority.issue("shop", "127.0.0.1", "new.test")
        reloaded = lb.service.reload(lb.config)
        assert reloaded.changes == ("changed listeners.web-tls.tls: a certificate → another",)
        with shake(address(lb), authority.trust()) as after:
            assert names(after) == {"127.0.0.1", "new.test"}
        before.send(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        assert before.response().status == 200


def refused(balance: Balance, *certificates: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        balance({"web1": "127.0.0.1:9"}, listeners=tls(*certificates))
    return [f"{problem.key}: {problem.message}" for problem in refused.value.problems]


def test_all_that_is_wrong_with_certificates_is_told(
    balance: Balance, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(authority.folder)
    good = authority.issue("good", "good.test")
    bad = authority.folder / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked = authority.folder / "locked.key"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    authority.issue("other", "other.test")
    changes = ({"key": "other.key"}, {"certificate": "bad.pem"}, {"key": "locked.key"})
    place = "listeners.web-tls.tls.certificates"
    assert refused(balance, *({**good, **change} for change in changes)) == [
        f'{place}[0].key: found "other.key", which is not the key of its certificate; '
        "write the key that the certificate was made for",
        f'{place}[1].certificate: found "bad.pem", which holds no X.509 certificate; '
        "write the path of a PEM file",
        f'{place}[2].key: found "locked.key", which holds no private key that can be read without a '
        "password; write the path of a PEM file with a PKCS#8, PKCS#1 or SEC1 key",
    ]


def test_a_chain_that_begins_with_its_authority_is_told(balance: Balance, authority: Authority) -> None:
    own = authority.issue("shop", "shop.test")
    file = Path(own["certificate"])
    file.write_bytes(authority.file.read_bytes() + file.read_bytes())
    with pytest.raises(ConfigError) as refused:
        balance({"web1": "127.0.0.1:9"}, listeners=tls(own))
    (problem,) = refused.value.problems
    assert problem.key == "listeners.web-tls.tls.certificates[0].certificate"
    assert "which does not begin with the certificate of its key; write that first" in problem.message


def test_a_short_form_is_told_by_its_own_keys(balance: Balance, authority: Authority) -> None:
    one, other = authority.issue("one", "one.test"), authority.issue("other", "other.test")
    listeners = {"web-tls": {"address": "127.0.0.1:0", "tls": {**one, "key": other["key"]}}}
    with pytest.raises(ConfigError) as refused:
        balance({"web1": "127.0.0.1:9"}, listeners=listeners)
    assert [problem.key for problem in refused.value.problems] == ["listeners.web-tls.tls.key"]


def test_a_certificate_without_names_is_refused(balance: Balance, authority: Authority) -> None:
    nameless = authority.issue("nameless", "someone@shop.test")
    (found,) = refused(balance, nameless)
    assert "which names no host (no subjectAltName)" in found


def test_an_expired_certificate_is_served_with_a_warning(balance: Balance, authority: Authority) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    listeners = tls(authority.issue("old", "127.0.0.1", not_after=yesterday))
    lb = balance({"web1": "127.0.0.1:9"}, listeners=listeners)
    (notice, _) = lb.service.notices()
    assert "listeners.web-tls.tls.certificates[0].certificate: found" in notice
    assert "which has expired" in notice
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake(address(lb), authority.trust())


def test_a_private_key_is_in_no_message(balance: Balance, authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("shop", "shop.test")
    secret = Path(pair["key"]).read_text().splitlines()[1]
    broken = tmp_path / "broken.key"
    broken.write_text(f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n")
    (found,) = refused(balance, {**pair, "key": str(broken)})
    assert secret not in found


def test_a_renewed_certificate_is_taken_by_itself_where_the_files_are_watched(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue("shop", "old.test")
    secured = f"[listeners.web.tls]\ncertificate = '{pair['certificate']}'\nkey = '{pair['key']}'\n"
    watched = f"{secured}[control]\nwatch = true"
    file = write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"}, watched)
    with running(file) as balancer:
        authority.issue("shop", "new.test")
        assert balancer.log("reloaded: changed listeners.web.tls: a certificate → another")
        with shake(balancer.address, authority.trust(), "new.test") as sock:
            assert names(sock) == {"new.test"}
