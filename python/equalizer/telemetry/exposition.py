"""The metrics in the text format of Prometheus."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from equalizer.snapshot.report import Report
from equalizer.telemetry.catalogue import CATALOGUE


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
            family: CounterMetricFamily | GaugeMetricFamily
            if metric.type == "counter":
                family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            else:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in metric.read(self._report):
                family.add_metric(labels, value)
            yield family
