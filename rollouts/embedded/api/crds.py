"""Custom kinds: from a CustomResourceDefinition to a kind that is served."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.definition_checks import definition_errors
from rollouts.embedded.api.kinds import Column, Kind, Scale
from rollouts.embedded.api.objects import Objects
from rollouts.embedded.api.rules import has_rules
from rollouts.embedded.api.status import Cause, invalid, wrong
from rollouts.embedded.api.storage import Change, Key

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Definitions:
    """Keeps the kinds served in step with the definitions stored."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        objects.before_write.append(self._admit)
        objects.storage.listeners.append(self._serve)

    def _admit(self, kind: Kind, crd: Object) -> None:
        """Refuse a definition that cannot be served; an accepted one is established at once."""
        if kind.key != DEFINITIONS:
            return
        causes = list(_faults(_text(crd)))
        spec = crd["spec"]
        taken = self._objects.registry.stored(
            (spec.get("group", ""), (spec.get("names") or {}).get("plural", ""))
        )
        if taken is not None and (not taken.custom or taken.group == "gateway.networking.k8s.io"):
            why = "this kind is built into the embedded server; it needs no definition"
            causes.append(wrong("spec.names.plural", taken.plural, why))
        if causes:
            raise invalid(kind.kind, kind.group, crd["metadata"]["name"], causes)
        _fill_names(spec["names"])
        spec.setdefault("conversion", {"strategy": "None"})
        if not crd["metadata"].get("deletionTimestamp"):
            finalizers = crd["metadata"].setdefault("finalizers", [])
            if CLEANUP not in finalizers:
                finalizers.append(CLEANUP)
        crd["status"] = _status(crd, self._objects.now())

    def _serve(self, key: Key, change: Change) -> None:
        if key != DEFINITIONS:
            return
        spec = change.object["spec"]
        self._objects.registry.remove((spec["group"], spec["names"]["plural"]))
        if change.type != "DELETED":
            for kind in _kinds(_text(change.object)):
                self._objects.registry.add(kind)
        else:
            self._objects.storage.close((spec["group"], spec["names"]["plural"]))


def _fill_names(names: dict[str, Any]) -> None:
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")


def _status(crd: Object, now: str) -> Object:
    old: Object = crd.get("status") or {}
    if old.get("conditions") and old.get("acceptedNames") == crd["spec"]["names"]:
        return old
    accepted = ("NamesAccepted", "NoConflicts", "no conflicts found")
    established = ("Established", "InitialNamesAccepted", "the initial names have been accepted")
    return {
        "conditions": [
            {"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
            for name, reason, message in (accepted, established)
        ],
        "acceptedNames": crd["spec"]["names"],
        "storedVersions": [each["name"] for each in crd["spec"]["versions"] if each.get("storage")],
    }


def _text(crd: Object) -> bytes:
    """What a definition says, without what changes when the same one is installed again."""
    return orjson.dumps({"metadata": {"name": crd["metadata"].get("name")}, "spec": crd.get("spec")})


@lru_cache(maxsize=64)
def _faults(text: bytes) -> tuple[Cause, ...]:
    return tuple(definition_errors(orjson.loads(text)))


@lru_cache(maxsize=64)
def _kinds(text: bytes) -> tuple[Kind, ...]:
    """The kinds of a definition; servers that are given the same one share them, and their schemas."""
    return tuple(kinds_of(orjson.loads(text)))


def kinds_of(crd: Object) -> Iterator[Kind]:
    """The kinds that a definition serves, one for each version."""
    spec = crd["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subresources: Mapping[str, Any] = version.get("subresources") or {}
        schema = version["schema"]["openAPIV3Schema"]
        yield Kind(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec["scope"] == "Namespaced",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            status="status" in subresources,
            scale=_scale(subresources.get("scale")),
            generation=True,
            schema=schema,
            columns=tuple(_columns(version)),
            fields=tuple(each["jsonPath"].lstrip(".") for each in version.get("selectableFields") or ()),
            custom=True,
            has_rules=has_rules(schema),
            conditional_update=True,
        )


def _scale(found: Mapping[str, Any] | None) -> Scale | None:
    if not found:
        return None
    return Scale(found["specReplicasPath"], found["statusReplicasPath"], found.get("labelSelectorPath", ""))


def _columns(version: Object) -> Iterator[Column]:
    for each in version.get("additionalPrinterColumns") or ():
        yield Column(
            name=each["name"],
            type=each["type"],
            path=each["jsonPath"],
            priority=each.get("priority", 0),
            description=each.get("description", ""),
            format=each.get("format", ""),
        )
