"""Where an Application is applied and what is left out of comparison."""

from rollouts.api.meta import Spec


class ApplicationDestination(Spec):
    """A cluster, by URL or by name, and a namespace in it."""

    server: str = ""
    """`https://kubernetes.default.svc` is the cluster that the engine runs in."""
    name: str = ""
    """The name of the cluster; `in-cluster` is the one that the engine runs in."""
    namespace: str = ""
    """The namespace of objects that name none."""


class ResourceIgnoreDifferences(Spec):
    """Fields that do not count as a difference."""

    group: str = ""
    """The API group, or `*`; empty for the core group."""
    kind: str
    """The kind, or `*`."""
    name: str = ""
    """The name; any by default."""
    namespace: str = ""
    """The namespace; any by default."""
    json_pointers: tuple[str, ...] = ()
    """The fields, such as `/spec/replicas`."""
    jq_path_expressions: tuple[str, ...] = ()
    """The fields, as jq paths."""
    managed_fields_managers: tuple[str, ...] = ()
    """Fields that these managers own are taken from the live object."""


class Info(Spec):
    """A note to show beside the application."""

    name: str
    """What the note is about."""
    value: str
    """The note."""
