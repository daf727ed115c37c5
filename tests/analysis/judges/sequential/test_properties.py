"""What must never happen, whatever comes."""

import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judges.sequential import evidence, stakes, state, tally
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.effects import GRID, OTHERS, PROOF, effects
from analysis.judges.sequential.judge import judge
from rollouts.api.judges import SequentialJudge
from tests.analysis.judges.sequential.looks import counts, judged, minute

NASTY = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from([0, 1, 1e15, 1e16, -0.0, 5e-324, True, None, "1", "", [], {}]),
)
ARM = st.fixed_dictionaries(
    {},
    optional={
        "requests": NASTY,
        "errors": NASTY,
        "buckets": st.dictionaries(
            st.one_of(st.sampled_from(["0.1", "1", "+Inf", "NaN", "-1", "x"]), st.text(max_size=3)), NASTY
        ),
    },
)
SHAPED = st.dictionaries(st.sampled_from(["canary", "stable", "baseline", "x"]), st.one_of(ARM, NASTY))
ANY_JSON = st.recursive(NASTY, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner))
VALUES = st.one_of(st.text(), st.builds(json.dumps, st.one_of(SHAPED, ANY_JSON)))


@st.composite
def good_looks(draw):
    """Counts that a provider may well send, from none to a billion requests."""
    requests = st.integers(1, 10**9)
    canary, stable = draw(requests), draw(requests)
    return counts(
        (canary, draw(st.integers(0, canary))),
        (stable, draw(st.integers(0, stable))),
    )


@settings(max_examples=400)
@given(value=VALUES, memory=st.one_of(st.text(), st.builds(json.dumps, ANY_JSON)))
def test_whatever_the_value_and_the_memory_are_there_is_a_verdict(value, memory):
    after, verdict = judge(SequentialJudge(), 0.05, memory, value, minute(1))
    assert verdict.outcome in {"failed", "proven", "undecided"}
    assert bool(after) == (verdict.evidence is not None)


MEMORY = json.loads(judged(counts((300, 9), (2700, 27)), counts((300, 5), (2700, 30)))[0])


@settings(max_examples=300)
@given(st.data())
def test_a_memory_that_a_hand_has_been_at_is_read_or_dropped(data):
    key = data.draw(st.sampled_from([*MEMORY]))
    broken = json.dumps({**MEMORY, key: data.draw(ANY_JSON)})
    after, verdict = judge(
        SequentialJudge(), 0.05, broken, json.dumps(counts((30, 1), (270, 3))), minute(10**6)
    )
    assert verdict.outcome in {"failed", "proven", "undecided"}
    assert all(math.isfinite(number) for row in json.loads(after)["signals"].values() for number in row)


@settings(max_examples=300)
@given(
    places=st.lists(st.integers(0, len(MEMORY["signals"]["errors"]) - 1), max_size=4),
    numbers=st.lists(
        st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 10**18), st.booleans()),
        min_size=4,
        max_size=4,
    ),
    spec=st.sampled_from([{}, {"overdispersion": False}, {"max_error_rate": 1.0}]),
)
def test_whatever_numbers_a_hand_puts_into_a_memory_there_is_a_verdict_in_numbers(places, numbers, spec):
    row = [*MEMORY["signals"]["errors"]]
    for place, number in zip(places, numbers, strict=False):
        row[place] = number
    broken = json.dumps({**MEMORY, "signals": {"errors": row}})
    for value in (counts((30, 1), (270, 3)), counts((0, 0), (1, 1))):
        after, verdict = judge(SequentialJudge(**spec), 0.05, broken, json.dumps(value), minute(10**6))
        assert verdict.evidence is None or math.isfinite(verdict.evidence.harm + verdict.evidence.proof)
        assert "null" not in after


@settings(max_examples=100)
@given(st.lists(good_looks(), min_size=1, max_size=6))
def test_what_is_remembered_is_read_back_as_it_was(looks):
    memory, _ = judged(*looks)
    terms = effects(1.1, 2.0)
    assert state.write(terms, state.read(terms, memory)) == memory
    again, _ = judged(looks[-1], memory=judged(*looks[:-1])[0] if looks[:-1] else "", start=len(looks) - 1)
    assert again == memory


