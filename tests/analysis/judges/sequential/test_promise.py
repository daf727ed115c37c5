"""The promise of the sequential judge, by simulation with fixed seeds and by sums over all that can come.

Each limit is the promised rate with four standard errors of a simulation of RUNS runs.
"""

import math

import numpy as np
import pytest

from analysis.judges.sequential import evidence, gross, tally
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.effects import PROOF, effects
from tests.analysis.judges.sequential.runs import draw, ever

RUNS, LOOKS, ALPHA = 1500, 60, 0.05
LIMIT = ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def steady(_rng, _look):
    return 3000, 0.1, 0.01


def rare(_rng, _look):
    return 3000, 0.1, 0.0001


def few(_rng, _look):
    return 60, 0.1, 0.01


def often(_rng, _look):
    return 600, 0.2, 0.4


def weights_and_drift(_rng, look):
    """The weight goes up step by step, the traffic by half, and the errors of both versions fourfold."""
    return 600 * (1 + look / 120), (0.05, 0.1, 0.2, 0.4, 0.5, 0.6)[look // 10], 0.005 * 4 ** (look / 60)


def incidents(rng, look):
    """A dependency of both fails now and then, in each run at other times."""
    return 600, 0.1, np.where(rng.random(RUNS) < 0.1, 0.2, 0.01)


def weights_that_follow_the_errors(rng, look):
    """Whoever sets the weight sees the looks before; drawn anew here, which is as adversarial as it gets."""
    return 600, float(rng.choice([0.01, 0.1, 0.5, 0.9])), 0.02


WORLDS = [steady, rare, few, often, weights_and_drift, incidents, weights_that_follow_the_errors]


def looks(world, ratio, seed):
    rng = np.random.default_rng([seed, WORLDS.index(world)])
    for look in range(LOOKS):
        requests, share, rate = world(rng, look)
        yield draw(rng, RUNS, requests, share, rate, ratio=ratio)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_of_canaries_exactly_as_bad_as_acceptable_no_more_than_alpha_ever_fail(world, seed):
    # Without the guard, which only ever takes evidence away.
    failed, _ = ever(looks(world, 1.1, seed), ALPHA, overdispersion=False, max_error_rate=1)
    assert failed.mean() <= LIMIT


@pytest.mark.parametrize("world", WORLDS)
def test_of_canaries_exactly_twice_as_bad_no_more_than_alpha_are_ever_proven(world):
    limits = {"max_ratio": 1000, "max_error_rate": 1, "negligible_error_rate": 0}
    _, proven = ever(looks(world, 2.0, 1), ALPHA, overdispersion=False, **limits)
    assert proven.mean() <= LIMIT


def test_of_canaries_at_the_negligible_rate_and_worse_than_stable_no_more_than_alpha_are_ever_proven():
    def ten_times_as_bad():
        rng = np.random.default_rng(1)
        for _ in range(LOOKS):
            yield draw(rng, RUNS, 30_000, 0.1, 0.0001, ratio=10)

    limits = {"max_ratio": 1000, "max_error_rate": 1, "negligible_error_rate": 0.001}
    _, proven = ever(ten_times_as_bad(), ALPHA, overdispersion=False, **limits)
    assert 0 < proven.mean() <= LIMIT


def test_where_nothing_fails_the_canary_is_proven_good_by_that_alone():
    def flawless():
        rng = np.random.default_rng(8)
        for _ in range(LOOKS):
            yield draw(rng, 3, 3000, 0.1, 0.0, ratio=1)

    assert ever(flawless(), ALPHA)[1].all()
    assert not ever(flawless(), ALPHA, negligible_error_rate=0)[1].any()


@pytest.mark.parametrize("world", [steady, rare, few, weights_and_drift, incidents])
def test_of_healthy_canaries_no_more_than_one_in_fifty_ever_fails_at_the_defaults(world):
    failed, _ = ever(looks(world, 1.0, 3), ALPHA)
    assert failed.mean() <= 0.02


def test_a_smaller_alpha_keeps_its_promise_too():
    failed, _ = ever(looks(steady, 1.1, 4), 0.01, overdispersion=False)
    assert failed.mean() <= 0.01 + 4 * math.sqrt(0.01 * 0.99 / RUNS)


def test_of_canaries_whose_errors_come_in_clusters_no_more_than_alpha_ever_fail_thanks_to_the_guard():
    def clustered():
        rng = np.random.default_rng(5)
        for _ in range(LOOKS):
            yield draw(rng, RUNS, 3000, 0.1, 0.01, ratio=rng.gamma(4, 1 / 4, RUNS))

    assert ever(clustered(), ALPHA)[0].mean() <= 0.03
    assert ever(clustered(), ALPHA, overdispersion=False)[0].mean() > 0.03


def test_a_canary_at_its_limit_of_errors_fails_no_more_often_than_alpha():
    def both_down():
        rng = np.random.default_rng(6)
        for _ in range(LOOKS):
            yield draw(rng, RUNS, 40, 0.5, 0.5, ratio=1.0)

    assert ever(both_down(), ALPHA, max_error_rate=0.5)[0].mean() <= LIMIT


def weight(n, p):
    """The chance of 0 to n bad requests of n."""
    k = np.arange(n + 1)
    logs = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k])
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(k > 0, k * np.log(p), 0.0) + np.where(k < n, (n - k) * np.log1p(-p), 0.0)
    return np.exp(logs + parts)


