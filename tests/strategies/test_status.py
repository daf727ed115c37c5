"""Conditions, phase, counts, the progress deadline, and what is invalid."""

import pytest

from rollouts.api.meta import LabelSelector
from strategies.conditions import find
from strategies.counts import selector_text
from tests.strategies.test_canary_walk import GATE, done
from tests.strategies.world import World, blue_green, canary, deployed, routed, settled

STEPS = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60})


def condition(world: World, kind: str) -> tuple[str, str, str]:
    found = find(world.status.conditions, kind)
    return (found.status, found.reason, found.message) if found is not None else ("", "", "")


def test_a_healthy_rollout_says_so_in_every_condition():
    world = deployed(canary(*STEPS))
    name = f"web-{world.hash_of('v1')}"
    assert condition(world, "Available") == ("True", "AvailableReason", "Rollout has minimum availability")
    assert condition(world, "Healthy") == ("True", "RolloutHealthy", "Rollout is healthy")
    assert condition(world, "Completed") == ("True", "RolloutCompleted", "RolloutCompleted")
    assert condition(world, "Paused") == ("", "", ""), "it was never paused"
    assert condition(world, "Progressing") == (
        "True",
        "NewReplicaSetAvailable",
        f'ReplicaSet "{name}" has successfully progressed.',
    )


def test_conditions_follow_an_update():
    world = deployed(canary(*STEPS))
    name = f"web-{world.hash_of('v2')}"
    world.ship("v2").reconcile()
    assert condition(world, "Progressing") == (
        "True",
        "NewReplicaSetCreated",
        f'Created new replica set "{name}"',
    )
    assert condition(world, "Completed")[0] == condition(world, "Healthy")[0] == "False"
    world.until(lambda each: condition(each, "Progressing")[1] == "ReplicaSetUpdated")
    assert condition(world, "Progressing")[2] == f'ReplicaSet "{name}" is progressing.'
    world.until(lambda each: each.status.phase == "Paused")
    assert condition(world, "Paused")[0] == "True"
    assert condition(world, "Progressing") == ("Unknown", "RolloutPaused", "Rollout is paused")
    world.patch(pauseConditions=None).reconcile()
    assert condition(world, "Paused")[0] == "False"
    assert condition(world, "Progressing") == ("Unknown", "RolloutResumed", "Rollout is resumed")
    world.patch(abort=True).reconcile()
    assert condition(world, "Progressing")[1] == "RolloutAborted"
    world.patch(abort=False).reconcile()
    assert condition(world, "Progressing") == ("Unknown", "RolloutRetry", "Retrying Rollout after abort")


def test_a_canary_without_steps_is_known_by_the_hash_that_upstream_has_for_it():
    assert deployed(canary()).status.current_step_hash == "5ffbfbbd64"
    assert deployed(blue_green()).status.current_step_hash == ""


def test_a_blue_green_that_has_switched_is_healthy_while_it_is_verified():
    analysis = {"templates": [{"templateName": "smoke"}]}
    world = deployed(blue_green(postPromotionAnalysis=analysis))
    world.ship("v2").until(lambda each: each.status.message == "waiting for analysis to complete").run(3)
    assert world.status.phase == "Progressing"
    assert condition(world, "Healthy")[0] == "True"
    assert condition(world, "Progressing")[1] == "NewReplicaSetAvailable"
    assert condition(world, "Completed")[0] == "False"


def test_a_condition_keeps_its_times_until_it_tells_something_else():
    world = deployed(canary(*STEPS))
    before = find(world.status.conditions, "Available")
    world.run(30)
    assert find(world.status.conditions, "Available") == before


def test_going_back_to_a_set_that_exists_is_told_as_found():
    world = deployed(canary())
    world.ship("v2").until(done).ship("v1").reconcile()
    assert condition(world, "Progressing")[1] == "FoundNewReplicaSet"


