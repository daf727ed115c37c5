"""The verbs of an application against an API, in virtual time."""

import asyncio
from typing import Any

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.client import NewApplication, OperationFailed, Refused, RevisionRejected, WaitTimeout
from rollouts.client.application_intents import CASCADE
from rollouts.embedded.virtual_time import run
from rollouts.kube.errors import AlreadyExists
from rollouts.kube.resources import APPLICATIONS
from tests.client.samples import api

NEW = NewApplication(
    name="shop",
    repo="https://git.example.com/gitops.git",
    path="shop",
    dest_namespace="shop",
    automated=True,
    prune=True,
    sync_options=("CreateNamespace=true",),
)
SYNCED = {"sync": {"status": "Synced", "revision": "abc1234"}, "health": {"status": "Healthy"}}


def application(status: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example.com/gitops.git", "path": "shop"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
        "status": status or SYNCED,
        **more,
    }


def test_create_writes_what_was_asked_for() -> None:
    async def main() -> None:
        async with api() as cd:
            made = await cd.applications.create(NEW)
            assert made.spec == {
                "project": "default",
                "source": {
                    "repoURL": "https://git.example.com/gitops.git",
                    "path": "shop",
                    "targetRevision": "HEAD",
                },
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
                "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]},
            }
            with pytest.raises(AlreadyExists):
                await cd.applications.create(NEW)

    run(main())


@pytest.mark.parametrize(
    ("new", "error", "says"),
    [
        (NewApplication(name="a", repo="", dest_namespace="x"), InvalidSpec, ".spec.source"),
        (NewApplication(name="a", repo="https://g/x", path="../x", dest_namespace="x"), InvalidSpec, "path"),
        (
            NewApplication(name="a", repo="https://g/x", dest_namespace="x", prune=True),
            Refused,
            "--sync-policy automated",
        ),
        (
            NewApplication(
                name="a", repo="https://g/x", dest_namespace="x", sync_options=("CreateNamespace",)
            ),
            Refused,
            "CreateNamespace=true",
        ),
    ],
)
def test_create_refuses_what_the_engine_would_refuse(
    new: NewApplication, error: type[Exception], says: str
) -> None:
    async def main() -> None:
        async with api() as cd:
            with pytest.raises(error, match=says):
                await cd.applications.create(new)

    run(main())


def test_sync_writes_an_operation_and_waits_for_its_end() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            syncing = asyncio.create_task(
                cd.applications.sync("shop", revision="main", prune=True, resources=("apps:Deployment:web",))
            )
            await asyncio.sleep(5)
            wanted = (await cd.applications.get("shop")).raw["operation"]
            assert wanted == {
                "initiatedBy": {"username": "ann"},
                "sync": {
                    "revision": "main",
                    "prune": True,
                    "resources": [{"group": "apps", "kind": "Deployment", "name": "web"}],
                },
            }
            state = {"phase": "Running", "operation": wanted, "startedAt": "2026-01-01T00:00:00Z"}
            await _patch(cd, {"operation": None, "status": {"operationState": state}})
            await asyncio.sleep(5)
            assert not syncing.done()
            await _patch(cd, {"status": {"operationState": {"phase": "Succeeded", "message": "done"}}})
            ended = await syncing
            assert ended.operation is not None
            assert (ended.operation.phase, ended.operation.message) == ("Succeeded", "done")

    run(main())


async def _patch(cd: Any, body: dict[str, Any]) -> None:
    await cd.kube.patch(APPLICATIONS, "shop", body, "default")


def test_a_sync_that_fails_is_an_error_with_its_message() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            syncing = asyncio.create_task(cd.applications.sync("shop"))
            await asyncio.sleep(1)
            failed = {
                "phase": "Failed",
                "message": "Service is invalid",
                "operation": {},
                "startedAt": "2026-01-01T00:00:00Z",
            }
            await _patch(cd, {"operation": None, "status": {"operationState": failed}})
            with pytest.raises(OperationFailed, match="Service is invalid"):
                await syncing

    run(main())


def test_a_second_sync_at_the_same_time_is_refused() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            await cd.applications.sync("shop", wait=False)
            with pytest.raises(Refused, match="being synced already"):
                await cd.applications.sync("shop", wait=False)

    run(main())


def test_a_sync_that_automation_began_gives_way_to_a_users() -> None:
    async def main() -> None:
        running = {
            "phase": "Running",
            "startedAt": "2026-01-01T00:00:00Z",
            "operation": {"initiatedBy": {"automated": True}},
        }
        async with api(application({**SYNCED, "operationState": running})) as cd:
            await cd.applications.sync("shop", wait=False)
            assert (await cd.applications.get("shop")).raw["operation"]["initiatedBy"] == {"username": "ann"}

    run(main())


