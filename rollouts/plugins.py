"""What other distributions add, read once at start-up from their entry points.

`rollouts.routers`, `rollouts.providers`, `rollouts.judges` and `rollouts.strategies` each name objects that
take the place of a built-in's neighbours, never of a built-in itself.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rollouts.api.errors import RolloutsError

GROUPS = ("rollouts.routers", "rollouts.providers", "rollouts.judges", "rollouts.strategies")


class PluginError(RolloutsError):
    """An installed plugin cannot be used; the message names it and says what to do."""


def load(group: str, built_in: Mapping[str, Any]) -> dict[str, Any]:
    """The built-ins of a group and what is installed besides.

    Raises:
        PluginError: a plugin takes a name that is taken, or does not load.
    """
    found = dict(built_in)
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.name in found:
            raise PluginError(
                f'{_named(point)} takes the name "{point.name}" of group {group}, which is taken; '
                "uninstall one of the two"
            )
        try:
            found[point.name] = point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(f"{_named(point)} does not load: {error}; mend or uninstall it") from error
    return found


def _named(point: EntryPoint) -> str:
    distribution = point.dist.name if point.dist else "a distribution without a name"
    return f"plugin {point.value} of {distribution}"
