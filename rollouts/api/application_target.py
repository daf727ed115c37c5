"""Where an Application is applied and what is left out of comparison."""

from rollouts.api.meta import Spec


class ApplicationDestination(Spec):
    """A cluster, by URL or by name, and a namespace in it."""

    server: str = ""
    """`https://kubernetes.default.svc` is the cluster that the engine runs in."""
    name: str = ""
    namespace: str = ""


class ResourceIgnoreDifferences(Spec):
    """Fields that do not count as a difference."""

    group: str = ""
    kind: str
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()
    """Fields that these managers own are taken from the live object."""


class Info(Spec):
    """A note to show beside the application."""

    name: str
    value: str
