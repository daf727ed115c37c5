"""What a run does next, and what its measurements come to: upstream's tables."""

from datetime import timedelta

import pytest

from analysis.run import plan, record
from rollouts.api.analysis import Measurement, MetricResult
from tests.analysis.runs import T0, at, finished, run_of, step


def with_results(run, *results, **status):
    update = {"metric_results": results, "started_at": T0, "phase": "Running", **status}
    return run.model_copy(update={"status": run.status.model_copy(update=update)})


def result(name="m", phase="Running", last=None, **counts):
    return MetricResult(name=name, phase=phase, measurements=(last,) if last else (), **counts)


# --- what is due -----------------------------------------------------------------------------------------


def test_a_metric_is_measured_at_once():
    planned = plan(run_of({"name": "m"}), T0)
    assert [(task.metric, task.do) for task in planned.tasks] == [("m", "measure")]
    assert planned.status.phase == "Running"
    assert planned.status.started_at == T0
    assert planned.requeue_after == timedelta()


def test_a_metric_with_initial_delay_waits_from_the_start_of_the_run():
    run = run_of({"name": "m", "initialDelay": "30s"})
    assert plan(run, T0).tasks == ()
    assert plan(run, T0).requeue_after == timedelta(seconds=30)
    started = with_results(run)
    assert plan(started, at(29)).tasks == ()
    assert plan(started, at(30)).tasks[0].do == "measure"


def test_the_interval_counts_from_the_end_of_the_last_measurement():
    run = run_of({"name": "m", "interval": "60s"})
    seen = with_results(run, result(last=finished("Successful", 10), count=1, successful=1))
    assert plan(seen, at(69)).tasks == ()
    assert plan(seen, at(69)).requeue_after == timedelta(seconds=1)
    assert plan(seen, at(70)).tasks[0].do == "measure"


@pytest.mark.parametrize("interval", [{}, {"interval": "1h"}, {"interval": "2s"}])
def test_an_error_is_measured_again_after_ten_seconds_whatever_the_interval(interval):
    run = run_of({"name": "m", **interval})
    seen = with_results(run, result(last=finished("Error", 0), error=1, consecutive_error=1))
    assert plan(seen, at(9)).tasks == ()
    assert plan(seen, at(10)).tasks[0].do == "measure"


@pytest.mark.parametrize(
    "last",
    [
        finished("Successful", 3600),
        finished("Error", 3600),
        Measurement(phase="Running", started_at=at(3600), resume_at=at(7200)),
    ],
    ids=["measured", "in error", "under way"],
)
def test_what_was_measured_before_the_clock_was_set_back_holds_up_no_look(last):
    seen = with_results(run_of({"name": "m", "interval": "60s"}), result(last=last))
    planned = plan(seen, at(10))
    (task,) = planned.tasks
    assert (task.metric, planned.requeue_after) == ("m", timedelta())
    assert task.previous is None or task.previous.started_at == at(10), "and is noticed but once"


def test_what_a_measurement_under_way_has_noted_outlives_an_error_that_knows_nothing_of_it():
    running = Measurement(phase="Running", started_at=T0, resume_at=at(5), metadata={"since": "noon"})
    seen = with_results(run_of({"name": "m", "interval": "60s"}), result(last=running))
    (measured,) = record(seen, "m", finished("Error", 10)).status.metric_results
    assert [(each.phase, each.metadata) for each in measured.measurements] == [("Error", {"since": "noon"})]


def test_a_measurement_under_way_is_resumed_when_it_says_so():
    running = Measurement(phase="Running", started_at=T0, resume_at=at(5), metadata={"job-name": "j"})
    seen = with_results(run_of({"name": "m"}), result(last=running))
    assert plan(seen, at(4)).tasks == ()
    assert plan(seen, at(4)).requeue_after == timedelta(seconds=1)
    (task,) = plan(seen, at(5)).tasks
    assert (task.do, task.previous) == ("resume", running)


def test_a_terminated_run_ends_what_is_under_way_and_starts_nothing():
    running = Measurement(phase="Running", started_at=T0, resume_at=at(500))
    run = run_of({"name": "a"}, {"name": "b"}, terminate=True)
    (task,) = plan(with_results(run, result("a", last=running)), at(1)).tasks
    assert (task.metric, task.do) == ("a", "terminate")


