"""What scanners of TLS find weak: nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Balance, MakeOrigin
from support.authority import ECDSA, RSA, Authority
from support.origin import replying, response

try:
    from sslyze.mozilla_tls_profile import tls_config_checker as recommended
    from sslyze.scanner.models import ServerScanRequest, ServerScanResult
    from sslyze.scanner.scanner import Scanner
    from sslyze.server_setting import ServerNetworkLocation
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("sslyze is not installed", allow_module_level=True)

OURS = {"certificate_path_validation", "maximum_certificate_lifespan"}
"""What is said of the certificates of a test: of an authority that nobody knows, for a thousand years."""


def issues(found: ServerScanResult) -> dict[str, str]:
    """What is not as it is recommended for a server that anybody may come to."""
    profile = recommended.MozillaTlsConfiguration.get(recommended.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    try:
        recommended.check_server_against_tls_configuration(found, profile)
    except recommended.ServerNotCompliantWithTlsConfiguration as refused:
        return {name: issue for name, issue in refused.issues.items() if name not in OURS}
    return {}


@pytest.fixture
def listening(balance: Balance, make_origin: MakeOrigin, authority: Authority) -> str:
    """The address of a listener that has a certificate of each kind."""
    pairs = [authority.issue(kind.name, "127.0.0.1", key_type=kind) for kind in (ECDSA, RSA)]
    listener = {"address": "127.0.0.1:0", "tls": {"certificates": pairs}, "https": {"hsts": "365d"}}
    origin = make_origin(replying(lambda request: response(b"a page")))
    lb = balance(origin, listeners={"web-tls": listener})
    return lb.service.address("web-tls")


@pytest.mark.filterwarnings("default")  # the scanner's own
def test_sslyze_finds_nothing_weak(listening: str) -> None:
    host, _, port = listening.rpartition(":")
    scanner = Scanner()
    location = ServerNetworkLocation(hostname=host, port=int(port), ip_address=host)
    wanted = recommended.SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER
    scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=wanted)])
    (found,) = scanner.get_results()
    assert issues(found) == {}


OF_A_TEST = {
    "cert_chain_of_trust",
    "cert_revocation",
    "cert_validityPeriod",
    "DNS_CAArecord",
    "security_headers",
    "engine_problem",
}
"""The same by the names of another scanner, what it lacks, and what the page of a test does not ask."""


CUT = "check failed because of connect problem"
"""What the scanner says when its client of TLS left before the ticket came, which it does not wait for."""


def scanned(testssl: str, address: str, folder: Path) -> list[dict[str, str]]:
    """What the scanner tells of an address, once it has got through, in three tries at most."""
    findings = []
    for number in range(3):
        told = folder / f"{number}.json"
        command = [testssl, "--quiet", "--warnings", "off", "--jsonfile", str(told), address]
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=600, check=False)
        findings = json.loads(told.read_text())
        if not any(found["finding"] == CUT for found in findings):
            break
    return findings


@pytest.mark.timeout(1800)
def test_testssl_finds_nothing_weak(listening: str, tmp_path: Path) -> None:
    testssl = shutil.which("testssl") or shutil.which("testssl.sh")
    if testssl is None:
        assert "CI" not in os.environ, "testssl is missing"
        pytest.skip("testssl is not installed")
    findings = scanned(testssl, listening, tmp_path)
    assert any(found["id"] == "TLS1_3" and found["severity"] == "OK" for found in findings)
    fine = ("OK", "INFO")
    told_of = [found for found in findings if found["severity"] not in fine]
    weak = [found for found in told_of if found["id"].split()[0] not in OF_A_TEST]
    assert [(found["id"], found["finding"]) for found in weak] == []
