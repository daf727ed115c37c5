"""A rollout that is taken back rejects the Git revision, and automated sync holds."""

from pathlib import Path

import pytest

from rollouts.kube import resources as kinds
from tests.gitops.bench import AUTOMATED, CONFIG_MAP, SHOP, Bench, application, condition, resource, rollout
from tests.gitops.repos import Repo, git

WHY = 'Rollout aborted update to revision 2: Metric "success-rate" assessed Failed'
GOOD = {"phase": "Healthy", "currentPodHash": "a", "stableRS": "a"}
MOVING = {"phase": "Paused", "currentPodHash": "b", "stableRS": "a"}
ABORTED = {**MOVING, "phase": "Degraded", "abort": True, "message": f"RolloutAborted: {WHY}"}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "git")
    made.commit({"shop/rollout.yaml": rollout("1"), "other/readme": "of another application"})
    return made


@pytest.fixture
async def bench(tmp_path: Path, repo: Repo) -> Bench:
    made = Bench(tmp_path)
    await made.start(application(repo.url, **AUTOMATED))
    await made.settle()
    await made.rollout_status("web", GOOD)
    await made.settle()
    return made


async def reject(bench: Bench, repo: Repo) -> tuple[str, dict]:
    bad = repo.commit({"shop/rollout.yaml": rollout("2")}, message="Deploy 2")
    await bench.poll()
    await bench.rollout_status("web", ABORTED)
    return bad, await bench.settle()


def phases(app: dict) -> dict[str, str]:
    return {verdict["revision"]: verdict["phase"] for verdict in app["status"].get("verdicts", ())}


async def image(bench: Bench) -> str:
    live = await bench.client.get(kinds.ROLLOUTS, "web", SHOP)
    return live["spec"]["template"]["spec"]["containers"][0]["image"]


async def test_a_promoted_revision_is_accepted(bench: Bench, repo: Repo) -> None:
    app = await bench.app()
    assert phases(app) == {repo.head(): "Accepted"}
    live = await bench.client.get(kinds.ROLLOUTS, "web", SHOP)
    assert live["metadata"]["annotations"]["rollouts.argoproj.io/git-revision"] == repo.head()


async def test_an_aborted_rollout_rejects_its_revision(bench: Bench, repo: Repo) -> None:
    good = repo.head()
    bad, app = await reject(bench, repo)
    assert phases(app) == {good: "Accepted", bad: "Rejected"}
    verdict = app["status"]["verdicts"][-1]
    assert (verdict["reason"], verdict["resource"], verdict["message"]) == ("AnalysisFailed", "shop/web", WHY)
    said = condition(app, "RevisionRejected")
    for part in (bad[:7], "shop/web", "success-rate", good[:7], "Commit a fix or a revert"):
        assert part in said
    assert app["status"]["sync"] | {"status": "OutOfSync", "revision": bad} == app["status"]["sync"]
    assert app["status"]["health"]["status"] == "Degraded"
    assert ("Warning", "RevisionRejected") in bench.said


async def test_automated_sync_holds_and_does_not_fight(bench: Bench, repo: Repo) -> None:
    await reject(bench, repo)
    before = (await bench.client.get(kinds.ROLLOUTS, "web", SHOP))["metadata"]["resourceVersion"]
    finished = (await bench.app())["status"]["operationState"]["finishedAt"]
    for _ in range(3):
        app = await bench.poll()
    assert app["status"]["operationState"]["finishedAt"] == finished
    after = await bench.client.get(kinds.ROLLOUTS, "web", SHOP)
    assert after["metadata"]["resourceVersion"] == before


async def test_the_hold_survives_a_restart(bench: Bench, repo: Repo) -> None:
    bad, _ = await reject(bench, repo)
    bench.restart()
    app = await bench.poll()
    assert phases(app)[bad] == "Rejected"
    assert condition(app, "RevisionRejected")


async def test_after_an_undo_by_hand_the_rejected_revision_stays_away(bench: Bench, repo: Repo) -> None:
    await reject(bench, repo)
    old = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}
    await bench.client.patch(kinds.ROLLOUTS, "web", old, SHOP)
    await bench.rollout_status("web", GOOD)
    app = await bench.poll()
    assert await image(bench) == "web:1"
    assert condition(app, "RevisionRejected")


async def test_the_next_commit_clears_it(bench: Bench, repo: Repo) -> None:
    await reject(bench, repo)
    fixed = repo.commit({"shop/rollout.yaml": rollout("3")})
    app = await bench.poll()
    assert await image(bench) == "web:3"
    assert not condition(app, "RevisionRejected")
    await bench.rollout_status("web", {**GOOD, "currentPodHash": "c", "stableRS": "c"})
    assert phases(await bench.settle())[fixed] == "Accepted"


async def test_a_commit_to_another_application_does_not_clear_it(bench: Bench, repo: Repo) -> None:
    bad, _ = await reject(bench, repo)
    other = repo.commit({"other/readme": "changed"})
    app = await bench.poll()
    assert phases(app)[other] == phases(app)[bad] == "Rejected"
    assert app["status"]["sync"]["revision"] == other


async def test_a_commit_that_mends_another_object_is_synced(bench: Bench, repo: Repo) -> None:
    await reject(bench, repo)
    repo.commit({"shop/config.yaml": CONFIG_MAP})
    app = await bench.poll()
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert resource(app, "ConfigMap")["status"] == "Synced"


