"""What the demo concludes from what it watched and counted."""

from rollouts.demo import measure
from rollouts.demo.load import Sample
from rollouts.demo.report import Check, Failure, Report, Step
from rollouts.demo.timeline import Moment


def ingress(at: float, weight: int) -> Moment:
    annotations = {"nginx.ingress.kubernetes.io/canary-weight": str(weight)}
    return Moment(at, "Ingress", "canary", {"metadata": {"annotations": annotations}})


def answers(version: str, count: int, at: float) -> list[Sample]:
    return [Sample("app", at, at + 0.01, version, "") for _ in range(count)]


def test_a_weight_counts_from_its_change_to_the_next_one() -> None:
    moments = [ingress(0, 0), ingress(10, 10), ingress(11, 10), ingress(20, 30), ingress(30, 0)]
    assert list(measure.weights(moments)) == [(0, 0), (10, 10), (20, 30), (30, 0)]


def test_a_step_is_measured_by_the_requests_sent_and_answered_within_it() -> None:
    samples = [
        *answers("new", 10, 15),
        *answers("old", 90, 15),
        *answers("new", 500, 5),
        *answers("new", 500, 25),
    ]
    [step] = measure.steps("new", [(0, 0), (10, 10), (20, 0)], samples, until=30)
    assert (step.weight, step.share, step.requests) == (10, 10.0, 100)
    assert step.agrees


def test_requests_sent_while_a_weight_settles_are_left_out() -> None:
    [step] = measure.steps("new", [(10, 50)], answers("old", 9, 10.1), until=20)
    assert step.requests == 0
    assert not step.agrees


def test_a_share_outside_four_standard_deviations_does_not_agree() -> None:
    assert Step(version="v", weight=10, share=13.9, requests=1000).agrees is False
    assert Step(version="v", weight=10, share=13.7, requests=1000).agrees is True
    assert Step(version="v", weight=100, share=99.9, requests=1000).agrees is False


def test_failures_are_told_apart_by_app_version_and_cause() -> None:
    samples = [Sample("a", 0, 1, "2", "HTTP 500")] * 3 + [Sample("a", 0, 1, "", "ClientOSError")]
    assert measure.failures(samples) == (
        Failure(app="a", version="", cause="ClientOSError", requests=1),
        Failure(app="a", version="2", cause="HTTP 500", requests=3),
    )


def test_a_rejection_needs_the_verdict_and_the_condition() -> None:
    verdict = {"revision": "abc", "phase": "Rejected"}
    condition = {"type": "RevisionRejected", "message": "abc was taken back"}
    application = {"status": {"verdicts": [verdict], "conditions": [condition]}}
    assert measure.rejection(application, "abc") == "abc was taken back"
    assert measure.rejection(application, "def") == ""
    assert measure.rejection({"status": {"verdicts": [verdict]}}, "abc") == ""


def test_one_broken_check_breaks_the_report() -> None:
    checks = (Check(holds=True, sentence="a"), Check(holds=False, sentence="b"))
    report = Report(steps=(), sent={}, failures=(), seconds={}, checks=checks)
    assert report.as_json()["ok"] is False
    assert "✖ b" in report.as_text()


def rollout(
    image: str, *, generation: int = 2, observed: str = "2", phase: str = "Healthy"
) -> dict[str, object]:
    return {
        "metadata": {"generation": generation},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"observedGeneration": observed, "phase": phase, "stableRS": "a", "currentPodHash": "a"},
    }


def test_a_status_of_the_template_before_says_nothing_of_the_new_one() -> None:
    assert measure.is_healthy(rollout("app:2"), "app:2")
    assert not measure.is_healthy(rollout("app:2", observed="1"), "app:2")
    assert not measure.is_healthy(rollout("app:1"), "app:2")


def test_an_abort_of_the_template_before_is_none_of_the_new_one() -> None:
    aborted = rollout("app:2", phase="Degraded")
    aborted["status"] |= {"abort": True}  # type: ignore[operator]
    assert measure.is_aborted(aborted, "app:2")
    aborted["metadata"] = {"generation": 3}
    assert not measure.is_aborted(aborted, "app:2")


def test_a_comparison_has_ended_when_its_phase_is_final_and_its_evidence_is_of_counts() -> None:
    evidence = {"judge": "sequential", "reason": "6 of 65 canary requests failed"}
    run = {"status": {"phase": "Failed", "metricResults": [{"name": "errors", "evidence": evidence}]}}
    assert measure.compares(run)
    assert measure.evidence(run) == {"errors": "6 of 65 canary requests failed"}
    assert not measure.compares({"status": {**run["status"], "phase": "Running"}})
    absolute = [{"name": "rate", "evidence": {"judge": "threshold", "reason": "0.99 >= 0.95"}}]
    assert not measure.compares({"status": {"phase": "Successful", "metricResults": absolute}})
    assert not measure.compares({})
