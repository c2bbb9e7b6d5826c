"""The engine inside Python: `equalizer.serve`."""

import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import equalizer
from conftest import Balance, MakeOrigin
from equalizer.config.load import load
from equalizer.control.reconcile import reconcile
from equalizer.control.ring import Ring
from equalizer.engine import native
from equalizer.snapshot import wire
from support.balancer import get

LIMIT = 20  # seconds
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


@pytest.mark.parametrize("written", [None, 7, b"equalizer.toml", ["equalizer.toml"]])
def test_what_is_no_configuration_is_told(written: Any) -> None:
    with pytest.raises(equalizer.ConfigError) as refused:
        equalizer.serve(written)
    write = "write the path of a TOML file, a dict of its shape, or a Config"
    assert str(refused.value) == f"config: found {written!r}; {write}"


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


def test_an_embedded_engine_is_asked_and_changed_like_any_other() -> None:
    written = {"listeners": {"web": {"address": "127.0.0.1:0"}}, "pools": SHOP}
    with equalizer.serve(written) as lb:
        change = lb.set_state("shop", "web1", "draining", idle_first=timedelta(minutes=5))
        assert (change.before, change.state, change.idle_first) == ("up", "draining", 300)
        assert lb.status().pools[0].servers[0].state == "draining"
        with pytest.raises(equalizer.RequestError, match="write web1"):
            lb.set_state("shop", "web2", "draining")
        with pytest.raises(equalizer.RequestError, match="for draining only"):
            lb.set_state("shop", "web1", "maintenance", deadline=timedelta(minutes=5))
        shop = {"shop": {"servers": {**SHOP["shop"]["servers"], "web2": "127.0.0.1:10"}}}
        more = {**written, "pools": shop, "engine": {"workers": 7}, "control": {"socket": "eq.sock"}}
        done = lb.reload(more)
        assert "added pools.shop.servers.web2" in done.changes
        assert [notice.partition(" ")[0] for notice in done.notices] == ["engine.workers", "control.socket"]
        assert lb.set_state("shop", "web2", "maintenance").before == "up"


def test_the_engine_refuses_the_state_of_a_server_that_is_not_there() -> None:
    loaded = load({"listeners": {"web": {"address": "127.0.0.1:0"}}, "pools": SHOP})
    engine = native.start(workers=1)
    state = wire.ServerState(pool="shop", server="web1", state="draining", deadline=1 << 40, idle_first=1)
    try:
        reconcile(loaded, engine, 1, Ring())
        engine.set_states([state])
        for wrong in ({"server": "web9"}, {"pool": "shp"}):
            with pytest.raises(equalizer.EngineError, match="there is no server"):
                engine.set_states([state, state.model_copy(update=wrong)])
    finally:
        engine.stop()


def test_a_child_of_a_fork_ends_and_harms_nobody(
    make_origin: MakeOrigin, balance: Balance, tmp_path: Path
) -> None:
    """It has none of the threads: what waited for them would wait for ever."""
    lb = balance({"web1": make_origin()}, access_log={"to": str(tmp_path / "access.log")})
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT)
        none_left = lb.service.drain()
        lb.service.stop()
        os._exit(0 if none_left else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert lb.ask(get()).status == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lb: lb.set_state("shop", "web1", "down"), "found the state down; write up or draining or"),
        (lambda lb: lb.set_state("shop", "web1", 3), "found the state 3"),
        (
            lambda lb: lb.set_state("shop", "web1", "draining", deadline=timedelta(0)),
            'found deadline "0:00:00"; write a time from 1s to 720h',
        ),
        (
            lambda lb: lb.set_state("shop", "web1", "draining", idle_first=timedelta(days=31)),
            "found idle_first",
        ),
        (lambda lb: lb.set_weight("shop", "web1", 1.5), "found the weight 1.5; write a whole number"),
        (lambda lb: lb.set_weight("shop", "web1", True), "found the weight True"),
        (lambda lb: lb.set_weight("shop", "web1", "5"), "found the weight 5"),
    ],
)
def test_a_wrong_word_is_refused_and_changes_nothing(
    change: Callable[[equalizer.Service], object], said: str
) -> None:
    with equalizer.serve({"listeners": {"web": {"address": "127.0.0.1:0"}}, "pools": SHOP}) as lb:
        with pytest.raises(equalizer.RequestError, match=said):
            change(lb)
        assert lb.events().events == ()
        assert lb.set_state("shop", "web1", "maintenance").before == "up"