@pytest.mark.parametrize("sizes", [(5, 5), (5, 45), (30, 10), (1, 1)])
@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3, 0.6, 0.9])
def test_no_bet_of_one_look_is_expected_to_win_where_its_hypothesis_holds(sizes, rate):
    canary_n, stable_n = sizes
    terms = effects(1.1, 2.0)
    canary, stable = (each.ravel() for each in np.meshgrid(range(canary_n + 1), range(stable_n + 1)))
    look = Counts(
        np.full(canary.shape, float(canary_n)),
        canary.astype(float),
        np.full(canary.shape, float(stable_n)),
        stable.astype(float),
    )
    seen = tally.add(terms, tally.nothing(terms, canary.shape), look)

    def expected(logs, canary_rate, stable_rate=rate):
        chances = weight(canary_n, canary_rate)[canary] * weight(stable_n, stable_rate)[stable]
        return float((chances * np.exp(logs)).sum())

    acceptable = min(1.1 * rate, 1.0)
    assert expected(seen.points[:, 0] - math.log(0.5), acceptable) <= 1 + 1e-6
    for place in range(len(gross.RATES)):
        assert expected(seen.gross[place], acceptable) <= 1 + 1e-6
        assert expected(seen.gross[place], rate / 2) <= 1 + 1e-6
    if 2 * rate <= 1:
        assert expected(seen.points[:, PROOF], 2 * rate) <= 1 + 1e-6
    own = gross.own_rate(0.5, look.canary_requests, look.canary_bad)
    assert expected(own, min(rate, 0.5)) <= 1 + 1e-6
    rarely = gross.rare(rate, look.canary_requests, look.canary_bad)
    assert expected(rarely, rate) <= 1 + 1e-6
    assert expected(rarely, min(2 * rate, 1.0)) <= 1 + 1e-6
    if 2 * rate <= 1:
        good = evidence.weigh(seen, 1.0, 2 * rate, guarded=True).good
        assert expected(good, 2 * rate) <= 1 + 1e-6
    if rate <= 0.5:
        at_once = evidence.weigh(seen, 0.5, 0.0, guarded=True).down
        assert expected(at_once, min(acceptable, 0.5)) <= 1 + 1e-6


def test_the_true_ratio_is_hardly_ever_outside_of_the_confidence_sequence():
    terms, outside = effects(1.1, 2.0), np.zeros(200, dtype=bool)
    rng = np.random.default_rng(7)
    seen = tally.nothing(terms, (200, 1))
    for _ in range(30):
        look = draw(rng, 200, 3000, 0.1, 0.01, ratio=1.4)
        seen = tally.add(terms, seen, Counts(*(np.asarray(each, dtype=float)[:, None] for each in look)))
        for run in range(200):
            bounds = evidence.bounds(terms, seen.points[run, 0], 1.0, 40)
            outside[run] |= (bounds.at_least or 0) > 1.4 or (bounds.at_most or 99) < 1.4
    assert outside.mean() <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 200)
