"""The worlds of Argo Rollouts' own unit tests of its analysis controller, and what came of them there.

Those that other tests hold already are left out. Where the engine means to differ, docs/analysis.md says so.
"""

from datetime import timedelta
from itertools import product

import pytest

from analysis.run import plan, record
from analysis.validation import effective_count
from rollouts.api.analysis import Measurement, MetricResult
from tests.analysis.runs import T0, at, finished, run_of, step

MINUTE = {"interval": "60s"}
FINAL = ("Successful", "Inconclusive", "Error", "Failed")
"""From the best to the worst."""


def under_way(seconds=0.0, resume_at=None):
    return Measurement(phase="Running", started_at=at(seconds), resume_at=resume_at)


def result(name="m", *, last=None, phase="Running", dry=False, **counts):
    return MetricResult(name=name, phase=phase, measurements=(last,) if last else (), dry_run=dry, **counts)


def with_results(run, *results):
    status = {"metric_results": results, "started_at": T0, "phase": "Running"}
    return run.model_copy(update={"status": run.status.model_copy(update=status)})


# --- what is due, and when the run is looked at again ----------------------------------------------------

AGAIN = [
    (
        "of two metrics the earlier one counts",
        [{"name": "a", **MINUTE}, {"name": "b", **MINUTE}],
        [result("a", last=finished("Successful", 20)), result("b", last=finished("Successful", 0))],
        10,
    ),
    (
        "a delay that ends before an interval",
        [{"name": "a", **MINUTE}, {"name": "b", **MINUTE, "initialDelay": "60s"}],
        [result("a", last=finished("Successful", 20))],
        10,
    ),
    (
        "what is under way says when",
        [{"name": "a", **MINUTE}, {"name": "b"}],
        [result("a", last=finished("Successful", 20)), result("b", last=under_way(resume_at=at(60)))],
        10,
    ),
    (
        "an error is not left until the interval is over",
        [{"name": "a", "interval": "5m"}],
        [result("a", last=finished("Error", 50), error=1, consecutive_error=1)],
        10,
    ),
    (
        "a metric that is done counts no more",
        [{"name": "a", **MINUTE}, {"name": "b", **MINUTE}],
        [
            result("a", last=finished("Successful", 0), phase="Successful", count=1),
            result("b", last=finished("Successful", 20)),
        ],
        30,
    ),
]


@pytest.mark.parametrize(
    ("metrics", "results", "seconds"), [case[1:] for case in AGAIN], ids=[case[0] for case in AGAIN]
)
def test_a_run_is_looked_at_again_when_the_first_of_its_metrics_is_due(metrics, results, seconds):
    planned = plan(with_results(run_of(*metrics), *results), at(50))
    assert (planned.tasks, planned.requeue_after) == ((), timedelta(seconds=seconds))


def test_a_metric_that_was_never_measured_is_not_begun_once_another_has_failed():
    run = run_of({"name": "rate"}, {"name": "latency"})
    planned = plan(with_results(run, result("latency", phase="Failed")), at(1))
    assert (planned.tasks, planned.status.phase, planned.status.message) == ((), "Failed", "")


def test_a_dry_metric_that_fails_ends_no_other():
    run = run_of({"name": "rate", **MINUTE}, {"name": "dry"}, dryRun=[{"metricName": "dry"}])
    seen = with_results(
        run,
        result("rate", last=finished("Successful", 0)),
        result("dry", last=finished("Error", 0), phase="Error", dry=True, consecutive_error=5),
    )
    planned = plan(seen, at(60))
    assert ([task.metric for task in planned.tasks], planned.status.phase) == (["rate"], "Running")


@pytest.mark.parametrize(
    ("metric", "count"),
    [
        ({}, 1),
        ({"count": 0}, 1),
        ({"count": "0"}, 1),
        ({"interval": "1s"}, None),
        ({"interval": "1s", "count": 0}, None),
        ({"count": 1}, 1),
        ({"interval": "1s", "count": "3"}, 3),
    ],
)
def test_a_count_of_nothing_is_none_and_without_an_interval_that_is_one(metric, count):
    (found,) = run_of({"name": "m", **metric}).spec.metrics
    assert effective_count(found) == count


def test_a_metric_with_a_count_of_nothing_and_no_interval_is_measured_once():
    _, planned = step(run_of({"name": "m", "count": 0, "failureLimit": 2}), 0, {"m": 1})
    assert (planned.status.phase, planned.requeue_after) == ("Successful", None)


# --- what a metric comes to while its run goes on, and when that is told to end --------------------------

ASSESSED = [
    ("nothing measured", {}, None, {}, ("Pending", "Successful")),
    ("under way", {}, under_way(), {}, ("Running", "Running")),
    ("failures over the limit", {"failureLimit": 2}, "Failed", {"failed": 3}, ("Failed", "Failed")),
    ("failures at the limit", {"failureLimit": 3}, "Failed", {"failed": 3}, ("Running", "Successful")),
    (
        "inconclusive over the limit",
        {"inconclusiveLimit": 2},
        "Inconclusive",
        {"inconclusive": 3},
        ("Inconclusive", "Inconclusive"),
    ),
    (
        "inconclusive at the limit",
        {"inconclusiveLimit": 3},
        "Inconclusive",
        {"inconclusive": 3},
        ("Running", "Successful"),
    ),
    ("errors in a row over the limit", {}, "Error", {"consecutive_error": 5}, ("Error", "Error")),
    ("errors in a row at the limit", {}, "Error", {"consecutive_error": 4}, ("Running", "Successful")),
    (
        "a count with inconclusive ones among them",
        {"count": 10},
        "Successful",
        {"count": 10, "successful": 5, "inconclusive": 5},
        ("Inconclusive", "Inconclusive"),
    ),
]


