"""What other distributions add, read once at start-up from their entry points.

`rollouts.routers` and `rollouts.strategies` name instances, which join the built-in ones;
`rollouts.providers` names factories `(client, clock) -> Provider`. None takes the place of a built-in.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import strategies
from analysis.providers import Provider
from rollouts import routers
from rollouts.api.errors import RolloutsError
from rollouts.kube.client import Client

ProviderFactory = Callable[[Client, Callable[[], datetime]], Provider]


class PluginError(RolloutsError):
    """An installed plugin cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What needs the client before it is of use."""

    provider_factories: Mapping[str, ProviderFactory]

    def providers(self, client: Client, clock: Callable[[], datetime]) -> dict[str, Provider]:
        """Make the providers."""
        return {name: make(client, clock) for name, make in self.provider_factories.items()}


@cache
def install() -> Installed:
    """Add the installed routers and strategies to the tables, and find the providers.

    Raises:
        PluginError: a plugin takes a name that is taken, or does not load.
    """
    for group, table in (
        ("rollouts.routers", routers.ROUTERS),
        ("rollouts.strategies", strategies.STRATEGIES),
    ):
        cast("MutableMapping[str, Any]", table).update(load(group, table))
    return Installed(load("rollouts.providers", {}))


def load(group: str, taken: Mapping[str, Any]) -> dict[str, Any]:
    """What is installed in a group of entry points, by name.

    Raises:
        PluginError: a plugin takes a name that is taken, or does not load.
    """
    found: dict[str, Any] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if point.name in taken or point.name in found:
            raise PluginError(
                f'{_named(point)} takes the name "{point.name}" of {group}, which is taken; '
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
