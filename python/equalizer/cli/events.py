"""`equalizer events`: what has happened, and what happens."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from equalizer.cli.words import Which, clock
from equalizer.control.answers import Happened

_WAIT = 5  # seconds, after which it is asked again


def events(which: Which, *, follow: bool, as_json: bool) -> None:
    """Print them, the oldest first; with `follow` until interrupted."""
    remote = which.remote()
    found = remote.events()
    while True:
        for event in found.events:
            text = json.dumps(asdict(event), ensure_ascii=False) if as_json else "\n".join(lines(event))
            print(text, flush=True)
        if not follow:
            return
        found = remote.events(found.last, _WAIT)


def lines(event: Happened) -> Iterator[str]:
    """As a person reads it."""
    yield f"{clock(event.at)}  {event.level:<7}  {event.text}"
    for more in event.more:
        yield f"{'':>{len(clock(event.at))}}  {'':<7}  {more}"
