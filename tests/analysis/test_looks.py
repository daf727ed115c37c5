"""What a look comes to before and after its judge: which looks count, and what is remembered of them."""

import json
from datetime import timedelta

import pytest

from analysis.judging import alpha
from analysis.looks import conclude
from analysis.run import plan, record, resolved
from analysis.values import encode
from rollouts.api.analysis import Measurement, Milestones
from tests.analysis.runs import T0, at, run_of, step

SEQUENTIAL = {"name": "m", "interval": "1m", "warmUp": "0s", "judge": {"sequential": {}}}


def counts(canary=100, errors=1, stable=900, stable_errors=9):
    return {
        "canary": {"requests": canary, "errors": errors},
        "stable": {"requests": stable, "errors": stable_errors},
    }


def look(value, until, since=None, **metadata):
    """A measurement that says which time it covers."""
    told = {"at": at(until).isoformat(), **({"from": at(since).isoformat()} if since is not None else {})}
    return Measurement(
        value=encode(value), started_at=at(until), finished_at=at(until), metadata={**told, **metadata}
    )


def take(run, measurement, seconds):
    """Record one measurement of the first metric."""
    run = run.model_copy(update={"status": plan(run, at(seconds)).status})
    (metric, *_) = resolved(run)
    run = record(run, metric.name, conclude(run, metric, measurement, at(seconds)))
    return run.model_copy(update={"status": plan(run, at(seconds)).status})


def result(run):
    return run.status.metric_results[0]


@pytest.mark.parametrize(
    ("again", "word"),
    [
        (look(counts(), 60), "ends at"),
        (look(counts(), 30), "ends at"),
        (look(counts(), 90, since=30), "begins at"),
    ],
    ids=["the same", "a late one", "one that overlaps"],
)
def test_a_look_at_time_that_was_counted_is_dropped(again, word):
    run = take(run_of(SEQUENTIAL), look(counts(), 60), 60)
    before = result(run)
    run = take(run, again, 120)
    after = result(run)
    assert after.measurements[-1].phase == "Pending"
    assert after.measurements[-1].message.startswith(f"look dropped: it {word}")
    assert after.evidence == before.evidence
    assert after.metadata["judge"] == before.metadata["judge"]
    assert after.count == before.count == 1


def test_looks_that_follow_each_other_add_up():
    run = take(run_of(SEQUENTIAL), look(counts(), 60), 60)
    run = take(run, look(counts(), 120, since=60), 120)
    assert result(run).evidence.canary.requests == 200
    assert result(run).evidence.looks == result(run).count == 2


def test_the_judges_memory_comes_with_the_measurement_or_not_at_all():
    """A controller that is killed before it writes has neither; the look is taken again and counts once."""
    run = take(run_of(SEQUENTIAL), look(counts(), 60), 60)
    lost = take(run, look(counts(), 120, since=60), 120)
    assert result(lost).evidence.looks == 2
    run = take(run, look(counts(canary=120), 130, since=60), 130)
    assert result(run).evidence.canary.requests == 220
    assert result(run).evidence.looks == len(result(run).measurements) == 2


def test_a_source_whose_clock_is_far_ahead_is_an_error_that_says_so():
    run = take(run_of(SEQUENTIAL), look(counts(), 3600), 60)
    assert result(run).measurements[-1].phase == "Error"
    assert "the source says that it is 2026-01-31T13:00:00Z, and it is 2026-01-31T12:01:00Z" in (
        result(run).measurements[-1].message
    )
    assert "lookedAt" not in result(run).metadata


def test_the_warm_up_begins_with_the_first_look_that_has_requests_of_the_canary():
    run = run_of({**SEQUENTIAL, "warmUp": "2m"})
    phases = []
    for minute, requests in enumerate([0, 100, 100, 100], start=1):
        taken = look(counts(canary=requests, errors=0), 60 * minute, since=60 * (minute - 1))
        run = take(run, taken, 60 * minute)
        phases.append(result(run).measurements[-1].phase)
    assert phases == ["Pending", "Pending", "Pending", "Successful"]
    assert result(run).evidence.canary.requests == 100


def test_the_warm_up_begins_with_the_route_where_that_is_known():
    milestones = {"firstTraffic": "2026-01-31T11:50:00Z"}
    run = run_of({**SEQUENTIAL, "warmUp": "2m"}, milestones=milestones)
    run = take(run, look(counts(), 60, since=0), 60)
    assert result(run).measurements[-1].phase == "Successful"


def test_values_of_the_warm_up_count_for_nothing_and_say_why():
    run = take(run_of({**SEQUENTIAL, "warmUp": "2m"}), look(counts(errors=90), 60, since=0), 60)
    (measurement,) = result(run).measurements
    assert (measurement.phase, measurement.message) == ("Pending", "not judged: within warmUp (2m0s)")
    assert (result(run).count, result(run).failed, result(run).phase) == (0, 0, "Running")


