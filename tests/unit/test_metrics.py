"""The catalogue of metrics: well named, written down once, and printed as Prometheus reads it."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from equalizer.snapshot.report import HANDSHAKES, LOST, Report
from equalizer.telemetry.catalogue import CATALOGUE
from equalizer.telemetry.exposition import text
from equalizer.telemetry.readings import Spread
from equalizer.telemetry.reference import page

ROOT = Path(__file__).parents[2]
# https://prometheus.io/docs/practices/naming/: base units only, and no type in a name.
FOREIGN = {
    "ms",
    "us",
    "milliseconds",
    "minutes",
    "hours",
    "kilobytes",
    "kib",
    "mib",
    "percent",
    "gauge",
    "counter",
}


def test_the_reference_page_is_the_catalogue() -> None:
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text() == page() + "\n"


def test_names_are_as_prometheus_wants_them() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    for metric in CATALOGUE:
        assert re.fullmatch(r"equalizer(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name
        assert not FOREIGN & set(metric.name.split("_")), metric.name
        assert metric.help.endswith("."), metric.name
        assert metric.help[0].isupper() or metric.help[0].isdigit(), metric.name
        assert all(re.fullmatch("[a-z]+", label) for label in metric.labels), metric.name


def test_an_engine_that_did_nothing_still_tells_what_may_be_lost() -> None:
    found = list(text_string_to_metric_families(text(Report.model_validate({"pools": {"shop": {}}}))))
    (lost,) = [family for family in found if family.name == "equalizer_sessions_lost"]
    assert {sample.labels["reason"]: sample.value for sample in lost.samples} == dict.fromkeys(LOST, 0)


def test_open_websockets_are_told_by_server() -> None:
    report = {"pools": {"shop": {"servers": {"web1": {"tunnels": 3}, "web2": {}}}}}
    found = text_string_to_metric_families(text(Report.model_validate(report)))
    (tunnels,) = [family for family in found if family.name == "equalizer_tunnels"]
    assert {sample.labels["server"]: sample.value for sample in tunnels.samples} == {"web1": 3, "web2": 0}


def test_the_lost_are_those_of_the_engine() -> None:
    told = re.findall(
        r"^\| `(\w+)` \|.*\| yes \|$", (ROOT / "docs/guide/reasons.md").read_text(), re.MULTILINE
    )
    assert list(LOST) == told


def test_a_listener_with_tls_tells_from_zero_on_how_handshakes_fail() -> None:
    report = Report.model_validate({"handshakes": {"web-tls": {"late": 2}}})
    found = text_string_to_metric_families(text(report))
    (failed,) = [family for family in found if family.name == "equalizer_tls_handshakes_failed"]
    assert {sample.labels["listener"] for sample in failed.samples} == {"web-tls"}
    counts = {sample.labels["reason"]: sample.value for sample in failed.samples}
    assert counts == {**dict.fromkeys(HANDSHAKES, 0), "late": 2}


def test_what_is_printed_reads_as_what_was_counted() -> None:
    server = {
        "exchanges": 12_345_678,
        "times": {500: 3, 1000: 1, 20_000: 4, 9_000_000: 2},
        "micros": 18_100_000,
    }
    report = Report.model_validate({"pools": {"shop": {"servers": {"web1": server, "web2": {}}}}})
    printed = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text(report))
        for sample in family.samples
    }
    assert printed["equalizer_exchanges_total", "shop", "web1"] == 12_345_678
    times = "equalizer_server_response_seconds"
    below = {"0.001": 4, "0.005": 4, "0.025": 8, "5.0": 8, "+Inf": 10}
    assert {bound: printed[f"{times}_bucket", *sorted(("shop", "web1", bound))] for bound in below} == below
    assert printed[f"{times}_count", "shop", "web1"] == 10
    assert printed[f"{times}_sum", "shop", "web1"] == 18.1
    assert printed[f"{times}_bucket", *sorted(("shop", "web2", "+Inf"))] == 0
    for metric in CATALOGUE:
        for labels, value in metric.read(report):
            if not isinstance(value, Spread):
                assert printed[metric.name, *sorted(labels)] == value
