"""What a process tells the one that follows of its servers."""

import json

from equalizer.control.ejecting import Ejecting
from equalizer.control.remembered import Remembered
from equalizer.control.states import Standing
from equalizer.policy.outliers import Conduct, Count, Out, Rules

RULES = Rules(failures=5, share=None, slower=None, window=10, least=20, at_most=0.5, first=10, longest=60)
OUT = Out(until=120.5, seconds=20.0, why="5 failures in a row", keeps=False)


def heard(said: Remembered) -> Remembered:
    """By the other process."""
    return Remembered.heard(json.loads(json.dumps(said.said())))


def test_all_of_it_is_heard_as_it_was_said() -> None:
    draining = Standing("draining", since=1.5, deadline=99.0, idle_first=None)
    conducts = {"shop": {"web1": Conduct(100.5), "web2": Conduct(90.5, times=2, out=OUT)}}
    returns = {("shop", "web1"): None, ("shop", "web2"): 80.5}
    said = Remembered({("shop", "web3"): draining}, conducts, returns)
    assert heard(said) == said
    assert heard(Remembered()) == Remembered()


def test_who_is_ejected_stays_so_and_what_was_counted_is_forgotten() -> None:
    known = {"web1": Conduct(80, times=1, counts=[Count(99, 20, 9, 0, 0)]), "web2": Conduct(90, 2, (), OUT)}
    before = Ejecting({"shop": known, "other": {"web1": Conduct(90, 1, (), OUT)}})
    after = Ejecting(heard(Remembered(conducts=before.conducts())).conducts)
    # A pool that ejects nobody any more, and a server that is new, have nothing to remember.
    after.use({"shop": RULES}, [("shop", name) for name in ("web1", "web2", "web3")], now=110)
    assert after.out() == {("shop", "web2"): OUT}
    assert after.conducts()["shop"] == {"web1": Conduct(80, 1), "web2": known["web2"], "web3": Conduct(110)}