async def test_a_retry_by_a_user_takes_the_verdict_back(bench: Bench, repo: Repo) -> None:
    bad, _ = await reject(bench, repo)
    await bench.rollout_status("web", MOVING)
    app = await bench.settle()
    assert bad not in phases(app)
    assert not condition(app, "RevisionRejected")
    await bench.rollout_status("web", {**GOOD, "currentPodHash": "b", "stableRS": "b"})
    assert phases(await bench.settle())[bad] == "Accepted"


async def test_a_first_deployment_has_nothing_to_go_back_to(tmp_path: Path, repo: Repo) -> None:
    bench = Bench(tmp_path / "second")
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    await bench.rollout_status("web", {**ABORTED, "stableRS": ""})
    app = await bench.settle()
    assert phases(app) == {}


async def test_a_rollback_holds_until_the_next_commit(bench: Bench, repo: Repo) -> None:
    good = repo.head()
    _, app = await reject(bench, repo)
    source = app["status"]["history"][0]["source"]
    await bench.patch_app({"operation": {"sync": {"revision": good, "source": source}}})
    app = await bench.settle()
    assert await image(bench) == "web:1"
    assert good[:7] in condition(app, "RevisionPinned")
    assert app["status"]["sync"]["status"] == "OutOfSync"
    assert app["status"]["history"][-1]["revision"] == good

    await bench.client.patch(kinds.ROLLOUTS, "web", {"spec": {"replicas": 7}}, SHOP)
    await bench.poll()
    live = await bench.client.get(kinds.ROLLOUTS, "web", SHOP)
    assert live["spec"]["replicas"] == 2  # self-heal works towards the pin

    repo.commit({"shop/rollout.yaml": rollout("3")})
    app = await bench.poll()
    assert await image(bench) == "web:3"
    assert not condition(app, "RevisionPinned")
    assert not {key for key in app["metadata"].get("annotations", {}) if "pinned" in key}


async def test_a_sync_to_git_ends_a_rollback(bench: Bench, repo: Repo) -> None:
    good = repo.head()
    repo.commit({"shop/rollout.yaml": rollout("2")})
    await bench.poll()
    await bench.patch_app({"operation": {"sync": {"revision": good}}})
    assert condition(await bench.settle(), "RevisionPinned")
    await bench.patch_app({"operation": {"sync": {}}})
    app = await bench.settle()
    assert not condition(app, "RevisionPinned")
    assert await image(bench) == "web:2"


async def test_a_paused_canary_does_not_hold_a_newer_commit(bench: Bench, repo: Repo) -> None:
    repo.commit({"shop/rollout.yaml": rollout("2")})
    await bench.poll()
    await bench.rollout_status("web", MOVING)
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert app["status"]["health"]["status"] == "Suspended"
    repo.commit({"shop/rollout.yaml": rollout("3")})
    await bench.poll()
    assert await image(bench) == "web:3"


async def test_asked_to_the_engine_reverts_the_commit_once(bench: Bench, repo: Repo) -> None:
    await bench.patch_app({"metadata": {"annotations": {"rollouts.argoproj.io/on-reject": "revert"}}})
    bad, _ = await reject(bench, repo)
    app = await bench.poll()
    head = repo.head()
    assert head != bad
    log = git(repo.bare, "log", "-1", "--format=%an|%s|%b", head)
    assert log.startswith('Rollouts|Revert "Deploy 2"|')
    assert WHY in log
    assert await image(bench) == "web:1"
    assert app["status"]["sync"]["revision"] == head
    await bench.poll()
    assert repo.head() == head


async def test_it_reverts_nothing_that_others_built_upon(bench: Bench, repo: Repo) -> None:
    await bench.patch_app({"metadata": {"annotations": {"rollouts.argoproj.io/on-reject": "revert"}}})
    repo.commit({"shop/rollout.yaml": rollout("2")}, message="Deploy 2")
    await bench.poll()
    later = repo.commit({"other/readme": "changed"})
    await bench.rollout_status("web", ABORTED)
    app = await bench.settle()
    assert repo.head() == later
    assert "was not reverted: " in condition(app, "RevisionRejected")
    assert f"branch main has moved on to {later[:7]}" in condition(app, "RevisionRejected")


async def test_a_revert_that_did_not_reach_the_repository_is_tried_again(bench: Bench, repo: Repo) -> None:
    await bench.patch_app({"metadata": {"annotations": {"rollouts.argoproj.io/on-reject": "revert"}}})
    hook = repo.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    bad = repo.commit({"shop/rollout.yaml": rollout("2")}, message="Deploy 2")
    await bench.poll()
    hook.write_text("#!/bin/sh\necho frozen\nexit 1\n")
    hook.chmod(0o755)
    await bench.rollout_status("web", ABORTED)
    app = await bench.settle()
    assert "was not reverted yet: " in condition(app, "RevisionRejected")
    assert "(pre-receive hook declined)" in condition(app, "RevisionRejected")
    assert repo.head() == bad
    hook.unlink()
    await bench.settle()
    assert repo.head() == bad  # not with every pass
    await bench.poll()
    assert repo.head() != bad
    assert await image(bench) == "web:1"


async def test_two_applications_that_reject_a_commit_revert_it_once(bench: Bench, repo: Repo) -> None:
    """Each in its own pass, and with the controller killed between the push and the status."""
    annotations = {"metadata": {"annotations": {"rollouts.argoproj.io/on-reject": "revert"}}}
    await bench.patch_app(annotations)
    bad, _ = await reject(bench, repo)
    head = repo.head()
    bench.restart()
    await bench.settle()
    await bench.poll()
    assert repo.head() == head
    assert git(repo.bare, "rev-parse", f"{head}^") == bad
