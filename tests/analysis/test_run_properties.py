"""What must never happen, whatever is measured and whenever one looks."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judgement import COMPLETED
from analysis.run import fault, plan
from tests.analysis.runs import at, run_of, step

_answers = st.sampled_from(
    [0.99, 0.5, 0.0, None, math.nan, [], "text", OSError("refused"), [0.99], {"a": 1}, True]
)
_conditions = st.sampled_from(["", "result >= 0.9", "result[0] >= 0.9", "true", "default(result, 1) == 1"])


@st.composite
def _metrics(draw, name):
    metric = {"name": name, "interval": draw(st.sampled_from(["1s", "7s"]))}
    count = draw(st.none() | st.integers(1, 4))
    if count is not None:
        metric["count"] = count
    metric["successCondition"] = draw(_conditions)
    metric["failureCondition"] = draw(st.sampled_from(["", "result < 0.6", "false"]))
    for limit in ("failureLimit", "inconclusiveLimit", "consecutiveErrorLimit"):
        if draw(st.booleans()):
            metric[limit] = draw(st.integers(0, count or 3))
    return metric


_runs = st.builds(
    lambda a, b, dry: run_of(a, b, **({"dryRun": [{"metricName": dry}]} if dry else {})),
    _metrics("a"),
    _metrics("b"),
    st.sampled_from(["", "a", "b"]),
)


@settings(max_examples=80, deadline=None)
@given(run=_runs, passes=st.lists(st.tuples(st.integers(1, 12), _answers, _answers), max_size=10))
def test_no_run_succeeds_on_metrics_that_were_never_good(run, passes):
    """A judged metric that says Successful was measured Successful at least once."""
    second = 0
    dry = {rule.metric_name for rule in run.spec.dry_run}
    for pause, a, b in passes:
        second += pause
        run, planned = step(run, second, {"a": a, "b": b})
        if planned.status.phase == "Successful":
            assert all(
                result.successful > 0 for result in planned.status.metric_results if result.name not in dry
            )


@settings(max_examples=80, deadline=None)
@given(run=_runs, passes=st.lists(st.tuples(st.integers(1, 12), _answers, _answers), max_size=10))
def test_what_is_over_stays_over_and_counts_never_fall(run, passes):
    second, before = 0, run.status
    for pause, a, b in passes:
        second += pause
        run, planned = step(run, second, {"a": a, "b": b})
        after = planned.status
        if before.phase in COMPLETED:
            assert after == before
        for old in before.metric_results:
            new = next(each for each in after.metric_results if each.name == old.name)
            assert old.phase not in COMPLETED or new.phase == old.phase
            assert all(
                getattr(new, field) >= getattr(old, field)
                for field in ("count", "successful", "failed", "inconclusive", "error")
            )
            assert new.count == new.successful + new.failed + new.inconclusive
        before = after


@settings(max_examples=80, deadline=None)
@given(
    run=_runs,
    passes=st.lists(st.tuples(st.integers(1, 12), _answers, _answers), max_size=6),
    later=st.integers(0, 30),
)
def test_planning_twice_gives_the_same_plan(run, passes, later):
    second = 0
    for pause, a, b in passes:
        second += pause
        run, _ = step(run, second, {"a": a, "b": b})
    assert plan(run, at(second + later)) == plan(run, at(second + later))


@settings(max_examples=60, deadline=None)
@given(run=_runs, wrong=st.sampled_from(["", "{{args.unknown}}", "result >="]), later=st.integers(0, 30))
def test_who_remembers_what_is_wrong_with_a_spec_plans_as_who_finds_it_out(run, wrong, later):
    first, *others = run.spec.metrics
    metrics = (first.model_copy(update={"success_condition": wrong or first.success_condition}), *others)
    run = run.model_copy(update={"spec": run.spec.model_copy(update={"metrics": metrics})})
    remembered = fault(run.spec)
    assert plan(run, at(later), remembered) == plan(run, at(later))
    assert bool(remembered) == bool(wrong)


@settings(max_examples=60, deadline=None)
@given(run=_runs, passes=st.lists(st.tuples(st.integers(1, 12), _answers, _answers), max_size=10))
def test_a_run_that_is_not_over_always_comes_back(run, passes):
    """No state waits for ever: there is a task, or a time to look again."""
    second = 0
    for pause, a, b in passes:
        second += pause
        run, planned = step(run, second, {"a": a, "b": b})
        assert planned.status.phase in COMPLETED or planned.requeue_after is not None
