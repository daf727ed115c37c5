"""Pods of a new version that keep off the nodes of the stable ones, by a rule in their ReplicaSet's template.

The rule is upstream's: a term of podAntiAffinity against the pods that have the hash of the stable version.
It stays once its version is promoted, when those pods go, and follows when the version comes back beside
another stable one.
"""

from rollouts.api.canary import AntiAffinity
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from strategies import position
from strategies.model import Observed, SetAffinity
from strategies.revisions import Roles
from strategies.templates import HASH_LABEL

_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_HOST = "kubernetes.io/hostname"


def plan_affinity(seen: Observed, roles: Roles) -> tuple[SetAffinity, ...]:
    """Correct the rule of the version under way; pods that are there stay where they are."""
    if roles.new is None or roles.promoted:
        return ()
    wanted = beside_stable(seen.rollout, roles.new.pod_hash)
    if _rules(roles.new.affinity) == _rules(wanted):
        return ()
    return (SetAffinity(name=roles.new.name, affinity=wanted),)


def beside_stable(rollout: Rollout, pod_hash: str) -> Object:
    """The affinity of the pods of a version: the template's, and the rule if another version is stable."""
    own: Object = (rollout.spec.template.get("spec") or {}).get("affinity") or {}
    strategy = rollout.spec.strategy.blue_green or position.canary(rollout)
    asked, stable = strategy.anti_affinity, rollout.status.stable_rs
    if asked is None or stable in {"", pod_hash}:
        return own
    field, term = _term(asked, rollout.metadata.namespace, stable)
    anti = own.get("podAntiAffinity") or {}
    return {**own, "podAntiAffinity": {**anti, field: [*(anti.get(field) or ()), term]}}


def _term(asked: AntiAffinity, namespace: str, stable: str) -> tuple[str, Object]:
    keep_off = {
        "labelSelector": {"matchExpressions": [{"key": HASH_LABEL, "operator": "In", "values": [stable]}]},
        "namespaces": [namespace],
        "topologyKey": _HOST,
    }
    preferred = asked.preferred_during_scheduling_ignored_during_execution
    if preferred is None:
        return _REQUIRED, keep_off
    return _PREFERRED, {"weight": preferred.weight, "podAffinityTerm": keep_off}


def replacing(affinity: Object) -> Object | None:
    """The merge patch that puts this affinity in the place of one that differs by a rule."""
    if not affinity:
        return None
    anti = affinity.get("podAntiAffinity")
    return {**affinity, "podAntiAffinity": {_PREFERRED: None, _REQUIRED: None, **anti} if anti else None}


def without(template: Object) -> Object:
    """A template as its author wrote it, without the rule."""
    spec = template.get("spec") or {}
    if not _rules(spec.get("affinity") or {}):
        return template
    anti = {
        field: left
        for field, terms in spec["affinity"]["podAntiAffinity"].items()
        if (left := [each for each in terms if not _is_rule(each)])
    }
    affinity = {**spec["affinity"], "podAntiAffinity": anti}
    if not anti:
        del affinity["podAntiAffinity"]
    kept = {**spec, "affinity": affinity}
    if not affinity:
        del kept["affinity"]
    return {**template, "spec": kept}


def _rules(affinity: Object) -> list[tuple[str, Object]]:
    anti = affinity.get("podAntiAffinity") or {}
    return [(field, each) for field, terms in anti.items() for each in terms or () if _is_rule(each)]


def _is_rule(term: Object) -> bool:
    """Whether it speaks of the label that the engine gives pods, which no author knows the value of."""
    selector = (term.get("podAffinityTerm") or term).get("labelSelector") or {}
    return any(each.get("key") == HASH_LABEL for each in selector.get("matchExpressions") or ())
