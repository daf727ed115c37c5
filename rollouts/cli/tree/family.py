"""The objects of one rollout, sorted by kind and parent."""

from collections.abc import Iterable
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.client.revisions import POD_HASH, is_baseline, revision_of
from rollouts.client.rollout_view import RolloutView


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A rollout with its children, newest revision first, and by name within one."""

    rollout: RolloutView
    replica_sets: tuple[Object, ...]
    """Those of revisions."""
    baselines: tuple[Object, ...]
    """Those of baseline pods."""
    pods: tuple[Object, ...]
    runs: tuple[Object, ...]

    @staticmethod
    def of(objects: Iterable[Object]) -> "Family":
        """Sort them."""
        by_kind: dict[str, list[Object]] = {}
        for item in objects:
            by_kind.setdefault(str(item.get("kind")), []).append(item)
        for found in by_kind.values():
            found.sort(key=lambda o: str(o["metadata"]["name"]))
        (rollout,) = by_kind["Rollout"]
        return Family(
            rollout=RolloutView(rollout),
            replica_sets=tuple(rs for rs in by_kind.get("ReplicaSet", ()) if not is_baseline(rs)),
            baselines=tuple(rs for rs in by_kind.get("ReplicaSet", ()) if is_baseline(rs)),
            pods=tuple(by_kind.get("Pod", ())),
            runs=tuple(by_kind.get("AnalysisRun", ())),
        )

    def revisions(self) -> tuple[int, ...]:
        """The revisions that have a ReplicaSet or a run, newest first."""
        numbers = {revision_of(rs) for rs in self.replica_sets} | {self.revision_of_run(r) for r in self.runs}
        return tuple(sorted(numbers, reverse=True))

    def compared_at(self, number: int) -> tuple[Object, ...]:
        """The baseline pods that stand beside a revision: that of the update under way."""
        current = self.rollout.status.get("currentPodHash")
        numbers = {revision_of(rs) for rs in self.replica_sets if pod_hash(rs) == current}
        return self.baselines if number == max(numbers or self.revisions(), default=0) else ()

    def revision_of_run(self, run: Object) -> int:
        """The revision that a run judges, by its annotation or else by its ReplicaSet's hash."""
        own = revision_of(run)
        wanted = pod_hash(run)
        return own or next((revision_of(rs) for rs in self.replica_sets if pod_hash(rs) == wanted), 0)

    def pods_of(self, replica_set: Object) -> tuple[Object, ...]:
        """The pods that a ReplicaSet owns."""
        uid = replica_set["metadata"].get("uid")
        return tuple(
            pod
            for pod in self.pods
            if any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or ())
        )

    def roles(self, replica_set: Object) -> tuple[str, ...]:
        """What a ReplicaSet is to the rollout: stable, canary, baseline, active, preview."""
        if is_baseline(replica_set):
            return ("baseline",)
        status, wanted = self.rollout.status, pod_hash(replica_set)
        blue_green = status.get("blueGreen") or {}
        if not wanted:
            return ()
        newest, stable = wanted == status.get("currentPodHash"), wanted == status.get("stableRS")
        if self.rollout.blue_green is None:
            return ("stable",) if stable else ("canary",) if newest else ()
        active = wanted == blue_green.get("activeSelector")
        preview = wanted == blue_green.get("previewSelector")
        roles = {"stable": stable, "active": active, "preview": preview and not active}
        return tuple(role for role, plays in roles.items() if plays)


def pod_hash(item: Object) -> str:
    """The hash label of an object of the rollout."""
    return str((item["metadata"].get("labels") or {}).get(POD_HASH, ""))
