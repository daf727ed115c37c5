"""Deleting: preconditions, grace, finalizers; what depends on the deleted is the garbage collector's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rollouts.api.meta import Object, format_time
from rollouts.embedded.api.kinds import Kind
from rollouts.embedded.api.objects import Objects, view
from rollouts.embedded.api.status import Cause, bad_request, conflict, forbidden, invalid, unsupported, wrong

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_POLICIES = ("Foreground", "Background", "Orphan")
_LASTING = frozenset({"default", "kube-public", "kube-system", "rollouts-system"})
"""Namespaces that a cluster cannot be without: Kubernetes' own, and the one that holds the ingress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How to delete."""

    propagation: str = ""
    """Empty: the kind's default."""
    grace: int | None = None
    """Seconds; None for what the pod's spec says. Only pods know grace."""
    uid: str = ""
    version: str = ""
    dry_run: bool = False

    @classmethod
    def read(cls, body: Any, query: Mapping[str, str]) -> "DeleteOptions":
        """Read the body and the query of a DELETE; the body wins.

        Raises:
            Refusal: what is no option (400, 422).
        """
        body = body or {}
        if not isinstance(body, dict):
            raise bad_request("the body of a DELETE must be a DeleteOptions object")
        if (said := body.get("kind", "DeleteOptions")) != "DeleteOptions":
            raise bad_request(f'no kind "{said}" is registered for the options of a deletion')
        if not isinstance(body.get("preconditions") or {}, dict):
            raise bad_request("preconditions must be a map with uid and resourceVersion")
        propagation = body.get("propagationPolicy") or query.get("propagationPolicy", "")
        orphans = body.get("orphanDependents", query.get("orphanDependents"))
        dry_run = body.get("dryRun") or ([query["dryRun"]] if query.get("dryRun") else [])
        causes = list(dry_run_errors(dry_run))
        if propagation and orphans is not None:
            why = "orphanDependents and deletionPropagation cannot be both set"
            causes.append(wrong("propagationPolicy", propagation, why))
        elif propagation and propagation not in _POLICIES:
            causes.append(unsupported("propagationPolicy", propagation, (*_POLICIES, "nil")))
        if causes:
            raise invalid("DeleteOptions", "meta.k8s.io", "", causes)
        if not propagation and orphans is not None:
            propagation = "Orphan" if str(orphans).lower() == "true" else "Background"
        preconditions = body.get("preconditions") or {}
        return cls(
            propagation=propagation,
            grace=_asked_grace(body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))),
            uid=preconditions.get("uid") or "",
            version=preconditions.get("resourceVersion") or "",
            dry_run=bool(dry_run),
        )


def _asked_grace(seconds: Any) -> int | None:
    if seconds is None:
        return None
    try:
        return int(seconds) if int(seconds) >= 0 else 1
    except (TypeError, ValueError):
        raise bad_request(f'gracePeriodSeconds: "{seconds}" is no number of seconds') from None


def dry_run_errors(asked: list[Any]) -> Iterator[Cause]:
    """What is wrong with the parameter dryRun."""
    if asked not in ([], ["All"]):
        yield unsupported("dryRun", asked, ("All",))


def delete(objects: Objects, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> Object:
    """Delete an object, or mark it as being deleted; returns a Status when it is gone, else the object.

    Raises:
        Refusal: 403 for a namespace that must stay, 404, or 409 for a precondition.
    """
    if kind.key == ("", "namespaces") and name in _LASTING:
        raise forbidden(kind.plural, kind.group, name, "this namespace may not be deleted")
    obj = objects.get(kind, namespace, name)
    _check_preconditions(kind, obj, options)
    last = remove_or_mark(objects, kind, obj, options)
    if last is not None and not options.dry_run:
        objects.settle()
        still = objects.storage.get(kind.key, namespace, name)
        if still is not None and still["metadata"]["uid"] == obj["metadata"]["uid"]:
            return view(kind, still)
        return view(kind, last)
    objects.settle()
    details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"]["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def _check_preconditions(kind: Kind, obj: Object, options: DeleteOptions) -> None:
    meta = obj["metadata"]
    for word, wanted, seen, may_be in (
        ("UID", options.uid, meta["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.version, meta["resourceVersion"], "modified"),
    ):
        if wanted and wanted != seen:
            why = f"the {word} in the precondition ({wanted}) does not match the {word} in record ({seen})"
            raise conflict(kind.kind, kind.group, meta["name"], f"{why}. The object might have been {may_be}")


def remove_or_mark(objects: Objects, kind: Kind, obj: Object, options: DeleteOptions) -> Object | None:
    """Remove an object that nothing holds back (None), or mark it; the caller settles afterwards."""
    meta = obj["metadata"]
    finalizers = _finalizers(kind, meta, options)
    grace = _grace(kind, obj, options)
    held = bool(finalizers) or bool(
        (obj.get("spec") or {}).get("finalizers") if kind.plural == "namespaces" else ()
    )
    if not held and not grace:
        if not options.dry_run:
            objects.storage.remove(kind.key, obj)
        return None
    marked = {**obj, "metadata": {**meta}}
    if finalizers:
        marked["metadata"]["finalizers"] = finalizers
    when = objects.clock() + timedelta(seconds=grace)
    earlier = meta.get("deletionGracePeriodSeconds", grace)
    if "deletionTimestamp" not in meta or grace < earlier:
        marked["metadata"]["deletionTimestamp"] = format_time(when)
        if kind.generation:
            marked["metadata"]["generation"] = meta.get("generation", 0) + ("deletionTimestamp" not in meta)
        marked["metadata"]["deletionGracePeriodSeconds"] = grace
    if kind.plural == "namespaces" and not kind.group:
        marked["status"] = {**obj.get("status", {}), "phase": "Terminating"}
    if marked != obj and not options.dry_run:
        objects.storage.put(kind.key, marked)
    return marked


def _finalizers(kind: Kind, meta: Mapping[str, Any], options: DeleteOptions) -> list[str]:
    """The object's finalizers, with the one that the propagation policy stands for."""
    kept = [each for each in meta.get("finalizers") or () if each not in {FOREGROUND, ORPHAN}]
    policy = options.propagation
    if not policy:
        # The kind's default, unless an earlier deletion said something.
        earlier = [each for each in meta.get("finalizers") or () if each in {FOREGROUND, ORPHAN}]
        if earlier:
            return [*kept, *earlier]
        policy = "Orphan" if kind.orphan_by_default else "Background"
    return [*kept, *{"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])]


def _grace(kind: Kind, obj: Object, options: DeleteOptions) -> int:
    """How long a pod may take: a pod that no node runs, or that is done, needs no time."""
    if kind.key != ("", "pods"):
        return 0
    spec = obj["spec"]
    if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    asked = options.grace if options.grace is not None else spec.get("terminationGracePeriodSeconds", 30)
    running = obj["metadata"].get("deletionGracePeriodSeconds")
    return int(asked if running is None else min(asked, running))
