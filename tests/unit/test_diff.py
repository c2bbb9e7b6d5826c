"""What a reload says is different."""

from collections.abc import Mapping

import pytest

from equalizer.config.diff import diff
from equalizer.model.config import Config

SERVERS = {"web1": "127.0.0.1:9001", "web2": "127.0.0.1:9002"}


def config(servers: Mapping[str, object] = SERVERS, **other: object) -> Config:
    return Config.model_validate(
        {"listeners": {"web": {"address": ":8080"}}, "pools": {"shop": {"servers": servers}}, **other}
    )


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (config({**SERVERS, "web3": "127.0.0.1:9003"}), ["added pools.shop.servers.web3"]),
        (config({"web1": "127.0.0.1:9001"}), ["removed pools.shop.servers.web2"]),
        (
            config({**SERVERS, "web2": "127.0.0.1:9009"}),
            ['changed pools.shop.servers.web2.address: "127.0.0.1:9002" → "127.0.0.1:9009"'],
        ),
        (
            config({**SERVERS, "web2": {"address": "127.0.0.1:9002", "weight": 0}}),
            ["changed pools.shop.servers.web2.weight: 100 → 0"],
        ),
        (
            config(listeners={"tls": {"address": ":8443"}}),
            ["removed listeners.web", "added listeners.tls"],
        ),
        (
            config(pools={"shop": {"persistence": "none", "servers": SERVERS}}),
            ['changed pools.shop.persistence: 1 of them → "none"'],
        ),
        (
            config(pools={"shop": {"persistence": {"kind": "cookie", "name": "BASKET"}, "servers": SERVERS}}),
            ['changed pools.shop.persistence[0].name: "EQ" → "BASKET"'],
        ),
        (config(timeouts={"head": "3s"}), ['changed timeouts.head: "10s" → "3s"']),
        (config(keys={"file": "eq.keys"}), ['changed keys.file: nothing → "eq.keys"']),
    ],
)
def test_every_change_is_told_by_its_key(after: Config, told: list[str]) -> None:
    assert [str(change) for change in diff(config(), after)] == told


def test_what_means_the_same_is_no_difference() -> None:
    reordered = {"web2": {"address": "127.0.0.1:9002", "weight": 100}, "web1": "127.0.0.1:9001"}
    same = config(reordered, timeouts={"head": "10000ms"}, listeners={"web": {"address": "0.0.0.0:8080"}})
    assert diff(config(), same) == ()
