"""Bad settings of a probe: told once each, with their place and with what to write."""

from pathlib import Path

from support.complaints import complaints

PROBED = """
[listeners.web]
address = "127.0.0.1:8080"

[pools.shop.servers]
web1 = "127.0.0.1:9001"

[pools.shop.probe]
kind = "http"
"""


def test_a_wrong_key_in_the_tls_of_a_probe_is_one_problem(tmp_path: Path) -> None:
    text = PROBED + "tls = { nam = 'a' }\n"
    assert complaints(text, tmp_path) == [
        "FILE:10: pools.shop.probe.tls.nam: found a key that is not known here; write name"
    ]
    text = PROBED + "tls = 'on'\n"
    assert complaints(text, tmp_path) == [
        'FILE:10: pools.shop.probe.tls: found "on"; '
        'write "pool", "off" or a table such as { name = "shop.internal" }'
    ]
