from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstone.core.policy import Policy, exponential_backoff, make_delays, make_jitter


def test_exponential_backoff_doubles():
    assert exponential_backoff(10)(3) == [10, 20, 40]


def test_exponential_backoff_stops_at_fifty_delays():
    assert len(exponential_backoff(1)(80)) == 50


@pytest.mark.parametrize(
    ("asked", "delays"),
    [(None, ()), (3, (3.0,)), (0.5, (0.5,)), ([1, 2.5], (1.0, 2.5)), ((), ())],
)
def test_delays_may_be_a_number_or_numbers(asked, delays):
    assert make_delays(asked, 2) == delays


def test_a_function_of_the_retries_is_called_at_the_declaration():
    assert make_delays(lambda retries: [retries] * 2, 4) == (4.0, 4.0)


@pytest.mark.parametrize("wrong", ["x", object(), ["x"], True, b"12"])
def test_anything_else_is_an_invalid_delay(wrong):
    with pytest.raises(TypeError, match="Invalid `retry_delay_seconds`"):
        make_delays(wrong, 1)


def test_more_than_fifty_delays_are_refused():
    with pytest.raises(ValueError, match="Can not configure more than 50 retry delays per task"):
        make_delays(range(51), 51)


def test_a_negative_delay_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        make_delays([1, -2], 2)


def test_a_negative_jitter_is_refused():
    with pytest.raises(ValueError, match="`retry_jitter_factor` must be >= 0"):
        make_jitter(-0.1)


@given(st.floats(0, 5), st.floats(0, 1, exclude_max=True), st.floats(0.001, 1000))
def test_a_jittered_delay_is_at_most_the_delay_times_one_plus_the_factor(factor, drawn, delay):
    policy = Policy(retries=1, delays=(delay,), jitter=factor)
    assert 0 <= policy.delay(1, lambda: drawn) <= delay * (1 + factor) * (1 + 1e-9)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.0, 5.0])
def test_jitter_keeps_the_mean(factor):
    policy = Policy(retries=1, delays=(10.0,), jitter=factor)
    steps = 20_000
    delays = [policy.delay(1, lambda n=n: (n + 0.5) / steps) for n in range(steps)]
    assert statistics.mean(delays) == pytest.approx(10, rel=0.01)


def test_retries_are_counted_from_the_first_attempt():
    assert [Policy(retries=2).may_retry(attempt) for attempt in (1, 2, 3)] == [True, True, False]