@pytest.mark.parametrize(
    ("metric", "last", "counts", "phases"),
    [case[1:] for case in ASSESSED],
    ids=[case[0] for case in ASSESSED],
)
@pytest.mark.parametrize("terminate", [False, True])
def test_a_metric_comes_to_the_same_as_upstream(metric, last, counts, phases, terminate):
    latest = finished(last, 0) if isinstance(last, str) else last
    seen = with_results(
        run_of({"name": "m", **MINUTE, **metric}, terminate=terminate), result(last=latest, **counts)
    )
    assert plan(seen, at(1)).status.metric_results[0].phase == phases[terminate]


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Successful", (5, 4, 0, 1)),
        ("Failed", (5, 4, 0, 0)),
        ("Inconclusive", (5, 4, 0, 0)),
        ("Error", (4, 5, 5, 0)),
    ],
)
def test_an_answer_of_whatever_kind_ends_a_row_of_errors_and_an_error_counts_apart(phase, expected):
    seen = with_results(run_of({"name": "m"}), result(count=4, error=4, consecutive_error=4))
    (counted,) = record(seen, "m", finished(phase, 0)).status.metric_results
    assert (counted.count, counted.error, counted.consecutive_error, counted.consecutive_success) == expected


# --- what the run comes to, and what it says -------------------------------------------------------------


@pytest.mark.parametrize("phases", list(product(FINAL, repeat=2)))
def test_the_worse_of_two_metrics_decides_in_whichever_order_they_stand(phases):
    results = (result(name, phase=phase) for name, phase in zip("ab", phases, strict=True))
    status = plan(with_results(run_of({"name": "a"}, {"name": "b"}), *results), at(1)).status
    assert status.phase == max(phases, key=FINAL.index)


def failed(name, message="", **more):
    return result(name, last=finished("Failed", 0, message), failed=1, count=1, **more)


FAILED = 'Metric "{}" assessed Failed due to failed (1) > failureLimit (0)'


def test_of_two_metrics_that_failed_the_first_is_named():
    run = run_of({"name": "a"}, {"name": "b"})
    assert plan(with_results(run, failed("a"), failed("b")), at(1)).status.message == FAILED.format("a")


def test_a_failure_quotes_what_the_source_said():
    run = run_of({"name": "a"}, {"name": "b"})
    good = result("a", last=finished("Successful", 0), successful=1, count=1)
    seen = with_results(run, good, failed("b", "Provider Error"))
    status = plan(seen, at(1)).status
    assert status.message == f'{FAILED.format("b")}: "Error Message: Provider Error"'
    assert status.run_summary.model_dump(exclude_defaults=True) == {"count": 2, "successful": 1, "failed": 1}


@pytest.mark.parametrize("said", ["", "Provider Error"])
def test_a_run_of_failed_dry_metrics_is_successful_has_no_message_and_each_metric_tells_why(said):
    run = run_of({"name": "a"}, {"name": "b"}, dryRun=[{"metricName": "a"}, {"metricName": "b"}])
    status = plan(with_results(run, *(failed(name, said, dry=True) for name in "ab")), at(1)).status
    assert (status.phase, status.message) == ("Successful", "")
    assert status.dry_run_summary.model_dump(exclude_defaults=True) == {"count": 2, "failed": 2}
    assert {each.message for each in status.metric_results} == {
        "Metric assessed Failed due to failed (1) > failureLimit (0)"
    }


def test_beside_a_dry_metric_that_failed_the_inconclusive_one_decides():
    run = run_of({"name": "a"}, {"name": "dry"}, dryRun=[{"metricName": "dry"}])
    seen = with_results(run, result("a", last=under_way(), inconclusive=1), failed("dry", dry=True))
    status = plan(record(seen, "a", finished("Successful", 1)), at(1)).status
    assert (status.phase, status.message) == (
        "Inconclusive",
        'Metric "a" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)',
    )


@pytest.mark.parametrize("dry", [False, True])
def test_a_run_that_is_ended_within_its_delay_is_successful_and_counts_no_metric(dry):
    run = run_of(
        {"name": "m", "initialDelay": "20s", "interval": "20s"},
        terminate=True,
        dryRun=[{"metricName": "m"}] if dry else [],
    )
    status = plan(with_results(run), at(1)).status
    assert (status.phase, status.message, status.metric_results) == ("Successful", "Run Terminated", ())
    counted = status.dry_run_summary if dry else status.run_summary
    assert counted.model_dump(exclude_defaults=True) == {"count": 1}


def test_arguments_come_first_also_where_no_metric_counts():
    run = run_of(
        {"name": "m", "provider": {"prometheus": {"query": "{{args.name}}"}}},
        dryRun=[{"metricName": "*"}],
    )
    status = plan(run, T0).status
    assert status.phase == "Error"
    assert "Unable to resolve metric arguments: " in status.message
    assert "failed to resolve {{args.name}}" in status.message


# --- what is kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "kept"), [(0, 10), (-1, 10), (1, 1), (2, 2), (12, 12)])
def test_so_many_of_the_newest_measurements_are_kept_as_are_asked_for(limit, kept):
    run = run_of({"name": "m", "interval": "1s"}, measurementRetention=[{"metricName": "m", "limit": limit}])
    for second in range(15):
        run, _ = step(run, second, {"m": second})
    (measured,) = run.status.metric_results
    assert [each.value for each in measured.measurements] == [str(second) for second in range(15 - kept, 15)]
    assert measured.count == 15
