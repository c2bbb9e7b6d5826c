"""Returns: who is back that had been away, and who only begins."""

from equalizer.control.returns import Returns

WEB1, WEB2 = ("shop", "web1"), ("shop", "web2")


def test_a_server_is_back_from_when_it_takes_somebody_again() -> None:
    returns = Returns({})
    returns.use({WEB1, WEB2})
    returns.see(set(), 1)
    returns.see({WEB2}, 2)
    assert (returns.away, returns.back) == ({WEB2}, {})
    returns.see(set(), 3)
    returns.see(set(), 4)
    assert (returns.away, returns.back) == (set(), {WEB2: 3})
    returns.see({WEB2}, 5)
    assert returns.back == {}


def test_a_server_that_was_away_from_the_beginning_begins() -> None:
    returns = Returns({})
    returns.use({WEB1})
    returns.see({WEB1}, 1)
    returns.see(set(), 2)
    assert returns.back == {}
    returns.see({WEB1}, 3)
    returns.see(set(), 4)
    assert returns.back == {WEB1: 4}


def test_a_server_that_joins_begins_and_one_that_leaves_is_forgotten() -> None:
    returns = Returns({})
    returns.use({WEB1})
    returns.see({WEB1}, 1)
    returns.see(set(), 2)
    returns.see({WEB1}, 3)
    returns.see(set(), 4)
    returns.use({WEB2})
    returns.see({WEB2}, 5)
    returns.see(set(), 6)
    assert (returns.away, returns.back) == (set(), {})


def test_the_process_that_follows_goes_on() -> None:
    before = Returns({})
    before.use({WEB1, WEB2})
    before.see({WEB1}, 1)
    before.see({WEB2}, 2)  # so that web1 has begun, and web2 is away
    before.see({WEB1, WEB2}, 3)
    before.see({WEB2}, 4)
    after = Returns(before.known)
    web3 = ("shop", "web3")
    after.use({WEB1, WEB2, web3})
    after.see({WEB2, web3}, 5)
    assert after.back == {WEB1: 4}
    after.see(set(), 6)
    assert after.back == {WEB1: 4, WEB2: 6}
