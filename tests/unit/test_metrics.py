"""The catalogue of metrics: well named, written down once, and printed as Prometheus reads it."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from equalizer.snapshot.report import LOST, Report
from equalizer.telemetry.catalogue import CATALOGUE
from equalizer.telemetry.exposition import text
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


def test_the_lost_are_those_of_the_engine() -> None:
    told = re.findall(
        r"^\| `(\w+)` \|.*\| yes \|$", (ROOT / "docs/guide/reasons.md").read_text(), re.MULTILINE
    )
    assert list(LOST) == told
