"""Does what a plan says: one arm for each action, and each arm may run twice."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

from analysis.templates import new_run, owner_reference
from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object, format_time
from rollouts.api.rollout import Rollout
from rollouts.api.weights import Weights
from rollouts.controller import baseline, routes
from rollouts.controller.baseline import selector
from rollouts.controller.labels import (
    DESIRED_REPLICAS,
    INSTANCE_ID,
    LAST_APPLIED,
    MANAGED_BY,
    NOTIFIED,
    POD_HASH,
    REVISION,
    REVISION_HISTORY,
    SCALE_DOWN_DEADLINE,
    WORKLOAD_GENERATION,
)
from rollouts.controller.proofs import find_template
from rollouts.controller.status import difference
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from rollouts.kube.store import Store
from strategies import affinity, ephemeral, model, replicas

_NOT_COPIED = frozenset({LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, NOTIFIED})
"""Annotations of the rollout that its ReplicaSets do not get."""


class NameTaken(RolloutsError):
    """An object that the rollout does not control has the name that one of its own must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of the actions."""

    rollout: Object
    """The rollout as the API server has it now: as it was, or what a write to it answered."""
    not_created: str = ""
    """Why a ReplicaSet or Service that is needed cannot be made; empty if all can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Carries out the actions of one pass over one rollout."""

    client: Client
    store: Store
    rollout: Rollout
    seen: model.Observed
    done: list[model.Action] = field(default_factory=list)
    """What has been done so far."""
    routes: list[model.Event] = field(default_factory=list)
    """What was written to the objects of routers."""

    async def run(self, obj: Object, actions: tuple[model.Action, ...]) -> Done:
        """Do the actions in order and stop at the first that fails.

        A ReplicaSet or Service that may not be made does not stop the others: none of them needs it yet, and
        what an earlier version carries must be taken back all the same.
        """
        not_created = ""
        for action in actions:
            if not_created and isinstance(action, model.SetRevision):
                continue  # what could not be made is no revision yet
            try:
                obj = await self._do(obj, action)
                self.done.append(action)
            except (Invalid, Forbidden, NameTaken) as error:
                match action:
                    case model.CreateReplicaSet(name=name):
                        not_created = f'Failed to create new replica set "{name}": {error}'
                    case model.CreateBaseline(name=name):
                        not_created = f'Failed to create baseline replica set "{name}": {error}'
                    case model.CreateService(name=name):
                        not_created = f'Failed to create baseline service "{name}": {error}'
                    case _:
                        raise
        return Done(rollout=obj, not_created=not_created)

    # As many branches as there are actions, on purpose.
    async def _do(self, obj: Object, action: model.Action) -> Object:  # noqa: C901, PLR0912
        match action:
            case model.SetReplicas(replicas=replicas):
                return await self._patch_rollout(obj, {"spec": {"replicas": replicas}})
            case model.SetRevision(revision=revision):
                annotations = {REVISION: str(revision)}
                return await self._patch_rollout(obj, {"metadata": {"annotations": annotations}})
            case model.CreateReplicaSet():
                await self._create_replica_set(obj, action)
            case model.ScaleReplicaSet(name=name, replicas=replicas, desired_annotation=desired):
                noted = {DESIRED_REPLICAS: str(desired)}
                # What has no pods any more waits for no deadline: the next one is for another time.
                over = {} if replicas else {SCALE_DOWN_DEADLINE: None}
                patch = {"metadata": {"annotations": noted | over}, "spec": {"replicas": replicas}}
                await self._patch_replica_set(name, patch)
            case model.AnnotateReplicaSet(name=name, annotations=changed):
                await self._patch_replica_set(name, {"metadata": {"annotations": dict(changed)}})
            case model.SetMinReady(name=name, seconds=seconds):
                await self._patch_replica_set(name, {"spec": {"minReadySeconds": seconds}})
            case model.SetAffinity(name=name, affinity=keeps_off):
                patch = {"spec": {"template": {"spec": {"affinity": affinity.replacing(keeps_off)}}}}
                await self._patch_replica_set(name, patch)
            case model.SetPodMetadata():
                await self._set_pod_metadata(action)
            case model.DeleteReplicaSet(name=name):
                await self._delete_replica_set(name)
            case model.CreateBaseline():
                await self._create(REPLICA_SETS, self._baseline(obj, action))
            case model.CreateService():
                await self._create_service(obj, action)
            case model.DeleteService(name=name):
                await self._delete_service(name)
            case model.EvictPod(name=name):
                await self._evict(name)
            case model.SwitchService(name=name, pod_hash=pod_hash):
                patch = {
                    "metadata": {"annotations": {MANAGED_BY: self.rollout.metadata.name}},
                    "spec": {"selector": {POD_HASH: pod_hash}},
                }
                await self.client.patch(SERVICES, name, patch, self._namespace)
            case model.SetWeight(canary=canary, total=total, additional=additional):
                await self._set_weight(Weights(canary=canary, total=total, additional=additional))
            case model.StartAnalysis():
                await self._start_analysis(obj, action)
            case model.SetMilestone(name=name, milestone=milestone, at=at):
                await self._patch_run(name, {"spec": {"milestones": {milestone: format_time(at)}}})
            case model.TerminateAnalysis(name=name):
                await self._patch_run(name, {"spec": {"terminate": True}})
            case model.DeleteAnalysis(name=name):
                await self._delete_analysis(name)
            case model.NoteWorkload(generation=generation):
                note = {"metadata": {"annotations": {WORKLOAD_GENERATION: generation}}}
                return await self._patch_rollout(obj, note)
            case model.ScaleWorkload(name=name, replicas=replicas):
                await self.client.patch(DEPLOYMENTS, name, {"spec": {"replicas": replicas}}, self._namespace)
            case _:
                assert_never(action)
        return obj

    @property
    def _namespace(self) -> str:
        return self.rollout.metadata.namespace

    async def _patch_rollout(self, obj: Object, patch: Object) -> Object:
        """Only while the rollout is as it was seen, so that the status may follow on the answer."""
        metadata = {**patch.get("metadata", {}), "resourceVersion": obj["metadata"]["resourceVersion"]}
        body = {**patch, "metadata": metadata}
        return await self.client.patch(ROLLOUTS, obj["metadata"]["name"], body, self._namespace)

    async def _patch_replica_set(self, name: str, patch: Object) -> None:
        await self.client.patch(REPLICA_SETS, name, patch, self._namespace)

    async def _set_pod_metadata(self, action: model.SetPodMetadata) -> None:
        """The template first, so that no pod comes without, and the mark last: until then all is repeated."""
        of_pods = {"metadata": {"labels": dict(action.labels), "annotations": dict(action.annotations)}}
        await self._patch_replica_set(action.name, {"spec": {"template": of_pods}})
        owner = next(each for each in self.seen.replica_sets if each.name == action.name)
        for pod in self.store.owned(PODS, owner.uid):
            with suppress(NotFound):
                await self.client.patch(PODS, pod["metadata"]["name"], of_pods, self._namespace)
        mark = {ephemeral.ANNOTATION: action.mark or None}
        await self._patch_replica_set(action.name, {"metadata": {"annotations": mark}})

    async def _create_replica_set(self, obj: Object, action: model.CreateReplicaSet) -> None:
        await self._create(REPLICA_SETS, replica_set(obj, self.rollout, action))

    async def _create(self, resource: Resource, body: Object) -> None:
        await self._require_owner()
        try:
            await self.client.create(resource, body, self._namespace)
        except AlreadyExists:
            await self._require_own(resource, body["metadata"]["name"])

    async def _require_owner(self) -> None:
        """See that the rollout is still there: what one that is gone owns is collected, and made anew.

        Raises:
            NotFound, Conflict: it is gone, or another has its name; looked at again with growing delay, until
                the watch has told as much.
        """
        ours = self.rollout.metadata
        found = (await self.client.get(ROLLOUTS, ours.name, ours.namespace))["metadata"]
        if found["uid"] != ours.uid or "deletionTimestamp" in found:
            raise Conflict(409, {"message": f'Rollout "{ours.name}" with uid {ours.uid} is gone'})

    async def _require_own(self, resource: Resource, name: str) -> None:
        """See that what has the name already is the rollout's own, of an earlier pass."""
        existing = await self.client.get(resource, name, self._namespace)
        owners = existing["metadata"].get("ownerReferences") or ()
        if not any(owner["uid"] == self.rollout.metadata.uid for owner in owners):
            raise NameTaken(
                f'{resource.kind} "{name}" exists and is not controlled by Rollout '
                f'"{self.rollout.metadata.name}"; delete it'
            )

    async def _delete_replica_set(self, name: str) -> None:
        found = next((each for each in self.seen.replica_sets if each.name == name), None)
        if found is None:
            return
        for run in self.seen.runs:
            if run.pod_hash == found.pod_hash:
                await self._delete_analysis(run.name)
        try:
            await self.client.delete(REPLICA_SETS, name, self._namespace, uid=found.uid)
        except NotFound:
            return

    def _baseline(self, obj: Object, action: model.CreateBaseline) -> Object:
        copied = next(each for each in self.seen.replica_sets if each.name == action.copies)
        return baseline.replica_set(obj, self.rollout, action, copied)

    async def _create_service(self, obj: Object, action: model.CreateService) -> None:
        like = self.store.get(SERVICES, action.like, self._namespace)
        if like is not None:  # else it was deleted this very moment, which the next look tells
            await self._create(SERVICES, baseline.service(obj, action, like))

    async def _delete_service(self, name: str) -> None:
        found = self.store.get(SERVICES, name, self._namespace)
        if found is None:
            return
        try:
            await self.client.delete(SERVICES, name, self._namespace, uid=found["metadata"]["uid"])
        except NotFound:
            return

    async def _evict(self, name: str) -> None:
        try:
            await self.client.evict(name, self._namespace)
        except (NotFound, TooManyRequests):  # gone already, or a disruption budget: not now
            return

    async def _set_weight(self, weights: Weights) -> None:
        """Every router is tried, so that one that is broken keeps no other from taking traffic back."""
        problems = []
        for router in routes.of(self.rollout):
            objects = routes.objects(self.store, self.rollout, router)
            try:
                for wanted in router.render(self.rollout, objects, weights):
                    await self._write_route(wanted)
                    self.routes.extend(_told_of_route(wanted, weights.canary))
            except RolloutsError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    async def _write_route(self, wanted: Object) -> None:
        metadata = wanted["metadata"]
        group, _, _ = wanted["apiVersion"].rpartition("/")
        resource = routes.resource_of(group, wanted["kind"])
        namespace = metadata.get("namespace") or self._namespace
        version = metadata.get("resourceVersion")
        if not version:
            try:
                await self.client.create(resource, wanted, namespace)
            except AlreadyExists:  # our own of a pass before; the next look sees it and corrects it
                return
            return
        before = self.store.get(resource, metadata["name"], namespace) or {}
        patch = difference(before, wanted)
        if patch:
            # Lists of rules are replaced whole, so only onto the very object that was seen.
            patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": version}
            await self.client.patch(resource, metadata["name"], patch, namespace)

    async def _start_analysis(self, obj: Object, action: model.StartAnalysis) -> None:
        run = new_run(
            name=action.name,
            namespace=self._namespace,
            analysis=action.analysis,
            args=action.args,
            find=lambda ref: find_template(self.store, self._namespace, ref),
            owner=obj,
            run_type=action.type,
            pod_hash=action.pod_hash,
            revision=action.revision,
            step_index=action.step_index,
            labels=self.rollout.spec.selector.match_labels if self.rollout.spec.selector else {},
            instance_id=self.rollout.metadata.labels.get(INSTANCE_ID, ""),
            baseline=action.baseline,
        )
        await self._create(ANALYSIS_RUNS, run)

    async def _patch_run(self, name: str, patch: Object) -> None:
        try:
            await self.client.patch(ANALYSIS_RUNS, name, patch, self._namespace)
        except NotFound:
            return

    async def _delete_analysis(self, name: str) -> None:
        try:
            await self.client.delete(ANALYSIS_RUNS, name, self._namespace)
        except NotFound:
            return


