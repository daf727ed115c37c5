"""A rollout as a script reads it: typed and read-only, and lenient, since an invalid rollout is read too."""

from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.client.phase import Phase, phase

REVISION = "rollout.argoproj.io/revision"


@dataclass(frozen=True, slots=True)
class RolloutView:
    """One look at a Rollout; `raw` is the whole object and must not be changed."""

    raw: Object

    def __str__(self) -> str:
        return self.sentence

    @property
    def name(self) -> str:
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.raw["metadata"].get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.raw["metadata"].get("uid", ""))

    @property
    def revision(self) -> int:
        """The number of the newest revision; 0 before the first."""
        return int((self.raw["metadata"].get("annotations") or {}).get(REVISION) or 0)

    @property
    def current(self) -> Phase:
        """The phase and its message, never older than the spec."""
        return phase(self.raw)

    @property
    def phase(self) -> str:
        """`Healthy`, `Progressing`, `Paused` or `Degraded`."""
        return self.current.name

    @property
    def message(self) -> str:
        """What the rollout waits for or what is wrong; empty when Healthy."""
        return self.current.message

    @property
    def sentence(self) -> str:
        """Phase, step and message in one line."""
        step = f", step {self.step}/{len(self.steps)}" if self.step is not None else ""
        return f"{self.phase}{step}" + (f": {self.message}" if self.message else "")

    @property
    def spec(self) -> Object:
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Object:
        return self.raw.get("status") or {}

    @property
    def canary(self) -> Object | None:
        """`.spec.strategy.canary`, where that is the strategy."""
        canary: Object | None = (self.spec.get("strategy") or {}).get("canary")
        return canary

    @property
    def blue_green(self) -> Object | None:
        """`.spec.strategy.blueGreen`, where that is the strategy."""
        blue_green: Object | None = (self.spec.get("strategy") or {}).get("blueGreen")
        return blue_green

    @property
    def strategy(self) -> str:
        """`Canary`, `BlueGreen`, `Rolling` (a canary without steps), or empty."""
        if self.blue_green is not None:
            return "BlueGreen"
        if self.canary is None:
            return ""
        return "Canary" if self.steps else "Rolling"

    @property
    def steps(self) -> tuple[Object, ...]:
        """The canary's steps as written."""
        return tuple((self.canary or {}).get("steps") or ())

    @property
    def step(self) -> int | None:
        """The index of the current step; the number of steps when all are done, None without steps."""
        if not self.steps:
            return None
        return int(self.status.get("currentStepIndex") or 0)

    @property
    def aborted(self) -> bool:
        return bool(self.status.get("abort"))

    @property
    def promoted(self) -> bool:
        """The newest revision is the stable one."""
        stable = self.status.get("stableRS")
        return bool(stable) and stable == self.status.get("currentPodHash")

    @property
    def weight(self) -> int | None:
        """The canary's share of the traffic as the router carries it; None without traffic routing."""
        weights = (self.status.get("canary") or {}).get("weights")
        return int(weights["canary"]["weight"]) if weights else None

    @property
    def images(self) -> dict[str, str]:
        """Images by container, of the template as written."""
        pod = (self.spec.get("template") or {}).get("spec") or {}
        return {c["name"]: c.get("image", "") for c in pod.get("containers") or ()}
