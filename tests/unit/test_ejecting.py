"""Ejecting: what the engine counts, as the rules of a pool see it."""

from equalizer.control.ejecting import Ejecting
from equalizer.policy.outliers import Rules
from equalizer.snapshot.report import PoolReport, Report, ServerReport

RULES = Rules(failures=0, share=0.5, slower=None, window=10, least=20, at_most=0.5, first=10, longest=60)
WEB1, WEB2 = ("shop", "web1"), ("shop", "web2")


def after(counted: ServerReport) -> Ejecting:
    """What is known when web2 has been found so, a second after the beginning."""
    ejecting = Ejecting({})
    ejecting.use({"shop": RULES}, [WEB1, WEB2], now=100)
    for now, report in ((101, ServerReport()), (102, counted)):
        pools = {"shop": PoolReport(servers={"web2": report})}
        ejecting.second(Report(pools=pools), lambda name: "serves", now)
    return ejecting


def test_an_answer_that_ends_before_its_body_is_one_attempt() -> None:
    cut = ServerReport(exchanges=20, failures=10, faults={"cut_short": 10})
    out = after(cut).out()[WEB2]
    assert out.why == "10 of the last 20 requests failed"


def test_an_answer_for_which_another_server_is_asked_is_an_attempt() -> None:
    well = ServerReport(exchanges=11, given_up=9, failures=9, errors=9)
    assert after(well).out() == {}
    bad = ServerReport(exchanges=10, given_up=10, failures=10, errors=10)
    assert after(bad).out()[WEB2].why == "10 of the last 20 requests failed"
