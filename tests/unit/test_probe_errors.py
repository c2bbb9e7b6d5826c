"""Bad settings of a probe: told once each, with their place and with what to write."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("written", "write"),
    [
        ('"udp"', '"tcp", "http", "tls", "grpc" or "icmp", or a table such as { kind = "tcp" }'),
        ('"htttp"', '"http", or a table such as { kind = "http" }'),
        ('"avc"', 'a table such as { kind = "acv" }'),  # no word is enough for this one
        ("5", 'a table such as { kind = "tcp" }'),
    ],
)
def test_a_word_that_is_no_kind_is_told_with_those_that_are(tmp_path: Path, written: str, write: str) -> None:
    text = PROBED.replace('[pools.shop.probe]\nkind = "http"', f"[pools.shop]\nprobe = {written}")
    assert complaints(text, tmp_path) == [f"FILE:9: pools.shop.probe: found {written}; write {write}"]