@settings(max_examples=100)
@given(st.lists(good_looks(), min_size=1, max_size=4), good_looks())
def test_one_more_error_of_the_canary_never_speaks_for_it(before, last):
    arm = last["canary"]
    if arm["errors"] == arm["requests"]:
        arm["requests"] += 1
    memory, _ = judged(*before, overdispersion=False)
    worse = {**last, "canary": {**arm, "errors": arm["errors"] + 1}}
    found = [
        judged(look, memory=memory, start=len(before), overdispersion=False)[1].evidence
        for look in (last, worse)
    ]
    assert found[1].harm >= found[0].harm
    assert found[1].proof <= found[0].proof


@settings(max_examples=100)
@given(st.lists(good_looks(), min_size=1, max_size=5))
def test_the_guard_only_ever_takes_evidence_away(looks):
    guarded, free = judged(*looks)[1].evidence, judged(*looks, overdispersion=False)[1].evidence
    assert guarded.harm <= free.harm * (1 + 1e-9)
    assert guarded.proof <= max(free.proof, 1.0) * (1 + 1e-9)


@settings(max_examples=100)
@given(
    canary=st.tuples(st.integers(1, 10**6), st.integers(0, 10**3), st.integers(0, 10**3)),
    stable=st.tuples(st.integers(1, 10**6), st.integers(0, 10**3), st.integers(0, 10**3)),
)
def test_two_looks_with_the_same_share_say_what_one_look_with_all_of_it_says(canary, stable):
    def seen(*looks):
        terms = effects(1.1, 2.0)
        total = tally.nothing(terms, (1,))
        for look in looks:
            total = tally.add(terms, total, Counts(*(np.array([float(each)]) for each in look)))
        return total

    (m, a, b), (n, c, d) = canary, stable
    apart = seen((m, a, n, c), (m, b, n, d))
    together = seen((2 * m, a + b, 2 * n, c + d))
    for place in (GRID, PROOF):
        assert np.allclose(apart.points[..., place], together.points[..., place], rtol=1e-9, atol=1e-5)
    assert evidence.bounds(effects(1.1, 2.0), apart.points[0], 1.0, 20) == evidence.bounds(
        effects(1.1, 2.0), together.points[0], 1.0, 20
    )


@given(
    st.lists(st.lists(st.floats(-300, 300), min_size=5, max_size=5), min_size=2, max_size=8),
    st.data(),
)
def test_moving_stakes_between_edges_neither_wins_nor_loses(rows, data):
    possible = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    before = np.array(rows)
    after = stakes.gathered(before, possible)
    assert np.isclose(np.logaddexp.reduce(before, axis=None), np.logaddexp.reduce(after, axis=None))


@given(stakes_of=st.lists(st.floats(-300, 300), min_size=5, max_size=5), information=st.floats(0, 100))
def test_moving_stakes_between_effects_neither_wins_nor_loses(stakes_of, information):
    before = np.array([stakes_of])
    after = stakes.moved(before, np.array([information]), np.array([0.7]))
    assert np.isclose(np.logaddexp.reduce(before, axis=None), np.logaddexp.reduce(after, axis=None))


@settings(max_examples=200)
@given(
    st.lists(good_looks(), min_size=1, max_size=5), st.sampled_from([1.0, 1.7]), st.sampled_from([20, 1000])
)
def test_the_bounds_are_the_first_ratios_on_either_side_that_are_rejected(looks, divisor, threshold):
    terms = effects(1.1, 2.0)
    points = state.read(terms, judged(*looks)[0]).tally.points
    grid = points[GRID]

    def is_rejected(place, towards):
        others = [(place + towards * steps, weight) for steps, weight in OTHERS.items()]
        bets = [math.log(weight) + grid[at] - grid[place] for at, weight in others if 0 <= at < len(grid)]
        return bool(bets) and np.logaddexp.reduce(bets) >= divisor * math.log(threshold)

    best = int(np.argmax(grid))
    low = next((place for place in range(best, -1, -1) if is_rejected(place, 1)), None)
    high = next((place for place in range(best, len(grid)) if is_rejected(place, -1)), None)
    found = evidence.bounds(terms, points, divisor, threshold)
    assert found.at_least == (None if low is None else terms.grid[low])
    assert found.at_most == (None if high is None else terms.grid[high])
