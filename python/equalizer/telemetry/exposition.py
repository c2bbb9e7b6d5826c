"""The metrics in the text format of Prometheus.

It is written here and not by the library, which judges each name of each line: with 2,000 servers that took
most of a second, in the process whose other threads watch over these servers.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import inf

from prometheus_client.utils import floatToGoString

from equalizer.snapshot.report import Report
from equalizer.telemetry.catalogue import CATALOGUE, Metric
from equalizer.telemetry.readings import Spread


def text(report: Report) -> str:
    """What a scrape is answered."""
    return "".join(line for metric in CATALOGUE for line in _lines(metric, report))


def _lines(metric: Metric, report: Report) -> Iterator[str]:
    name, labels = metric.name, metric.labels
    yield f"# HELP {name} {metric.help}\n# TYPE {name} {metric.type}\n"
    line = _template(name, labels)
    bucket = _template(f"{name}_bucket", (*labels, "le"))
    count, total = _template(f"{name}_count", labels), _template(f"{name}_sum", labels)
    for values, value in metric.read(report):
        if isinstance(value, Spread):
            for bound, below in value.buckets:
                yield bucket(*values, _bound(bound), _number(below))
            yield count(*values, _number(value.buckets[-1][1]))
            yield total(*values, _number(value.sum))
        else:
            yield line(*values, _number(value))


def _template(name: str, labels: Sequence[str]) -> Callable[..., str]:
    """Makes a line of the values of its labels and its own; labels stand in the order of their names.

    The values are names and words of ours, which have nothing to be escaped.
    """
    pairs = ",".join(
        f'{label}="{{{place}}}"' for label, place in sorted(zip(labels, range(len(labels)), strict=True))
    )
    value = f"{{{len(labels)}}}"
    return (f"{name}{{{{{pairs}}}}} {value}\n" if pairs else f"{name} {value}\n").format


@lru_cache(1024)
def _number(value: float) -> str:
    """As Go writes it; most are 0 or 1."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


@lru_cache(64)
def _bound(bound: float) -> str:
    return "+Inf" if bound == inf else str(bound)
