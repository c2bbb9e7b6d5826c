"""The engine inside Python: `equalizer.serve`."""

import socket
from pathlib import Path

import pytest

import equalizer

SHOP = {"shop": {"servers": {"web1": "127.0.0.1:9"}}}


def test_a_dict_a_model_and_a_file_are_served_alike(tmp_path: Path) -> None:
    written = {"listeners": {"web": {"address": "127.0.0.1:0"}}, "pools": SHOP}
    file = tmp_path / "equalizer.toml"
    file.write_text("[listeners.web]\naddress = '127.0.0.1:0'\n[pools.shop.servers]\nweb1 = '127.0.0.1:9'\n")
    for config in (written, equalizer.Config.model_validate(written), file, str(file)):
        with equalizer.serve(config) as lb:
            host, _, port = lb.address("web").rpartition(":")
            assert int(port) > 0
            assert lb.url() == f"http://{host}:{port}"
            socket.create_connection((host, int(port)), timeout=5).close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, int(port)), timeout=5)


def test_a_wildcard_address_is_reached_by_loopback() -> None:
    with equalizer.serve({"listeners": {"web": {"address": ":0"}}, "pools": SHOP}) as lb:
        assert lb.address("web").startswith("0.0.0.0:")
        assert lb.url("web").startswith("http://127.0.0.1:")


def test_a_wrong_listener_name_is_told() -> None:
    listeners = {"web": {"address": "127.0.0.1:0"}, "api": {"address": "127.0.0.1:0"}}
    with equalizer.serve({"listeners": listeners, "pools": SHOP}) as lb:
        for name in (None, "wbe"):
            with pytest.raises(equalizer.EqualizerError, match="write web or api"):
                lb.address(name)


def test_a_failure_leaves_nothing_behind() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listeners = {
            "web": {"address": "127.0.0.1:0"},
            "api": {"address": f"127.0.0.1:{taken.getsockname()[1]}"},
        }
        with pytest.raises(equalizer.ListenError, match="write another port"):
            equalizer.serve({"listeners": listeners, "pools": SHOP})


def test_a_stop_may_be_asked_for_twice() -> None:
    lb = equalizer.serve({"listeners": {"web": {"address": "127.0.0.1:0"}}, "pools": SHOP})
    assert lb.drain()
    lb.stop()
    lb.stop()
