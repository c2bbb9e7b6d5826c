"""What a formula would have made of a recorded history: lines of `equalizer status --json --watch`.

The history is what it was: another formula would have sent requests elsewhere, and servers would have done
otherwise. A replay shows what a formula does with what was seen, not what would have come of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from equalizer.policy.dynamic import Factors, Formula, Seen, step, weights


def replay(lines: Iterable[str], pool: str, formula: Formula) -> Iterator[Mapping[str, int]]:
    """The weights of a pool's servers, line by line.

    Raises ValueError, KeyError or TypeError for a line that is no status, KeyError for one without the pool.
    """
    factors: Factors = {}
    for line in lines:
        seen = _seen(json.loads(line), pool)
        factors = step(formula, seen, factors)
        yield weights({name: each.weight for name, each in seen.items()}, factors)


def _seen(status: Mapping[str, Any], pool: str) -> Mapping[str, Seen]:
    servers = {each["name"]: each["servers"] for each in status["pools"]}[pool]
    return {
        server["name"]: Seen(
            weight=server["weight"] if server["given"] is None else server["given"],
            response_time=server["response_time"],
            in_flight=server["in_flight"],
            agent=server["load"],
        )
        for server in servers
    }
