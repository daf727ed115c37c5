"""The verbs of a rollout against an API, in virtual time."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.client import (
    Client,
    NotThere,
    Refused,
    RevisionChanged,
    RolloutAborted,
    RolloutDegraded,
    WaitTimeout,
)
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import run
from rollouts.kube import client as kube
from rollouts.kube.errors import NotFound, Unreachable
from rollouts.kube.resources import REPLICA_SETS, ROLLOUTS
from rollouts.kube.transport import Request, Response
from tests.client.samples import api, put, rollout, set_status

HEALTHY = {"stableRS": "new", "phase": "Healthy", "currentStepIndex": 4}


class Meddling:
    """A transport that lets somebody else write first, so many times."""

    def __init__(self, inner: InProcess, times: int) -> None:
        self.inner = inner
        self.times = times

    async def request(self, request: Request) -> Response:
        if request.method == "PATCH" and self.times:
            self.times -= 1
            other = kube.Client(self.inner)
            await other.patch(ROLLOUTS, "shop", {"metadata": {"labels": {"n": str(self.times)}}}, "default")
        return await self.inner.request(request)

    def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        return self.inner.stream(request)

    async def close(self) -> None:
        await self.inner.close()


def test_a_command_that_loses_a_race_is_decided_anew() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            assert isinstance(cd.kube.transport, InProcess)
            meddled = Client(kube.Client(Meddling(cd.kube.transport, 3)), namespace="default", clock=cd.clock)
            assert await meddled.rollouts.promote("shop")
            assert (await cd.rollouts.get("shop")).step == 2

    run(main())


def test_a_command_tells_when_there_was_nothing_to_do() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            assert await cd.rollouts.pause("shop")
            assert not await cd.rollouts.pause("shop")

    run(main())


def test_promote_full_and_abort_are_written_into_the_status() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            await cd.rollouts.promote("shop", full=True)
            await cd.rollouts.abort("shop")
            status = (await cd.rollouts.get("shop")).status
            assert (status["promoteFull"], status["abort"]) == (True, True)

    run(main())


def test_promote_waits_until_a_change_has_been_seen() -> None:
    """What is written into the status before that is meant for the old version, and would be forgotten."""

    async def main() -> None:
        async with api(rollout(status=HEALTHY)) as cd:
            await cd.rollouts.set_image("shop", {"web": "shop:3"})
            promoting = asyncio.create_task(cd.rollouts.promote("shop", full=True))
            await asyncio.sleep(5)
            assert not promoting.done()
            await set_status(cd, rollout(), {"observedGeneration": "2", "currentPodHash": "newer"})
            assert await promoting
            assert (await cd.rollouts.get("shop")).status["promoteFull"] is True

    run(main())


def test_without_a_controller_promote_is_refused_and_abort_is_written_all_the_same() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            await cd.rollouts.set_image("shop", {"web": "shop:3"})
            with pytest.raises(Refused, match="no controller has taken notice"):
                await cd.rollouts.promote("shop")
            await cd.rollouts.abort("shop")
            assert (await cd.rollouts.get("shop")).aborted

    run(main())


def test_another_revision_than_the_expected_one_is_left_alone() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            with pytest.raises(RevisionChanged, match="at revision 2, not 1"):
                await cd.rollouts.promote("shop", expect_revision=1)
            assert (await cd.rollouts.get("shop")).step == 1
            assert await cd.rollouts.promote("shop", expect_revision=2)

    run(main())


def test_a_spec_that_the_controller_has_not_seen_is_no_expected_revision() -> None:
    """The annotation still names the old revision, though the spec is a new one already."""

    async def main() -> None:
        async with api(rollout()) as cd:
            await cd.rollouts.set_image("shop", {"web": "shop:3"})
            with pytest.raises(RevisionChanged, match="has not seen it yet"):
                await cd.rollouts.pause("shop", expect_revision=2)

    run(main())


def test_set_image_changes_the_template() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            await cd.rollouts.set_image("shop", {"web": "shop:3"})
            assert (await cd.rollouts.get("shop")).images == {"web": "shop:3", "log": "log:1"}

    run(main())


def test_undo_takes_the_template_of_the_older_replica_set() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            uid = (await cd.rollouts.get("shop")).raw["metadata"]["uid"]
            for number in (1, 2):
                await put(cd, _replica_set(number, uid))
            await cd.rollouts.undo("shop")
            template = (await cd.rollouts.get("shop")).spec["template"]
            assert template["spec"]["containers"][0]["image"] == "shop:1"
            assert template["metadata"]["labels"] == {"app": "shop"}

    run(main())


def _replica_set(number: int, uid: str) -> dict[str, Any]:
    labels = {"app": "shop", "rollouts-pod-template-hash": f"h{number}"}
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": "shop",
        "uid": uid,
        "controller": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"shop-h{number}",
            "namespace": "default",
            "labels": labels,
            "annotations": {"rollout.argoproj.io/revision": str(number)},
            "ownerReferences": [owner],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": f"shop:{number}"}]},
            },
        },
    }


def test_the_family_of_a_rollout_holds_its_own_children_only() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            uid = (await cd.rollouts.get("shop")).raw["metadata"]["uid"]
            await put(cd, _replica_set(1, uid))
            stranger = _replica_set(2, uid)
            stranger["metadata"]["ownerReferences"] = []
            await cd.kube.create(REPLICA_SETS, stranger, "default")
            kinds = [(o["kind"], o["metadata"]["name"]) for o in await cd.rollouts.family("shop")]
            assert kinds == [("Rollout", "shop"), ("ReplicaSet", "shop-h1")]

    run(main())


def test_a_watched_family_shows_changes_and_ends_with_its_rollout() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            states = cd.rollouts.watch_family("shop", every=60)
            assert len(await anext(states)) == 1
            uid = (await cd.rollouts.get("shop")).raw["metadata"]["uid"]
            await put(cd, _replica_set(1, uid))
            assert len(await anext(states)) == 2
            await cd.kube.delete(ROLLOUTS, "shop", "default")
            with pytest.raises(NotThere, match="is deleted"):
                async for _ in states:
                    pass

    run(main())


def test_waiting_ends_when_the_rollout_is_healthy() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            seen: list[str] = []
            waiting = asyncio.create_task(
                cd.rollouts.wait_for(
                    "shop", "Healthy", timeout="1h", on_change=lambda r: seen.append(r.phase)
                )
            )
            await asyncio.sleep(600)
            await set_status(cd, rollout(), HEALTHY)
            assert (await waiting).promoted
            assert seen == ["Progressing", "Healthy"]

    run(main())


def test_an_abort_ends_the_wait_and_carries_what_was_seen() -> None:
    async def main() -> None:
        degraded = {"abort": True, "phase": "Degraded", "message": "RolloutAborted: too many errors"}
        async with api(rollout(status=degraded)) as cd:
            with pytest.raises(RolloutAborted, match="too many errors") as caught:
                await cd.rollouts.wait_for("shop", "Healthy")
            assert caught.value.rollout.aborted

    run(main())


def test_an_invalid_rollout_ends_the_wait_without_being_aborted() -> None:
    async def main() -> None:
        async with api(rollout(status={"phase": "Degraded", "message": "InvalidSpec: x"})) as cd:
            with pytest.raises(RolloutDegraded) as caught:
                await cd.rollouts.wait_for("shop", "Healthy")
            assert not isinstance(caught.value, RolloutAborted)

    run(main())


def test_degraded_can_be_waited_for() -> None:
    async def main() -> None:
        async with api(rollout(status={"phase": "Degraded", "message": "x", "abort": True})) as cd:
            assert (await cd.rollouts.wait_for("shop", "Degraded", "Healthy")).aborted

    run(main())


def test_a_wait_that_takes_too_long_tells_the_last_state() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            with pytest.raises(
                WaitTimeout, match="not Healthy after 2700 s; it is: Progressing, step 1/4"
            ) as caught:
                await cd.rollouts.wait_for("shop", "Healthy", timeout="45m")
            assert isinstance(caught.value.last.raw, dict)
            assert asyncio.get_running_loop().time() == pytest.approx(2700, abs=2)

    run(main())


def test_after_a_retry_the_old_abort_does_not_end_the_wait() -> None:
    async def main() -> None:
        degraded = {"abort": True, "phase": "Degraded", "message": "RolloutAborted: x"}
        async with api(rollout(status=degraded)) as cd:
            await cd.rollouts.retry("shop")
            waiting = asyncio.create_task(cd.rollouts.wait_for("shop", "Healthy", timeout=600))
            await asyncio.sleep(60)
            await set_status(cd, rollout(), {**HEALTHY, "message": None})
            assert (await waiting).phase == "Healthy"

    run(main())


def test_a_rollout_that_is_deleted_ends_the_wait() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            waiting = asyncio.create_task(cd.rollouts.wait_for("shop", "Healthy", timeout=600))
            await asyncio.sleep(5)
            await cd.kube.delete(ROLLOUTS, "shop", "default")
            with pytest.raises(NotFound, match="is deleted"):
                await waiting

    run(main())


class Flaky:
    """A transport whose watches break, and that then does not answer for a while."""

    def __init__(self, inner: InProcess) -> None:
        self.inner = inner
        self.broken_until = 0.0

    async def request(self, request: Request) -> Response:
        if asyncio.get_running_loop().time() < self.broken_until:
            raise Unreachable("connection refused")
        return await self.inner.request(request)

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        await asyncio.sleep(10)
        self.broken_until = asyncio.get_running_loop().time() + 30
        raise Unreachable("connection reset")
        yield {}

    async def close(self) -> None:
        await self.inner.close()


def test_a_wait_outlives_a_broken_connection() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            assert isinstance(cd.kube.transport, InProcess)
            flaky = Client(kube.Client(Flaky(cd.kube.transport)), namespace="default", clock=cd.clock)
            waiting = asyncio.create_task(flaky.rollouts.wait_for("shop", "Healthy", timeout=600))
            await asyncio.sleep(15)
            await set_status(cd, rollout(), HEALTHY)
            assert (await waiting).phase == "Healthy"

    run(main())


def test_a_missing_rollout_is_looked_for_in_the_other_namespaces() -> None:
    async def main() -> None:
        async with api(rollout()) as cd:
            with pytest.raises(
                NotThere, match='no rollout "shop" in namespace "kube-system", but in: default'
            ):
                await cd.rollouts.get("shop", namespace="kube-system")

    run(main())


def test_a_cluster_without_the_definitions_says_how_to_get_them() -> None:
    async def main() -> None:
        async with api() as cd:
            bare = Client(kube.Client(InProcess(ApiServer(cd.clock))), namespace="default")
            with pytest.raises(NotThere, match=r"rollouts crds \| kubectl apply"):
                await bare.rollouts.list()
            with pytest.raises(NotThere, match="does not know the kind Rollout"):
                await bare.rollouts.get("shop")

    run(main())
