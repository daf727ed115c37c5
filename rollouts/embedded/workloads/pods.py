"""A pod of a template, as its controller makes it."""

import copy
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from rollouts.api.meta import Object
from rollouts.kube.resources import Resource

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC."""

# The letters that Kubernetes takes for random names: no vowels, so no words.
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def owner_reference(owner: Object, resource: Resource) -> Object:
    """The reference that makes `owner` the controller of an object."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def random_suffix(seed: str) -> str:
    """Five letters that look random and are the same for the same seed: a simulation repeats itself."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:5])


def pod_from(
    owner: Object,
    resource: Resource,
    template: Object,
    ordinal: int,
    *,
    labels: Mapping[str, str] | None = None,
) -> Object:
    """A new pod of the owner's template; `ordinal` makes its name another than those of its siblings."""
    metadata = template.get("metadata") or {}
    suffix = random_suffix(f"{owner['metadata']['uid']}/{ordinal}")
    made: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{owner['metadata']['name'][:57]}-{suffix}",
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(metadata.get("labels") or {}), **(labels or {})},
            "annotations": dict(metadata.get("annotations") or {}),
            "ownerReferences": [owner_reference(owner, resource)],
        },
        "spec": copy.deepcopy(template["spec"]),
    }
    if finalizers := metadata.get("finalizers"):
        made["metadata"]["finalizers"] = list(finalizers)
    return made
