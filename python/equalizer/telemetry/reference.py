"""The catalogue of metrics as a page to read."""

from equalizer.telemetry.catalogue import CATALOGUE


def page() -> str:
    """The reference page, in Markdown."""
    rows = [
        f"| `{metric.name}` | {metric.type} | {metric.unit} | "
        f"{', '.join(f'`{label}`' for label in metric.labels) or '—'} | {metric.help} |"
        for metric in CATALOGUE
    ]
    return "\n".join(
        [
            "# Every metric",
            "",
            "`equalizer metrics` prints them with their values, `equalizer metrics --catalogue` this page.",
            "How to read them: [Logs and metrics](../guide/logs-and-metrics.md).",
            "",
            "| name | type | counts | labels | meaning |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )
