"""What the models know and the engine does not act on yet. Each is refused by name; none is passed over.

A row goes when its feature arrives.
"""

from collections.abc import Collection, Mapping

from pydantic import BaseModel

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump
from rollouts.api.paths import find, show

_SOURCE = (
    "chart",
    "helm",
    "plugin",
    "ref",
    "tagPrefix",
    "directory.jsonnet.extVars",  # empty, `jsonnet: {}` is what Argo CD writes beside `recurse`
    "directory.jsonnet.libs",
    "directory.jsonnet.tlas",
    "kustomize.version",
    "kustomize.kubeVersion",
    "kustomize.apiVersions",
)


NOT_YET: Mapping[str, tuple[str, ...]] = {
    "Rollout": (
        ".spec.strategy.canary.pingPong",
        ".spec.strategy.canary.steps[].experiment",
        ".spec.strategy.canary.steps[].plugin",
        ".spec.strategy.canary.steps[].setHeaderRoute",
        ".spec.strategy.canary.steps[].setMirrorRoute",
        ".spec.strategy.canary.trafficRouting.managedRoutes",
        ".spec.strategy.canary.trafficRouting.alb",
        ".spec.strategy.canary.trafficRouting.ambassador",
        ".spec.strategy.canary.trafficRouting.apisix",
        ".spec.strategy.canary.trafficRouting.appMesh",
        ".spec.strategy.canary.trafficRouting.istio",
        ".spec.strategy.canary.trafficRouting.smi",
        ".spec.strategy.canary.trafficRouting.traefik",
    ),
    "Application": (
        ".spec.sources",
        ".spec.sourceHydrator",
        *(f".spec.source.{field}" for field in _SOURCE),
        ".spec.ignoreDifferences[].jqPathExpressions",
        ".spec.ignoreDifferences[].managedFieldsManagers",
        ".spec.syncPolicy.retry.refresh",
        ".operation.sync.revisions",
        ".operation.sync.sources",
        ".operation.sync.manifests",
        *(f".operation.sync.source.{field}" for field in _SOURCE),
        ".operation.sync.syncStrategy.apply.force",
        ".operation.sync.syncStrategy.hook.force",
        ".operation.sync.resources[].exclude",
        ".operation.retry.refresh",
    ),
    "AppProject": (
        ".spec.sourceNamespaces",
        ".spec.roles",
        ".spec.syncWindows",
        ".spec.orphanedResources",
        ".spec.permitOnlyProjectScopedClusters",
        ".spec.destinationServiceAccounts",
        ".spec.signatureKeys",
        ".spec.sourceIntegrity",
    ),
    "Experiment": (".spec",),
}
"""Field paths by kind."""

_JUDGED_AS: Mapping[str, str] = {
    "AnalysisRun": "AnalysisTemplate",
    "ClusterAnalysisTemplate": "AnalysisTemplate",
}

_REMEDY: Mapping[str, str] = {
    "Rollout": "remove it; rolling, blue/green and canary with nginx or the Gateway API are supported",
    "AnalysisTemplate": "remove it",
    "Application": "remove it; a folder of a Git repository with plain or kustomize manifests is supported",
    "AppProject": "remove it; limits on repositories, destinations and kinds are supported",
    "Experiment": "experiments are not run yet; remove the object",
}

PLUGINS: Mapping[str, str] = {
    "Rollout": ".spec.strategy.canary.trafficRouting.plugins.*",
    "AnalysisTemplate": ".spec.metrics[].provider.plugin.*",
}
"""Where an object names plugins."""


def not_yet(kind: str) -> tuple[str, ...]:
    """The fields of a kind that are refused, as patterns for `rollouts.api.paths.find`."""
    return NOT_YET.get(_JUDGED_AS.get(kind, kind), ())


def unknown_plugins(kind: str, model: BaseModel, known: Collection[str]) -> tuple[InvalidSpec, ...]:
    """List the plugins that an object names and nobody provides."""
    return tuple(
        InvalidSpec(path, f"no such plugin; install it, or use one of {', '.join(sorted(known)) or 'none'}")
        for path, _ in find(dump(model), PLUGINS[kind])
        if not any(path.endswith((f'["{name}"]', f".{name}")) for name in known)
    )


def refused(kind: str, model: BaseModel) -> tuple[InvalidSpec, ...]:
    """List the fields of an object that the engine would otherwise have to ignore."""
    body = dump(model)
    return tuple(
        InvalidSpec(path, f"not supported yet, got {show(value, path)}; {_REMEDY[kind]}", value)
        for pattern in not_yet(kind)
        for path, value in find(body, pattern)
    )
