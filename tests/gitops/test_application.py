"""The Application controller: Git becomes the cluster."""

from datetime import timedelta
from pathlib import Path

import pytest

from rollouts.kube import resources as kinds
from rollouts.kube.errors import NotFound
from tests.gitops.bench import (
    AUTOMATED,
    CONFIG_MAP,
    SERVICE,
    SHOP,
    Bench,
    application,
    condition,
    resource,
)
from tests.gitops.repos import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "git")
    made.commit({"shop/config.yaml": CONFIG_MAP, "shop/service.yaml": SERVICE})
    return made


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_automated_sync_makes_what_git_has(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    app = await bench.settle()
    live = await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert live["data"] == {"colour": "blue"}
    tracking = live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracking == "shop:/ConfigMap:shop/settings"
    assert app["status"]["sync"]["status"] == "Synced"
    assert app["status"]["sync"]["revision"] == repo.head()
    assert app["status"]["health"]["status"] == "Healthy"
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert [entry["revision"] for entry in app["status"]["history"]] == [repo.head()]
    assert ("Normal", "OperationCompleted") in bench.said


async def test_without_automation_it_only_says_what_differs(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url))
    app = await bench.settle()
    assert app["status"]["sync"]["status"] == "OutOfSync"
    assert app["status"]["health"]["status"] == "Missing"
    with pytest.raises(NotFound):
        await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)


async def test_a_second_pass_changes_nothing(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    before = (await bench.app())["metadata"]["resourceVersion"]
    config = (await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP))["metadata"]["resourceVersion"]
    for _ in range(3):
        bench.now += timedelta(seconds=10)
        await bench.step()
    assert (await bench.app())["metadata"]["resourceVersion"] == before
    after = await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert after["metadata"]["resourceVersion"] == config


async def test_a_new_commit_is_found_by_polling(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    head = repo.commit({"shop/config.yaml": CONFIG_MAP.replace("blue", "red")})
    app = await bench.settle()
    assert app["status"]["sync"]["revision"] != head  # nobody has asked Git since
    app = await bench.poll()
    assert app["status"]["sync"]["revision"] == head
    assert (await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP))["data"] == {"colour": "red"}
    assert [entry["id"] for entry in app["status"]["history"]] == [1, 2]