def test_waiting_for_data_breaks_a_row_of_errors():
    run = run_of({"name": "m", "interval": "1m", "onNoData": "wait", "consecutiveErrorLimit": 1})
    run, _ = step(run, 0, {"m": OSError("refused")})
    run, _ = step(run, 10, {"m": None})
    run, _ = step(run, 70, {"m": OSError("refused")})
    assert result(run).consecutive_error == 1
    assert run.status.phase == "Running"


def test_a_failure_condition_that_was_written_for_no_data_holds_where_waiting_is_the_default():
    traffic = {"traffic": {"metric": "success-rate", "service": "web"}}
    run = run_of({"name": "m", "provider": traffic, "failureCondition": "isNil(result)"})
    run, _ = step(run, 0, {"m": None})
    assert run.status.phase == "Failed"


def test_a_look_is_taken_at_the_deadline_however_long_the_interval_is():
    run = run_of({"name": "m", "interval": "1h", "onNoData": "wait", "noDataDeadline": "5m"})
    run, planned = step(run, 0, {"m": None})
    assert planned.requeue_after == timedelta(minutes=5)
    run, _ = step(run, 300, {"m": None})
    assert run.status.phase == "Inconclusive"


def test_alpha_is_split_over_the_sequential_metrics_that_count():
    third = {"name": "c", "interval": "1m", "judge": {"sequential": {"alpha": 0.01}}}
    run = run_of(
        {**SEQUENTIAL, "name": "a"},
        {**SEQUENTIAL, "name": "b"},
        third,
        {**SEQUENTIAL, "name": "dry"},
        {"name": "other"},
        dryRun=[{"metricName": "dry"}],
    )
    assert [round(alpha(run, metric), 4) for metric in run.spec.metrics[:3]] == [0.0167, 0.0167, 0.01]


def test_proven_harm_fails_the_metric_at_once_whatever_the_failure_limit_is():
    run = take(run_of({**SEQUENTIAL, "failureLimit": 5}), look(counts(errors=80), 60), 60)
    assert (result(run).phase, run.status.phase, result(run).failed) == ("Failed", "Failed", 1)
    assert result(run).evidence.harm > result(run).evidence.harm_threshold == pytest.approx(20)


def test_the_run_is_proven_once_all_sequential_metrics_that_count_are():
    run = run_of({**SEQUENTIAL, "name": "a"}, {**SEQUENTIAL, "name": "b"}, {"name": "other"})
    good, few = counts(6000, 60, 54000, 540), counts(10, 0, 90, 1)
    run, _ = step(run, 0, {"a": good, "b": few, "other": 1})
    run, _ = step(run, 60, {"a": good, "b": few, "other": 1})
    assert [each.proven for each in run.status.metric_results] == [True, False, False]
    assert not run.status.proven
    run, _ = step(run, 120, {"a": good, "b": good})
    run, _ = step(run, 180, {"a": good, "b": good})
    assert run.status.proven
    assert run.status.phase == "Running"


def test_counts_that_are_none_are_an_error_and_change_nothing_that_is_remembered():
    run = take(run_of(SEQUENTIAL), look(counts(), 60), 60)
    before = result(run).metadata["judge"]
    for place, bad in enumerate([{"canary": {"requests": 5, "errors": 9}, "stable": {}}, [1, 2], "text"]):
        run = take(run, look(bad, 120 + place), 120 + place)
        assert result(run).measurements[-1].phase == "Error"
        assert json.loads(result(run).metadata["judge"]) == json.loads(before)
        assert result(run).evidence.canary.requests == 100


def test_a_canary_without_traffic_and_a_stable_without_are_no_data():
    run = take(run_of(SEQUENTIAL), look(counts(canary=0, errors=0), 60), 60)
    assert result(run).measurements[-1].phase == "Pending"
    run = take(run, look(counts(stable=0, stable_errors=0), 120), 120)
    assert result(run).measurements[-1].phase == "Pending"
    assert "stable had no requests" in result(run).measurements[-1].message


def test_a_judge_whose_memory_was_tampered_with_starts_anew():
    run = take(run_of(SEQUENTIAL), look(counts(), 60), 60)
    spoilt = result(run).model_copy(update={"metadata": {**result(run).metadata, "judge": "[1, 2"}})
    run = run.model_copy(update={"status": run.status.model_copy(update={"metric_results": (spoilt,)})})
    run = take(run, look(counts(), 120), 120)
    assert result(run).evidence.looks == 1
    assert "started anew" in result(run).measurements[-1].message


def test_what_the_source_asked_stands_in_the_evidence_and_in_the_metric():
    measured = look(1, 60, ResolvedPrometheusQuery="sum(up)")
    run = take(run_of({"name": "m", "successCondition": "result > 0"}), measured, 60)
    assert result(run).evidence.query == "sum(up)"
    assert result(run).metadata == {"ResolvedPrometheusQuery": "sum(up)"}
    assert result(run).evidence.reason == '1 satisfies successCondition "result > 0"'


