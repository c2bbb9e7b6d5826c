"""What is lost is told at once, and then once a minute."""

from equalizer.control.losses import (
    Defect,
    LinesDropped,
    Losses,
    NoHandshake,
    OverBudget,
    RateLimited,
    SessionsLost,
    Unchosen,
    WorkersRestarted,
)
from equalizer.snapshot.report import Report


def report(dropped: int = 0, **lost: int) -> Report:
    return Report.model_validate({"pools": {"shop": {"lost": lost}}, "access_log": {"dropped": dropped}})


def test_each_pool_and_reason_is_told_at_once_and_then_once_a_minute_with_what_came_since() -> None:
    losses = Losses()
    assert list(losses.news(report(), 0)) == []
    assert list(losses.news(report(home_down=3), 1)) == [SessionsLost("shop", "home_down", 3)]
    assert list(losses.news(report(home_down=9), 60.9)) == []
    assert list(losses.news(report(home_down=9, home_removed=1), 60.9)) == [
        SessionsLost("shop", "home_removed", 1)
    ]
    assert list(losses.news(report(home_down=10, home_removed=1), 61)) == [
        SessionsLost("shop", "home_down", 7)
    ]
    assert list(losses.news(report(home_down=10, home_removed=1), 1000)) == []


def test_births_that_a_balance_in_python_did_not_choose_for_are_told_too() -> None:
    losses = Losses()

    def choices(**counts: int) -> Report:
        return Report.model_validate({"pools": {"shop": {"choices": counts}}})

    assert list(losses.news(choices(chosen=9, left=4), 0)) == []
    assert list(losses.news(choices(chosen=9, late=3), 1)) == [Unchosen("shop", "no answer in time", 3)]
    assert list(losses.news(choices(late=30), 60)) == []
    assert list(losses.news(choices(late=30), 61)) == [Unchosen("shop", "no answer in time", 27)]


def test_lines_that_nobody_took_are_told_too() -> None:
    losses = Losses()
    assert list(losses.news(report(dropped=5), 0)) == [LinesDropped(5)]
    assert list(losses.news(report(dropped=7), 59)) == []
    assert list(losses.news(report(dropped=7), 60)) == [LinesDropped(2)]


def test_a_defect_is_told_by_its_place_and_not_for_every_connection_that_it_costs() -> None:
    losses = Losses()
    place = "proxy/src/exchange.rs:7:5"
    first = Report.model_validate({"panics": {place: 1}, "restarts": 1})
    assert list(losses.news(first, 0)) == [Defect(place, 1), WorkersRestarted(1)]
    later = Report.model_validate({"panics": {place: 1000, "h2-0.4.5/src/lib.rs:1:1": 1}, "restarts": 1})
    assert list(losses.news(later, 1)) == [Defect("h2-0.4.5/src/lib.rs:1:1", 1)]
    assert list(losses.news(later, 60)) == [Defect(place, 999)]


def test_a_rate_that_refuses_is_told_by_its_name_and_not_for_every_request() -> None:
    losses = Losses()

    def rates(**refused: int) -> Report:
        limits = {name: {"refused": count} for name, count in refused.items()}
        return Report.model_validate({"pools": {"shop": {"rates": limits}}})

    assert list(losses.news(rates(client=0, login=2), 0)) == [RateLimited("shop", "login", 2)]
    assert list(losses.news(rates(client=1, login=50), 1)) == [RateLimited("shop", "client", 1)]
    assert list(losses.news(rates(client=1, login=52), 60)) == [RateLimited("shop", "login", 50)]


def test_a_budget_that_is_used_up_is_told() -> None:
    losses = Losses()

    def retries(**counts: int) -> Report:
        return Report.model_validate({"pools": {"shop": {"retries": counts}}})

    assert list(losses.news(retries(made=7, over_budget=0), 0)) == []
    assert list(losses.news(retries(made=9, over_budget=4), 1)) == [OverBudget("shop", 4)]


def test_why_there_is_no_agreement_on_tls_is_told_once_a_minute_and_when_that_changes() -> None:
    losses = Losses()

    def report(why: str, **faults: int) -> Report:
        server = {"handshake": why, "faults": faults}
        return Report.model_validate({"pools": {"shop": {"servers": {"web1": server}}}})

    def told(why: str, now: float, **faults: int) -> list[str]:
        return [each.why for each in losses.news(report(why, **faults), now) if isinstance(each, NoHandshake)]

    assert told("", 0) == []
    assert told("expired", 1, untrusted=1) == ["its certificate has expired"]
    assert told("expired", 2, untrusted=9) == []
    assert told("not_tls", 3, untrusted=9, tls=1) == ["it speaks no TLS"]
    assert told("expired", 61, untrusted=10, tls=1) == ["its certificate has expired"]
    assert told("expired", 122, untrusted=10, tls=1) == []  # nobody has tried again
    assert told("", 200, untrusted=20, tls=1) == []
    assert told("a word of tomorrow", 201, untrusted=21, tls=1) == ["a word of tomorrow"]
