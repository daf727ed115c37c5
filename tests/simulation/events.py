"""What can happen to a world, as nouns that print as a sentence's middle: `12.5 s: ships v2`."""

from dataclasses import dataclass
from typing import Any, Literal

from rollouts.api.meta import Object
from tests.faults.model import Fault

# --- What users do ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ship:
    """Set the image to another version; an earlier one is a way back."""

    version: str

    def __str__(self) -> str:
        return f"somebody ships {self.version}"


@dataclass(frozen=True, slots=True)
class Command:
    """A verb of the command line, as the patches that it makes; what it refuses is not done."""

    verb: Literal["promote", "promote-full", "abort", "retry", "pause", "restart", "undo"]

    def __str__(self) -> str:
        return f"somebody says {self.verb}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Change `.spec.replicas`."""

    replicas: int

    def __str__(self) -> str:
        return f"somebody scales to {self.replicas}"


@dataclass(frozen=True, slots=True)
class EditSteps:
    """Give the canary other steps."""

    steps: tuple[Object, ...]

    def __str__(self) -> str:
        return f"somebody edits the steps: {brief(list(self.steps))}"


@dataclass(frozen=True, slots=True)
class EditStrategy:
    """Change one field of the strategy."""

    field: str
    value: Any

    def __str__(self) -> str:
        return f"somebody sets {self.field} to {brief(self.value)}"


@dataclass(frozen=True, slots=True)
class ChangeStrategy:
    """Replace the whole strategy by another, which may be of the other kind."""

    strategy: Object
    """With `canary` or `blueGreen` as its only key."""

    def __str__(self) -> str:
        return f"somebody changes the strategy to {brief(self.strategy)}"


@dataclass(frozen=True, slots=True)
class Invalidate:
    """Make the spec invalid, and valid again after a while."""

    seconds: float

    def __str__(self) -> str:
        return f"somebody makes the spec invalid for {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete an object that the rollout refers to, and create it again after a while, as it was at first."""

    kind: Literal["Service", "AnalysisTemplate", "Route"]
    place: int
    """Which of that kind, modulo how many there are."""
    seconds: float

    def __str__(self) -> str:
        return f"somebody deletes {self.kind} #{self.place} and makes it again after {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Recreate:
    """Delete the rollout with all that it owns, and create it again after a while, as it was last."""

    seconds: float

    def __str__(self) -> str:
        return f"somebody deletes the rollout and makes it again after {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class DeleteReplicaSet:
    """Delete the ReplicaSet of a role by hand."""

    role: Literal["new", "stable", "old", "baseline"]

    def __str__(self) -> str:
        return f"somebody deletes the {self.role} ReplicaSet"


@dataclass(frozen=True, slots=True)
class DeleteRuns:
    """Delete every AnalysisRun by hand."""

    def __str__(self) -> str:
        return "somebody deletes the analysis runs"


@dataclass(frozen=True, slots=True)
class EndRuns:
    """Ask every AnalysisRun under way to end, as `rollouts terminate` does."""

    def __str__(self) -> str:
        return "somebody ends the analysis runs"


@dataclass(frozen=True, slots=True)
class Drift:
    """Change the weight in the route behind the controllers' back."""

    weight: int

    def __str__(self) -> str:
        return f"somebody sets the route's weight to {self.weight} by hand"


# --- What befalls pods and requests -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PodsFail:
    """Pods crash, are evicted, are deleted, or stop to answer; the oldest of a version first."""

    how: Literal["crash", "are evicted", "are deleted", "stop answering"]
    version: str
    """Empty for any."""
    count: int

    def __str__(self) -> str:
        return f"{self.count} pods of {self.version or 'any version'} {self.how}"


@dataclass(frozen=True, slots=True)
class Break:
    """Pods of a version never become ready from now on."""

    version: str

    def __str__(self) -> str:
        return f"pods of {self.version} start no more"


@dataclass(frozen=True, slots=True)
class Mend:
    """Pods of a version work again."""

    version: str

    def __str__(self) -> str:
        return f"pods of {self.version} work again"


@dataclass(frozen=True, slots=True)
class Degrade:
    """A version answers with errors from now on, or no more."""

    version: str
    error_rate: float

    def __str__(self) -> str:
        return f"{self.version} fails {100 * self.error_rate:g} % of its requests"


@dataclass(frozen=True, slots=True)
class NoMetrics:
    """The router's counters cannot be read for a while."""

    seconds: float

    def __str__(self) -> str:
        return f"there are no metrics for {self.seconds:g} s"


# --- What befalls the controllers -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Faults:
    """For a while some of the controllers' requests meet a fault."""

    fault: Fault
    on: Literal["writes", "reads", "watches"]
    every: int
    """Of so many of these requests one, drawn by lot."""
    seconds: float

    def __str__(self) -> str:
        return f"for {self.seconds:g} s one of {self.every} {self.on} meets {self.fault}"


@dataclass(frozen=True, slots=True)
class Crash:
    """The controllers die, and start again after a while."""

    seconds: float
    at_write: int = 0
    """As soon as their nth write from now is taken; 0 for at once."""

    def __str__(self) -> str:
        when = f"at their write {self.at_write} from now" if self.at_write else "now"
        return f"the controllers die {when}, for {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class HandOver:
    """The leading controllers give the lease up; the others take over."""

    def __str__(self) -> str:
        return "the leader gives up its lease"


@dataclass(frozen=True, slots=True)
class Jump:
    """The controllers' clock is set, as NTP does."""

    seconds: float

    def __str__(self) -> str:
        return f"the controllers' clock jumps by {self.seconds:+g} s"


@dataclass(frozen=True, slots=True)
class Forget:
    """The API server ends every watch and forgets what was, as etcd's compaction does."""

    def __str__(self) -> str:
        return "the API server forgets old versions and ends every watch"


Event = (
    Ship
    | Command
    | Scale
    | EditSteps
    | EditStrategy
    | ChangeStrategy
    | Invalidate
    | Remove
    | Recreate
    | DeleteReplicaSet
    | DeleteRuns
    | EndRuns
    | Drift
    | PodsFail
    | Break
    | Mend
    | Degrade
    | NoMetrics
    | Faults
    | Crash
    | HandOver
    | Jump
    | Forget
)

INTENTS = (
    Ship,
    Command,
    Scale,
    EditSteps,
    EditStrategy,
    ChangeStrategy,
    Invalidate,
    Remove,
    Recreate,
    DeleteReplicaSet,
    DeleteRuns,
)
"""What a human does and means for the update. `Drift` is not among them, nor is `EndRuns`: nothing is to be
promoted on a run that somebody ended.
"""


def brief(value: object) -> str:
    """A part of a manifest in one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {brief(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(brief(inner) for inner in value) + "]"
        case True | False | None:
            return str(value).lower()
        case _:
            return str(value)