def test_pods_that_are_lost_after_promotion_begin_a_deadline_of_their_own():
    world = deployed(canary(), spec={"progressDeadlineSeconds": 60})
    world.run(300)
    world.broken.add("v1")
    world.pass_time().reconcile()
    assert condition(world, "Progressing")[1] == "ReplicaSetNotAvailable"
    assert condition(world, "Available")[0] == "False"
    world.run(40)
    assert world.phase[0] == "Progressing"
    world.run(40)
    assert world.phase == (
        "Degraded",
        f'ProgressDeadlineExceeded: ReplicaSet "web-{world.hash_of("v1")}" has timed out progressing.',
    )
    world.broken.clear()
    world.until(done)


def test_a_failure_to_make_pods_is_told():
    world = deployed(canary())
    each = world.of("v1")
    world.sets[each.name] = type(each)(
        **{name: getattr(each, name) for name in each.__slots__} | {"failure": "quota exceeded"}
    )
    world.reconcile()
    assert condition(world, "ReplicaFailure") == ("True", "FailedCreate", "quota exceeded")
    world.sets[each.name] = each
    world.reconcile()
    assert condition(world, "ReplicaFailure") == ("", "", "")


@pytest.mark.parametrize("strategy", [canary(), canary(*STEPS), routed(*STEPS), blue_green()], ids=str)
def test_pods_that_come_and_go_do_not_hold_the_deadline_back(strategy):
    world = deployed(strategy, spec={"progressDeadlineSeconds": 30, "progressDeadlineAbort": True})
    world.broken.add("v2")
    world.ship("v2").run(4)
    for index in range(60):
        each = next((each for each in world.sets.values() if each.pod_hash == world.hash_of("v2")), None)
        if each is not None and each.desired > 1 and index % 2:
            world.broken.clear()
            pods = [pod for pod in world.pods.values() if pod.pod_hash == each.pod_hash]
            pod = pods[0]
            world.pods[pod.name] = type(pod)(
                name=pod.name, pod_hash=pod.pod_hash, created=pod.created, available=True
            )
            world._count(each)
        world.broken.add("v2")
        world.reconcile()
        world.pass_time()
    assert world.status.abort
    assert world.phase[1].endswith("has timed out progressing.")


def test_the_deadline_does_not_run_while_a_human_or_an_analysis_decides():
    steps = ({"setWeight": 20}, {"pause": {}}, GATE)
    world = deployed(canary(*steps), spec={"progressDeadlineSeconds": 30, "progressDeadlineAbort": True})
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(120)
    assert world.phase[0] == "Paused"
    world.patch(pauseConditions=None).run(120)
    assert world.phase[0] == "Progressing"
    assert not world.status.abort


def test_a_plan_says_when_the_deadline_is_due():
    world = deployed(canary(), spec={"progressDeadlineSeconds": 100})
    world.broken.add("v2")
    world.ship("v2").run(10)
    assert 80 < world.plan().requeue_after.total_seconds() <= 100


def test_counts_are_copied_from_the_cluster():
    world = deployed(canary(*STEPS))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(2)
    status = world.status
    assert (status.replicas, status.updated_replicas, status.available_replicas) == (10, 2, 10)
    assert (status.ready_replicas, status.hpa_replicas, status.selector) == (10, 10, "app=web")
    assert status.observed_generation == str(world.generation)


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (canary(*STEPS), 10),
        (routed(*STEPS), 10),
        (routed(*STEPS, minPodsPerReplicaSet=3, dynamicStableScale=True), 11),
    ],
)
def test_an_autoscaler_is_told_of_stable_pods_where_those_are_as_many_as_it_asked_for(strategy, told):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    assert (world.status.hpa_replicas, world.status.selector) == (told, "app=web")


