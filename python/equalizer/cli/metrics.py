"""`equalizer metrics`: what is counted, in the text format of Prometheus."""

from equalizer.cli.words import Which


def metrics(which: Which) -> None:
    """Print them."""
    print(which.remote().metrics().text, end="")


def catalogue() -> None:
    """Print what each of them means, as a page."""
    from equalizer.telemetry import reference

    print(reference.page())
