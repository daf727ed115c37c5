"""The workload that a rollout takes its pod template from (`.spec.workloadRef`). Pure: reads the store.

What is taken over is never written into the rollout: its spec stays as the user wrote it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rollouts.api.meta import LabelSelector, Object
from rollouts.api.pod_template_rules import template_problems
from rollouts.api.validation import parse
from rollouts.kube.resources import DEPLOYMENTS, REPLICA_SETS, ROLLOUTS, Resource
from rollouts.kube.store import Index, Store
from strategies.model import Workload

KINDS: Mapping[tuple[str, str], Resource] = {
    (each.group, each.kind): each for each in (DEPLOYMENTS, REPLICA_SETS)
}
"""By API group and kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A rollout with the template that it runs."""

    rollout: Object
    """With template and selector of the workload, where it names one that is there."""
    workload: Workload | None = None
    problems: tuple[str, ...] = ()
    version: tuple[str, int] = ("", 0)
    """What the problems are about: uid and generation of the workload."""


def resolve(store: Store, rollout: Object) -> Resolved:
    """Fill in what the workload holds; a selector of the rollout's own stays."""
    ref = (rollout.get("spec") or {}).get("workloadRef")
    if not isinstance(ref, dict) or rollout["spec"].get("template"):  # both at once validation refuses
        return Resolved(rollout=rollout)
    namespace, name = rollout["metadata"].get("namespace", ""), str(ref.get("name", ""))
    group, kind = str(ref.get("apiVersion", "")).rpartition("/")[0], str(ref.get("kind", ""))
    if (group, kind) not in KINDS:
        unknown = f".spec.workloadRef: workload of type {group}/{kind} is not supported; "
        return Resolved(rollout=rollout, problems=(f"{unknown}name a Deployment or a ReplicaSet of apps/v1",))
    found = store.get(KINDS[group, kind], name, namespace)
    if found is None:
        missing = (
            f'{kind} "{name}" not found in namespace {namespace}; create it or correct .spec.workloadRef'
        )
        return Resolved(rollout=rollout, problems=(missing,))
    metadata, theirs = found["metadata"], found["spec"]
    spec = {"selector": theirs.get("selector"), **rollout["spec"], "template": theirs.get("template") or {}}
    return Resolved(
        rollout={**rollout, "spec": spec},
        workload=Workload(
            kind=kind, name=name, generation=metadata.get("generation", 0), replicas=theirs.get("replicas", 1)
        ),
        problems=tuple(_wrong(spec)),
        version=(metadata.get("uid", ""), metadata.get("generation", 0)),
    )


def _wrong(spec: Object) -> Iterator[str]:
    selector = parse(LabelSelector, spec["selector"] or {})
    where = "the .spec.template of .spec.workloadRef"
    yield from map(str, template_problems(spec["template"], selector, where))


def _named(rollout: Object) -> Iterator[tuple[str, str, str]]:
    ref = (rollout.get("spec") or {}).get("workloadRef")
    if isinstance(ref, dict):
        yield rollout["metadata"].get("namespace", ""), str(ref.get("kind", "")), str(ref.get("name", ""))


BY_WORKLOAD = Index(ROLLOUTS, _named)
"""Rollouts by namespace, kind and name of the workload that they name."""
