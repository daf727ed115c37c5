"""Canaries with traffic routing: the order of pods, services and weight."""

from dataclasses import replace

import pytest

from rollouts.api.weights import Weights
from strategies.model import SetWeight
from tests.strategies.test_canary_walk import GATE, STEPS, done
from tests.strategies.world import World, deployed, routed, settled

TIME = "2026-01-01T00:00:00Z"
PLAIN = ({"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})


def test_a_first_deployment_makes_the_canary_route_with_no_traffic():
    world = World(strategy=routed(*PLAIN)).run(3)
    assert world.weights is not None
    assert world.weight == 0


def test_services_wait_for_all_pods_before_they_are_adopted():
    world = World(strategy=routed(*PLAIN), broken={"v1"}).run(20)
    assert world.selected("web-stable") == ""
    world.broken.clear()
    world.until(done)
    assert world.selected("web-stable") == world.selected("web-canary") == "v1"


def test_traffic_moves_only_after_pods_were_seen_and_the_service_selects_them():
    world = deployed(routed(*PLAIN))
    world.ship("v2")
    seen = []
    while world.step != 1:
        world.reconcile()
        seen.append((world.of("v2").available, world.selected("web-canary"), world.weight))
        world.pass_time()
    first = next(index for index, each in enumerate(seen) if each[2] > 0)
    assert seen[first - 1] == (2, "v2", 0)


def test_after_promotion_stable_takes_over_before_the_weight_falls_and_old_pods_stay_a_while():
    world = deployed(routed({"setWeight": 50}))
    world.ship("v2").until(lambda each: each.status.stable_rs == each.hash_of("v2"))
    assert (world.selected("web-stable"), world.weight) == ("v1", 100)
    world.until(lambda each: each.selected("web-stable") == "v2")
    assert world.weight == 100
    world.until(lambda each: each.weight == 0)
    world.run(20)
    assert world.size("v1") == 10
    world.run(20)
    assert world.size("v1") == 0


def test_promotion_waits_until_the_whole_weight_was_seen():
    world = deployed(routed({"setWeight": 50}))
    world.ship("v2")
    while world.status.stable_rs == world.hash_of("v1"):
        seen = world.weight
        world.reconcile()
        world.pass_time()
    assert seen == 100


def test_a_weight_that_is_not_verified_holds_the_step_and_is_written_and_asked_for_again():
    world = deployed(routed(*PLAIN))
    world.ship("v2").until(lambda each: each.weight == 20)
    world.weights = Weights(canary=20, verified=False)
    assert SetWeight(canary=20) in world.plan().actions
    assert world.plan().requeue_after.total_seconds() == 10
    world.reconcile()
    assert world.step == 0
    world.weights = Weights(canary=20, verified=True)
    world.reconcile()
    assert world.step == 1


def test_scale_down_delay_of_none_removes_the_old_pods_at_once():
    world = deployed(routed({"setWeight": 50}, scaleDownDelaySeconds=0))
    world.ship("v2").until(done)
    assert world.size("v1") == 0


def test_revision_limit_of_the_delay_keeps_the_newest():
    world = deployed(routed(scaleDownDelaySeconds=500, scaleDownDelayRevisionLimit=1))
    world.ship("v2").until(done).ship("v3").until(done)
    world.run(5)
    assert (world.size("v1"), world.size("v2")) == (0, 10)


def test_an_aborted_canary_stays_for_its_delay():
    world = deployed(routed(*PLAIN, abortScaleDownDelaySeconds=60))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").patch(abort=True).until(settled)
    assert (world.weight, world.selected("web-canary"), world.size("v2")) == (0, "v1", 2)
    world.run(70)
    assert world.size("v2") == 0


def test_an_abort_delay_of_zero_keeps_the_canary():
    world = deployed(routed(*PLAIN, abortScaleDownDelaySeconds=0))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").patch(abort=True).run(600)
    assert world.size("v2") == 2
    assert world.weight == 0


def test_a_retry_takes_the_deadline_off():
    world = deployed(routed(*PLAIN))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").patch(abort=True).until(settled)
    assert world.of("v2").scale_down_deadline is not None
    world.patch(abort=False).until(lambda each: each.status.phase == "Paused")
    assert world.of("v2").scale_down_deadline is None
    world.run(60)
    assert (world.size("v2"), world.weight) == (2, 20)


def test_a_canary_that_lost_its_pods_loses_its_traffic():
    world = deployed(routed(*PLAIN))
    world.ship("v2").until(lambda each: each.weight == 20).run(3)
    world.broken.add("v2")
    world.pass_time().reconcile()
    assert world.weight == 0
    world.broken.clear()
    world.until(lambda each: each.weight == 20)


def test_a_weight_that_someone_changed_is_put_back():
    world = deployed(routed(*PLAIN))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    world.weights = type(world.weights)(canary=70)
    world.reconcile()
    assert world.weight == 20


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    "status", [{"pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": TIME}]}, {}]
)
def test_a_held_update_loses_what_a_hand_on_the_route_gave_it(status, dynamic):
    world = deployed(routed({"setWeight": 20}, {"pause": {}}, dynamicStableScale=dynamic))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    world.set(paused=not status).patch(**status)
    world.weights = Weights(canary=100)
    world.run(3)
    assert (world.weight, world.phase[0]) == (20, "Paused")


