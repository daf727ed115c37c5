"""What is served, as clients discover it: in one aggregated list, or in one document for each group."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from rollouts.api.meta import Object
from rollouts.embedded.api.kinds import ALL_VERBS, Kind, Registry
from rollouts.kube.transport import Response

_AGGREGATED = re.compile(r"g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList")
GIT_VERSION = "v1.36.0+rollouts"
_VERBS = {
    "status": ("get", "patch", "update"),
    "scale": ("get", "patch", "update"),
    "binding": ("create",),
    "eviction": ("create",),
    "finalize": ("update",),
    "log": ("get",),
    "proxy": ("get",),
}
_RESPONSE = {
    "scale": ("autoscaling", "v1", "Scale"),
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
}
_REVIEWS = (
    ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
)


def answer(registry: Registry, path: str, accept: str) -> Response | None:
    """The answer to a discovery request; None for any other path."""
    parts = path.strip("/").split("/")
    if path == "/version":
        major, minor, _ = GIT_VERSION.lstrip("v").split(".", 2)
        return Response(
            code=200, body={"major": major, "minor": minor, "gitVersion": GIT_VERSION, "platform": "python"}
        )
    if parts[0] not in {"api", "apis"} or len(parts) > 3:
        return None
    if len(parts) == 1:
        wanted = _AGGREGATED.search(accept)
        if wanted:
            return _aggregated(registry, wanted[1], core=parts[0] == "api")
        return Response(code=200, body=_versions() if parts[0] == "api" else _group_list(registry))
    groups = _groups(registry)
    if parts[0] == "api" and parts[1:] == ["v1"]:
        return Response(code=200, body=_resource_list("", "v1", groups["", "v1"]))
    if parts[0] == "apis" and len(parts) == 2 and (group := _group(registry, parts[1])):
        return Response(code=200, body={"kind": "APIGroup", "apiVersion": "v1", **group})
    if parts[0] == "apis" and len(parts) == 3 and (kinds := groups.get((parts[1], parts[2]))):
        return Response(code=200, body=_resource_list(parts[1], parts[2], kinds))
    return None


def _groups(registry: Registry) -> dict[tuple[str, str], list[Kind]]:
    """The kinds by group and version, reviews among them."""
    found: defaultdict[tuple[str, str], list[Kind]] = defaultdict(list)
    for kind in registry:
        found[kind.group, kind.version].append(kind)
    for group, name, plural in _REVIEWS:
        review = Kind(
            group=group, version="v1", kind=name, plural=plural, singular=name.lower(), namespaced=False
        )
        found[group, "v1"].append(review)
    return dict(found)


def _verbs(kind: Kind) -> list[str]:
    return ["create"] if kind.schema is None else list(ALL_VERBS)


def _aggregated(registry: Registry, version: str, *, core: bool) -> Response:
    by_group: defaultdict[str, list[Object]] = defaultdict(list)
    for (group, served), kinds in sorted(_groups(registry).items(), key=lambda entry: _rank(entry[0][1])):
        if (group == "") == core:
            resources = [_discovered(kind) for kind in kinds]
            by_group[group].append({"version": served, "freshness": "Current", "resources": resources})
    items = [{"metadata": {"name": name}, "versions": versions} for name, versions in by_group.items()]
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }
    content = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    return Response(code=200, body=body, headers={"content-type": content})


def _rank(version: str) -> tuple[int, ...]:
    """Stable before beta before alpha, newer before older."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (3, 0, 0)
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0))


def _discovered(kind: Kind) -> Object:
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    found: Object = {
        "resource": kind.plural,
        "responseKind": own,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _verbs(kind),
    }
    if kind.short_names:
        found["shortNames"] = list(kind.short_names)
    if kind.categories:
        found["categories"] = list(kind.categories)
    found["subresources"] = [
        {"subresource": name, "responseKind": _response_kind(kind, name), "verbs": list(_VERBS[name])}
        for name in kind.all_subresources
    ]
    return found


def _response_kind(kind: Kind, subresource: str) -> Object:
    group, version, name = _RESPONSE.get(subresource, (kind.group, kind.version, kind.kind))
    return {"group": group, "version": version, "kind": name}


def _versions() -> Object:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _group_list(registry: Registry) -> Object:
    names = dict.fromkeys(group for group, _ in _groups(registry) if group)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(registry, name) for name in names]}


def _group(registry: Registry, name: str) -> Object | None:
    versions = sorted((version for group, version in _groups(registry) if group == name), key=_rank)
    if not versions or not name:
        return None
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str, kinds: Iterable[Kind]) -> Object:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": [entry for kind in kinds for entry in _resources(kind)],
    }


def _resources(kind: Kind) -> Iterator[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _verbs(kind),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    yield entry
    for name in kind.all_subresources:
        response = _response_kind(kind, name)
        yield {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "verbs": list(_VERBS[name]),
            **response,
        }
