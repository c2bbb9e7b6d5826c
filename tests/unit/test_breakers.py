"""A breaker that opens or closes is told once."""

from equalizer.control.breakers import BreakerClosed, BreakerOpened, Breakers
from equalizer.snapshot.report import Report


def report(opened: int, closed: int) -> Report:
    told = {"state": "open", "opened": opened, "closed": closed, "of": 40, "failed": 20}
    return Report.model_validate({"pools": {"shop": {"breaker": told}, "other": {}}})


def test_each_change_is_told_once_and_both_where_both_came_between_two_looks() -> None:
    breakers = Breakers()
    assert list(breakers.news(report(0, 0))) == []
    assert list(breakers.news(report(1, 0))) == [BreakerOpened("shop", 20, 40)]
    assert list(breakers.news(report(1, 0))) == []
    assert list(breakers.news(report(1, 1))) == [BreakerClosed("shop")]
    assert list(breakers.news(report(3, 2))) == [BreakerOpened("shop", 20, 40), BreakerClosed("shop")]


def test_a_breaker_that_a_reload_made_anew_begins_with_nothing() -> None:
    breakers = Breakers()
    assert list(breakers.news(report(2, 2)))
    assert list(breakers.news(report(0, 0))) == []
    assert list(breakers.news(report(1, 0))) == [BreakerOpened("shop", 20, 40)]
