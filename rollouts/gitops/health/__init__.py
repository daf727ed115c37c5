"""How an object is doing, by the rules of Argo CD. Pure; one file for each family of kinds."""

from collections.abc import Callable, Iterable, Mapping

from rollouts.api.meta import Object
from rollouts.gitops.health import argo, networking, storage, workloads
from rollouts.gitops.health.model import Health, progressing
from rollouts.gitops.tracking import ref_of

ORDER = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
"""From best to worst."""
IGNORE = "argocd.argoproj.io/ignore-healthcheck"

_RULES: Mapping[tuple[str, str], Callable[[Object], Health | None]] = {
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("batch", "Job"): workloads.job,
    ("", "Pod"): workloads.pod,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "Service"): networking.service,
    ("networking.k8s.io", "Ingress"): networking.ingress,
    ("extensions", "Ingress"): networking.ingress,
    ("autoscaling", "HorizontalPodAutoscaler"): workloads.autoscaler,
    ("apiregistration.k8s.io", "APIService"): networking.api_service,
    ("argoproj.io", "Rollout"): argo.rollout,
    ("argoproj.io", "Application"): argo.application,
    ("argoproj.io", "AnalysisRun"): argo.analysis_run,
    ("argoproj.io", "Experiment"): argo.experiment,
    ("argoproj.io", "Workflow"): argo.workflow,
}


def health(obj: Object) -> Health | None:
    """How one live object is doing; None for a kind that has no such thing."""
    if obj["metadata"].get("deletionTimestamp"):
        return _deletion(obj)
    ref = ref_of(obj)
    rule = _RULES.get((ref.group, ref.kind))
    return rule(obj) if rule else None


def _deletion(obj: Object) -> Health:
    """On its way out, and what it waits for."""
    finalizers = ", ".join(obj["metadata"].get("finalizers") or ())
    return progressing("Pending deletion" + (f"; blocked by finalizers: {finalizers}" if finalizers else ""))


def worst(children: Iterable[Health | None], *, missing: int = 0, total: int = 0) -> str:
    """How the whole is doing: as its worst part.

    Args:
        children: of the live objects; those without a health do not count.
        missing: how many objects that Git has are not there.
        total: how many objects Git has.
    """
    if total and missing == total:
        return "Missing"
    found = [child.status for child in children if child is not None]
    return max(found, key=ORDER.index, default="Healthy")


def counts(obj: Object) -> bool:
    """Whether the object's health counts for its application."""
    return str((obj["metadata"].get("annotations") or {}).get(IGNORE)).lower() != "true"


__all__ = ["IGNORE", "ORDER", "Health", "counts", "health", "worst"]
