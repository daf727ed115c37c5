"""Finding the ReplicaSet of a template, numbering revisions, and taking over from another controller."""

from dataclasses import replace
from datetime import timedelta

import pytest

from strategies.model import AnnotateReplicaSet, CreateReplicaSet, DeleteReplicaSet, ReplicaSet, SetRevision
from strategies.revisions import current_hash, find, number, pod_hash, roles
from tests.strategies.test_canary_walk import done
from tests.strategies.world import START, World, canary, deployed, routed, settled, template


def of(version: str, name: str, **more) -> ReplicaSet:
    live = template(version)
    live["spec"] |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
    live["metadata"]["labels"]["rollouts-pod-template-hash"] = name
    return ReplicaSet(**{"name": f"web-{name}", "pod_hash": name, "template": live, "created": START} | more)


def test_the_label_is_believed_first():
    labelled = of("v1", pod_hash(template("v2")))
    assert find(template("v2"), None, (of("v2", "other"), labelled)) == labelled


def test_an_equal_template_under_another_hash_is_taken_over():
    foreign = of("v1", "7d9f8c6b5d")
    assert current_hash(template("v1"), None, (foreign,)) == "7d9f8c6b5d"
    assert current_hash(template("v2"), None, (foreign,)) == pod_hash(template("v2"))


def test_of_several_with_an_equal_template_the_recorded_one_is_the_current_one():
    twins = (of("v1", "first"), replace(of("v1", "second"), created=START + timedelta(hours=1)))
    assert current_hash(template("v1"), None, twins, recorded="second") == "second"
    assert current_hash(template("v1"), None, twins, recorded="gone") == "first"


def test_the_sets_of_experiments_are_nobodys_revision():
    mine = of("v1", "7d9f8c6b5d", annotations={"experiment.argoproj.io/name": "try"})
    assert find(template("v1"), None, (mine,)) is None


OLD = "65fb57dd7d"
"""The hash of version v1, and that of the steps below, of before the engine hashed as upstream does."""
OLD_STEPS = "54649b9f5c"


@pytest.mark.parametrize("name", [OLD, "7d9f8c6b5d"])
def test_a_rollout_that_was_hashed_otherwise_goes_on_without_a_new_deployment(name):
    world = deployed(routed({"setWeight": 20}, {"pause": {}}))
    assert world.hash_of("v1") != name
    named(world, name)
    world.until(settled)
    assert world.phase == ("Healthy", "")
    assert list(world.sets) == [f"web-{name}"]
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    assert world.status.stable_rs == name


def test_an_update_that_was_aborted_before_the_hash_changed_stays_aborted():
    world = deployed(routed({"setWeight": 20}, {"pause": {}}))
    named(world, OLD)
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    world.status = world.status.model_copy(update={"current_step_hash": OLD_STEPS})
    world.patch(abort=True).until(lambda each: each.status.phase == "Degraded")
    world.run(100)
    assert world.status.abort
    assert world.status.current_step_hash == OLD_STEPS


def named(world: World, name: str) -> None:
    """Give the only version another hash, wherever it stands."""
    each = world.of("v1")
    del world.sets[each.name]
    world.sets[f"web-{name}"] = replace(
        of("v1", name), desired=10, current=10, ready=10, available=10, revision=1, desired_annotation=10
    )
    world.pods = {pod: replace(found, pod_hash=name) for pod, found in world.pods.items()}
    for service, found in world.services.items():
        world.services[service] = replace(found, pod_hash=name)
    status = {"stable_rs": name, "current_pod_hash": name, "current_step_hash": OLD_STEPS}
    world.status = world.status.model_copy(update=status)


def test_a_new_version_is_created_empty_with_the_next_number():
    world = deployed(canary())
    world.ship("v2")
    (create,) = [action for action in world.plan().actions if isinstance(action, CreateReplicaSet)]
    assert (create.name, create.revision) == (f"web-{world.hash_of('v2')}", 2)
    assert world.plan().actions[-1] == SetRevision(revision=2)
    world.reconcile()
    assert world.of("v2").desired == 0


def test_numbers_only_grow():
    world = deployed(canary())
    for version in ("v2", "v3", "v1", "v2"):
        world.ship(version).until(done)
    assert world.of("v2").revision == 5
    assert world.of("v2").annotations["rollout.argoproj.io/revision-history"] == "2"
    assert number(roles(world.seen)) == 5
    assert not [action for action in world.plan().actions if isinstance(action, AnnotateReplicaSet)]


def test_a_set_that_a_service_still_selects_is_not_deleted():
    world = deployed(routed(), spec={"revisionHistoryLimit": 0})
    world.ship("v2").until(done).run(40)
    assert list(world.sets) == [world.of("v2").name]
    world.ship("v3").until(lambda each: each.status.stable_rs == each.hash_of("v3"))
    old = world.of("v2")
    world.sets[old.name] = replace(old, desired=0, current=0)
    assert world.selected("web-stable") == "v2"
    assert not [action for action in world.plan().actions if isinstance(action, DeleteReplicaSet)]


def test_a_stable_set_that_someone_deleted_leaves_nothing_to_go_back_to():
    world = deployed(canary({"setWeight": 20}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused")
    del world.sets[world.of("v1").name]
    world.until(done)
    assert world.status.stable_rs == world.hash_of("v2")


def test_an_aborted_version_stays_small_even_if_someone_deleted_the_stable_set():
    world = deployed(routed({"setWeight": 20}, {"pause": {}}))
    world.ship("v2").until(lambda each: each.status.phase == "Paused").patch(abort=True).run(2)
    del world.sets[world.of("v1").name]
    before = world.size("v2")
    world.run(100)
    assert world.size("v2") <= before
    assert world.status.abort
    assert world.phase[0] == "Degraded"


def test_a_first_set_that_someone_deleted_is_made_again():
    world = deployed(canary())
    del world.sets[world.of("v1").name]
    world.pods.clear()
    world.until(lambda each: done(each) and each.size("v1") == 10)


def test_a_world_without_anything_plans_its_first_set():
    assert isinstance(World(strategy=canary()).plan().actions[0], CreateReplicaSet)
