"""Whether a live object is what Git says. Pure.

The question is that of server-side apply: would applying the manifest change the object? A field that Git
sets must be so; a field that an earlier sync set and Git no longer has must be gone; every other field
belongs to somebody else. What a sync set stands in `metadata.managedFields`; of an object that `kubectl
apply` made, in its last-applied annotation.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.api.meta import Object
from rollouts.gitops.normalize import LAST_APPLIED, equal, has_merge_keys, is_empty, merge_key, normalize

MANAGER = "argocd-controller"
"""The field manager of every sync."""

Owned = Mapping[str, Any]
"""Fields as `fieldsV1` writes them: `f:<name>`, `k:<keys of a list element>`, `.`."""

_EXACT_MAPS = ("selector", "nodeSelector", "matchLabels")
"""Maps that the API replaces as a whole: a key too many is a difference too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that is not what Git says."""

    path: str
    """As users write it: `.spec.ports[0].port`."""
    wanted: Any
    """What Git says; None where it says that the field is to be gone."""
    live: Any
    """What there is; None where there is nothing."""

    def __str__(self) -> str:
        """One line, for messages."""
        return f"{self.path}: {_short(self.live)} in the cluster, {_short(self.wanted)} in Git"


def differences(target: Object, live: Object) -> tuple[Difference, ...]:
    """Every field in which the cluster is not what Git says; of Secrets, without the values.

    Args:
        target: the manifest, with what others own already carried over.
        live: the object in the cluster.
    """
    wanted, there = normalize(target), normalize(live)
    found = (
        *_compare(wanted, there, "", has_merge_keys(target)),
        *_leftover(_owned(live), wanted, there, ""),
    )
    if target["kind"] == "Secret" and not target["apiVersion"].partition("/")[2]:
        return tuple(_masked(difference) for difference in found)
    return found


def _compare(wanted: Any, live: Any, path: str, by_name: bool) -> Iterator[Difference]:
    if isinstance(wanted, dict) and isinstance(live, dict):
        yield from _compare_maps(wanted, live, path, by_name)
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _compare_lists(wanted, live, path, by_name)
    elif not equal(wanted, live, path):
        yield Difference(path=path, wanted=wanted, live=live)


def _compare_maps(wanted: Object, live: Object, path: str, by_name: bool) -> Iterator[Difference]:
    for key, value in wanted.items():
        where = f"{path}{_step(key)}"
        if key in live:
            yield from _compare(value, live[key], where, by_name)
        elif not is_empty(value):
            yield Difference(path=where, wanted=value, live=None)
    if path.rpartition(".")[2] in _EXACT_MAPS and not any(
        isinstance(v, dict | list) for v in wanted.values()
    ):
        for key in live.keys() - wanted.keys():
            yield Difference(path=f"{path}{_step(key)}", wanted=None, live=live[key])


def _compare_lists(wanted: list[Any], live: list[Any], path: str, by_name: bool) -> Iterator[Difference]:
    key = merge_key(path, wanted, live) if by_name else None
    if key is None:
        if len(wanted) != len(live):
            yield Difference(path=path, wanted=wanted, live=live)
            return
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from _compare(one, other, f"{path}[{number}]", by_name)
        return
    there = {key(element): element for element in live}
    for number, element in enumerate(wanted):
        where = f"{path}[{number}]"
        if (match := there.get(key(element))) is not None:
            yield from _compare(element, match, where, by_name)
        else:
            yield Difference(path=where, wanted=element, live=None)


def _leftover(owned: Owned, wanted: Any, live: Any, path: str) -> Iterator[Difference]:
    """What a sync set and Git no longer has: an owned field that lives on and is not wanted."""
    for field, inner in owned.items():
        kind, _, name = field.partition(":")
        if kind == "f" and isinstance(live, dict) and name in live:
            yield from _leftover_field(inner, wanted, live, name, f"{path}{_step(name)}")
        elif kind == "k" and isinstance(live, list):
            yield from _leftover_element(inner, wanted, live, json.loads(name), path)
        elif kind == "v" and isinstance(live, list):
            value = json.loads(name)
            if value in live and not (isinstance(wanted, list) and value in wanted):
                yield Difference(path=path, wanted=None, live=value)


def _leftover_field(inner: Owned, wanted: Any, live: Object, key: str, path: str) -> Iterator[Difference]:
    if isinstance(wanted, dict) and key in wanted:
        yield from _leftover(inner, wanted[key], live[key], path)
    elif "." in inner or not inner or not isinstance(live[key], dict):
        yield Difference(path=path, wanted=None, live=live[key])
    else:
        yield from _leftover(inner, {}, live[key], path)


def _leftover_element(
    inner: Owned, wanted: Any, live: list[Any], keys: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    there = _element(live, keys)
    if there is None:
        return
    where = f"{path}[{','.join(f'{key}={value}' for key, value in keys.items())}]"
    mine = _element(wanted, keys) if isinstance(wanted, list) else None
    if mine is None and "." in inner:
        yield Difference(path=where, wanted=None, live=there)
    else:
        yield from _leftover(inner, mine or {}, there, where)


def _owned(live: Object) -> Owned:
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply":
            fields = dict(entry.get("fieldsV1") or {})
            # The identity of the object is nobody's to take back.
            fields.pop("f:metadata", None)
            metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
            kept = {key: metadata[key] for key in ("f:labels", "f:annotations") if key in metadata}
            return {**fields, "f:metadata": kept} if kept else fields
    return _last_applied(live)


def _last_applied(live: Object) -> Owned:
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return {}
    try:
        applied = json.loads(text)
    except ValueError:
        return {}
    return _fields(normalize(applied)) if isinstance(applied, dict) and "metadata" in applied else {}


def _fields(value: Any) -> Owned:
    """The fields of a manifest as managedFields would write them; lists as a whole."""
    return {f"f:{key}": _fields(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _element(items: list[Any], keys: Mapping[str, Any]) -> Any:
    for item in items:
        # A key that the server fills in (protocol: TCP) is not in the manifest.
        if isinstance(item, dict) and all(item.get(key, value) == value for key, value in keys.items()):
            return item
    return None


def _masked(difference: Difference) -> Difference:
    """A change of a Secret shows, and its value does not."""
    if not difference.path.startswith((".data", ".stringData")):
        return difference
    return Difference(
        path=difference.path,
        wanted=None if difference.wanted is None else "+" * 8,
        live=None if difference.live is None else "+" * (8 if difference.wanted is None else 16),
    )


def _step(key: str) -> str:
    return f".{key}" if key.replace("-", "").replace("_", "").isalnum() else f'["{key}"]'


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
