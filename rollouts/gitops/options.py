"""Sync options: `name=value`, of an Application, an operation or one object. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"

Propagation = Literal["Foreground", "Background", "Orphan"]
_PROPAGATION: dict[str, Propagation] = {
    "foreground": "Foreground",
    "background": "Background",
    "orphan": "Orphan",
}
# Options whose one supported value is what the engine does anyway.
_ALWAYS = {
    "Validate": "true",
    "PruneLast": "true",
    "ServerSideApply": "true",
    "Replace": "false",
    "Force": "false",
    "SkipDryRunOnMissingResource": "true",
}
_WHY = {
    "ServerSideApply": "objects are always applied server-side",
    "PruneLast": "pruning is always last",
    "Validate": "the API server always validates",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """How a sync goes about."""

    create_namespace: bool = False
    apply_out_of_sync_only: bool = False
    respect_ignore_differences: bool = False
    fail_on_shared_resource: bool = False
    prune: bool = True
    """False keeps objects that are no longer in Git."""
    delete: bool = True
    """False keeps objects when their Application is deleted."""
    propagation: Propagation = "Foreground"


_FLAGS = {
    "CreateNamespace": "create_namespace",
    "ApplyOutOfSyncOnly": "apply_out_of_sync_only",
    "RespectIgnoreDifferences": "respect_ignore_differences",
    "FailOnSharedResource": "fail_on_shared_resource",
    "Prune": "prune",
    "Delete": "delete",
}


def parse_options(texts: Iterable[str], field: str) -> SyncOptions:
    """Read `name=value` options; a later one wins.

    Raises:
        InvalidSpec: an option is unknown or not supported; names it.
    """
    options = SyncOptions()
    for number, text in enumerate(texts):
        where = f"{field}[{number}]"
        name, _, value = (part.strip() for part in text.partition("="))
        lowered = value.lower()
        if name in _FLAGS and lowered in ("true", "false"):
            flag: dict[str, Any] = {_FLAGS[name]: lowered == "true"}
            options = replace(options, **flag)
        elif name == "PrunePropagationPolicy" and lowered in _PROPAGATION:
            options = replace(options, propagation=_PROPAGATION[lowered])
        elif name in _ALWAYS:
            if lowered != _ALWAYS[name]:
                why = _WHY.get(name, "objects are never replaced or deleted to be made again")
                raise InvalidSpec(where, f'"{text}" is not supported: {why}; remove it', text)
        elif name != "ClientSideApplyMigration":
            known = ", ".join(sorted({*_FLAGS, *_ALWAYS, "PrunePropagationPolicy"}))
            raise InvalidSpec(
                where, f'"{text}" is no sync option with a supported value; known: {known}', text
            )
    return options


def object_options(obj: Object) -> SyncOptions:
    """The options that an object carries in its own annotation.

    Raises:
        InvalidSpec: as `parse_options`.
    """
    text = (obj["metadata"].get("annotations") or {}).get(SYNC_OPTIONS) or ""
    where = f'{obj["kind"]} {obj["metadata"]["name"]} .metadata.annotations["{SYNC_OPTIONS}"]'
    return parse_options([part for part in text.split(",") if part.strip()], where)


def live_options(obj: Object) -> SyncOptions:
    """The options of a live object; one whose options cannot be read is rather kept than deleted."""
    try:
        return object_options(obj)
    except InvalidSpec:
        return SyncOptions(prune=False, delete=False)


def ignores_extraneous(obj: Object) -> bool:
    """Whether an object that is not in Git is no reason for its Application to be OutOfSync."""
    text = (obj["metadata"].get("annotations") or {}).get(COMPARE_OPTIONS) or ""
    return "IgnoreExtraneous" in (part.strip() for part in text.split(","))
