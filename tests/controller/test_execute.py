"""Each action does what it says, and does it no second time."""

from datetime import timedelta
from typing import Any

import pytest

from analysis.templates import owner_reference
from rollouts.api.canary import RolloutAnalysis, RolloutAnalysisTemplate
from rollouts.api.crd import crds
from rollouts.api.meta import Object, format_time
from rollouts.api.rollout import Rollout
from rollouts.controller.execute import Done, Executor, NameTaken
from rollouts.controller.observe import observe
from rollouts.embedded.virtual_time import START
from rollouts.kube.client import Client
from rollouts.kube.errors import Conflict, NotFound
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    INGRESSES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
)
from rollouts.kube.store import Writer
from strategies import ephemeral, model
from tests.controller.api import server, virtually
from tests.world.simulated import GATED, routed

START_RUN = model.StartAnalysis(
    name="run",
    type="Step",
    analysis=RolloutAnalysis(templates=(RolloutAnalysisTemplate(template_name="success-rate"),)),
    args={},
    pod_hash="abc",
    revision=3,
    step_index=1,
)
CREATE = model.CreateReplicaSet(name="shop-abc", pod_hash="abc", revision=3)
_READ = (ROLLOUTS, SERVICES, INGRESSES, REPLICA_SETS, ANALYSIS_TEMPLATES, ANALYSIS_RUNS, PODS)