def test_a_metric_that_fails_ends_the_others_at_once():
    running = Measurement(phase="Running", started_at=T0, resume_at=at(500))
    run = run_of({"name": "a"}, {"name": "b", "interval": "1s"}, {"name": "c", "interval": "1s"})
    seen = with_results(
        run,
        result("a", last=running),
        result("b", last=finished("Failed", 1), failed=1, count=1),
        result("c", last=finished("Successful", 1), successful=1, count=1),
    )
    planned = plan(seen, at(60))
    assert [(task.metric, task.do) for task in planned.tasks] == [("a", "terminate")]
    assert planned.status.phase == "Running"
    ended = record(seen, "a", finished("Successful", 60, "Metric Terminated"), ended=True)
    done = plan(ended, at(60)).status
    assert done.phase == "Failed"
    assert done.message == 'Metric "b" assessed Failed due to failed (1) > failureLimit (0)'
    assert [each.phase for each in done.metric_results] == ["Successful", "Failed", "Successful"]
    assert done.metric_results[0].successful == 0


def test_a_finished_run_is_left_alone():
    seen = with_results(run_of({"name": "m"}), phase="Failed", completed_at=at(1))
    planned = plan(seen, at(99))
    assert (planned.tasks, planned.status, planned.events, planned.requeue_after) == (
        (),
        seen.status,
        (),
        None,
    )


# --- what a metric comes to ------------------------------------------------------------------------------

ASSESSED = [
    ("under way", {}, {"last": Measurement(phase="Running", started_at=T0)}, "Running"),
    (
        "count reached",
        {"count": 10, "interval": "1s"},
        {"count": 10, "successful": 10, "ok": 1},
        "Successful",
    ),
    ("count not reached", {"count": 10, "interval": "1s"}, {"count": 9, "successful": 9, "ok": 1}, "Running"),
    ("no count and no interval is once", {}, {"count": 1, "successful": 1, "ok": 1}, "Successful"),
    ("no end", {"interval": "1s"}, {"count": 99, "successful": 99, "ok": 1}, "Running"),
    (
        "more failures than allowed",
        {"interval": "1s", "failureLimit": 2},
        {"count": 3, "failed": 3},
        "Failed",
    ),
    ("failures allowed", {"interval": "1s", "failureLimit": 3}, {"count": 3, "failed": 3}, "Running"),
    (
        "failures allowed, count reached",
        {"interval": "1s", "failureLimit": 3, "count": 5},
        {"count": 5, "failed": 3, "successful": 2},
        "Successful",
    ),
    (
        "nothing but allowed failures at the count",
        {"interval": "1s", "failureLimit": 2, "count": 2},
        {"count": 2, "failed": 2},
        "Inconclusive",
    ),
    (
        "more inconclusive than allowed",
        {"interval": "1s", "inconclusiveLimit": 2},
        {"count": 3, "inconclusive": 3},
        "Inconclusive",
    ),
    ("four errors in a row", {}, {"error": 4, "consecutive_error": 4}, "Running"),
    ("five errors in a row", {}, {"error": 5, "consecutive_error": 5}, "Error"),
    ("as many errors as asked", {"consecutiveErrorLimit": 0}, {"error": 1, "consecutive_error": 1}, "Error"),
    ("limits as text", {"consecutiveErrorLimit": "5"}, {"error": 5, "consecutive_error": 5}, "Running"),
    (
        "inconclusive outweighs failed",
        {"interval": "1s"},
        {"count": 2, "failed": 1, "inconclusive": 1},
        "Inconclusive",
    ),
    (
        "error outweighs all",
        {"interval": "1s"},
        {"count": 2, "failed": 1, "inconclusive": 1, "error": 5, "consecutive_error": 5},
        "Error",
    ),
    (
        "enough successes in a row",
        {"interval": "1s", "consecutiveSuccessLimit": 3},
        {"count": 4, "successful": 4, "consecutive_success": 3},
        "Successful",
    ),
    (
        "count reached, neither limit",
        {"interval": "1s", "consecutiveSuccessLimit": 3, "failureLimit": 2, "count": 5},
        {"count": 5, "successful": 3, "failed": 2, "consecutive_success": 1},
        "Inconclusive",
    ),
    (
        "count reached, only successes in a row were asked for",
        {"interval": "1s", "consecutiveSuccessLimit": 3, "failureLimit": -1, "count": 5},
        {"count": 5, "successful": 3, "failed": 2, "consecutive_success": 1},
        "Failed",
    ),
    (
        "failures do not count at -1",
        {"interval": "1s", "consecutiveSuccessLimit": 3, "failureLimit": -1},
        {"count": 50, "failed": 50},
        "Running",
    ),
]