def test_a_pause_of_what_is_completed_leaves_it_progressed():
    world = deployed(canary(*STEPS)).set(paused=True).run()
    conditions = {each.type: (each.status, each.reason) for each in world.status.conditions}
    assert conditions["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert conditions["Paused"] == ("True", "RolloutPaused")
    assert world.phase == ("Paused", "manually paused")


def test_weights_in_status_are_those_that_were_seen():
    world = deployed(routed(*STEPS))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(2)
    weights = world.status.canary.weights
    assert (weights.canary.weight, weights.canary.service_name) == (20, "web-canary")
    assert weights.canary.pod_template_hash == world.hash_of("v2")
    assert (weights.stable.weight, weights.stable.pod_template_hash) == (80, world.hash_of("v1"))
    assert "TrafficWeightUpdated: Traffic weight updated from 0 to 20" in world.events


def test_selectors_are_written_as_kubectl_takes_them():
    selector = LabelSelector.model_validate(
        {
            "matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["web", "api"]},
                {"key": "env", "operator": "NotIn", "values": ["dev"]},
                {"key": "x", "operator": "Exists"},
                {"key": "y", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector_text(selector) == "a=1,b=2,tier in (api,web),env notin (dev),x,!y"
    assert selector_text(None) == ""


def test_a_problem_stops_everything_and_is_looked_at_again():
    world = deployed(canary(*STEPS))
    world.problems = ("Service web-stable is missing",)
    world.ship("v2").reconcile()
    assert world.phase == ("Degraded", "InvalidSpec: Service web-stable is missing")
    assert world.plan().requeue_after.total_seconds() == 20
    assert not world.plan().actions
    assert world.events.count("InvalidSpec: Service web-stable is missing") == 1
    world.run(5)
    assert world.events.count("InvalidSpec: Service web-stable is missing") == 1
    world.problems = ()
    world.run(10)
    assert condition(world, "InvalidSpec") == ("", "", "")


def test_an_abort_retreats_even_while_something_else_is_wrong():
    world = deployed(routed(*STEPS))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(2)
    world.problems = ("AnalysisTemplate errors is missing",)
    world.patch(abort=True).run(60)
    assert world.weight == 0
    assert world.size("v2") == 0
    assert world.phase == ("Degraded", "InvalidSpec: AnalysisTemplate errors is missing")


@pytest.mark.parametrize("step", [{"setHeaderRoute": {"name": "x"}}, {"plugin": {"name": "x"}}])
def test_a_step_that_is_not_supported_is_refused_by_name(step):
    world = World(strategy=routed({"setWeight": 5}, step))
    world.reconcile()
    assert f"steps[1].{next(iter(step))}" in world.status.message
    assert "setWeight, pause, setCanaryScale, analysis" in world.status.message


def test_a_hash_collision_is_counted_and_the_next_hash_is_free():
    world = deployed(canary())
    taken = world.of("v1")
    v2 = world.hash_of("v2")
    del world.sets[taken.name]
    fields = {name: getattr(taken, name) for name in taken.__slots__}
    world.sets[f"web-{v2}"] = type(taken)(**fields | {"name": f"web-{v2}", "pod_hash": v2})
    world.status = world.status.model_copy(update={"stable_rs": v2, "current_pod_hash": v2})
    world.ship("v2").reconcile()
    assert world.status.collision_count == 1
    assert world.hash_of("v2") != v2


def test_the_wait_of_a_rolling_update_for_old_pods_is_told():
    world = deployed(canary(maxSurge="100%", maxUnavailable=0))
    world.ship("v2").until(lambda each: each.status.message == "old replicas are pending termination")
    world.until(lambda each: settled(each) and each.status.phase == "Healthy")


@pytest.mark.parametrize("strategy", [canary(*STEPS), blue_green(autoPromotionEnabled=False)])
def test_what_counts_as_available_follows_the_spec_in_every_set_with_pods(strategy):
    world = deployed(strategy)
    world.ship("v2").until(lambda each: each.status.phase == "Paused").set(minReadySeconds=9).reconcile()
    assert (world.of("v1").min_ready_seconds, world.of("v2").min_ready_seconds) == (9, 9)
    assert not world.plan().actions


def test_a_promoted_version_that_stood_still_too_long_is_paused_by_hand_and_not_degraded():
    world = deployed(canary(), spec={"progressDeadlineSeconds": 30})
    world.stuck.add("v1")
    world.scale(12).until(lambda each: each.phase[0] == "Degraded", seconds=100)
    world.set(paused=True).run(2)
    assert world.phase == ("Paused", "manually paused")
