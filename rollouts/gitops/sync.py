"""Carries out a sync: wave by wave, apply what Git says, then delete what it no longer has.

A pass does what can be done now. Between two waves it waits for the objects of the first to be healthy,
by coming back later: nothing is remembered but the results so far, and what is already so is not done
again.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from rollouts.api.application_status import ResourceResult
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops import health as healths
from rollouts.gitops.cluster import Cluster
from rollouts.gitops.options import SyncOptions, live_options
from rollouts.gitops.plan import Comparison, Resource, applied_form, prune_order, selected
from rollouts.gitops.tracking import Ref, owner
from rollouts.kube.errors import ApiError, Conflict, Forbidden, NotFound

_TRIES = 3
"""Of one object that changes under us while it is applied."""


Compare = Callable[[Ref], Awaitable[Resource | None]]
"""Compares one object anew, reading its live form afresh; None if Git does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to sync, and how."""

    application: str
    """As tracking annotations have it."""
    revision: str
    options: SyncOptions
    prune: bool = False
    dry_run: bool = False
    only: frozenset[Ref] = frozenset()
    """The objects to sync; all of them by default."""


@dataclass(slots=True)
class Outcome:
    """How far a pass came."""

    results: dict[Ref, ResourceResult] = field(default_factory=dict)
    live: dict[Ref, Object | None] = field(default_factory=dict)
    """Objects as the server has them now; None where one was deleted."""
    waiting: str = ""
    """What the next wave waits for; empty when nothing is left to do."""

    @property
    def failed(self) -> tuple[ResourceResult, ...]:
        """What could not be done."""
        return tuple(result for result in self.results.values() if result.status == "SyncFailed")


async def run(
    cluster: Cluster,
    comparison: Comparison,
    request: Request,
    before: Mapping[Ref, ResourceResult],
    again: Compare,
) -> Outcome:
    """Make one pass.

    Args:
        cluster: where.
        comparison: what Git says beside what lives.
        request: what to do.
        before: the results of earlier passes of this sync.
        again: compares one object anew, when it changed while it was applied.
    """
    outcome = Outcome(results={ref: r for ref, r in before.items() if r.status != "SyncFailed"})
    chosen = selected(comparison.resources, request.only)
    wanted = [resource for resource in chosen if not resource.to_prune]
    waves = [(wave, [*group]) for wave, group in groupby(wanted, key=lambda resource: resource.wave)]
    for number, (wave, resources) in enumerate(waves):
        for resource in resources:
            await _apply(cluster, resource, request, outcome, again)
        if outcome.failed:
            return outcome
        if request.dry_run or number == len(waves) - 1:
            continue
        outcome.waiting = _unready(resources, outcome, wave)
        if outcome.waiting or outcome.failed:
            return outcome
    for resource in prune_order(r for r in chosen if r.to_prune):
        await _prune(cluster, resource, request, outcome)
    return outcome


async def _apply(
    cluster: Cluster, resource: Resource, request: Request, outcome: Outcome, again: Compare
) -> None:
    done = resource.ref in outcome.results or request.options.apply_out_of_sync_only
    if done and not resource.modified:
        outcome.results.setdefault(resource.ref, _result(resource, "Synced", "unchanged"))
        return
    other = _other_owner(resource.live, request.application)
    if other and request.options.fail_on_shared_resource:
        message = f"it belongs to Application {other}; remove it from one of the two"
        outcome.results[resource.ref] = _result(resource, "SyncFailed", message)
        return
    try:
        live = await _applied(cluster, resource, request, again)
    except (ApiError, InvalidSpec) as error:
        outcome.results[resource.ref] = _result(resource, "SyncFailed", _explained(error, resource))
        return
    outcome.results[resource.ref] = _result(
        resource, "Synced", "serverside-applied (dry run)" if request.dry_run else "serverside-applied"
    )
    if not request.dry_run:
        outcome.live[resource.ref] = live


async def _applied(cluster: Cluster, resource: Resource, request: Request, again: Compare) -> Object:
    """Apply; what was carried over from a live object may only go onto that state of it."""
    seen: Resource | None = resource
    for attempt in range(_TRIES):
        if seen is None:
            break
        version = seen.live["metadata"].get("resourceVersion", "") if seen.carried and seen.live else ""
        try:
            return await cluster.apply(
                applied_form(seen, request.revision), resource_version=version, dry_run=request.dry_run
            )
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            seen = await again(resource.ref)
    raise InvalidSpec(str(resource.ref), "is no longer part of the sync")


async def _prune(cluster: Cluster, resource: Resource, request: Request, outcome: Outcome) -> None:
    live = resource.live
    if live is None:
        return
    if not request.options.prune or not live_options(live).prune:
        outcome.results[resource.ref] = _result(resource, "PruneSkipped", "ignored (no prune)")
        return
    if not request.prune:
        outcome.results[resource.ref] = _result(resource, "PruneSkipped", "ignored (requires pruning)")
        return
    if request.dry_run:
        outcome.results[resource.ref] = _result(resource, "Pruned", "pruned (dry run)")
        return
    try:
        await cluster.delete(live, request.options.propagation)
    except (ApiError, InvalidSpec) as error:
        outcome.results[resource.ref] = _result(resource, "SyncFailed", _explained(error, resource))
        return
    outcome.results[resource.ref] = _result(resource, "Pruned", "pruned")
    outcome.live[resource.ref] = None


def _unready(resources: Collection[Resource], outcome: Outcome, wave: int) -> str:
    """What the next wave waits for; a rollout that waits for somebody holds nothing up."""
    for resource in resources:
        live = outcome.live.get(resource.ref) or resource.live
        found = healths.health(live) if live is not None else None
        if found is None or found.status in ("Healthy", "Suspended"):
            continue
        if found.status == "Degraded":
            outcome.results[resource.ref] = _result(
                resource, "SyncFailed", f"it is Degraded after wave {wave}: {found.message}"
            )
            return ""
        return f"waiting for {resource.ref} of wave {wave} to be healthy"
    return ""


def _other_owner(live: Object | None, application: str) -> str:
    other = owner(live) if live is not None else ""
    return "" if other == application else other


def _result(resource: Resource, status: str, message: str) -> ResourceResult:
    obj = resource.target or resource.live or {}
    return ResourceResult(
        group=resource.ref.group,
        version=str(obj.get("apiVersion", "")).rpartition("/")[2],
        kind=resource.ref.kind,
        namespace=resource.ref.namespace,
        name=resource.ref.name,
        status=status,
        message=message,
        sync_phase="Sync",
    )


def _explained(error: ApiError | InvalidSpec, resource: Resource) -> str:
    """The server's words, and what to do where they do not say it."""
    if isinstance(error, Forbidden):
        return f"{error}; allow the engine's ServiceAccount to write {resource.ref.kind} objects"
    if isinstance(error, NotFound) and resource.ref.namespace:
        where = f"namespace {resource.ref.namespace}"
        return f"{error}; if {where} is missing, create it or set CreateNamespace=true"
    return str(error)
