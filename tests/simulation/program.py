"""A world and what happens in it, drawn from a seed. The same seed gives the same program."""

from dataclasses import dataclass
from typing import Literal

from rollouts.api.meta import Object
from tests.simulation.events import Event, brief

VERSIONS = ("v1", "v2", "v3", "v4")
Kind = Literal["rolling", "canary", "nginx", "gateway", "blueGreen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The world before anything happens."""

    kind: Kind
    replicas: int
    strategy: Object
    """What stands under `canary` or `blueGreen`."""
    spec: Object
    """Further fields of the rollout's spec."""
    controllers: int = 1
    """Processes; of several, one leads."""
    errors: float = 0.0
    """The share of every version's requests that fail, without which nothing can be proven of any."""
    settled: bool = True
    """Whether the first version is up before the first event."""

    def __str__(self) -> str:
        more = {**self.spec, "controllers": self.controllers} if self.controllers > 1 else self.spec
        begin = "is up" if self.settled else "starts"
        return f"{self.kind}, {self.replicas} pods, {brief(self.strategy)} {brief(more)}; v1 {begin}"


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and when it happens, in seconds since the first."""

    at: float
    event: Event

    def __str__(self) -> str:
        return f"{self.at:7.2f} s: {self.event}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A seed, a world and what happens in it, in order of time."""

    seed: int
    setup: Setup
    events: tuple[Timed, ...]

    def __str__(self) -> str:
        return "\n".join((f"program {self.seed}: {self.setup}", *(f"  {each}" for each in self.events)))
