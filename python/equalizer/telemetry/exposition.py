"""The metrics in the text format of Prometheus."""

from collections.abc import Iterator
from math import inf
from typing import TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from equalizer.snapshot.report import Report
from equalizer.telemetry.catalogue import CATALOGUE
from equalizer.telemetry.readings import Reading, Spread

_Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def text(report: Report) -> str:
    """What a scrape is answered."""
    registry = CollectorRegistry()
    registry.register(_Reported(report))
    return generate_latest(registry).decode()


class _Reported(Collector):
    """One report, as the library takes metrics."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        for metric in CATALOGUE:
            family: _Family
            match metric.type:
                case "counter":
                    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
                case "gauge":
                    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                case "histogram":
                    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for reading in metric.read(self._report):
                _add(family, reading)
            yield family


def _add(family: _Family, reading: Reading) -> None:
    labels, value = reading
    if isinstance(value, Spread):
        assert isinstance(family, HistogramMetricFamily)  # noqa: S101 - the catalogue is ours
        buckets = [("+Inf" if bound == inf else str(bound), count) for bound, count in value.buckets]
        family.add_metric(labels, buckets, value.sum)
    else:
        assert not isinstance(family, HistogramMetricFamily)  # noqa: S101
        family.add_metric(labels, value)
