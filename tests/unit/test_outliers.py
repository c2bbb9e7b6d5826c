"""Ejection: who is left alone, for how long, and how many at most."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from equalizer.policy import outliers
from equalizer.policy.outliers import Conduct, Conducts, Count, Place, Rules, Seen

RULES = Rules(failures=5, share=0.5, slower=3, window=10, least=20, at_most=0.5, first=10, longest=60)
WELL = (20, 0, 20.0)
"""Requests a second, failures among them, and milliseconds that each takes."""


class Pool:
    """Servers that go on doing what they are told, second by second."""

    def __init__(self, *names: str, rules: Rules = RULES) -> None:
        self.rules, self.now = rules, 1000.0
        self.does = dict.fromkeys(names, WELL)
        self.places: dict[str, Place] = dict.fromkeys(names, "serves")
        self.known: Conducts = {}
        self._counts = {name: Count(0, 0, 0, 0, 0) for name in names}

    def run(self, seconds: int) -> list[Sequence[str]]:
        """Who was out after each."""
        return [self.second() for _ in range(seconds)]

    def second(self) -> Sequence[str]:
        """Who is out after one more."""
        self.now += 1
        for name, (requests, failed, took) in self.does.items():
            known = self.known.get(name)
            if known and known.out and not known.out.keeps:
                continue
            before = self._counts[name]
            self._counts[name] = Count(
                self.now,
                before.attempts + requests,
                before.failed + failed,
                before.timed + requests // 2,
                before.micros + int(requests // 2 * took * 1000),
            )
        seen = {
            name: Seen(self.places[name], replace(count, at=self.now)) for name, count in self._counts.items()
        }
        self.known = outliers.second(self.rules, seen, self.known, self.now)
        return self.out()

    def out(self) -> Sequence[str]:
        return [name for name, each in self.known.items() if each.out]

    def why(self, name: str) -> str:
        out = self.known[name].out
        return out.why if out else ""


def test_who_fails_half_of_its_requests_is_out_within_two_seconds() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does["web2"] = (20, 10, 20.0)
    assert pool.run(2) == [[], ["web2"]]
    assert pool.why("web2") == "10 of the last 20 requests failed"


def test_nothing_is_concluded_from_few_requests_nor_from_few_failures() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does.update(web1=(1, 1, 20.0), web2=(20, 9, 20.0))
    assert pool.run(30) == [[]] * 30


def test_what_was_before_the_window_is_forgotten() -> None:
    pool = Pool("web1", "web2", "web3", rules=replace(RULES, share=0.9))
    pool.run(2)
    pool.does["web2"] = (20, 20, 20.0)
    found = pool.run(12)
    assert found.index(["web2"]) == 8
    assert pool.why("web2") == "180 of the last 200 requests failed"


def test_the_slow_keep_their_sessions_and_the_others_say_what_is_slow() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does["web3"] = (20, 0, 61.0)
    assert pool.run(2) == [[], ["web3"]]
    assert pool.why("web3") == "it answers in 61ms, the others in 20ms"
    assert all(each.out.keeps for each in pool.known.values() if each.out)


@pytest.mark.parametrize("times", [(0.1, 0.1, 9.0), (20.0, 20.0, 59.0), (300.0, 300.0, 300.0)])
def test_a_little_slower_is_not_slow_nor_are_all(times: Sequence[float]) -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does = {name: (20, 0, took) for name, took in zip(pool.does, times, strict=True)}
    assert pool.run(20) == [[]] * 20


def test_the_worst_go_first_and_enough_stay() -> None:
    pool = Pool("web1", "web2", "web3", "web4", "web5")
    pool.does = dict(zip(pool.does, [(20, failed, 20.0) for failed in (12, 20, 15, 18, 11)], strict=True))
    assert pool.run(2)[-1] == ["web2", "web4"]
    assert set(outliers.withheld(RULES, pool.known)) == {"web1", "web3", "web5"}


@pytest.mark.parametrize(
    ("names", "down", "aside", "most"),
    [
        (1, 0, 0, 0),
        (2, 0, 0, 1),
        (3, 0, 0, 1),
        (4, 0, 0, 2),
        (4, 1, 0, 1),
        (4, 2, 0, 0),
        (4, 0, 1, 1),
        (4, 0, 2, 1),
        (4, 0, 3, 0),
    ],
)
def test_so_many_may_be_out_with_those_that_are_down(names: int, down: int, aside: int, most: int) -> None:
    pool = Pool(*(f"web{number}" for number in range(names)))
    pool.does = dict.fromkeys(pool.does, (20, 20, 20.0))
    words: Sequence[Place] = ("down", "aside", "serves")
    numbers = (down, aside, names - down - aside)
    places = [word for word, number in zip(words, numbers, strict=True) for _ in range(number)]
    pool.places = dict(zip(pool.does, places, strict=True))
    assert len(pool.run(3)[-1]) == most


def spells(pool: Pool, server: str, seconds: int) -> list[int]:
    """How many seconds it was out, again and again."""
    was_out = [server in out for out in pool.run(seconds)]
    found = [0]
    for out in was_out:
        if out:
            found[-1] += 1
        elif found[-1]:
            found.append(0)
    return found[:-1]


def test_each_time_is_twice_as_long_up_to_the_longest() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does["web2"] = (20, 20, 20.0)
    assert spells(pool, "web2", 300) == [10, 20, 40, 60, 60, 60]


def test_good_time_is_rewarded_as_long_as_the_last_time_out_took() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does["web2"] = (20, 20, 20.0)
    spells(pool, "web2", 40)
    assert pool.known["web2"].times == 3
    pool.does["web2"] = WELL
    while pool.out():
        pool.second()
    times = [pool.run(1) and pool.known["web2"].times for _ in range(80)]
    assert [times.index(left) for left in (2, 1, 0)] == [39, 59, 69]


def test_a_server_that_is_back_is_judged_by_what_it_does_then() -> None:
    pool = Pool("web1", "web2", "web3")
    pool.does["web2"] = (20, 20, 20.0)
    pool.run(2)
    pool.does["web2"] = WELL
    assert pool.run(60)[10:] == [[]] * 50


def test_one_that_is_ejected_for_failing_in_a_row_stays_out_as_long() -> None:
    first = outliers.ejected(RULES, Conduct(0), "5 failures in a row", 100, keeps=False)
    assert first.out == outliers.Out(110, 10, "5 failures in a row", keeps=False)
    places: Mapping[str, Place] = {"web1": "serves", "web2": "serves"}
    assert not outliers.has_room(RULES, places, {"web1": first, "web2": Conduct(0)})
