"""An application as a script reads it: typed and read-only, and lenient, since an invalid one is read too."""

from dataclasses import dataclass

from rollouts.api.meta import Object

REFRESH = "argocd.argoproj.io/refresh"
REJECTED = "RevisionRejected"
RUNNING = ("Running", "Terminating")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The last sync: under way, or how it ended."""

    phase: str
    """`Running`, `Terminating`, `Succeeded`, `Failed` or `Error`."""
    message: str = ""
    revision: str = ""
    started_at: str = ""
    finished_at: str = ""
    resources: tuple[Object, ...] = ()
    """What became of each resource, as `status.operationState.syncResult.resources` has it."""


@dataclass(frozen=True, slots=True)
class ApplicationView:
    """One look at an Application; `raw` is the whole object and must not be changed."""

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
    def spec(self) -> Object:
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Object:
        return self.raw.get("status") or {}

    @property
    def source(self) -> Object:
        return self.spec.get("source") or {}

    @property
    def destination(self) -> str:
        """The namespace that the resources go to."""
        return str((self.spec.get("destination") or {}).get("namespace", ""))

    @property
    def sync(self) -> str:
        """`Synced`, `OutOfSync` or `Unknown`."""
        return str((self.status.get("sync") or {}).get("status") or "Unknown")

    @property
    def revision(self) -> str:
        """The Git commit that was last compared with the cluster."""
        return str((self.status.get("sync") or {}).get("revision") or "")

    @property
    def health(self) -> str:
        """`Healthy`, `Suspended`, `Progressing`, `Missing`, `Degraded` or `Unknown`."""
        return str((self.status.get("health") or {}).get("status") or "Unknown")

    @property
    def conditions(self) -> tuple[Object, ...]:
        return tuple(self.status.get("conditions") or ())

    @property
    def verdicts(self) -> tuple[Object, ...]:
        """Git revisions that were accepted or rejected, and why."""
        return tuple(self.status.get("verdicts") or ())

    @property
    def rejection(self) -> str:
        """Why the newest Git revision is held back; empty where it is not."""
        held = (c for c in self.conditions if c.get("type") == REJECTED and c.get("status") != "False")
        return next((str(c.get("message") or REJECTED) for c in held), "")

    @property
    def resources(self) -> tuple[Object, ...]:
        return tuple(self.status.get("resources") or ())

    @property
    def history(self) -> tuple[Object, ...]:
        """Past deployments, oldest first."""
        return tuple(self.status.get("history") or ())

    @property
    def automated(self) -> bool:
        policy = (self.spec.get("syncPolicy") or {}).get("automated")
        return policy is not None and policy.get("enabled") is not False

    @property
    def operating(self) -> bool:
        """A sync is asked for or under way."""
        last = self.operation
        return bool(self.raw.get("operation")) or (last is not None and last.phase in RUNNING)

    @property
    def busy(self) -> bool:
        """Another sync cannot be asked for now; one that automation began gives way to a user's."""
        state = self.status.get("operationState") or {}
        by = (state.get("operation") or {}).get("initiatedBy") or {}
        return bool(self.raw.get("operation")) or (state.get("phase") in RUNNING and not by.get("automated"))

    @property
    def operation(self) -> Operation | None:
        """The last sync, if there was any."""
        state = self.status.get("operationState")
        if not state:
            return None
        result = state.get("syncResult") or {}
        return Operation(
            phase=str(state.get("phase", "")),
            message=str(state.get("message", "")),
            revision=str(result.get("revision", "")),
            started_at=str(state.get("startedAt") or ""),
            finished_at=str(state.get("finishedAt") or ""),
            resources=tuple(result.get("resources") or ()),
        )

    @property
    def refreshing(self) -> bool:
        """A comparison with Git is asked for and not done yet."""
        return REFRESH in (self.raw["metadata"].get("annotations") or {})

    @property
    def sentence(self) -> str:
        """Sync status, health and what stands in the way, in one line."""
        revision = f" at {self.revision[:7]}" if self.revision else ""
        blocked = self.rejection or next((str(c.get("message", "")) for c in self.conditions), "")
        return f"{self.sync}{revision}, {self.health}" + (f": {blocked}" if blocked else "")
