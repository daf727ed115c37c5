"""A commit is synced and rolled out while the controller is killed, and its requests fail."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rollouts.api.meta import Object
from rollouts.kube.resources import APPLICATIONS, ROLLOUTS
from rollouts.kube.transport import Request
from tests.faults.cluster import KINDS, Cluster, embedded, shops
from tests.faults.controller import Controller, until
from tests.faults.model import CONFLICT, INTERNAL_ERROR, Fault, ResetAfter, ResetBefore, Truncated, is_write
from tests.faults.proxy import Proxy
from tests.gitops.repos import Repo

KINDS["Application"] = APPLICATIONS


def at(version: str) -> str:
    """What Git holds."""
    return yaml.safe_dump_all(shops()).replace("shop:v1", f"shop:{version}")


def application(url: str, namespace: str) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shops"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": ".", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }


async def is_synced(cluster: Cluster, revision: str, version: str) -> bool:
    status = (await cluster.get(APPLICATIONS, "shops")).get("status") or {}
    sync = status.get("sync") or {}
    synced = (sync.get("status"), sync.get("revision")) == ("Synced", revision)
    return synced and await cluster.is_at("shop", version)


async def sync_under(choose: Callable[[Request], Fault | None], folder: Path, keep: "Keeper") -> None:
    """Bring v1 into the cluster undisturbed, and v2 disturbed; see that v2 is there, once."""
    repo = Repo(folder / "git")
    first = repo.commit({"all.yaml": at("v1")})
    async with embedded() as cluster, Proxy(cluster.transport) as proxy:
        controller = Controller(proxy.kubeconfig(folder), folder, "--git-poll-interval", "1s")
        async with controller:
            await controller.ready()
            await cluster.apply(application(repo.url, cluster.namespace))
            await until(lambda: is_synced(cluster, first, "v1"), limit=120)
            assert cluster.world is not None
            cluster.world.load.unserved = 0
            proxy.choose = choose
            keeping = asyncio.create_task(keep(controller))
            second = repo.commit({"all.yaml": at("v2")})
            await until(lambda: is_synced(cluster, second, "v2"), limit=180)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            assert proxy.met
            assert (await cluster.get(ROLLOUTS, "shop"))["spec"]["replicas"] == 3
            assert (await cluster.get(APPLICATIONS, "shops"))["status"]["history"][-1]["revision"] == second
            assert cluster.unserved == 0
            assert controller.said("a defect") == 0


Keeper = Callable[[Controller], "asyncio.Future[None]"]


async def test_a_controller_that_is_killed_at_every_third_write_syncs_all_the_same(tmp_path: Path) -> None:
    doomed, numbers = asyncio.Event(), itertools.count(1)
    turns, left = itertools.cycle((ResetBefore(), ResetAfter())), iter(range(8))

    def choose(request: Request) -> Fault | None:
        if not is_write(request) or doomed.is_set() or next(numbers) % 3 or next(left, None) is None:
            return None
        doomed.set()
        return next(turns)

    async def keep(controller: Controller) -> None:
        while True:
            await doomed.wait()
            await controller.kill()
            await controller.start()
            await controller.ready()
            doomed.clear()

    await sync_under(choose, tmp_path, keep)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "faults",
    [(CONFLICT, INTERNAL_ERROR), (ResetBefore(), ResetAfter(), Truncated())],
    ids=["refused", "broken"],
)
async def test_a_sync_whose_writes_fail_now_and_then_is_completed(
    tmp_path: Path, faults: tuple[Fault, ...]
) -> None:
    numbers, turns, left = itertools.count(1), itertools.cycle(faults), iter(range(8))

    def choose(request: Request) -> Fault | None:
        if not is_write(request) or next(numbers) % 3 or next(left, None) is None:
            return None
        return next(turns)

    async def keep(_: Controller) -> None:
        return

    await sync_under(choose, tmp_path, keep)  # type: ignore[arg-type]
