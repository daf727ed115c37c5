"""How long an update took, and how it ended, as status keeps it; the worlds are those of upstream's suite."""

from datetime import timedelta

import pytest

from strategies import duration
from tests.strategies.world import START, World, blue_green, canary, deployed

ERRORS = {"templates": [{"templateName": "errors"}]}
HALF, HUMAN, CLOCK = {"setWeight": 50}, {"pause": {}}, {"pause": {"duration": "10s"}}
BY_HAND = blue_green(autoPromotionEnabled=False)
WAITING = [canary(HALF, HUMAN), BY_HAND]
BOTH = pytest.mark.parametrize("strategy", WAITING, ids=["canary", "blueGreen"])


def paused(world: World, version: str) -> World:
    """The world once an update to a version is paused."""
    return world.ship(version).until(
        lambda each: each.status.phase == "Paused" and each.status.current_pod_hash == each.hash_of(version)
    )


def healthy(world: World) -> World:
    return world.run(2).until(lambda each: each.status.phase == "Healthy")


@pytest.mark.parametrize(
    "strategy", [canary(HALF, CLOCK), blue_green(autoPromotionSeconds=5)], ids=["canary", "blueGreen"]
)
def test_an_update_that_nobody_is_waited_for_is_promoted_without_a_manual_pause(strategy):
    world = deployed(strategy)
    for version in ("v1", "v2"):
        began = world.now
        record = healthy(world.ship(version)).status.duration if version != "v1" else world.status.duration
        assert record.completion_status == "Promoted"
        assert record.total_manual_pause_duration_seconds is None
        assert record.finished_at >= record.rollout_started_at
        assert version == "v1" or record.rollout_started_at == began


@BOTH
def test_the_time_that_a_human_is_waited_for_is_told_apart(strategy):
    world = paused(deployed(strategy), "v2")
    since = world.status.duration.manual_pause_started_at
    assert since is not None
    world.run(100).patch(pauseConditions=None)
    left = world.now
    record = healthy(world).status.duration
    assert (record.completion_status, record.manual_pause_started_at) == ("Promoted", None)
    assert record.total_manual_pause_duration_seconds == (left - since).total_seconds()


def test_a_user_who_pauses_the_spec_is_waited_for():
    world = deployed(canary(HALF, CLOCK)).set(paused=True).ship("v2").run(5)
    assert world.status.duration.manual_pause_started_at is not None
    assert healthy(world.run(20).set(paused=False)).status.duration.total_manual_pause_duration_seconds >= 20


def test_an_analysis_in_doubt_is_waited_for():
    world = deployed(canary(HALF, {"analysis": ERRORS}))
    world.verdicts["v2"] = "Inconclusive"
    assert paused(world, "v2").status.duration.manual_pause_started_at is not None


@BOTH
def test_a_full_promotion_is_a_fast_one(strategy):
    world = paused(deployed(strategy), "v2").patch(promoteFull=True)
    assert healthy(world).status.duration.completion_status == "FastPromoted"


@BOTH
def test_an_abort_ends_it_and_a_retry_begins_another(strategy):
    world = paused(deployed(strategy), "v2").patch(abort=True).run(5)
    first = world.status.duration
    assert (first.completion_status, first.manual_pause_started_at) == ("Aborted", None)
    again = world.run(60).patch(abort=False).run(1).status.duration
    assert again.rollout_started_at > first.finished_at
    assert (again.completion_status, again.finished_at) == ("", None)


@BOTH
def test_a_version_that_supersedes_another_begins_a_record_of_its_own(strategy):
    world = paused(deployed(strategy), "v2")
    first = world.status
    second = paused(world, "v3").status
    assert second.duration.rollout_started_at > first.duration.rollout_started_at
    gone = duration.ended(first, second)
    assert (gone.completion_status, gone.finished_at) == ("Superseded", second.duration.rollout_started_at)
    assert healthy(world.patch(pauseConditions=None)).status.duration.completion_status == "Promoted"


@BOTH
def test_to_give_a_version_up_for_the_stable_one_is_part_of_its_update(strategy):
    world = paused(deployed(strategy), "v2")
    began = world.status.duration.rollout_started_at
    record = healthy(world.ship("v1")).run(2).status.duration  # the preview follows last
    assert (record.rollout_started_at, record.completion_status) == (began, "FastRolledBack")
    assert record.finished_at is not None


@pytest.mark.parametrize(("window", "how"), [(1, "RolledBack"), (5, "FastRolledBack"), (None, "RolledBack")])
@pytest.mark.parametrize(
    "strategy",
    [canary(HALF, HUMAN), blue_green(autoPromotionEnabled=False, scaleDownDelaySeconds=0)],
    ids=["canary", "blueGreen"],
)
def test_going_back_over_few_versions_is_fast(strategy, window, how):
    world = deployed(strategy)
    world.spec = {"rollbackWindow": {"revisions": window}} if window else {}
    for version in ("v2", "v3"):
        healthy(paused(world, version).patch(pauseConditions=None)).run(30)
    world.ship("v1").run(20)
    if world.status.phase == "Paused":
        world.patch(pauseConditions=None)
    record = healthy(world).status.duration
    assert record.completion_status == how
    assert record.finished_at is not None


def test_a_rollout_that_is_scaled_keeps_the_record_of_its_last_update():
    world = deployed(canary(HALF, CLOCK))
    before = world.status.duration
    assert world.scale(20).run(30).status.duration == before


def test_of_an_update_that_began_before_anybody_kept_a_record_nothing_is_invented():
    world = paused(deployed(canary(HALF, HUMAN)), "v2").patch(duration=None)
    assert healthy(world.patch(pauseConditions=None)).status.duration is None
    assert paused(world, "v3").status.duration.rollout_started_at > START + timedelta(seconds=1)
