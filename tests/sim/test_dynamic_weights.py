"""Weights that follow how servers do, on servers that follow their load: they settle, and they recover."""

import random
from collections.abc import Mapping, Sequence

import pytest

from equalizer.policy.dynamic import LEAST, MOST, Factors, Formula, Responsiveness, Seen, step, weights

SPEEDS = {"slow": 100.0, "middle": 200.0, "fast": 400.0}
"""Requests a second that each could answer."""
FORMULAS = {
    "fastest_response": (1, 0, 0),
    "in_flight": (0, 1, 0),
    "server_agent": (0, 0, 1),
    "adaptive": (1, 1, 1),
}
RESPONSIVENESS: Sequence[Responsiveness] = ("slow", "medium", "fast")
SETTLED = {"slow": 150, "medium": 60, "fast": 30}
"""Seconds that each may take."""
EVERY = [(kind, responsiveness) for kind in FORMULAS for responsiveness in RESPONSIVENESS]


class Shop:
    """Servers with a queue each, seen through a crowd that comes by chance."""

    def __init__(self, kind: str, responsiveness: Responsiveness, rate: float, said: int = 100) -> None:
        self.formula = Formula(*FORMULAS[kind], responsiveness)
        self.rate = rate
        self.speeds = dict(SPEEDS)
        self.said = dict.fromkeys(SPEEDS, said)
        self.queued = dict.fromkeys(SPEEDS, 0.0)
        self.factors: Factors = {}
        self._chance = random.Random(f"{kind} {responsiveness} {rate}")

    def run(self, seconds: int) -> list[Mapping[str, int]]:
        """The weights of each second."""
        return [self._second() for _ in range(seconds)]

    def _second(self) -> Mapping[str, int]:
        now = weights(self.said, self.factors)
        seen = {name: self._seen(name, self.rate * now[name] / sum(now.values())) for name in now}
        self.factors = step(self.formula, seen, self.factors)
        return weights(self.said, self.factors)

    def _seen(self, name: str, arrivals: float) -> Seen:
        speed = self.speeds[name]
        self.queued[name] = max(0.0, self.queued[name] + arrivals - speed)
        busy = min(arrivals / speed, 0.98)
        seconds = 1 / (speed * (1 - busy)) + self.queued[name] / speed
        return Seen(
            weight=self.said[name],
            response_time=seconds * self._noise(),
            in_flight=round(arrivals * seconds * self._noise()),
            agent=min(100.0, 100 * busy * self._noise()),
        )

    def _noise(self) -> float:
        return self._chance.lognormvariate(0, 0.1)


def band(history: Sequence[Mapping[str, int]], name: str) -> tuple[int, int]:
    found = [each[name] for each in history]
    return min(found), max(found)


@pytest.mark.parametrize("rate", [100, 350, 500])
@pytest.mark.parametrize(("kind", "responsiveness"), EVERY)
def test_weights_settle_on_servers_of_speeds_1_2_and_4(
    kind: str, responsiveness: Responsiveness, rate: float
) -> None:
    shop = Shop(kind, responsiveness, rate)
    shop.run(SETTLED[responsiveness])
    settled = shop.run(300)
    means = {name: sum(each[name] for each in settled) / 300 for name in SPEEDS}
    assert means["slow"] < means["middle"] <= means["fast"] + 1
    assert means["slow"] < 97 < means["fast"]
    for name in SPEEDS:
        least, most = band(settled, name)
        assert most - least <= 30, (name, least, most)
        # Noise moves them, and nothing else does: two halves of the time have the same mean.
        halves = [sum(each[name] for each in half) / 150 for half in (settled[:150], settled[150:])]
        assert abs(halves[0] - halves[1]) < 5, (name, halves)


@pytest.mark.parametrize(("kind", "responsiveness"), EVERY)
def test_a_server_that_becomes_ten_times_slower_is_spared_until_it_recovers(
    kind: str, responsiveness: Responsiveness
) -> None:
    shop = Shop(kind, responsiveness, 140)
    time = SETTLED[responsiveness]
    before = shop.run(time)[-1]["fast"]
    shop.speeds["fast"] /= 10
    slowed = shop.run(time)[-1]["fast"]
    assert slowed <= 80
    assert slowed <= before - 20
    shop.speeds["fast"] *= 10
    shop.queued["fast"] = 0.0
    assert abs(shop.run(2 * time)[-1]["fast"] - before) <= 15


@pytest.mark.parametrize(("kind", "responsiveness"), EVERY)
def test_a_weight_stays_between_half_and_one_and_a_half_times_what_people_said(
    kind: str, responsiveness: Responsiveness
) -> None:
    shop = Shop(kind, responsiveness, 600, said=200)
    shop.speeds["slow"] = 1.0
    for each in shop.run(200):
        assert all(200 * LEAST <= weight <= 200 * MOST for weight in each.values())


def test_small_and_odd_weights_keep_to_the_bounds_as_well() -> None:
    for said in range(1, 257):
        for factor in (LEAST, 0.9, 1.0, MOST):
            assert said * LEAST <= weights({"web1": said}, {"web1": factor})["web1"] <= said * MOST


def test_nobody_comes_to_weight_0_and_nobody_leaves_it() -> None:
    seen = {"web1": Seen(1, 9.0, 50, 100), "web2": Seen(100, 0.1, 1, 0), "web3": Seen(0, 0.1, 0, 0)}
    factors: Factors = {}
    for _ in range(100):
        factors = step(Formula(1, 1, 1, "fast"), seen, factors)
    assert weights({"web1": 1, "web2": 100, "web3": 0}, factors) == {"web1": 1, "web2": 150, "web3": 0}


def test_a_server_of_which_nothing_is_known_keeps_its_weight() -> None:
    quiet = {"web1": Seen(100, None, 0, None), "web2": Seen(100, 0.5, 0, None)}
    factors = step(Formula(1, 0, 0), quiet, {"web1": 0.7, "web2": 1.2})
    assert factors["web1"] == 0.7
    assert step(Formula(0, 0, 1), quiet, {"web1": 0.7, "web2": 1.2}) == {"web1": 0.7, "web2": 1.2}


def test_an_agent_that_says_it_is_unavailable_is_as_good_as_overloaded() -> None:
    formula = Formula(0, 0, 1)
    said = [{"web1": Seen(100, None, 0, word), "web2": Seen(100, None, 0, 10)} for word in (-1, 100)]
    assert step(formula, said[0], {}) == step(formula, said[1], {})
