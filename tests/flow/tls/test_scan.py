"""What a scanner of TLS finds weak: nothing."""

import os

import pytest

from conftest import Balance
from support.authority import ECDSA, RSA, Authority

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


@pytest.mark.filterwarnings("default")  # the scanner's own
def test_a_scan_finds_nothing_weak(balance: Balance, authority: Authority) -> None:
    pairs = [authority.issue(kind.name, "127.0.0.1", key_type=kind) for kind in (ECDSA, RSA)]
    listener = {"address": "127.0.0.1:0", "tls": {"certificates": pairs}}
    lb = balance({"web1": "127.0.0.1:9"}, listeners={"web-tls": listener})
    host, _, port = lb.service.address("web-tls").rpartition(":")
    scanner = Scanner()
    location = ServerNetworkLocation(hostname=host, port=int(port), ip_address=host)
    wanted = recommended.SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER
    scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=wanted)])
    (found,) = scanner.get_results()
    assert issues(found) == {}
