"""From a URL path to what is meant by it."""

from dataclasses import dataclass
from urllib.parse import unquote

from rollouts.embedded.api.kinds import Kind, Registry
from rollouts.embedded.api.status import NoSuchPlace, Refusal, no_such_path

_ELSEWHERE = {
    (("", "serviceaccounts"), "token"): "issues no tokens for service accounts: roles mean nothing in it",
    **{
        (("", "pods"), part): f"has no {part}: its pods are processes of this machine"
        for part in ("exec", "attach", "portforward")
    },
}
"""Parts of objects that only other clusters have, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path names."""

    kind: Kind
    namespace: str = ""
    """Empty for all namespaces, and for kinds without."""
    name: str = ""
    """Empty for the collection."""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource, for proxies."""


def find(registry: Registry, path: str) -> Route:
    """Read `/api/v1/...` or `/apis/{group}/{version}/...`.

    Raises:
        Refusal: no such kind, or no such place under it (404); or one that only real nodes have (501).
    """
    parts = _parts(path)
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        raise NoSuchPlace
    namespace = ""
    # `namespaces/{name}` is the namespace itself, `namespaces/{name}/{plural}` is what lives in it.
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in {"status", "finalize"}:
        namespace, parts = parts[1], parts[2:]
    kind = registry.find(group, version, parts[0])
    if kind is None and not registry.has(group, version):
        raise NoSuchPlace
    if kind is None or (namespace and not kind.namespaced):
        raise no_such_path()
    name, subresource = (*parts[1:3], "", "")[:2]
    if name and kind.namespaced and not namespace:
        raise no_such_path()
    if why := _ELSEWHERE.get((kind.key, subresource)):
        raise Refusal(501, "NotImplemented", f"the embedded cluster {why}", name=name)
    if subresource and subresource not in kind.all_subresources:
        raise no_such_path()
    rest = "/".join(parts[3:])
    if rest and subresource != "proxy":
        raise no_such_path()
    return Route(kind=kind, namespace=namespace, name=name, subresource=subresource, rest=rest)


def _parts(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return [unquote(part) for part in parts] if "%" in path else parts