@pytest.mark.parametrize(
    ("metric", "counts", "phase"), [c[1:] for c in ASSESSED], ids=[c[0] for c in ASSESSED]
)
def test_the_counts_of_a_metric_come_to_a_phase(metric, counts, phase):
    counts = dict(counts)
    last = counts.pop("last", None) or finished("Successful" if counts.pop("ok", 0) else "Failed", 0)
    seen = with_results(run_of({"name": "m", **metric}), result(last=last, **counts))
    assert plan(seen, at(0)).status.metric_results[0].phase == phase


def test_a_metric_that_is_done_stays_done():
    seen = with_results(run_of({"name": "m"}, {"name": "n"}), result(phase="Successful", failed=9))
    assert plan(seen, at(0)).status.metric_results[0].phase == "Successful"


# --- what the run comes to -------------------------------------------------------------------------------

MESSAGES = [
    ({"failed": 1, "count": 1}, "Failed", "failed (1) > failureLimit (0)"),
    ({"inconclusive": 1, "count": 1}, "Inconclusive", "inconclusive (1) > inconclusiveLimit (0)"),
    ({"error": 5, "consecutive_error": 5}, "Error", "consecutiveErrors (5) > consecutiveErrorLimit (4)"),
]


@pytest.mark.parametrize(("counts", "phase", "reason"), MESSAGES)
def test_the_run_says_which_metric_ended_it_and_why(counts, phase, reason):
    seen = with_results(run_of({"name": "m"}), result(last=finished(phase, 0), **counts))
    status = plan(seen, at(1)).status
    assert (status.phase, status.message) == (phase, f'Metric "m" assessed {phase} due to {reason}')
    assert status.completed_at == at(1)


def test_the_run_quotes_the_last_error():
    seen = with_results(
        run_of({"name": "m"}), result(last=finished("Error", 0, "no answer"), error=5, consecutive_error=5)
    )
    assert plan(seen, at(1)).status.message == (
        'Metric "m" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): '
        '"Error Message: no answer"'
    )


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (("Successful", "Successful"), "Successful"),
        (("Successful", "Inconclusive"), "Inconclusive"),
        (("Inconclusive", "Error"), "Error"),
        (("Failed", "Error"), "Failed"),
        (("Successful", "Running"), "Running"),
    ],
)
def test_the_worst_metric_decides(phases, expected):
    run = run_of({"name": "a"}, {"name": "b", "interval": "1s"})
    seen = with_results(
        run,
        *(
            result(name, phase=phase, last=finished("Successful", 0), count=1)
            for name, phase in zip("ab", phases, strict=True)
        ),
    )
    assert plan(seen, at(0)).status.phase == expected


def test_a_metric_that_has_not_begun_keeps_the_run_going():
    run = run_of({"name": "a"}, {"name": "b", "initialDelay": "1h"})
    _, planned = step(run, 0, {"a": 1})
    assert planned.status.phase == "Running"
    assert planned.status.metric_results[0].phase == "Successful"


def test_a_run_that_is_terminated_before_it_measured_is_successful_and_says_so():
    status = plan(run_of({"name": "m"}, terminate=True), T0).status
    assert (status.phase, status.message) == ("Successful", "Run Terminated")


def test_a_background_run_that_is_terminated_is_successful():
    run, _ = step(run_of({"name": "m", "interval": "10s", "successCondition": "result > 0"}), 0, {"m": 1})
    stopped = run.model_copy(update={"spec": run.spec.model_copy(update={"terminate": True})})
    status = plan(stopped, at(1)).status
    assert (status.phase, status.message) == ("Successful", "Run Terminated")


