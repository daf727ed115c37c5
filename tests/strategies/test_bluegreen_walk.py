"""Blue/green updates, walked through a tiny world."""

import pytest

from strategies.model import Service
from tests.strategies.test_canary_walk import done
from tests.strategies.world import World, blue_green, canary, deployed, settled

GATE = {"templates": [{"templateName": "errors"}]}


def paused(world: World) -> bool:
    return world.status.phase == "Paused"


def test_a_first_version_becomes_active_once_all_its_pods_are_there():
    world = World(strategy=blue_green(), broken={"v1"}).run(20)
    assert world.selected("web-active") == ""
    world.broken.clear()
    world.until(done)
    assert world.selected("web-active") == world.selected("web-preview") == "v1"
    assert any(text.endswith("Initial deploy") for text in world.events)


def test_all_traffic_switches_once_the_new_version_is_complete():
    world = deployed(blue_green())
    world.ship("v2")
    while world.selected("web-active") == "v1":
        before = world.of("v2").available if world.sets.get(f"web-{world.hash_of('v2')}") else 0
        world.reconcile()
        if world.selected("web-active") == "v2":
            assert before == 10
        world.pass_time()
    world.until(done)
    assert world.status.blue_green.active_selector == world.hash_of("v2")
    assert world.status.selector == f"app=web,rollouts-pod-template-hash={world.hash_of('v2')}"
    assert any(text.endswith("Completed blue-green update") for text in world.events)


def test_the_old_version_stays_for_the_delay():
    world = deployed(blue_green(scaleDownDelaySeconds=100))
    world.ship("v2").until(done)
    assert world.size("v1") == 10
    assert world.plan().requeue_after is not None
    world.run(110)
    assert world.size("v1") == 0


def test_going_back_within_the_delay_skips_pause_and_analysis():
    strategy = blue_green(autoPromotionEnabled=False, prePromotionAnalysis=GATE, scaleDownDelaySeconds=500)
    world = deployed(strategy)
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(paused).patch(pauseConditions=None).until(done)
    runs = len(world.runs)
    world.ship("v1").until(done)
    assert len(world.runs) == runs
    assert any(text.endswith("Fast rollback") for text in world.events)
    assert world.of("v1").scale_down_deadline is None
    world.run(5)
    assert world.of("v2").scale_down_deadline is not None


def test_going_back_after_the_delay_walks_the_whole_way():
    strategy = blue_green(prePromotionAnalysis=GATE, scaleDownDelaySeconds=5)
    world = deployed(strategy)
    world.verdicts |= {"v1": "Successful", "v2": "Successful"}
    world.ship("v2").until(done).run(20).ship("v1").until(done)
    assert f"web-{world.hash_of('v1')}-3-pre" in world.runs


def test_rollback_window_applies_too():
    strategy = blue_green(prePromotionAnalysis=GATE, scaleDownDelaySeconds=5)
    world = deployed(strategy, spec={"rollbackWindow": {"revisions": 3}})
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done).run(20).ship("v1").until(done)
    assert any(text.endswith("Rollback within window") for text in world.events)


def test_without_auto_promotion_a_human_decides():
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.ship("v2").until(paused).run(300)
    assert world.phase == ("Paused", "BlueGreenPause")
    assert world.selected("web-active") == "v1"
    assert world.selected("web-preview") == "v2"
    world.patch(pauseConditions=None).until(done)
    assert world.selected("web-active") == "v2"


def test_auto_promotion_seconds_pass_after_the_preview_is_complete():
    world = deployed(blue_green(autoPromotionSeconds=60))
    world.ship("v2").until(paused)
    start = world.now
    world.until(lambda each: each.selected("web-active") == "v2")
    assert 60 <= (world.now - start).total_seconds() <= 64


def test_a_small_preview_grows_before_the_switch():
    world = deployed(blue_green(autoPromotionEnabled=False, previewReplicaCount=2))
    world.ship("v2").until(paused).run(5)
    assert world.size("v2") == 2
    world.patch(pauseConditions=None).run(2)
    assert world.status.blue_green.scale_up_preview_check_point
    assert world.size("v2") == 10
    assert world.selected("web-active") == "v1"
    world.until(done)
    assert not world.status.blue_green.scale_up_preview_check_point


def test_analysis_before_the_switch_needs_a_complete_preview_and_gates_it():
    world = deployed(blue_green(prePromotionAnalysis=GATE))
    world.broken.add("v2")
    world.ship("v2").run(20)
    assert not world.runs
    world.broken.clear()
    world.run(20)
    assert world.runs[f"web-{world.hash_of('v2')}-2-pre"].phase == "Running"
    assert world.selected("web-active") == "v1"
    world.verdicts["v2"] = "Successful"
    world.until(done)


def test_an_analysis_before_the_switch_that_is_asked_for_once_the_switch_is_decided_gates_it_all_the_same():
    world = deployed(blue_green(previewReplicaCount=1))
    world.ship("v2").until(lambda each: each.status.blue_green.scale_up_preview_check_point)
    assert world.selected("web-active") == "v1"
    world.strategy = blue_green(prePromotionAnalysis=GATE)
    world.set().run(60)
    assert world.runs[f"web-{world.hash_of('v2')}-2-pre"].phase == "Running"
    assert world.selected("web-active") == "v1"
    world.verdicts["v2"] = "Successful"
    world.until(done)


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_preview_that_fails_its_analysis_never_becomes_active(phase):
    world = deployed(blue_green(prePromotionAnalysis=GATE))
    world.verdicts["v2"] = phase
    world.ship("v2").until(lambda each: each.status.abort).run(60)
    assert world.selected("web-active") == "v1"
    assert (world.size("v1"), world.size("v2")) == (10, 0)
    assert "Blue/green pre-promotion analysis phase error/failed" in world.status.message
    assert settled(world)


