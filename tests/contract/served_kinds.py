"""The kinds of the manifests of this project, and how a server is asked to look at one and store nothing."""

from typing import Any

from rollouts.api.crd import crds
from rollouts.kube import resources
from rollouts.kube.resources import Resource
from tests.contract.back_ends import Cluster

KINDS = {
    (each.api_version, each.kind): each for each in vars(resources).values() if isinstance(each, Resource)
} | {
    ("argoproj.io/v1alpha1", each["spec"]["names"]["kind"]): Resource(
        "argoproj.io",
        "v1alpha1",
        each["spec"]["names"]["kind"],
        each["spec"]["names"]["plural"],
        namespaced=each["spec"]["scope"] == "Namespaced",
    )
    for each in crds()
}


async def look(cluster: Cluster, body: Any) -> Any:
    """What a server says of a manifest, with strict field validation."""
    resource = KINDS[body["apiVersion"], body["kind"]]
    meta = {key: value for key, value in body["metadata"].items() if key != "namespace"}
    path = resource.path(cluster.namespace if resource.namespaced else "")
    body = {**body, "metadata": meta}
    return await cluster.send("POST", path, body, dryRun="All", fieldValidation="Strict")