def test_stable_grows_although_the_update_is_held_until_the_weight_is_the_steps():
    world = deployed(routed({"setWeight": 100}, {"setWeight": 20}, {"pause": {}}, dynamicStableScale=True))
    world.ship("v2").until(lambda each: each.step == 1)
    assert (world.weight, world.size("v1")) == (100, 0)
    world.set(paused=True).run(10)
    assert (world.weight, world.step, world.size("v1"), world.size("v2")) == (20, 1, 8, 10)


def test_missing_stable_pods_hold_the_retreat_back_until_one_is_there():
    world = deployed(routed(*PLAIN))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    world.broken.add("v1")
    world.pass_time().patch(abort=True).run(5)
    assert world.weight == 20
    world.broken.clear()
    world.run(3)
    assert world.weight == 0


def test_weights_may_fall_between_steps_and_pods_follow_later():
    world = deployed(routed({"setWeight": 60}, {"setWeight": 20}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    assert (world.weight, world.size("v2")) == (20, 2)


def test_set_canary_scale_sizes_the_canary_apart_from_its_weight():
    steps = ({"setCanaryScale": {"replicas": 4}}, {"setWeight": 10}, {"pause": {}})
    steps += ({"setCanaryScale": {"matchTrafficWeight": True}}, {"pause": {}})
    world = deployed(routed(*steps))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    assert (world.size("v2"), world.weight) == (4, 10)
    world.patch(pauseConditions=None).until(lambda each: each.step == 4).run(3)
    assert world.size("v2") == 1


def test_a_threshold_lets_a_step_pass_with_fewer_pods():
    strategy = routed(
        {"setWeight": 50}, {"pause": {}}, replicaProgressThreshold={"type": "Percent", "value": 60}
    )
    world = deployed(strategy)
    world.ship("v2").until(lambda each: each.size("v2") == 5)
    world.pass_time()
    each = world.of("v2")
    slow = [pod.name for pod in world.pods.values() if pod.pod_hash == each.pod_hash][:2]
    world.pass_time()
    for name in slow:
        world.pods[name] = type(world.pods[name])(
            name=name, pod_hash=each.pod_hash, created=world.now, available=False
        )
    world._count(each)
    assert world.of("v2").available == 3
    for _ in range(4):
        world.reconcile()
    assert world.weight == 50


def test_a_version_that_may_be_wanted_back_keeps_its_pods_although_somebody_deletes_the_stable_set():
    world = deployed(routed({"setWeight": 50}, scaleDownDelaySeconds=30))
    world.ship("v2").until(done).run(3)
    del world.sets[world.of("v2").name]
    world.ship("v3").run(10)
    assert world.size("v1") == 10
    world.until(lambda each: done(each) and each.size("v1") == 0, seconds=120)


def test_a_share_without_a_stable_version_moves_only_to_enough_pods():
    world = deployed(routed({"setWeight": 40}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    del world.sets[world.of("v1").name]
    world.sets[world.of("v2").name] = replace(world.of("v2"), desired=10)
    world.pass_time(3).ship("v3")
    while world.selected("web-canary") == "v2":
        served = world.of("v3").available if world.size("v3") else 0
        assert world.size("v2") >= 4
        world.reconcile()
        world.pass_time()
    assert served >= 4
    world.until(done).run(60)
    assert (world.selected("web-stable"), world.weight, world.size("v2")) == ("v3", 0, 0)


def test_pods_that_are_ready_keep_the_share_that_has_no_stable_version_to_go_back_to():
    world = deployed(routed({"setWeight": 40}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    del world.sets[world.of("v1").name]
    world.sets[world.of("v2").name] = replace(world.of("v2"), available=0)
    assert not [action for action in world.plan().actions if isinstance(action, SetWeight)]


def test_a_share_that_nobody_serves_moves_to_any_pod_of_the_next_version():
    world = deployed(routed({"setWeight": 40}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    del world.sets[world.of("v1").name]
    world.broken.add("v2")
    world.pass_time().ship("v3").run(2)
    each = world.of("v3")
    world.sets[each.name] = replace(each, available=1)
    world.reconcile()
    assert world.selected("web-canary") == "v3"


class TestDynamicStableScale:
    """Stable shrinks as the canary grows, and grows before it takes traffic back."""

    strategy = routed({"setWeight": 20}, {"setWeight": 60}, {"pause": {}}, dynamicStableScale=True)

    def test_stable_shrinks_with_the_weight_it_was_seen_to_carry(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(3)
        assert (world.weight, world.size("v2"), world.size("v1")) == (60, 6, 4)

    def test_an_abort_moves_traffic_only_as_fast_as_stable_grows(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(3)
        world.patch(abort=True)
        while world.weight or world.size("v2"):
            world.reconcile()
            stable, new = world.of("v1"), world.of("v2")
            assert stable.available * 10 >= 100 - world.weight
            assert new.desired * 10 >= world.weight
            world.pass_time()
        assert world.size("v1") == 10

    def test_an_aborted_canary_stays_for_a_delay_that_is_asked_for_from_when_stable_carries_all(self):
        canary = self.strategy["canary"] | {"abortScaleDownDelaySeconds": 20}
        world = deployed({"canary": canary})
        world.ship("v2").until(lambda each: each.step == 2).run(3)
        world.patch(abort=True)
        pods = world.size("v2")
        world.until(lambda each: each.weight == 0 and each.of("v2").scale_down_deadline is not None)
        assert (world.size("v1"), world.size("v2")) == (10, pods)
        world.run(15)
        assert world.size("v2") == pods
        world.run(20)
        assert world.size("v2") == 0
        assert world.selected("web-canary") == "v1"

    def test_going_back_to_stable_does_the_same(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(3).ship("v1")
        world.until(done).run(60)
        assert (world.weight, world.size("v1"), world.size("v2")) == (0, 10, 0)

    def test_stable_grows_to_take_back_what_a_superseded_version_carries(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(3).ship("v3")
        world.until(lambda each: each.selected("web-canary") == "v3", seconds=60)
        world.until(lambda each: each.step == 2, seconds=60)

    def test_stable_grows_to_take_back_what_a_version_without_pods_carries(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(3)
        world.broken.add("v2")
        world.until(lambda each: each.weight == 0, seconds=60)
        assert world.of("v1").available == 10

    @pytest.mark.parametrize("hold", [{}, {"paused": True}], ids=["under way", "held by hand"])
    def test_what_nobody_serves_goes_to_stable_although_pods_of_that_never_come_up(self, hold):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(60).set(**hold)
        world.broken.add("v2")
        world.stuck.add("v1")
        world.run(20)
        assert world.weight == 60
        world.until(lambda each: each.weight == 0, seconds=20)
        assert (world.size("v1"), world.of("v1").available) == (10, 4)

    def test_the_weight_stays_with_what_serves_while_the_stable_set_is_gone(self):
        world = deployed(routed({"setWeight": 100}, {"pause": {}}, dynamicStableScale=True))
        world.ship("v2").until(lambda each: each.weight == 100).run(5)
        assert world.size("v1") == 0
        world.ship("v1").run(1)
        del world.sets[world.of("v1").name]
        for _ in range(3):
            world.reconcile()
            assert world.weight == 100
        world.until(lambda each: done(each) and each.weight == 0, seconds=120)

    def test_without_any_pods_the_weight_of_a_superseded_version_is_taken_back(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).scale(0).run(5)
        assert world.weight == 60
        world.ship("v3").until(lambda each: each.selected("web-canary") == "v3", seconds=30)

    def test_it_ends_with_all_pods_new(self):
        world = deployed(self.strategy)
        world.ship("v2").until(lambda each: each.step == 2).run(2)
        world.patch(promoteFull=True).until(done).run(60)
        assert (world.size("v1"), world.size("v2"), world.weight) == (0, 10, 0)


def test_background_analysis_begins_at_its_step_and_ends_with_the_update():
    analysis = {"templates": [{"templateName": "errors"}], "startingStep": 2}
    world = deployed(routed(*PLAIN, analysis=analysis))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    assert not world.runs
    world.patch(pauseConditions=None).until(lambda each: each.step == 3).run(3)
    name = f"web-{world.hash_of('v2')}-2"
    assert world.runs[name].phase == "Running"
    assert world.status.canary.current_background_analysis_run_status.name == name
    world.patch(pauseConditions=None).until(done).run(3)
    assert world.runs[name].terminated


def test_a_failing_background_analysis_aborts():
    analysis = {"templates": [{"templateName": "errors"}]}
    world = deployed(routed(*PLAIN, analysis=analysis))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").run(3)
    world.verdicts["v2"] = "Failed"
    world.until(lambda each: each.status.abort)
    assert "Background analysis phase error/failed: metric says Failed" in world.status.message


@pytest.mark.parametrize("total", [100, 1000])
def test_max_traffic_weight_is_all_traffic(total):
    routing = {"trafficRouting": {"nginx": {"stableIngress": "web"}, "maxTrafficWeight": total}}
    world = deployed(routed({"setWeight": total // 2}, {"pause": {}}, **routing))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    assert (world.weights.canary, world.weights.total, world.size("v2")) == (total // 2, total, 5)
    world.patch(pauseConditions=None).until(done)


def test_steps_with_analysis_end_settled():
    world = deployed(routed(*STEPS, GATE))
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done).run(60)
    assert settled(world)
