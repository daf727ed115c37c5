"""What an analysis would have decided in the past."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.backtest import Point, together, trials
from rollouts.api.analysis import AnalysisRunSpec, Metric
from rollouts.api.judges import Judge, SequentialJudge
from rollouts.api.providers import MetricProvider, PrometheusArm, PrometheusArms, PrometheusMetric

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SOMEWHERE = MetricProvider(prometheus=PrometheusMetric(address="http://prometheus", query="up"))
THRESHOLD = Metric(
    name="errors", interval="1m", count=5, provider=SOMEWHERE, success_condition="result[0] < 0.02"
)
ARM = PrometheusArm(requests="requests", errors="errors")
COUNTED = MetricProvider(
    prometheus=PrometheusMetric(address="http://prometheus", arms=PrometheusArms(canary=ARM, stable=ARM))
)
SEQUENTIAL = Metric(
    name="errors",
    interval="1m",
    count=20,
    provider=COUNTED,
    judge=Judge(sequential=SequentialJudge(undecided="success")),
)


def minute(number):
    return START + timedelta(minutes=number)


def recorded(*values, first=0):
    return {"errors": [Point(minute(first + n), json.dumps(value)) for n, value in enumerate(values)]}


def counts(canary, stable=9):
    return {"canary": {"requests": 100, "errors": canary}, "stable": {"requests": 900, "errors": stable}}


def tried(metric, recording, starts=(START,), longest=timedelta(hours=1)):
    return list(trials(AnalysisRunSpec(metrics=(metric,)), recording, starts, longest))


def test_a_run_over_good_values_is_successful_when_its_count_is_reached():
    (trial,) = tried(THRESHOLD, recorded(*[[0.01]] * 10))
    assert (trial.phase, trial.ended, trial.reason) == ("Successful", minute(4), "")


def test_a_run_fails_at_the_bad_value_and_says_which():
    (trial,) = tried(THRESHOLD, recorded([0.01], [0.01], [0.03], [0.01], [0.01]))
    assert (trial.phase, trial.ended, trial.metric) == ("Failed", minute(2), "errors")
    assert "0.03" in trial.reason


def test_each_start_has_a_verdict_of_its_own():
    recording = recorded(*[[0.01]] * 10, [0.5], *[[0.01]] * 20)
    found = tried(THRESHOLD, recording, starts=[minute(n) for n in (0, 8, 12)])
    assert [trial.phase for trial in found] == ["Successful", "Failed", "Successful"]


def test_a_gap_in_the_past_is_no_data_and_never_success():
    recording = {"errors": [Point(minute(0), "[0.01]"), Point(minute(30), "[0.01]")]}
    (trial,) = tried(THRESHOLD, recording, starts=[minute(10)])
    assert trial.phase == "Error"


def test_a_run_that_the_recording_ends_before_is_left_as_it_is():
    (trial,) = tried(THRESHOLD, recorded([0.01], [0.01]))
    assert (trial.phase, trial.ended) == ("Running", None)


def test_the_sequential_judge_fails_twice_the_errors_and_bears_an_incident_that_both_share():
    incident = [counts(1)] * 5 + [counts(20, stable=180)] * 3 + [counts(1)] * 40
    worse = [counts(5)] * 40
    assert tried(SEQUENTIAL, recorded(*incident))[0].phase == "Successful"
    (trial,) = tried(SEQUENTIAL, recorded(*worse))
    assert trial.phase == "Failed"
    assert "of stable: at least " in trial.reason


def test_counts_recorded_more_often_than_looked_at_are_added_up_and_none_is_left_out():
    often = {
        "errors": [
            Point(
                START + timedelta(seconds=15 * n),
                json.dumps(
                    {"canary": {"requests": 25, "errors": 1}, "stable": {"requests": 225, "errors": 2}}
                ),
            )
            for n in range(1, 200)
        ]
    }
    rarely = recorded(
        *[{"canary": {"requests": 100, "errors": 4}, "stable": {"requests": 900, "errors": 8}}] * 45
    )
    (fine,), (coarse,) = tried(SEQUENTIAL, often), tried(SEQUENTIAL, rarely)
    assert (fine.phase, fine.ended, fine.reason) == (coarse.phase, coarse.ended, coarse.reason)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20))
def test_the_sum_of_looks_is_the_look_at_all_of_it(errors):
    values = [json.dumps(counts(each)) for each in errors]
    total = json.loads(together(values))
    assert total["canary"] == {"requests": 100 * len(errors), "errors": sum(errors)}


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(st.text(max_size=8), st.sampled_from(["null", "[]", "NaN", '{"canary":1}', "[1e999]"])),
        max_size=12,
    ),
    st.sampled_from([THRESHOLD, SEQUENTIAL]),
)
def test_whatever_was_recorded_a_run_over_it_is_no_success_without_data(values, metric):
    recording = {"errors": [Point(minute(n), value) for n, value in enumerate(values)]}
    (trial,) = tried(metric, recording)
    assert trial.phase != "Successful"
