"""The Application controller: Git becomes the cluster."""

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
