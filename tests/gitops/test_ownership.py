"""Fields that the rollout loop owns stay as they live, and Git keeps every other."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollouts.gitops.diff import differences
from rollouts.gitops.ownership import GATEWAY_PLUGIN, MANAGED_BY, POD_HASH, Owners, active, carry_over
from rollouts.gitops.tracking import GIT_REVISION

Object = dict[str, Any]


def rollout(**canary: Any) -> Object:
    strategy = {"canary": {"stableService": "stable", "canaryService": "canary", **canary}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {"replicas": 2, "strategy": strategy},
        "status": {"observedGeneration": "1", "currentPodHash": "b", "stableRS": "a"},
    }


def obj(api: str, kind: str, name: str, spec: Object, **annotations: str) -> Object:
    metadata: Object = {"name": name, "namespace": "shop"}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def service(selector: Object, **annotations: str) -> Object:
    return obj("v1", "Service", "stable", {"selector": selector}, **annotations)


def route(*weights: int | None) -> Object:
    names = ("stable", "canary", "other")
    backends = [
        {"name": name, "port": 80} | ({} if weight is None else {"weight": weight})
        for name, weight in zip(names, weights, strict=False)
    ]
    return obj("gateway.networking.k8s.io/v1", "HTTPRoute", "web", {"rules": [{"backendRefs": backends}]})


GATEWAY = Owners(rollouts=(rollout(trafficRouting={"plugins": {GATEWAY_PLUGIN: {"httpRoute": "web"}}}),))
WEB = Owners(rollouts=(rollout(),))


def test_a_managed_service_keeps_its_pod_hash() -> None:
    live = service({"app": "web", POD_HASH: "a"}, **{MANAGED_BY: "web"})
    carried = carry_over(service({"app": "web"}), live, WEB)
    assert carried["spec"]["selector"] == {"app": "web", POD_HASH: "a"}
    assert differences(carried, live) == ()


def test_the_rest_of_its_selector_is_gits() -> None:
    live = service({"app": "old", POD_HASH: "a"}, **{MANAGED_BY: "web"})
    carried = carry_over(service({"app": "web"}), live, WEB)
    assert carried["spec"]["selector"] == {"app": "web", POD_HASH: "a"}


def test_a_pod_hash_without_its_rollout_is_nobodys() -> None:
    live = service({"app": "web", POD_HASH: "a"}, **{MANAGED_BY: "gone"})
    target = service({"app": "web"})
    assert carry_over(target, live, WEB) == target
    assert differences(target, live)


def test_the_weights_of_a_route_stay_and_other_backends_are_gits() -> None:
    live = route(70, 30, 5)
    carried = carry_over(route(100, 0, 1), live, GATEWAY)
    weights = [backend["weight"] for backend in carried["spec"]["rules"][0]["backendRefs"]]
    assert weights == [70, 30, 1]


def test_a_backend_that_git_adds_arrives_in_the_middle_of_a_canary() -> None:
    carried = carry_over(route(100, 0, 1), route(70, 30), GATEWAY)
    assert [b["name"] for b in carried["spec"]["rules"][0]["backendRefs"]] == ["stable", "canary", "other"]
    assert differences(carried, route(70, 30))


def test_the_backend_of_baseline_pods_stays_in_a_route_and_any_other_that_git_lacks_goes() -> None:
    live = route(40, 30)
    added = [{"name": "web-baseline", "weight": 30}, {"name": "stray", "weight": 1}]
    live["spec"]["rules"][0]["backendRefs"] += added
    carried = carry_over(route(100, 0), live, GATEWAY)
    assert carried["spec"]["rules"][0]["backendRefs"][2:] == added[:1]
    live["spec"]["rules"][0]["backendRefs"].pop()
    assert not differences(carry_over(route(100, 0), live, GATEWAY), live)


def test_rules_are_told_apart_by_their_matches() -> None:
    def rules(*paths: tuple[str, int]) -> Object:
        made = [
            {"matches": [{"path": {"value": path}}], "backendRefs": [{"name": "stable", "weight": weight}]}
            for path, weight in paths
        ]
        return obj("gateway.networking.k8s.io/v1", "HTTPRoute", "web", {"rules": made})

    carried = carry_over(rules(("/b", 1), ("/a", 1)), rules(("/a", 70), ("/b", 90)), GATEWAY)
    assert [r["backendRefs"][0]["weight"] for r in carried["spec"]["rules"]] == [90, 70]


def test_a_route_that_no_rollout_names_is_gits() -> None:
    assert carry_over(route(100, 0), route(70, 30), WEB) == route(100, 0)


def test_a_header_route_that_a_step_added_stays() -> None:
    routing = {"managedRoutes": [{"name": "qa"}], "plugins": {GATEWAY_PLUGIN: {"httpRoute": "web"}}}
    live = route(70, 30)
    live["spec"]["rules"].append({"name": "qa", "backendRefs": [{"name": "canary"}]})
    carried = carry_over(route(100, 0), live, Owners(rollouts=(rollout(trafficRouting=routing),)))
    assert [rule.get("name") for rule in carried["spec"]["rules"]] == [None, "qa"]


def test_a_canary_ingress_in_git_keeps_its_canary_annotations() -> None:
    owners = Owners(rollouts=(rollout(trafficRouting={"nginx": {"stableIngress": "site"}}),))
    weight = "nginx.ingress.kubernetes.io/canary-weight"
    live = obj("networking.k8s.io/v1", "Ingress", "web-site-canary", {}, **{weight: "30", "x": "old"})
    target = obj("networking.k8s.io/v1", "Ingress", "web-site-canary", {}, **{weight: "0", "x": "new"})
    assert carry_over(target, live, owners)["metadata"]["annotations"] == {weight: "30", "x": "new"}


def test_the_stable_ingress_is_gits() -> None:
    owners = Owners(rollouts=(rollout(trafficRouting={"nginx": {"stableIngress": "site"}}),))
    live = obj("networking.k8s.io/v1", "Ingress", "site", {}, x="old")
    target = obj("networking.k8s.io/v1", "Ingress", "site", {}, x="new")
    assert carry_over(target, live, owners) == target


def test_what_an_autoscaler_scales_keeps_its_replicas() -> None:
    scaler = obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", {})
    scaler["spec"]["scaleTargetRef"] = {"kind": "Rollout", "name": "web"}
    live = rollout()
    live["spec"]["replicas"] = 9
    assert carry_over(rollout(), live, Owners(autoscalers=(scaler,)))["spec"]["replicas"] == 9
    assert carry_over(rollout(), live, WEB)["spec"]["replicas"] == 2


def test_a_deployment_whose_pods_a_rollout_took_over_stays_small() -> None:
    owner = rollout()
    owner["spec"]["workloadRef"] = {"kind": "Deployment", "name": "old"}
    target = obj("apps/v1", "Deployment", "old", {"replicas": 5})
    live = obj("apps/v1", "Deployment", "old", {"replicas": 0})
    assert carry_over(target, live, Owners(rollouts=(owner,)))["spec"]["replicas"] == 0


def test_a_pause_by_a_user_stays_while_the_rollout_moves() -> None:
    target, live = rollout(), rollout()
    target["spec"]["paused"], live["spec"]["paused"] = False, True
    assert carry_over(target, live, WEB)["spec"]["paused"] is True
    live["status"]["stableRS"] = "b"
    assert not active(live)
    assert carry_over(target, live, WEB)["spec"]["paused"] is False


def test_a_later_restart_stays() -> None:
    target, live = rollout(), rollout()
    target["spec"]["restartAt"], live["spec"]["restartAt"] = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    assert carry_over(target, live, WEB)["spec"]["restartAt"] == "2026-01-02T00:00:00Z"


def test_the_stamp_of_the_revision_is_no_difference() -> None:
    live = rollout()
    live["metadata"]["annotations"] = {GIT_REVISION: "abc"}
    assert differences(carry_over(rollout(), live, WEB), live) == ()


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_no_sync_ever_moves_a_weight(git_stable: int, git_canary: int, stable: int, canary: int) -> None:
    target, live = route(git_stable, git_canary), route(stable, canary)
    before = copy.deepcopy((target, live))
    carried = carry_over(target, live, GATEWAY)
    assert [b["weight"] for b in carried["spec"]["rules"][0]["backendRefs"]] == [stable, canary]
    assert carry_over(carried, live, GATEWAY) == carried
    assert (target, live) == before