async def test_the_refresh_annotation_asks_git_at_once_and_is_removed(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    head = repo.commit({"shop/config.yaml": CONFIG_MAP.replace("blue", "red")})
    await bench.patch_app({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    app = await bench.settle()
    assert app["status"]["sync"]["revision"] == head
    assert "argocd.argoproj.io/refresh" not in app["metadata"].get("annotations", {})


async def test_what_git_no_longer_has_is_pruned(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    repo.remove("shop/config.yaml")
    app = await bench.poll()
    with pytest.raises(NotFound):
        await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert app["status"]["sync"]["status"] == "Synced"
    assert [r["kind"] for r in app["status"]["resources"]] == ["Service"]


async def test_without_prune_an_extra_object_stays_and_is_said(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, syncPolicy={"automated": {}}))
    await bench.settle()
    repo.remove("shop/config.yaml")
    app = await bench.poll()
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert app["status"]["sync"]["status"] == "OutOfSync"
    assert resource(app, "ConfigMap")["requiresPruning"] is True


async def test_automation_never_deletes_everything(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    repo.commit({"shop/notes.txt": "no manifests"})
    repo.remove("shop/config.yaml", "shop/service.yaml")
    app = await bench.poll()
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert "would delete all 2 objects" in condition(app, "SyncError")


async def test_self_heal_undoes_a_change_and_slows_down(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    waits = []
    for _ in range(4):
        await bench.change(kinds.CONFIG_MAPS, "settings", lambda o: o["data"].update(colour="pink"))
        again = await bench.step()
        live = await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
        if live["data"]["colour"] == "pink":
            assert again is not None
            waits.append(again.total_seconds())
            bench.now += again
            await bench.settle()
        live = await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
        assert live["data"] == {"colour": "blue"}
    assert waits == [2, 6, 18]


async def test_without_self_heal_a_change_stays(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, syncPolicy={"automated": {"prune": True}}))
    await bench.settle()
    await bench.change(kinds.CONFIG_MAPS, "settings", lambda o: o["data"].update(colour="pink"))
    app = await bench.settle()
    assert app["status"]["sync"]["status"] == "OutOfSync"
    assert (await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP))["data"] == {"colour": "pink"}


async def test_a_field_that_is_not_in_git_belongs_to_somebody_else(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    await bench.change(kinds.CONFIG_MAPS, "settings", lambda o: o["data"].update(size="large"))
    app = await bench.settle()
    assert app["status"]["sync"]["status"] == "Synced"
    live = await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    assert live["data"] == {"colour": "blue", "size": "large"}


async def test_a_field_that_leaves_git_leaves_the_cluster(bench: Bench, repo: Repo) -> None:
    repo.commit({"shop/config.yaml": CONFIG_MAP + "  size: large\n"})
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    repo.commit({"shop/config.yaml": CONFIG_MAP})
    await bench.poll()
    assert (await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP))["data"] == {"colour": "blue"}


async def test_a_sync_by_hand_is_an_operation(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url))
    await bench.settle()
    await bench.patch_app({"operation": {"sync": {}, "initiatedBy": {"username": "ann"}}})
    app = await bench.settle()
    assert "operation" not in app
    state = app["status"]["operationState"]
    assert (state["phase"], state["operation"]["initiatedBy"]) == ("Succeeded", {"username": "ann"})
    assert {r["status"] for r in state["syncResult"]["resources"]} == {"Synced"}
    assert app["status"]["sync"]["status"] == "Synced"


async def test_a_sync_by_hand_cannot_bring_another_repository(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url))
    elsewhere = {"repoURL": "https://git.example.com/other.git", "path": "shop"}
    await bench.patch_app({"operation": {"sync": {"source": elsewhere}}})
    state = (await bench.settle())["status"]["operationState"]
    assert state["phase"] == "Error"
    assert state["message"].startswith(".operation.sync.source.repoURL: is another repository")
    with pytest.raises(NotFound):
        await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)


async def test_a_dry_run_changes_nothing(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url))
    await bench.patch_app({"operation": {"sync": {"dryRun": True}}})
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert "history" not in app["status"]
    with pytest.raises(NotFound):
        await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)


async def test_a_sync_of_one_object_leaves_the_others(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url))
    only = {"resources": [{"group": "", "kind": "Service", "name": "web"}]}
    await bench.patch_app({"operation": {"sync": only}})
    app = await bench.settle()
    assert resource(app, "Service")["status"] == "Synced"
    assert resource(app, "ConfigMap")["status"] == "OutOfSync"
    assert "history" not in app["status"]


async def test_a_failed_sync_is_tried_again_and_a_fix_supersedes_it(bench: Bench, repo: Repo) -> None:
    good = repo.head()
    repo.commit({"shop/service.yaml": SERVICE.replace("port: 80\n", "port: 800000\n")})
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.step()
    state = (await bench.app())["status"]["operationState"]
    assert state["phase"] == "Running"
    assert state["retryCount"] == 1
    assert "Service shop/web" in state["message"]
    fixed = repo.commit({"shop/service.yaml": SERVICE})
    assert fixed != good
    app = await bench.poll()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert app["status"]["sync"] | {} == {**app["status"]["sync"], "status": "Synced", "revision": fixed}


async def test_retries_end_and_the_commit_is_not_tried_again(bench: Bench, repo: Repo) -> None:
    repo.commit({"shop/service.yaml": SERVICE.replace("port: 80\n", "port: 800000\n")})
    retry = {"limit": 2, "backoff": {"duration": "1s"}}
    await bench.start(application(repo.url, syncPolicy={"automated": {}, "retry": retry}))
    for _ in range(6):
        bench.now += timedelta(seconds=20)
        await bench.step()
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Failed"
    assert app["status"]["operationState"]["retryCount"] == 2
    assert "not tried again before a commit" in condition(app, "SyncError")