class Place:
    """A server that holds a rollout and all it needs, and a way to do actions there."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    async def make(cls, **spec: Any) -> "Place":
        api, client = server()
        api.install_crds(crds())
        for resource, obj in zip(
            (SERVICES, SERVICES, INGRESSES, ANALYSIS_TEMPLATES, ROLLOUTS), routed(*GATED), strict=True
        ):
            if resource is ROLLOUTS:
                obj["spec"].update(spec)
                obj["metadata"]["annotations"] = {"team": "shop", "rollout.argoproj.io/revision": "2"}
            await client.create(resource, obj, "default")
        return cls(client)

    async def do(self, *actions: model.Action) -> Done:
        return await self.do_as_seen(await self.client.get(ROLLOUTS, "shop", "default"), *actions)

    async def do_as_seen(self, obj: Object, *actions: model.Action) -> Done:
        """Do what was decided when the rollout was as it was seen."""
        store = Writer()
        for resource in (
            ROLLOUTS,
            SERVICES,
            INGRESSES,
            REPLICA_SETS,
            ANALYSIS_TEMPLATES,
            ANALYSIS_RUNS,
            PODS,
        ):
            store.replace(resource, (await self.client.list(resource, "default"))["items"])
        parsed = Rollout.model_validate(obj)
        seen = observe(store, parsed, START)
        return await Executor(client=self.client, store=store, rollout=parsed, seen=seen).run(obj, actions)


@virtually
async def test_a_replica_set_is_made_empty_owned_and_marked() -> None:
    place = await Place.make(minReadySeconds=7)
    await place.do(CREATE)
    await place.do(CREATE)
    made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    assert made["spec"]["replicas"] == 0
    assert made["spec"]["minReadySeconds"] == 7
    labels = {"app": "shop", "rollouts-pod-template-hash": "abc"}
    assert made["spec"]["selector"] == {"matchLabels": labels}
    assert made["spec"]["template"]["metadata"]["labels"] == labels
    assert made["metadata"]["labels"] == labels
    noted = {"rollout.argoproj.io/revision": "3", "rollout.argoproj.io/desired-replicas": "4"}
    assert made["metadata"]["annotations"] == {"team": "shop", **noted}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Rollout", "shop", True)


@virtually
async def test_nothing_is_made_for_a_rollout_that_is_gone_or_another_of_its_name() -> None:
    place = await Place.make()
    seen = await place.client.get(ROLLOUTS, "shop", "default")
    await place.client.delete(ROLLOUTS, "shop", "default")
    with pytest.raises(NotFound):
        await place.do_as_seen(seen, CREATE)
    kept = {
        key: seen["metadata"][key] for key in ("name", "labels", "annotations") if key in seen["metadata"]
    }
    await place.client.create(ROLLOUTS, {**seen, "metadata": kept}, "default")
    with pytest.raises(Conflict, match="is gone"):
        await place.do_as_seen(seen, CREATE)
    assert (await place.client.list(REPLICA_SETS, "default"))["items"] == []


@virtually
async def test_a_replica_set_of_that_name_that_belongs_to_nobody_is_left_alone_and_named() -> None:
    place = await Place.make()
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    other = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "shop-abc"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    await place.client.create(REPLICA_SETS, other, "default")
    done = await place.do(CREATE, model.SwitchService(name="shop-canary", pod_hash="old"))
    assert done.not_created == (
        'Failed to create new replica set "shop-abc": ReplicaSet "shop-abc" exists and is not controlled by '
        'Rollout "shop"; delete it'
    )
    switched = await place.client.get(SERVICES, "shop-canary", "default")
    assert switched["spec"]["selector"]["rollouts-pod-template-hash"] == "old"


@virtually
async def test_an_analysis_run_of_that_name_that_belongs_to_nobody_is_named() -> None:
    place = await Place.make()
    other = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": "run"},
        "spec": {"metrics": [{"name": "x", "provider": {"web": {"url": "http://x"}}}]},
    }
    await place.client.create(ANALYSIS_RUNS, other, "default")
    with pytest.raises(NameTaken, match='AnalysisRun "run" exists and is not controlled by Rollout "shop"'):
        await place.do(START_RUN)


BASELINE = model.CreateBaseline(name="shop-xyz", pod_hash="xyz", copies="shop-abc", replicas=2)
SERVICE = model.CreateService(name="shop-baseline", pod_hash="xyz", like="shop-stable")


@virtually
async def test_baseline_pods_are_the_template_of_another_set_under_a_hash_of_their_own_and_marked() -> None:
    place = await Place.make()
    await place.do(CREATE)
    for _ in range(2):
        assert not (await place.do(BASELINE, SERVICE)).not_created
    copied, made = [
        await place.client.get(REPLICA_SETS, name, "default") for name in ("shop-abc", "shop-xyz")
    ]
    labels = {"app": "shop", "rollouts-pod-template-hash": "xyz"}
    assert made["spec"]["template"]["spec"] == copied["spec"]["template"]["spec"]
    assert made["spec"]["template"]["metadata"]["labels"] == made["metadata"]["labels"] == labels
    assert made["spec"]["selector"] == {"matchLabels": labels}
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["minReadySeconds"] == 3, "its endpoints need a while to be known"
    assert made["metadata"]["annotations"] == {
        "rollouts.argoproj.io/baseline-of": "abc",
        "rollout.argoproj.io/revision": "3",
    }
    service = await place.client.get(SERVICES, "shop-baseline", "default")
    assert service["spec"]["selector"] == labels
    for obj in (made, service):
        assert [owner["name"] for owner in obj["metadata"]["ownerReferences"]] == ["shop"]


@virtually
async def test_the_service_of_a_baseline_listens_as_the_other_does_and_takes_no_port_of_the_nodes() -> None:
    place = await Place.make()
    port = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30080}
    patch = {"spec": {"type": "NodePort", "ports": [port]}}
    await place.client.patch(SERVICES, "shop-stable", patch, "default")
    await place.do(SERVICE)
    made = await place.client.get(SERVICES, "shop-baseline", "default")
    assert made["spec"].get("type", "ClusterIP") == "ClusterIP"
    (listens,) = made["spec"]["ports"]
    assert {key: listens[key] for key in ("name", "port", "targetPort")} == {
        "name": "http",
        "port": 80,
        "targetPort": 8080,
    }
    assert listens.get("nodePort") != 30080


@virtually
async def test_a_service_that_the_rollout_made_is_deleted_once_and_may_be_gone_already() -> None:
    place = await Place.make()
    await place.do(SERVICE)
    for _ in range(2):
        await place.do(model.DeleteService(name="shop-baseline"))
    with pytest.raises(NotFound):
        await place.client.get(SERVICES, "shop-baseline", "default")


@virtually
async def test_a_baseline_that_may_not_be_made_stops_nothing_else() -> None:
    place = await Place.make()
    await place.do(CREATE)
    taken = {"metadata": {"name": "shop-baseline"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 1}]}}
    await place.client.create(SERVICES, {"apiVersion": "v1", "kind": "Service", **taken}, "default")
    done = await place.do(SERVICE, model.SwitchService(name="shop-canary", pod_hash="old"))
    assert done.not_created == (
        'Failed to create baseline service "shop-baseline": Service "shop-baseline" exists and is not '
        'controlled by Rollout "shop"; delete it'
    )
    switched = await place.client.get(SERVICES, "shop-canary", "default")
    assert switched["spec"]["selector"]["rollouts-pod-template-hash"] == "old"


@virtually
async def test_scaling_notes_the_size_of_the_rollout_and_annotations_come_and_go() -> None:
    place = await Place.make()
    await place.do(CREATE)
    await place.do(
        model.ScaleReplicaSet(name="shop-abc", replicas=2, desired_annotation=4),
        model.AnnotateReplicaSet(name="shop-abc", annotations={"scale-down-deadline": "x", "team": None}),
    )
    made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    assert made["spec"]["replicas"] == 2
    assert made["metadata"]["annotations"] == {
        "rollout.argoproj.io/desired-replicas": "4",
        "rollout.argoproj.io/revision": "3",
        "scale-down-deadline": "x",
    }


@virtually
async def test_a_replica_set_that_loses_its_last_pod_loses_its_deadline() -> None:
    place = await Place.make()
    await place.do(CREATE)
    await place.do(
        model.ScaleReplicaSet(name="shop-abc", replicas=2, desired_annotation=4),
        model.AnnotateReplicaSet(name="shop-abc", annotations={"scale-down-deadline": "x"}),
        model.ScaleReplicaSet(name="shop-abc", replicas=1, desired_annotation=4),
    )
    made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    assert made["metadata"]["annotations"]["scale-down-deadline"] == "x"
    await place.do(model.ScaleReplicaSet(name="shop-abc", replicas=0, desired_annotation=4))
    made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    assert "scale-down-deadline" not in made["metadata"]["annotations"]


@virtually
async def test_the_labels_of_a_role_come_to_pods_and_template_alike_and_go_again() -> None:
    place = await Place.make()
    await place.do(CREATE, model.ScaleReplicaSet(name="shop-abc", replicas=1, desired_annotation=1))
    owner = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    pod = {
        "metadata": {"name": "p", "labels": {"app": "shop"}, "ownerReferences": [owner_reference(owner)]},
        "spec": {"containers": [{"name": "web", "image": "shop:v1"}]},
    }
    await place.client.create(PODS, pod, "default")
    mark = '{"labels":{"role":"canary"},"annotations":{"team":"a"}}'
    for role, team, said in (("canary", "a", mark), (None, None, "")):
        await place.do(
            model.SetPodMetadata(
                name="shop-abc", labels={"role": role}, annotations={"team": team}, mark=said
            )
        )
        made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
        assert made["metadata"]["annotations"].get(ephemeral.ANNOTATION, "") == said
        found = await place.client.get(PODS, "p", "default")
        for metadata in (made["spec"]["template"]["metadata"], found["metadata"]):
            assert metadata["labels"].get("role") == role
            assert metadata["labels"]["app"] == "shop"
            assert (metadata.get("annotations") or {}).get("team") == team


@virtually
async def test_pods_to_come_keep_off_the_stable_ones_as_the_strategy_asks() -> None:
    place = await Place.make()
    await place.do(CREATE)
    term = {"topologyKey": "host"}
    for terms in (
        {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
        {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]},
    ):
        wanted = {"podAntiAffinity": terms}
        await place.do(model.SetAffinity(name="shop-abc", affinity=wanted))
        made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
        assert made["spec"]["template"]["spec"]["affinity"] == wanted
    await place.do(model.SetAffinity(name="shop-abc", affinity={}))
    made = await place.client.get(REPLICA_SETS, "shop-abc", "default")
    assert "affinity" not in made["spec"]["template"]["spec"]


@virtually
async def test_what_is_written_on_the_rollout_is_what_the_status_may_follow() -> None:
    place = await Place.make()
    done = await place.do(model.SetReplicas(replicas=3), model.SetRevision(revision=9))
    now = await place.client.get(ROLLOUTS, "shop", "default")
    assert done.rollout["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"]
    assert now["spec"]["replicas"] == 3
    assert now["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "9"


@virtually
async def test_a_service_keeps_its_selector_and_gets_the_hash_and_its_manager() -> None:
    place = await Place.make()
    await place.do(model.SwitchService(name="shop-canary", pod_hash="abc"))
    made = await place.client.get(SERVICES, "shop-canary", "default")
    assert made["spec"]["selector"] == {"app": "shop", "rollouts-pod-template-hash": "abc"}
    manager = {"argo-rollouts.argoproj.io/managed-by-rollouts": "shop"}
    assert made["metadata"]["annotations"] == manager


@virtually
async def test_a_weight_is_written_once_and_then_only_when_it_differs() -> None:
    place = await Place.make()
    versions = []
    for canary in (10, 10, 30):
        await place.do(model.SetWeight(canary=canary))
        made = await place.client.get(INGRESSES, "shop-shop-canary", "default")
        versions.append(made["metadata"]["resourceVersion"])
    assert made["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] == "30"
    assert versions[0] == versions[1] != versions[2]


@virtually
async def test_an_analysis_is_started_once_and_can_be_ended_and_deleted_twice() -> None:
    place = await Place.make()
    await place.do(START_RUN, START_RUN)
    run = await place.client.get(ANALYSIS_RUNS, "run", "default")
    assert run["metadata"]["labels"]["rollout-type"] == "Step"
    assert run["metadata"]["labels"]["step-index"] == "1"
    await place.do(model.TerminateAnalysis(name="run"), model.TerminateAnalysis(name="run"))
    assert (await place.client.get(ANALYSIS_RUNS, "run", "default"))["spec"]["terminate"] is True
    await place.do(model.DeleteAnalysis(name="run"), model.DeleteAnalysis(name="run"))
    assert (await place.client.list(ANALYSIS_RUNS, "default"))["items"] == []


@virtually
async def test_with_a_replica_set_go_the_analysis_runs_of_its_revision() -> None:
    place = await Place.make()
    await place.do(CREATE, START_RUN)
    await place.do(model.DeleteReplicaSet(name="shop-abc"))
    await place.do(model.DeleteReplicaSet(name="shop-abc"))
    assert (await place.client.list(REPLICA_SETS, "default"))["items"] == []
    assert (await place.client.list(ANALYSIS_RUNS, "default"))["items"] == []


@virtually
async def test_a_pod_that_is_gone_need_not_be_evicted() -> None:
    place = await Place.make()
    await place.do(model.EvictPod(name="nobody"))


@virtually
async def test_a_run_is_told_one_milestone_beside_another() -> None:
    place = await Place.make()
    await place.do(START_RUN)
    later = START + timedelta(minutes=2)
    await place.do(model.SetMilestone(name="run", milestone="podsReady", at=START))
    await place.do(model.SetMilestone(name="run", milestone="firstTraffic", at=later))
    run = await place.client.get(ANALYSIS_RUNS, "run", "default")
    assert run["spec"]["milestones"] == {"podsReady": format_time(START), "firstTraffic": format_time(later)}
    await place.do(model.SetMilestone(name="gone", milestone="podsReady", at=START))
