"""What is known of servers that no file has: the process that follows goes on with it.

What people say has its times by the calendar; ejections and returns have theirs by the monotonic clock, which
all processes of a machine share.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from equalizer.control.states import Name, Standing, Standings
from equalizer.health.verdict import Verdict
from equalizer.policy.outliers import Conduct, Conducts, Out


@dataclass(frozen=True, slots=True)
class Remembered:
    """Nothing, where no process was before."""

    standings: Standings = field(default_factory=dict)
    conducts: Mapping[str, Conducts] = field(default_factory=dict)
    """By pool, without what was counted: the counters of another process begin anew."""
    returns: Mapping[Name, float | None] = field(default_factory=dict)
    """Who has taken anybody yet, and when each was back."""
    verdicts: Mapping[Name, Verdict] = field(default_factory=dict)
    """What probes say."""

    def said(self) -> Mapping[str, object]:
        """As JSON has it."""
        return {
            "standings": [[*name, *_terms(each)] for name, each in self.standings.items()],
            "conducts": [
                [pool, server, each.since, each.times, each.out and astuple(each.out)]
                for pool, conducts in self.conducts.items()
                for server, each in conducts.items()
            ],
            "returns": [[*name, since] for name, since in self.returns.items()],
            "verdicts": [[*name, *astuple(each)] for name, each in self.verdicts.items()],
        }

    @classmethod
    def heard(cls, said: Mapping[str, Any]) -> "Remembered":
        """As another process has said it; raises KeyError, TypeError or ValueError."""
        standings = {
            (pool, server): Standing(state, since, deadline, idle_first)
            for pool, server, state, since, deadline, idle_first in said["standings"]
        }
        conducts: dict[str, dict[str, Conduct]] = {}
        for pool, server, since, times, out in said["conducts"]:
            known = Conduct(since, times, out=None if out is None else Out(*out))
            conducts.setdefault(pool, {})[server] = known
        returns = {(pool, server): since for pool, server, since in said["returns"]}
        verdicts = {(pool, server): Verdict(*verdict) for pool, server, *verdict in said["verdicts"]}
        return cls(standings, conducts, returns, verdicts)


def _terms(standing: Standing) -> list[object]:
    return [standing.state, standing.since, standing.deadline, standing.idle_first]
