"""One number and an array go through the same formulas, by other functions."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.judges.sequential import elementwise, tally
from analysis.judges.sequential.counts import Counts
from analysis.judges.sequential.state import State
from analysis.judges.sequential.verdict import Terms, findings
from rollouts.api.judges import SequentialJudge

SPECS = st.builds(
    SequentialJudge,
    max_ratio=st.sampled_from([0.5, 1.0, 1.1, 3.0]),
    prove_ratio=st.sampled_from([0.8, 2.0]),
    max_error_rate=st.sampled_from([None, 1.0, 0.5, 0.01]),
    negligible_error_rate=st.sampled_from([0.0, 0.001, 0.2]),
    overdispersion=st.booleans(),
)
NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(-math.inf))


@st.composite
def looks(draw):
    """Counts of one look; often none or few, sometimes fractions."""
    requests = st.one_of(
        st.sampled_from([0, 1, 5]), st.integers(0, 10**9), st.integers(0, 10**4).map(lambda n: n / 4)
    )
    canary, reference = draw(requests), draw(requests)
    share = st.one_of(st.sampled_from([0, 1]), st.floats(0, 1))
    return canary, math.floor(canary * draw(share)), reference, math.floor(reference * draw(share))


def same(number, array):
    assert isinstance(number, float)
    assert isinstance(array, np.ndarray)
    assert array.shape == (1,)
    assert number == pytest.approx(float(array[0]), rel=1e-9, abs=1e-9)


@settings(max_examples=200)
@given(
    spec=SPECS,
    seen=st.lists(looks(), min_size=1, max_size=6),
    of_errors=st.booleans(),
    scale=st.sampled_from([1.0, 0.75]),
)
def test_one_metric_comes_to_what_it_comes_to_in_an_array_of_many(spec, seen, of_errors, scale):
    terms = Terms(spec, 0.05)
    one, many = tally.nothing(terms.effects), tally.nothing(terms.effects, (1,))
    for number, look in enumerate(seen):
        plain, arrays = Counts(*map(float, look)), Counts(*(np.array([float(each)]) for each in look))
        one = tally.add(terms.effects, one, plain, scale, of_errors)
        many = tally.add(terms.effects, many, arrays, scale, np.array([of_errors]))
        if number == 0:
            one, many = tally.begun(one, of_errors), tally.begun(many, np.array([of_errors]))
        assert one.points == pytest.approx(many.points[0], rel=1e-9, abs=1e-9)
        for name in ("totals", "gross", "dispersion"):
            for number_of_one, array in zip(getattr(one, name), getattr(many, name), strict=True):
                same(number_of_one, array)
        signals = ("errors",) if of_errors else ("0.5",)
        alone = findings(terms, State(signals, True, one))
        side_by_side = findings(terms, State(signals, np.array([True]), many))
        assert alone.harm == pytest.approx(float(side_by_side.harm), rel=1e-9, abs=1e-9)
        assert alone.proof == pytest.approx(float(side_by_side.proof), rel=1e-9, abs=1e-9)


@example(0.0, 0.0)
@example(-1.0, -1.0)
@example(-5.0, 1e300)
@given(NUMBERS, NUMBERS)
def test_whatever_the_numbers_are_there_is_an_answer_and_it_is_numpys_where_that_has_one(one, other):
    functions = {
        "log": [one],
        "log1p": [one],
        "sqrt": [one],
        "maximum": [one, other],
        "minimum": [one, other],
        "log_add": [one, other],
    }
    for name, arguments in functions.items():
        function = getattr(elementwise, name)
        answer = function(*arguments)
        with np.errstate(all="ignore"):
            expected = float(function(np.array(arguments[:1]), *arguments[1:])[0])
        assert isinstance(answer, float)
        assert math.isnan(expected) or answer == pytest.approx(expected, rel=1e-12, abs=1e-12), name
