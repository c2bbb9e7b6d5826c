"""`equalizer metrics` tells what a running Equalizer counts, and its log tells what was lost."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from equalizer.telemetry.catalogue import CATALOGUE
from equalizer.telemetry.reference import page
from support.balancer import get
from support.process import Named, run, running, write
from support.wire import connect

Start = Callable[[str], Named]
MORE = """
[pools.shop.balance]
kind = "round_robin"
[[pools.shop.persistence]]
kind = "cookie"
[[pools.shop.persistence]]
kind = "address"
[pools.shop.probe]
kind = "tcp"
[pools.shop.breaker]
share = "50%"
[pools.shop.rates]
client = "1000/s"
"""


def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    done = run("metrics")
    assert (done.returncode, done.stderr) == (0, "")
    families = text_string_to_metric_families(done.stdout)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return samples()[name, frozenset(labels.items())]


def test_every_metric_of_the_catalogue_is_told_by_a_real_engine(tmp_path: Path, start: Start) -> None:
    web1, web2 = start("one"), start("two")
    file = write(tmp_path / "eq.toml", {"web1": web1.address, "web2": web2.address}, MORE)
    with running(file) as balancer:
        name, cookie = balancer.get()
        assert balancer.get(cookie)[0] == name
        home = {"one": "web1", "two": "web2"}[name]
        address = f"{balancer.client.host}:{balancer.client.port}"
        with connect(address) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.response().status == 400
        {"web1": web1, "web2": web2}[home].server_close()
        assert run("maintenance", f"shop/{home}").returncode == 0
        with connect(address) as client:
            client.send(get(f"Cookie: {cookie}"))
            assert client.response().status == 200
        assert "1 by home_maintenance" in balancer.log("sessions lost in pool shop")
        found = samples()
        told = {name.removesuffix("_bucket") for name, _ in found}
        # A fault that nobody met has no series, no choice that nobody was asked for, nor who asks no agent,
        # nor a listener without TLS.
        silent = {
            "equalizer_server_faults_total",
            "equalizer_choices_total",
            "equalizer_server_agent_load",
            "equalizer_tls_handshakes_failed_total",
        }
        assert {metric.name for metric in CATALOGUE} - told <= silent
        assert value("equalizer_exchange_reasons_total", pool="shop", reason="recalled") == 1
        assert value("equalizer_sessions_lost_total", pool="shop", reason="home_maintenance") == 1
        assert value("equalizer_sessions_lost_total", pool="shop", reason="home_down") == 0
        assert value("equalizer_server_state", pool="shop", server=home, state="maintenance") == 1
        assert value("equalizer_answers_total", status="400") == 1
        assert value("equalizer_records", pool="shop", record="address") == 1
        assert value("equalizer_config_revision") == 1
        assert value("equalizer_server_response_seconds_count", pool="shop", server=home) == 2
        assert value("equalizer_server_response_seconds_bucket", pool="shop", server=home, le="+Inf") == 2
        assert 0 < value("equalizer_server_response_seconds_sum", pool="shop", server=home) < 60


def test_the_catalogue_is_printed_without_a_running_equalizer() -> None:
    done = run("metrics", "--catalogue")
    assert (done.returncode, done.stdout) == (0, page() + "\n")
