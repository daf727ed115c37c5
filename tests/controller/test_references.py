"""What is wrong with the objects that a rollout refers to is said by object, field, value and remedy."""

from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.controller.references import mentions, problems
from rollouts.kube.resources import (
    ANALYSIS_TEMPLATES,
    CLUSTER_ANALYSIS_TEMPLATES,
    HTTP_ROUTES,
    INGRESSES,
    SERVICES,
)
from rollouts.kube.store import Writer
from tests.world.simulated import GATED, canary, ingress, rollout, service, success_rate


def in_default(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "namespace": "default"}}


def world(**left_out: bool) -> Writer:
    store = Writer()
    for resource, obj in (
        (SERVICES, service("shop-stable")),
        (SERVICES, service("shop-canary")),
        (INGRESSES, ingress()),
        (ANALYSIS_TEMPLATES, success_rate()),
    ):
        if obj["metadata"]["name"].replace("-", "_") not in left_out:
            store.put(resource, in_default(obj))
    return store


def shop(**more: Any) -> Rollout:
    return Rollout.model_validate(in_default(rollout(canary(*GATED, **more))))


def test_nothing_is_wrong_where_everything_fits() -> None:
    assert problems(world(), shop()) == ()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("shop_canary", 'Service "shop-canary" not found in namespace default'),
        ("success_rate", 'AnalysisTemplate "success-rate" not found in namespace default'),
        ("shop", 'Ingress "shop" not found in namespace default'),
    ],
)
def test_what_is_missing_is_named(missing: str, said: str) -> None:
    (problem,) = problems(world(**{missing: True}), shop())
    assert problem.startswith(said)
    assert "create it" in problem


def test_a_condition_that_does_not_parse_is_named_before_it_is_needed() -> None:
    store = world()
    store.put(ANALYSIS_TEMPLATES, in_default(success_rate(successCondition="result >=")))
    (problem,) = problems(store, shop())
    field = ".spec.metrics[0].successCondition"
    assert problem.startswith(f'AnalysisTemplate "success-rate": {field}: condition "result >="')


@pytest.mark.parametrize(("condition", "problems_found"), [("result >= 0.9", 0), ("result >=", 1)])
def test_a_cluster_wide_template_is_looked_into_as_any_other(condition: str, problems_found: int) -> None:
    store = world()
    template = {**success_rate("everywhere", successCondition=condition), "kind": "ClusterAnalysisTemplate"}
    store.put(CLUSTER_ANALYSIS_TEMPLATES, template)
    step = {"analysis": {"templates": [{"templateName": "everywhere", "clusterScope": True}]}}
    made = Rollout.model_validate(in_default(rollout(canary({"setWeight": 10}, step))))
    found = problems(store, made)
    assert len(found) == problems_found
    assert all(each.startswith('ClusterAnalysisTemplate "everywhere": .spec.metrics[0]') for each in found)


def test_a_route_of_the_gateway_api_that_is_missing_is_named() -> None:
    plugin = {"argoproj-labs/gatewayAPI": {"httpRoute": "shop", "namespace": "default"}}
    (problem,) = problems(world(), shop(trafficRouting={"plugins": plugin}))
    assert problem.startswith('HTTPRoute "shop" not found in namespace default')
    assert HTTP_ROUTES.kind in problem


def test_a_service_that_selects_other_pods_is_named_with_the_label() -> None:
    store = world()
    obj = in_default(service("shop-canary", app="else"))
    store.put(SERVICES, obj)
    (problem,) = problems(store, shop())
    assert problem.startswith('Service "shop-canary" has unmatch label "app" in rollout')
    assert '"else"' in problem
    assert '"shop"' in problem


def test_a_service_of_another_rollout_is_named_with_its_owner() -> None:
    store = world()
    obj = in_default(service("shop-stable"))
    obj["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": "other"}
    store.put(SERVICES, obj)
    (problem,) = problems(store, shop())
    assert problem.startswith('Service "shop-stable" is managed by another Rollout')
    assert '"other"' in problem


def test_the_hash_in_a_selector_is_no_mismatch() -> None:
    store = world()
    obj = in_default(service("shop-stable"))
    obj["spec"]["selector"] = {"app": "shop", "rollouts-pod-template-hash": "abc"}
    store.put(SERVICES, obj)
    assert problems(store, shop()) == ()


def test_an_ingress_to_a_port_that_its_service_lacks_is_named_with_the_ports_that_there_are() -> None:
    store = world()
    obj = in_default(ingress())
    backend = obj["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    backend["port"] = {"number": 8080}
    store.put(INGRESSES, obj)
    (problem,) = problems(store, shop())
    assert problem.startswith('Ingress "shop" sends to port 8080 of Service "shop-stable", which has only 80')


def test_a_name_is_found_anywhere_in_a_strategy_even_an_invalid_one() -> None:
    assert mentions({"canary": {"steps": [{"x": ["shop-stable"]}]}}, "shop-stable")
    assert not mentions({"canary": {"stableService": "shop"}}, "shop-stable")
    assert not mentions(None, "shop")


SEQUENTIAL = {"judge": {"sequential": {}}}


def proving(name: str = "proof", **spec: Any) -> Object:
    template = success_rate(name, **SEQUENTIAL)
    return in_default({**template, "spec": {**template["spec"], **spec}})


def held(at: str) -> Rollout:
    """A rollout with a step, or a pause, that waits for a proof."""
    analysis = {"templates": [{"templateName": "errors"}]}
    step = (
        {"analysis": {**analysis, "advance": "evidence"}}
        if at == "analysis"
        else {"pause": {"advance": "evidence"}}
    )
    beside = {"analysis": analysis} if at == "pause" else {}
    return Rollout.model_validate(in_default(rollout(canary({"setWeight": 10}, step, **beside))))


@pytest.mark.parametrize("at", ["analysis", "pause"])
@pytest.mark.parametrize(
    "template",
    [success_rate("errors"), proving("errors", dryRun=[{"metricName": ".*"}])],
    ids=["a threshold", "a dry run"],
)
def test_a_step_that_waits_for_a_proof_which_no_metric_can_give_is_named(at: str, template: Object) -> None:
    store = world()
    store.put(ANALYSIS_TEMPLATES, in_default(template))
    (said,) = [each for each in problems(store, held(at)) if ".advance is evidence" in each]
    assert said.startswith(f".spec.strategy.canary.steps[1].{at}.advance is evidence, and no metric of ")
    assert said.endswith("give one that is no dry run judge.sequential, or remove advance")


@pytest.mark.parametrize("at", ["analysis", "pause"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_sequential_judge_anywhere_in_the_templates_gives_proofs(at: str, nested: bool) -> None:
    store = world()
    plain = {"metrics": [], "templates": [{"templateName": "proof"}]}
    found = [proving("errors")] if not nested else [proving("proof"), proving("errors", **plain)]
    for template in found:
        store.put(ANALYSIS_TEMPLATES, template)
    assert not [each for each in problems(store, held(at)) if "advance" in each]
