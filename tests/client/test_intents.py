"""The table of patches: what each verb writes into which rollout."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.client import Refused, RolloutView, intents
from rollouts.kube.resources import DEPLOYMENTS
from tests.client.samples import STEPS, rollout

WAITING = [{"reason": "CanaryPauseStep", "startTime": "2026-01-31T12:00:00Z"}]
INCONCLUSIVE = {"currentStepAnalysisRunStatus": {"name": "run", "status": "Inconclusive"}}

Sent = list[tuple[str, Any]]
"""Where a patch goes (`spec` or `status`) and its body."""


def sent(patches: tuple[intents.Patch, ...]) -> Sent:
    assert all(patch.type == "merge" for patch in patches)
    return [(patch.subresource or "spec", next(iter(patch.body.values()))) for patch in patches]


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        pytest.param(
            {}, {"pauseConditions": WAITING}, [("status", {"pauseConditions": None})], id="paused by a step"
        ),
        pytest.param(
            {"paused": True},
            {"pauseConditions": WAITING},
            [("status", {"pauseConditions": None}), ("spec", {"paused": False})],
            id="paused by a step and by hand",
        ),
        pytest.param(
            {"paused": True}, {}, [("spec", {"paused": False})], id="paused by hand alone: no step skipped"
        ),
        pytest.param(
            {},
            {
                "pauseConditions": WAITING,
                "controllerPause": True,
                "currentStepIndex": 2,
                "canary": INCONCLUSIVE,
            },
            [("status", {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 3})],
            id="paused by an inconclusive analysis",
        ),
        pytest.param(
            {},
            {"currentStepIndex": 2},
            [("status", {"pauseConditions": None, "currentStepIndex": 3})],
            id="in the middle of an analysis",
        ),
        pytest.param(
            {},
            {"currentStepIndex": 3},
            [("status", {"pauseConditions": None, "currentStepIndex": 4})],
            id="at the last step",
        ),
        pytest.param({}, {"currentStepIndex": 4, "stableRS": "new"}, [], id="all steps done: nothing"),
        pytest.param(
            {"strategy": {"blueGreen": {"activeService": "a"}}},
            {"pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-01-31T12:00:00Z"}]},
            [("status", {"pauseConditions": None})],
            id="blue/green, waiting",
        ),
        pytest.param(
            {"strategy": {"blueGreen": {"activeService": "a"}}}, {}, [], id="blue/green, not waiting"
        ),
    ],
)
def test_promote(spec: dict[str, Any], status: dict[str, Any], expected: Sent) -> None:
    assert sent(intents.promote(RolloutView(rollout(spec=spec, status=status)))) == expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        pytest.param({}, {}, [("status", {"promoteFull": True})], id="an update is under way"),
        pytest.param(
            {"paused": True},
            {},
            [("status", {"promoteFull": True}), ("spec", {"paused": False})],
            id="paused by hand",
        ),
        pytest.param({}, {"stableRS": "new"}, [], id="promoted already"),
    ],
)
def test_promote_full(spec: dict[str, Any], status: dict[str, Any], expected: Sent) -> None:
    assert sent(intents.promote_full(RolloutView(rollout(spec=spec, status=status)))) == expected


@pytest.mark.parametrize("verb", [intents.promote, intents.promote_full])
def test_an_aborted_rollout_is_not_promoted_but_retried(verb: Any) -> None:
    with pytest.raises(Refused, match="rollouts retry shop"):
        verb(RolloutView(rollout(status={"abort": True})))


def test_abort_sets_one_field_of_the_status() -> None:
    assert sent(intents.abort(RolloutView(rollout()))) == [("status", {"abort": True})]


def test_abort_works_from_a_broken_rollout() -> None:
    broken = {"metadata": {"name": "shop", "namespace": "default"}, "spec": {}}
    assert sent(intents.abort(RolloutView(broken))) == [("status", {"abort": True})]


def test_abort_of_a_promoted_rollout_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(Refused, match="rollouts undo shop"):
        intents.abort(RolloutView(rollout(status={"stableRS": "new", "phase": "Healthy"})))


def test_a_change_that_nobody_has_seen_yet_can_be_aborted() -> None:
    """The status still says Healthy, but the spec is newer."""
    seen = rollout(status={"stableRS": "new", "phase": "Healthy", "observedGeneration": "0"})
    assert sent(intents.abort(RolloutView(seen))) == [("status", {"abort": True})]


def test_retry_takes_the_abort_back() -> None:
    assert sent(intents.retry(RolloutView(rollout(status={"abort": True})))) == [("status", {"abort": False})]


def test_retry_of_what_was_not_aborted_writes_nothing() -> None:
    assert intents.retry(RolloutView(rollout())) == ()


def test_pause() -> None:
    assert sent(intents.pause(RolloutView(rollout()))) == [("spec", {"paused": True})]


def test_pause_twice_writes_once() -> None:
    assert intents.pause(RolloutView(rollout(spec={"paused": True}))) == ()


def test_restart_is_a_moment_in_the_spec() -> None:
    at = datetime(2026, 1, 31, 12, 0, 10, tzinfo=UTC)
    expected = [("spec", {"restartAt": "2026-01-31T12:00:10Z"})]
    assert sent(intents.restart(RolloutView(rollout()), at)) == expected


def image_patch(images: dict[str, str], spec: dict[str, Any] | None = None) -> tuple[intents.Patch, ...]:
    seen = RolloutView(rollout(spec=spec))
    return intents.set_image(seen, images, seen.spec["template"])


def test_set_image_replaces_the_image_of_one_container() -> None:
    (patch,) = image_patch({"log": "log:2"})
    assert patch.type == "json"
    assert patch.body == [
        {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "log"},
        {"op": "add", "path": "/spec/template/spec/containers/1/image", "value": "log:2"},
    ]


def test_a_star_stands_for_all_containers_init_containers_too() -> None:
    pod = {"containers": [{"name": "web"}], "initContainers": [{"name": "migrate", "image": "m:1"}]}
    seen = RolloutView(rollout())
    (patch,) = intents.set_image(seen, {"*": "x:3"}, {"spec": pod})
    assert [o["path"] for o in patch.body if o["op"] == "add"] == [
        "/spec/template/spec/initContainers/0/image",
        "/spec/template/spec/containers/0/image",
    ]


def test_the_same_image_writes_nothing() -> None:
    assert image_patch({"web": "shop:2"}) == ()


def test_an_unknown_container_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(Refused, match='no container "wbe"; it has: log, web'):
        image_patch({"wbe": "shop:3"})


def test_with_a_workload_reference_the_deployment_is_changed() -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-workload"}
    (patch,) = image_patch({"web": "shop:3"}, spec={"workloadRef": reference})
    assert (patch.resource, patch.name) == (DEPLOYMENTS, "shop-workload")


def test_undo_replaces_the_whole_template() -> None:
    template = {"spec": {"containers": [{"name": "web", "image": "shop:1"}]}}
    (patch,) = intents.undo(RolloutView(rollout()), template)
    assert patch.body == [{"op": "replace", "path": "/spec/template", "value": template}]


def test_undo_to_what_is_there_writes_nothing() -> None:
    seen = RolloutView(rollout())
    assert intents.undo(seen, seen.spec["template"]) == ()


@given(
    index=st.integers(0, len(STEPS)),
    paused=st.booleans(),
    waiting=st.booleans(),
    controller=st.booleans(),
    inconclusive=st.booleans(),
)
def test_promote_never_goes_back_nor_past_the_end_nor_more_than_one_step(
    index: int, *, paused: bool, waiting: bool, controller: bool, inconclusive: bool
) -> None:
    status = {
        "currentStepIndex": index,
        "pauseConditions": WAITING if waiting else [],
        "controllerPause": controller,
        "canary": INCONCLUSIVE if inconclusive else {},
    }
    patches = intents.promote(RolloutView(rollout(spec={"paused": paused}, status=status)))
    for where, body in sent(patches):
        assert where in ("spec", "status")
        assert index <= body.get("currentStepIndex", index) <= min(index + 1, len(STEPS))
        assert not body.get("abort")
        assert not body.get("paused")
