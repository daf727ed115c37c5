"""Pod templates: their hash, and when two of them ask for the same pods."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

from pydantic_core import to_json

from rollouts.api import quantities
from rollouts.api.meta import Object
from rollouts.api.pod_defaults import pod_spec
from strategies.marshal import Misfit, Style, marshal

HASH_LABEL = "rollouts-pod-template-hash"

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes allows in generated names: no vowels, no 0, 1, 3

_BY_WORTH = Style(quantity=quantities.in_thousandths)


def fnv32a(data: bytes) -> int:
    """The 32 bit FNV-1a hash (Fowler, Noll, Vo): offset basis 2166136261, prime 16777619."""
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def safe_encode(text: str) -> str:
    """Spell a text in Kubernetes' alphabet for names, so that it forms no word by accident."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in text.encode())


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and no nulls: equal content gives equal bytes."""
    return json.dumps(_without_nulls(value), sort_keys=True, separators=(",", ":")).encode()


@lru_cache(maxsize=16_384)
def name_of(content: bytes, write: Callable[[object], bytes], collision_count: int | None = None) -> str:
    """Name JSON content: FNV-32a of what `write` makes of it, and of the collision count if there is one.

    Remembered for the templates and the steps of some 8,000 rollouts: a pass asks for both each time.
    """
    value = json.loads(content)
    try:
        data = write(value)
    except Misfit:  # no API server takes it; its name is to be another than that of what fits
        data = canonical(value)
    if collision_count is not None:
        data += (collision_count % 2**32).to_bytes(8, "little")
    return safe_encode(str(fnv32a(data)))


def pod_hash(template: Object, collision_count: int | None = None) -> str:
    """Name a pod template by its content, as upstream does."""
    return name_of(to_json(template), _pod_template, collision_count)


def _pod_template(value: object) -> bytes:
    return marshal(value, "PodTemplateSpec")


def same_pods(live: Object, desired: Object) -> bool:
    """Whether `live` is `desired` as an API server stores it: equal, once both have its defaults.

    The engine's own label, and fields that Go does not know, are no difference.
    """
    return _filled(to_json(live)) == _filled(to_json(desired))


def images(template: Object) -> tuple[tuple[str, str], ...]:
    """The containers of a template by name and image; no API server rewrites these."""
    spec = template.get("spec") or {}
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return tuple((str(each.get("name", "")), str(each.get("image", ""))) for each in containers)


@lru_cache(maxsize=16_384)
def _filled(content: bytes) -> bytes:
    try:
        template = json.loads(marshal(json.loads(content), "PodTemplateSpec", _BY_WORTH))
    except Misfit:
        return content
    template["metadata"].get("labels", {}).pop(HASH_LABEL, None)
    pod_spec(template["spec"])
    template["spec"].pop("serviceAccount", None)  # the old name of serviceAccountName, kept equal to it
    return canonical(template)


def _without_nulls(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    return value
