"""Custom kinds: from a CustomResourceDefinition to a kind that is served."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.api.meta import Object
from rollouts.embedded.api import jsonpath
from rollouts.embedded.api.definitions import Schema
from rollouts.embedded.api.kinds import Column, Kind, Scale
from rollouts.embedded.api.objects import Objects
from rollouts.embedded.api.rules import has_rules, unsupported_rules
from rollouts.embedded.api.status import Cause, invalid, required, unsupported, wrong
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
        causes = list(_errors(crd))
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
            for kind in kinds_of(change.object):
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


def _errors(crd: Object) -> Iterator[Cause]:
    spec = crd.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    for field in ("plural", "kind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    if spec.get("scope") not in {"Cluster", "Namespaced"}:
        yield unsupported("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if crd["metadata"].get("name") != wanted:
        yield wrong("metadata.name", crd["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group')
    if sum(bool(each.get("storage")) for each in versions) != 1:
        yield wrong("spec.versions", len(versions), "must have exactly one version marked as storage version")
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        yield unsupported("spec.conversion.strategy", spec["conversion"]["strategy"], ("None",))
    yield from _version_errors(versions)


def _version_errors(versions: list[Object]) -> Iterator[Cause]:
    for index, version in enumerate(versions):
        here = f"spec.versions[{index}]"
        yield from _column_errors(version, here)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield required(f"{here}.schema.openAPIV3Schema", "schemas are required")
            continue
        at = f"{here}.schema.openAPIV3Schema"
        if schema.get("type") != "object":
            yield wrong(f"{at}.type", schema.get("type"), "must be object at the root")
        yield from _schema_errors(schema, at)
        for path, rule in unsupported_rules(schema, at):
            yield wrong(
                path, rule, "the embedded server keeps no CEL rule but `self == oldSelf`; remove the rule"
            )


def _column_errors(version: Object, path: str) -> Iterator[Cause]:
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            jsonpath.parse(column["jsonPath"])
        except jsonpath.BadPath as error:
            here = f"{path}.additionalPrinterColumns[{index}].jsonPath"
            yield wrong(here, column["jsonPath"], str(error))


def _schema_errors(schema: Schema, path: str) -> Iterator[Cause]:
    """What would make a schema unusable: no type, an unknown one, a pattern that does not compile."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if "type" not in schema and not free:
        yield required(f"{path}.type", "must not be empty for specified object fields")
    elif schema.get("type") not in {None, "string", "integer", "number", "boolean", "array", "object"}:
        yield wrong(f"{path}.type", schema["type"], "is no JSON type")
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except re.error as error:
            yield wrong(f"{path}.pattern", schema["pattern"], f"must be a valid regular expression: {error}")
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        yield required(f"{path}.items", "must be specified")
    if schema.get("x-kubernetes-list-type") == "map" and not schema.get("x-kubernetes-list-map-keys"):
        yield required(
            f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map"
        )
    for name, child in (schema.get("properties") or {}).items():
        yield from _schema_errors(child, f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if isinstance(child := schema.get(word), dict):
            yield from _schema_errors(child, f"{path}.{word}")


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