def test_a_misspelt_resource_is_refused_with_an_example() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            with pytest.raises(Refused, match="apps:Deployment:web"):
                await cd.applications.sync("shop", resources=("Deployment/web",))

    run(main())


HISTORY = [
    {"id": 3, "revision": "aaa", "source": {"repoURL": "https://git.example.com/gitops.git", "path": "old"}},
    {"id": 4, "revision": "bbb"},
]


@pytest.mark.parametrize("id", [3, None])
def test_rollback_syncs_to_the_revision_and_source_of_the_history(id: int | None) -> None:
    async def main() -> None:
        async with api(application({**SYNCED, "history": HISTORY})) as cd:
            await cd.applications.rollback("shop", id, wait=False)
            wanted = (await cd.applications.get("shop")).raw["operation"]["sync"]
            assert (wanted["revision"], wanted["source"]["path"]) == ("aaa", "old")

    run(main())


def test_rollback_to_an_unknown_deployment_lists_those_there_are() -> None:
    async def main() -> None:
        async with api(application({**SYNCED, "history": HISTORY})) as cd:
            with pytest.raises(Refused, match="no deployment 9 in its history; it has: 3, 4"):
                await cd.applications.rollback("shop", 9)

    run(main())


def test_wait_ends_when_synced_and_healthy() -> None:
    async def main() -> None:
        progressing = {"sync": {"status": "OutOfSync"}, "health": {"status": "Progressing"}}
        async with api(application(progressing)) as cd:
            waiting = asyncio.create_task(cd.applications.wait("shop", timeout="10m"))
            await asyncio.sleep(60)
            await _patch(cd, {"status": {"sync": {"status": "Synced"}}})
            await asyncio.sleep(60)
            assert not waiting.done()
            await _patch(cd, {"status": {"health": {"status": "Healthy"}}})
            assert (await waiting).sentence == "Synced, Healthy"

    run(main())


def test_a_rejected_revision_ends_the_wait_for_sync() -> None:
    async def main() -> None:
        held = {
            "sync": {"status": "OutOfSync", "revision": "abc1234"},
            "health": {"status": "Healthy"},
            "conditions": [{"type": "RevisionRejected", "message": "hello-flask was aborted"}],
        }
        async with api(application(held)) as cd:
            with pytest.raises(RevisionRejected, match="hello-flask was aborted"):
                await cd.applications.wait("shop")
            assert (await cd.applications.wait("shop", sync=False)).health == "Healthy"

    run(main())


def test_a_wait_that_takes_too_long_tells_the_last_state() -> None:
    async def main() -> None:
        async with api(application({"sync": {"status": "OutOfSync"}, "health": {"status": "Missing"}})) as cd:
            with pytest.raises(WaitTimeout, match="not Healthy after 60 s; it is: OutOfSync, Missing"):
                await cd.applications.wait("shop", sync=False, operation=False, timeout=60)

    run(main())


def test_a_wait_does_not_end_before_a_refresh_that_was_asked_for() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            await cd.applications.refresh("shop", kind="hard")
            waiting = asyncio.create_task(cd.applications.wait("shop", timeout=60))
            await asyncio.sleep(5)
            assert not waiting.done()
            await _patch(cd, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": None}}})
            await waiting

    run(main())


@pytest.mark.parametrize(("cascade", "expected"), [(True, [CASCADE]), (False, None)])
def test_delete_says_whether_the_resources_go_too(*, cascade: bool, expected: list[str] | None) -> None:
    async def main() -> None:
        held = application()
        held["metadata"]["finalizers"] = [] if cascade else [CASCADE]
        async with api(held) as cd:
            await cd.applications.delete("shop", cascade=cascade, wait=not cascade)
            left = [a.raw["metadata"].get("finalizers") for a in await cd.applications.list()]
            assert left == ([expected] if cascade else [])

    run(main())


def test_delete_waits_until_the_resources_are_gone() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            deleting = asyncio.create_task(cd.applications.delete("shop"))
            await asyncio.sleep(60)
            assert not deleting.done()
            await _patch(cd, {"metadata": {"finalizers": None}})
            await deleting

    run(main())


def test_a_deletion_that_takes_too_long_goes_on() -> None:
    async def main() -> None:
        async with api(application()) as cd:
            with pytest.raises(WaitTimeout, match="is not gone after 60 s"):
                await cd.applications.delete("shop", timeout=60)
            assert (await cd.applications.get("shop")).raw["metadata"]["deletionTimestamp"]

    run(main())