def test_a_version_that_fails_after_the_switch_gives_all_traffic_back():
    world = deployed(blue_green(postPromotionAnalysis=GATE, scaleDownDelaySeconds=1))
    world.ship("v2").until(lambda each: each.selected("web-active") == "v2").run(100)
    assert world.phase == ("Progressing", "waiting for analysis to complete")
    assert world.size("v1") == 10
    world.verdicts["v2"] = "Failed"
    world.until(lambda each: each.selected("web-active") == "v1")
    assert "Blue/green post-promotion analysis phase error/failed" in world.status.message
    world.run(60)
    assert world.size("v2") == 0


def test_a_version_that_stands_the_test_after_the_switch_becomes_stable():
    world = deployed(blue_green(postPromotionAnalysis=GATE))
    world.verdicts["v2"] = "Successful"
    world.ship("v2").until(done)
    assert world.runs[f"web-{world.hash_of('v2')}-2-post"].phase == "Successful"


@pytest.mark.parametrize("seconds", range(1, 14))
def test_an_abort_at_any_moment_keeps_or_restores_the_stable_version(seconds):
    world = deployed(blue_green(prePromotionAnalysis=GATE, postPromotionAnalysis=GATE))
    world.verdicts["v2"] = "Successful"
    world.ship("v2").run(seconds)
    if world.status.stable_rs == world.hash_of("v2"):
        return
    world.patch(abort=True).until(settled).run(60)
    assert world.selected("web-active") == "v1"
    assert (world.size("v1"), world.size("v2")) == (10, 0)
    world.patch(abort=False).until(done)
    assert world.selected("web-active") == "v2"


def test_an_aborted_version_never_becomes_active_even_if_someone_deleted_the_stable_set():
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.ship("v2").until(paused).patch(abort=True).run(2)
    del world.sets[world.of("v1").name]
    world.run(100)
    assert world.selected("web-active") != "v2"
    assert world.status.abort


def test_a_version_in_its_delay_keeps_its_pods_although_somebody_deletes_the_stable_set():
    world = deployed(blue_green(scaleDownDelaySeconds=30))
    world.ship("v2").until(done).run(3)
    del world.sets[world.of("v2").name]
    world.ship("v3").run(10)
    assert world.size("v1") == 10
    world.until(lambda each: done(each) and each.size("v1") == 0, seconds=120)


def test_an_abort_delay_of_zero_keeps_the_preview():
    world = deployed(blue_green(autoPromotionEnabled=False, abortScaleDownDelaySeconds=0))
    world.ship("v2").until(paused).patch(abort=True).run(600)
    assert world.size("v2") == 10


def test_a_third_version_replaces_a_preview_which_goes_after_the_delay():
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.ship("v2").until(paused).ship("v3").until(paused).run(3)
    assert (world.size("v1"), world.size("v2"), world.size("v3")) == (10, 10, 10)
    world.run(40)
    assert (world.size("v1"), world.size("v2"), world.size("v3")) == (10, 0, 10)


def test_the_version_before_keeps_its_delay_although_the_next_update_comes_in_the_moment_of_promotion():
    world = deployed(blue_green())
    world.ship("v2").until(lambda each: each.status.stable_rs == each.hash_of("v2"))
    world.ship("v3").run(20)
    assert world.size("v1") == 10, "users may still be on their way to it"
    assert world.run(40).size("v1") == 0
    assert world.selected("web-preview") == "v3"


def test_a_third_version_takes_back_what_was_not_proven_yet():
    world = deployed(blue_green(postPromotionAnalysis=GATE))
    world.ship("v2").until(lambda each: each.selected("web-active") == "v2").run(3)
    world.ship("v3").run(3)
    assert world.selected("web-active") == "v1"
    world.verdicts["v3"] = "Successful"
    world.until(done).run(60)
    assert (world.selected("web-active"), world.size("v1"), world.size("v2")) == ("v3", 0, 0)


def test_full_promotion_skips_pause_and_analysis():
    world = deployed(blue_green(autoPromotionEnabled=False, prePromotionAnalysis=GATE, previewReplicaCount=1))
    world.ship("v2").run(6).patch(promoteFull=True).until(done)
    assert world.selected("web-active") == "v2"
    assert not world.status.promote_full
    world.run(3)
    assert all(run.phase != "Running" for run in world.runs.values())


def test_a_pause_by_the_user_holds_the_switch():
    world = deployed(blue_green())
    world.ship("v2").until(lambda each: each.size("v2") == 10).set(paused=True).run(60)
    assert world.phase == ("Paused", "manually paused")
    assert world.selected("web-active") == "v1"
    world.set(paused=False).until(done)


def test_scaling_during_an_update_scales_both():
    world = deployed(blue_green(autoPromotionEnabled=False))
    world.ship("v2").until(paused).scale(4).run(5)
    assert (world.size("v1"), world.size("v2")) == (4, 4)


def test_a_canary_that_becomes_blue_green_keeps_every_version_behind_its_service_until_stable_is_whole():
    world = deployed(canary({"setWeight": 80}, {"pause": {}}))
    world.ship("v2").until(paused)
    assert world.size("v1") == 2
    world.services["web-active"] = Service(name="web-active")
    world.strategy = blue_green(autoPromotionEnabled=False, previewReplicaCount=1)
    world.generation += 1
    stable = world.of("v1")
    world.reconcile()
    assert world.size("v2") == 8
    world.until(lambda each: each.selected("web-active") == "v1")
    assert world.of("v1").available == 10 > stable.available
    world.until(paused).run(2)
    assert (world.size("v1"), world.size("v2")) == (10, 1)
