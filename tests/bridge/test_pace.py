"""The rate limit."""

from __future__ import annotations

from bridge.pace import Pace


def test_a_burst_goes_through_and_then_so_many_a_second():
    pace = Pace(burst=100, per_second=10)
    assert sum(pace.allows("a", 0.0) for _ in range(200)) == 100
    assert sum(pace.allows("a", 1.0) for _ in range(200)) == 10
    assert sum(pace.allows("a", 1_000.0) for _ in range(200)) == 100
    assert pace.allows("b", 1_000.0), "each has a bucket"


def test_slow_senders_are_never_held_up():
    pace = Pace(burst=1, per_second=10)
    assert all(pace.allows("a", step / 9) for step in range(1_000))


def test_it_does_not_grow():
    pace = Pace(burst=1, per_second=0, most_keys=10)
    for key in range(1_000):
        assert pace.allows(key, 0.0)
    assert not pace.allows(999, 0.0)
    assert pace.allows(0, 0.0), "forgotten"