def _told_of_route(wanted: Object, weight: int) -> tuple[model.Event, ...]:
    """What upstream tells of an object of a router that is made or changed: of Ingresses alone."""
    if wanted["kind"] != "Ingress":
        return ()
    name = wanted["metadata"]["name"]
    if wanted["metadata"].get("resourceVersion"):
        message = f"Updating Ingress `{name}` to desiredWeight '{weight}'"
        return (model.Event(reason="PatchingCanaryIngress", message=message),)
    message = f"Creating canary ingress `{name}` with weight `{weight}`"
    return (model.Event(reason="CreatingCanaryIngress", message=message),)


def replica_set(obj: Object, rollout: Rollout, action: model.CreateReplicaSet) -> Object:
    """The ReplicaSet of the rollout's template, with no pods yet."""
    template = rollout.spec.template
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), POD_HASH: action.pod_hash}
    annotations: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    pods = {**(template.get("spec") or {})}
    if keeps_off := affinity.beside_stable(rollout, action.pod_hash):
        pods["affinity"] = keeps_off
    return {
        "apiVersion": REPLICA_SETS.api_version,
        "kind": REPLICA_SETS.kind,
        "metadata": {
            "name": action.name,
            "namespace": rollout.metadata.namespace,
            "labels": labels,
            "annotations": {
                **{name: value for name, value in annotations.items() if name not in _NOT_COPIED},
                DESIRED_REPLICAS: str(replicas.wanted(rollout)),
                REVISION: str(action.revision),
            },
            "ownerReferences": [owner_reference(obj)],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": rollout.spec.min_ready_seconds,
            "selector": selector(rollout, action.pod_hash),
            "template": {**template, "metadata": {**metadata, "labels": labels}, "spec": pods},
        },
    }
