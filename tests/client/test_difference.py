"""How the cluster differs from a real Git repository."""

import asyncio
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollouts.api.crd import crds
from rollouts.client import Client
from rollouts.client.difference import ObjectDifference
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube import client as kube
from rollouts.kube.resources import APPLICATIONS, CONFIG_MAPS, CRDS, NAMESPACES, SECRETS

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: from-git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: new}
"""


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository with three manifests in the folder `shop`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "gitops"
    (work / "shop").mkdir(parents=True)
    (work / "shop" / "all.yaml").write_text(MANIFESTS)
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "Begin")
    return work.as_uri()


async def differences(repository: str, *live: dict[str, Any]) -> tuple[ObjectDifference, ...]:
    client = kube.Client(InProcess(ApiServer(lambda: datetime.now(UTC))))
    for definition in crds():
        await client.create(CRDS, definition)
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    for item in live:
        resource = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}[item["kind"]]
        await client.create(resource, item, "shop")
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "project": "default",
            "source": {"repoURL": repository, "path": "shop", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
        "status": {"resources": [{"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "old"}]},
    }
    await client.create(APPLICATIONS, application, "default")
    return await Client(client, namespace="default").applications.diff("shop")


def config_map(name: str, application: str = "shop", **data: str) -> dict[str, Any]:
    """As a sync has left it."""
    mark = {"argocd.argoproj.io/tracking-id": f"{application}:/ConfigMap:shop/{name}"}
    metadata = {"name": name, "namespace": "shop", "annotations": mark}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "key"},
    "stringData": {"password": "in-cluster"},
}


# An application outside the engine's namespace is tracked with its namespace in front.
@pytest.mark.parametrize("tracked", ["shop", "default_shop"])
def test_changed_missing_and_extra_objects_are_told_apart(repository: str, tracked: str) -> None:
    settings = config_map("settings", tracked, colour="red")
    found = asyncio.run(differences(repository, settings, config_map("old", tracked), SECRET))
    assert [(d.kind, d.name, d.missing) for d in found] == [
        ("Secret", "key", ""),
        ("ConfigMap", "new", "cluster"),
        ("ConfigMap", "old", "Git"),
        ("ConfigMap", "settings", ""),
    ]
    (colour,) = found[3].fields
    assert (colour.path, colour.live, colour.wanted) == (".data.colour", "red", "blue")


def test_values_of_secrets_do_not_show(repository: str) -> None:
    found = asyncio.run(differences(repository, SECRET))
    shown = " ".join(str(field) for each in found for field in each.fields)
    assert ".data.password" in shown
    for secret_text in ("from-git", "in-cluster", "ZnJvbS1naXQ", "aW4tY2x1c3Rlcg"):
        assert secret_text not in shown