async def test_a_killed_controller_carries_its_operation_on(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    state = {"phase": "Running", "startedAt": "2026-01-01T00:00:00Z"}
    state["operation"] = {"sync": {"revision": repo.head()}, "initiatedBy": {"automated": True}}
    state["syncResult"] = {"revision": repo.head()}
    await bench.patch_app({"status": {"operationState": state}})
    bench.restart()
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert app["status"]["sync"]["status"] == "Synced"


async def test_the_namespace_is_made_where_that_is_asked_for(bench: Bench, repo: Repo) -> None:
    policy = {"automated": {}, "syncOptions": ["CreateNamespace=true"]}
    policy["managedNamespaceMetadata"] = {"labels": {"team": "shop"}}
    destination = {"server": "https://kubernetes.default.svc", "namespace": "new"}
    await bench.start(application(repo.url, syncPolicy=policy, destination=destination))
    await bench.settle()
    namespace = await bench.client.get(kinds.NAMESPACES, "new")
    assert namespace["metadata"]["labels"]["team"] == "shop"
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", "new")


async def test_a_missing_namespace_is_named_with_the_remedy(bench: Bench, repo: Repo) -> None:
    destination = {"server": "https://kubernetes.default.svc", "namespace": "nowhere"}
    await bench.start(application(repo.url, destination=destination))
    await bench.patch_app({"operation": {"sync": {}}})
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Failed"
    assert "create it or set CreateNamespace=true" in condition(app, "SyncError")


async def test_deleting_with_the_finalizer_deletes_what_it_manages(bench: Bench, repo: Repo) -> None:
    app = application(repo.url, **AUTOMATED)
    app["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    await bench.start(app)
    await bench.settle()
    await bench.client.delete(kinds.APPLICATIONS, "shop", "rollouts-system")
    for _ in range(3):
        await bench.step()
    with pytest.raises(NotFound):
        await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    with pytest.raises(NotFound):
        await bench.app()


async def test_deleting_without_the_finalizer_leaves_everything(bench: Bench, repo: Repo) -> None:
    await bench.start(application(repo.url, **AUTOMATED))
    await bench.settle()
    await bench.client.delete(kinds.APPLICATIONS, "shop", "rollouts-system")
    await bench.step()
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)


async def test_waves_wait_for_the_one_before(bench: Bench, repo: Repo) -> None:
    wave = '  annotations:\n    argocd.argoproj.io/sync-wave: "{}"\n'
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: db
{wave}spec:
  replicas: 1
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: db, image: "db:1"}}]}}
"""
    late = CONFIG_MAP.replace("  name: settings\n", "  name: settings\n" + wave.format(2))
    repo.commit({"shop/config.yaml": late, "shop/db.yaml": deployment.format(wave=wave.format(1))})
    await bench.start(application(repo.url, **AUTOMATED))
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Running"
    assert "waiting for Deployment shop/db of wave 1" in app["status"]["operationState"]["message"]
    live = await bench.client.get(kinds.DEPLOYMENTS, "db", SHOP)
    ready = {"observedGeneration": live["metadata"]["generation"], "replicas": 1}
    ready |= {"updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    await bench.client.patch(kinds.DEPLOYMENTS, "db", {"status": ready}, SHOP, subresource="status")
    app = await bench.settle()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)


@pytest.mark.parametrize("annotation", ["argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"])
async def test_an_annotation_that_somebody_spoilt_on_a_live_object_holds_nothing_up(
    bench: Bench, repo: Repo, annotation: str
) -> None:
    """Neither the syncs of the others, nor the end of the application; an object whose options cannot be
    read is rather kept than deleted."""
    app = application(repo.url, **AUTOMATED)
    app["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    await bench.start(app)
    await bench.settle()
    spoilt = {"metadata": {"annotations": {annotation: "junk"}}}
    await bench.client.patch(kinds.CONFIG_MAPS, "settings", spoilt, SHOP)
    repo.remove("shop/config.yaml")
    head = repo.commit({"shop/service.yaml": SERVICE.replace("8080", "9090")})
    app = await bench.poll()
    live = await bench.client.get(kinds.SERVICES, "web", SHOP)
    assert live["spec"]["ports"][0]["targetPort"] == 9090
    assert app["status"]["sync"]["revision"] == head
    await bench.client.delete(kinds.APPLICATIONS, "shop", "rollouts-system")
    for _ in range(4):
        await bench.step()
    with pytest.raises(NotFound):
        await bench.app()