@pytest.mark.parametrize(
    ("conditions", "value", "reason"),
    [
        ({"successCondition": "result > 1"}, 1, '1 does not satisfy successCondition "result > 1"'),
        ({"failureCondition": "result > 0"}, 1, '1 satisfies failureCondition "result > 0"'),
        ({"failureCondition": "result > 1"}, 1, '1 does not satisfy failureCondition "result > 1"'),
        (
            {"successCondition": "result > 2", "failureCondition": "result < 1"},
            1,
            '1 satisfies neither successCondition "result > 2" nor failureCondition "result < 1"',
        ),
        ({}, 1, "1 is a value"),
        ({}, None, "metric result is nil or empty: no data returned from the metric provider"),
    ],
)
def test_every_verdict_by_conditions_says_why_in_one_sentence(conditions, value, reason):
    run, _ = step(run_of({"name": "m", **conditions}), 0, {"m": value})
    assert result(run).evidence.reason == reason
    assert result(run).evidence.judge == "threshold"
    assert result(run).evidence.query == "http://metrics.test/"


def test_a_clock_that_was_set_back_ends_no_wait_early():
    run = run_of({"name": "m", "interval": "1m", "onNoData": "wait"})
    run, _ = step(run, 0, {"m": None})
    (metric,) = resolved(run)
    back = T0 - timedelta(hours=1)
    judged = conclude(run, metric, Measurement(started_at=back, finished_at=back), back)
    assert judged.measurement.phase == "Pending"


def test_after_the_clock_was_set_back_each_look_still_counts_once_and_at_once():
    """The source notes for itself what it has counted, as the built-in metrics do, and names no time."""
    run = run_of(SEQUENTIAL)
    for number, seconds in enumerate((3600, 3660, 0, 60, 120), start=1):
        planned = plan(run, at(seconds))
        assert [task.do for task in planned.tasks] == ["measure"], seconds
        taken = Measurement(
            value=encode(counts()),
            started_at=at(seconds),
            finished_at=at(seconds),
            metadata={"window": "1m0s"},
        )
        run = take(run, taken, seconds)
        assert result(run).measurements[-1].phase == "Successful", result(run).measurements[-1].message
        assert result(run).evidence.looks == number
        assert result(run).evidence.canary.requests == 100 * number


def test_a_warm_up_that_is_over_does_not_begin_again_when_the_route_is_heard_of_later():
    run = take(run_of({**SEQUENTIAL, "warmUp": "1m"}), look(counts(), 60, since=0), 60)
    run = take(run, look(counts(), 120, since=60), 120)
    assert [each.phase for each in result(run).measurements] == ["Pending", "Successful"]
    milestones = Milestones(first_traffic=at(150))
    run = run.model_copy(update={"spec": run.spec.model_copy(update={"milestones": milestones})})
    run = take(run, look(counts(), 180, since=120), 180)
    assert result(run).measurements[-1].phase == "Successful"


def test_a_source_that_is_its_own_judge_is_named_as_the_reason():
    done = Measurement(phase="Successful", started_at=T0, finished_at=T0)
    run = take(run_of({"name": "m", "provider": {"job": {"spec": {"template": {"spec": {}}}}}}), done, 0)
    assert run.status.phase == "Successful"
    assert result(run).evidence.reason == "Successful, says the source"


OBJECTS = ["{}", '{"label": []}', '{"failed": "many"}']
GARBAGE = ["", "x", "[]", "null", "9" * 5000, "2026-13-45", "2026-01-01", *OBJECTS]
KINDS = [{"threshold": {}}, {"consecutive": {"min": 0}}, {"kayenta": {}}, {"sequential": {}}]


@pytest.mark.parametrize("judge", KINDS, ids=lambda judge: next(iter(judge)))
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: text[:8])
def test_notes_that_a_hand_has_been_at_stop_no_run(judge, garbage):
    series = {"canary": [1.0, 2.0], "stable": [1.0, 2.0]}
    given = {"kayenta": series, "sequential": counts()}.get(next(iter(judge)), 1)
    names = ("judge", "start", "noDataSince", "lookedAt", "notJudged")
    warm_up = {"warmUp": "0s"} if "sequential" in judge else {}
    run = run_of({"name": "m", "interval": "1m", "count": 3, "judge": judge, **warm_up})
    for minute in range(8):
        run = take(run, look(given, 60 * minute), 60 * minute)
        if run.status.phase != "Running":
            break
        spoilt = result(run).model_copy(update={"metadata": dict.fromkeys(names, garbage)})
        run = run.model_copy(update={"status": run.status.model_copy(update={"metric_results": (spoilt,)})})
    assert run.status.phase in ("Successful", "Inconclusive")
