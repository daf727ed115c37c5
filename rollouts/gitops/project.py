"""What an AppProject lets its Applications do. Pure."""

import fnmatch
import re
from collections.abc import Iterable

from rollouts.api.application import ApplicationSpec
from rollouts.api.appproject import AppProject, GroupKind, ProjectDestination
from rollouts.api.errors import InvalidSpec
from rollouts.api.validation import validate_project
from rollouts.gitops.credentials import normalized
from rollouts.gitops.tracking import IN_CLUSTER, Ref


def check_destination(spec: ApplicationSpec) -> None:
    """Refuse a cluster other than the engine's own.

    Raises:
        InvalidSpec: names the field.
    """
    destination = spec.destination
    if destination.server and destination.server != IN_CLUSTER:
        raise InvalidSpec(
            ".spec.destination.server",
            f'"{destination.server}" is another cluster, and only {IN_CLUSTER} is supported yet',
            destination.server,
        )
    if destination.name and destination.name != "in-cluster":
        raise InvalidSpec(
            ".spec.destination.name",
            f'"{destination.name}" is another cluster, and only in-cluster is supported yet',
            destination.name,
        )


def check_project(project: AppProject, spec: ApplicationSpec, repo_url: str) -> None:
    """Refuse a repository or a namespace that the project does not permit.

    Raises:
        InvalidSpec: names the field of the Application, and what the project permits.
    """
    name = project.metadata.name
    for problem in validate_project(project):
        raise InvalidSpec(".spec.project", f'AppProject "{name}": {problem}', name)
    urls = [url if url in ("*", "!*") else _normalized_glob(url) for url in project.spec.source_repos]
    if not _permitted(urls, normalized(repo_url)):
        permits = ", ".join(project.spec.source_repos) or "none"
        raise InvalidSpec(
            ".spec.source.repoURL",
            f'AppProject "{name}" does not permit {repo_url}; it permits {permits}',
            repo_url,
        )
    check_namespace(project, spec.destination.namespace)


def check_namespace(project: AppProject, namespace: str) -> None:
    """Refuse to write to a namespace that the project does not permit.

    Raises:
        InvalidSpec: names the namespace.
    """
    destinations = project.spec.destinations
    allowed = [d for d in destinations if not _denies(d) and _fits(d, namespace)]
    denied = [d for d in destinations if _denies(d) and _fits(d, namespace)]
    if not allowed or denied:
        raise InvalidSpec(
            ".spec.destination.namespace",
            f'AppProject "{project.metadata.name}" does not permit namespace "{namespace}" of this cluster',
            namespace,
        )


def check_kind(project: AppProject, ref: Ref) -> None:
    """Refuse a kind that the project does not permit.

    Raises:
        InvalidSpec: names the object.
    """
    spec = project.spec
    if ref.namespace:
        allows = not spec.namespace_resource_whitelist or _listed(spec.namespace_resource_whitelist, ref)
        denies = _listed(spec.namespace_resource_blacklist, ref)
    else:
        allows = _listed(spec.cluster_resource_whitelist, ref)
        denies = _listed(spec.cluster_resource_blacklist, ref)
    if denies or not allows:
        raise InvalidSpec(
            ".spec.project",
            f'AppProject "{project.metadata.name}" does not permit {ref}',
            project.metadata.name,
        )


def _permitted(globs: Iterable[str], value: str) -> bool:
    found = False
    for glob in globs:
        if glob.startswith("!"):
            if _matches(glob[1:], value):
                return False
        elif _matches(glob, value):
            found = True
    return found


def _normalized_glob(glob: str) -> str:
    return f"!{normalized(glob[1:])}" if glob.startswith("!") else normalized(glob)


def _denies(destination: ProjectDestination) -> bool:
    return any(
        value.startswith("!") for value in (destination.server, destination.name, destination.namespace)
    )


def _fits(destination: ProjectDestination, namespace: str) -> bool:
    server, name = destination.server.lstrip("!"), destination.name.lstrip("!")
    here = (server and _matches(server, IN_CLUSTER)) or (name and _matches(name, "in-cluster"))
    return bool(here) and _matches(destination.namespace.lstrip("!"), namespace)


def _listed(kinds: Iterable[GroupKind], ref: Ref) -> bool:
    return any(
        _matches(kind.group, ref.group)
        and _matches(kind.kind, ref.kind)
        and _matches(kind.name or "*", ref.name)
        for kind in kinds
    )


def _matches(glob: str, value: str) -> bool:
    """A glob in which a `*` also stands for slashes."""
    return re.fullmatch(fnmatch.translate(glob), value) is not None