def test_metrics_of_a_dry_run_never_decide():
    run = run_of(
        {"name": "cpu", "successCondition": "result < 1"},
        {"name": "errors", "successCondition": "result < 1"},
        dryRun=[{"metricName": "^cpu$"}],
    )
    run, planned = step(run, 0, {"cpu": 9, "errors": 0})
    assert planned.status.phase == "Successful"
    assert [each.phase for each in planned.status.metric_results] == ["Failed", "Successful"]
    assert planned.status.metric_results[0].dry_run
    assert planned.status.metric_results[0].message == (
        "Metric assessed Failed due to failed (1) > failureLimit (0)"
    )
    assert planned.status.run_summary.model_dump() == {
        "count": 1,
        "successful": 1,
        "failed": 0,
        "inconclusive": 0,
        "error": 0,
    }
    assert planned.status.dry_run_summary.model_dump() == {
        "count": 1,
        "successful": 0,
        "failed": 1,
        "inconclusive": 0,
        "error": 0,
    }


def test_a_run_of_dry_metrics_alone_is_successful():
    _, planned = step(run_of({"name": "m"}, dryRun=[{"metricName": ".*"}]), 0, {"m": None})
    assert planned.status.phase == "Running"
    run = run_of({"name": "m", "successCondition": "result > 1"}, dryRun=[{"metricName": ".*"}])
    assert step(run, 0, {"m": 1})[1].status.phase == "Successful"


def test_measurements_beyond_the_limit_are_dropped_and_still_counted():
    run = run_of(
        {"name": "a", "interval": "1s"},
        {"name": "b", "interval": "1s"},
        measurementRetention=[{"metricName": "b", "limit": 3}],
    )
    for second in range(15):
        run, _ = step(run, second, {"a": second, "b": second})
    a, b = run.status.metric_results
    assert (len(a.measurements), a.count) == (10, 15)
    assert [each.value for each in b.measurements] == ["12", "13", "14"]


# --- what cannot be carried out --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "spec", "message"),
    [
        ([], {}, "no metrics specified"),
        ([{"name": "m"}, {"name": "m"}], {}, "two metrics have the same name 'm'"),
        ([{"name": "m", "count": 2}], {}, "interval must be specified when count > 1"),
        ([{"name": "m", "count": 1, "failureLimit": 2}], {}, "count must be >= failureLimit"),
        ([{"name": "m", "provider": {}}], {}, "no provider specified"),
        (
            [{"name": "m", "successCondition": "result >"}],
            {},
            'condition "result >": the condition ends too early',
        ),
        ([{"name": "m", "successCondition": "{{args.x}}"}], {}, "failed to resolve {{args.x}}"),
        ([{"name": "m"}], {"args": [{"name": "x"}]}, "args.x was not resolved"),
        ([{"name": "m"}], {"dryRun": [{"metricName": "z"}]}, "Rule didn't match any metric name(s)"),
        ([{"name": "m"}], {"dryRun": [{"metricName": "*"}]}, "no regular expression"),
        ([{"name": "m", "interval": "soon"}], {}, "must be a duration"),
        (
            [{"name": "m", "count": "{{args.n}}"}],
            {"args": [{"name": "n", "value": "many"}]},
            "must be a number",
        ),
    ],
)
def test_a_run_that_cannot_be_carried_out_ends_in_error_and_says_why(metrics, spec, message):
    planned = plan(run_of(*metrics, **spec), T0)
    assert planned.status.phase == "Error"
    whose = "Unable to resolve metric arguments" if "resolve" in message else "Analysis spec invalid"
    assert planned.status.message.startswith(f"{whose}: .spec.")
    assert message in planned.status.message
    assert [event.reason for event in planned.events] == ["AnalysisRunError"]


def test_arguments_reach_counts_and_conditions():
    run = run_of(
        {
            "name": "m",
            "count": "{{args.n}}",
            "interval": "1s",
            "successCondition": "result >= {{ args.low }}",
        },
        args=[{"name": "n", "value": "2"}, {"name": "low", "value": "0.9"}],
    )
    run, _ = step(run, 0, {"m": 0.95})
    run, planned = step(run, 1, {"m": 0.95})
    assert (planned.status.phase, planned.status.metric_results[0].count) == ("Successful", 2)


# --- events ----------------------------------------------------------------------------------------------


def test_the_end_of_a_metric_and_of_the_run_are_told_once():
    run, planned = step(run_of({"name": "m", "successCondition": "result > 1"}), 0, {"m": 1})
    assert [(event.reason, event.type) for event in planned.events] == [
        ("MetricFailed", "Warning"),
        ("AnalysisRunFailed", "Warning"),
    ]
    assert plan(run, at(1)).events == ()
