"""The weights of an HTTPRoute, and what its parents say of them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.errors import InvalidSpec
from rollouts.api.weights import Destination, Weights
from rollouts.routers import Ref, configured
from tests.routers.worlds import (
    GATEWAY,
    UID,
    World,
    backends,
    gateway,
    gateway_several,
    http_route,
    nginx,
    rollout,
)

BOTH = "backends found: canary, stable"
LABEL = "rollouts.argoproj.io/gatewayapi-canary"


def rendered(world: World, canary: int = 20, total: int = 100) -> Any:
    (made,) = world.router.render(world.rollout, world.objects, Weights(canary=canary, total=total))
    return made


def with_plugin(settings: dict[str, Any], *objects: dict[str, Any], **more: Any) -> World:
    return World(GATEWAY, {"plugins": {GATEWAY: settings}} | more, *objects or (http_route(),))


def weights(route: Any) -> list[list[tuple[str, int | None]]]:
    return [
        [(each["name"], each.get("weight")) for each in rule["backendRefs"]]
        for rule in route["spec"]["rules"]
    ]


def status(*parents: dict[str, Any]) -> dict[str, Any]:
    return {
        "parents": [{"parentRef": {"name": "envoy"}, "conditions": list(each.values())} for each in parents]
    }


def condition(kind: str, value: str = "True", generation: int = 3) -> dict[str, Any]:
    return {"type": kind, "status": value, "observedGeneration": generation}


def test_the_canary_gets_its_weight_and_stable_the_rest() -> None:
    assert weights(rendered(gateway())) == [[("stable", 80), ("canary", 20)]]


def test_every_rule_with_both_backends_is_written_and_no_other() -> None:
    route = http_route("front", backends("api"), backends("canary", "stable", "extra"), backends("stable"))
    made = rendered(with_plugin({"httpRoute": "front"}, route))
    assert weights(made) == [
        [("api", None)],
        [("canary", 20), ("stable", 80), ("extra", None)],
        [("stable", None)],
    ]


def test_matches_filters_and_fields_of_backends_are_untouched() -> None:
    rule = backends("stable", "canary") | {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "filters": [{"type": "RequestHeaderModifier"}],
        "timeouts": {"request": "5s"},
    }
    rule["backendRefs"][0]["filters"] = [{"type": "URLRewrite"}]
    made = rendered(with_plugin({"httpRoute": "front"}, http_route("front", rule)))
    seen = made["spec"]["rules"][0]
    assert {key: seen[key] for key in ("matches", "filters", "timeouts")} == {
        key: rule[key] for key in ("matches", "filters", "timeouts")
    }
    assert seen["backendRefs"][0] == rule["backendRefs"][0] | {"weight": 80}


def test_a_backend_of_another_kind_is_no_service() -> None:
    rule = backends("stable", "canary")
    rule["backendRefs"].insert(0, {"group": "example.com", "kind": "Bucket", "name": "canary"})
    made = rendered(with_plugin({"httpRoute": "front"}, http_route("front", rule)))
    assert weights(made) == [[("canary", None), ("stable", 80), ("canary", 20)]]


def test_the_route_is_marked_while_a_canary_gets_traffic() -> None:
    """So that a GitOps tool can leave the weights out of its comparison."""
    world = gateway()
    world.apply(rendered(world))
    assert world.objects[Ref("gateway.networking.k8s.io", "HTTPRoute", "front")]["metadata"]["labels"] == {
        LABEL: "in-progress"
    }
    assert LABEL not in rendered(world, canary=0)["metadata"].get("labels", {})


def test_the_mark_can_be_renamed_or_left_out() -> None:
    named = with_plugin({"httpRoute": "front", "inProgressLabelKey": "a/b", "inProgressLabelValue": "c"})
    assert rendered(named)["metadata"]["labels"] == {"a/b": "c"}
    unmarked = with_plugin({"httpRoute": "front", "disableInProgressLabel": True})
    assert "labels" not in rendered(unmarked)["metadata"]


def test_a_route_in_another_namespace_is_asked_for_there() -> None:
    world = with_plugin({"httpRoute": "front", "namespace": "routes"})
    asked = world.router.kinds(world.rollout)
    assert Ref("gateway.networking.k8s.io", "HTTPRoute", "front", "routes") in asked


@given(total=st.integers(1, 10_000), data=st.data())
def test_another_total_is_read_back_exactly(total: int, data: st.DataObject) -> None:
    world = with_plugin({"httpRoute": "front"}, maxTrafficWeight=total)
    canary = data.draw(st.integers(0, total))
    world.apply(rendered(world, canary, total))
    assert world.router.read(world.rollout, world.objects) == Weights(canary=canary, total=total)


def test_weights_of_other_hands_are_read_in_the_rollouts_total() -> None:
    rule = backends("stable", "canary")
    rule["backendRefs"][0]["weight"], rule["backendRefs"][1]["weight"] = 3, 1
    world = with_plugin({"httpRoute": "front"}, http_route("front", rule))
    assert world.router.read(world.rollout, world.objects) == Weights(canary=25)


def test_a_rule_that_sends_nobody_anywhere_sends_nothing_to_the_canary() -> None:
    rule = backends("stable", "canary")
    for each in rule["backendRefs"]:
        each["weight"] = 0
    world = with_plugin({"httpRoute": "front"}, http_route("front", rule))
    assert world.router.read(world.rollout, world.objects) == Weights(canary=0)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ([backends("stable")], "has no backend for service canary (backends found: stable)"),
        ([backends("api")], "has no backend for service stable and canary (backends found: api)"),
        (
            [backends("stable"), backends("canary")],
            "has both services in no one rule (backends found: canary, stable)",
        ),
        ([{"matches": []}], "has no backend for service stable and canary (backends found: none)"),
    ],
)
def test_a_missing_backend_is_named_beside_those_there_are(rules: list[Any], what: str) -> None:
    world = with_plugin({"httpRoutes": [{"name": "front"}]}, http_route("front", *rules))
    with pytest.raises(InvalidSpec) as caught:
        rendered(world)
    field = f'.spec.strategy.canary.trafficRouting.plugins["{GATEWAY}"].httpRoutes[0].name'
    remedy = "list stable and canary under backendRefs of the same rule"
    assert str(caught.value) == f'{field}: HTTPRoute "front" {what}; {remedy}'


@pytest.mark.parametrize(
    ("parents", "verified"),
    [
        ([], None),
        ([{}], None),
        ([{"a": condition("ResolvedRefs")}], None),
        ([{"a": condition("Accepted")}], True),
        ([{"a": condition("Accepted"), "p": condition("Programmed")}], True),
        ([{"a": condition("Accepted", generation=2)}], False),
        ([{"a": condition("Accepted", "False")}], False),
        ([{"a": condition("Accepted"), "p": condition("Programmed", "False")}], False),
        ([{"a": condition("Accepted")}, {"a": condition("Accepted", generation=1)}], False),
        ([{"a": condition("Accepted")}, {}], None),
    ],
)
def test_a_weight_is_verified_when_every_parent_carries_this_generation(
    parents: list[dict[str, Any]], verified: bool | None
) -> None:
    world = gateway()
    world.apply(rendered(world) | {"status": status(*parents)})
    assert world.router.read(world.rollout, world.objects) == Weights(canary=20, verified=verified)


def test_one_unverified_route_leaves_the_whole_unverified() -> None:
    world = with_plugin(
        {"httpRoutes": [{"name": "front"}, {"name": "back"}]}, http_route(), http_route("back")
    )
    accepted = {"status": status({"a": condition("Accepted")})}
    front, back = world.router.render(world.rollout, world.objects, Weights(canary=20))
    world.apply(front | accepted, back | accepted)
    assert world.router.read(world.rollout, world.objects) == Weights(canary=20, verified=True)
    world.apply(back)
    assert world.router.read(world.rollout, world.objects) == Weights(canary=20, verified=None)


BASELINE = Destination(service="shop-baseline", weight=20)
THREE = Weights(canary=20, additional=(BASELINE,))


def test_a_further_destination_is_a_backend_like_stable_with_its_share_taken_from_stable() -> None:
    rule = backends("stable", "canary", "extra")
    rule["backendRefs"][0] |= {"port": 8080, "filters": [{"type": "URLRewrite"}]}
    world = with_plugin({"httpRoute": "front"}, http_route("front", rule))
    (made,) = world.router.render(world.rollout, world.objects, THREE)
    assert weights(made) == [[("stable", 60), ("canary", 20), ("extra", None), ("shop-baseline", 20)]]
    added = made["spec"]["rules"][0]["backendRefs"][-1]
    assert added == rule["backendRefs"][0] | {"name": "shop-baseline", "weight": 20}
    world.apply(made)
    assert world.router.read(world.rollout, world.objects) == THREE


@given(total=st.integers(2, 10_000), data=st.data())
def test_further_shares_are_read_back_exactly(total: int, data: st.DataObject) -> None:
    world = with_plugin(
        {"httpRoutes": [{"name": "front"}, {"name": "back"}]},
        http_route(),
        http_route("back", backends("api"), backends("canary", "stable")),
        maxTrafficWeight=total,
    )
    share = data.draw(st.integers(1, total // 2))
    wanted = Weights(canary=share, total=total, additional=(replace(BASELINE, weight=share),))
    world.apply(*world.router.render(world.rollout, world.objects, wanted))
    assert world.router.read(world.rollout, world.objects) == wanted
    assert world.router.render(world.rollout, world.objects, wanted) == ()


def test_a_destination_that_is_not_asked_for_any_more_is_taken_out_and_leaves_no_trace() -> None:
    world, straight = gateway_several(), gateway_several()
    world.apply(*world.router.render(world.rollout, world.objects, THREE))
    world.apply(*world.router.render(world.rollout, world.objects, Weights(canary=20)))
    straight.apply(*straight.router.render(straight.rollout, straight.objects, Weights(canary=20)))
    assert world.objects == straight.objects


def test_a_destination_that_someone_took_out_of_one_rule_leaves_the_whole_unverified() -> None:
    world = gateway_several()
    world.apply(*world.router.render(world.rollout, world.objects, THREE))
    back = world.objects[Ref("gateway.networking.k8s.io", "HTTPRoute", "back")]
    del back["spec"]["rules"][1]["backendRefs"][-1]
    seen = world.router.read(world.rollout, world.objects)
    assert seen is not None
    assert (seen.additional[0].service, seen.verified) == ("shop-baseline", False)
    world.apply(*world.router.render(world.rollout, world.objects, THREE))
    assert world.router.read(world.rollout, world.objects) == THREE


@pytest.mark.parametrize(
    ("owners", "left"), [([], True), ([{"uid": "other"}], True), ([{"uid": UID}], False)]
)
def test_a_backend_of_that_name_whose_service_is_somebody_elses_is_left_alone(
    owners: list[dict[str, str]], left: bool
) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop-baseline", "ownerReferences": owners},
    }
    route = http_route("front", backends("stable", "canary", "shop-baseline"))
    world = with_plugin({"httpRoute": "front"}, route, service)
    seen = [name for name, _ in weights(rendered(world))[0]]
    assert ("shop-baseline" in seen) is left


def test_a_destination_in_another_namespace_is_none_of_ours() -> None:
    rule = backends("stable", "canary")
    rule["backendRefs"].append({"name": "shop-baseline", "namespace": "elsewhere", "port": 80})
    made = rendered(with_plugin({"httpRoute": "front"}, http_route("front", rule)))
    assert weights(made) == [[("stable", 80), ("canary", 20), ("shop-baseline", None)]]


def test_a_router_that_knows_two_services_alone_refuses_a_third() -> None:
    world = nginx()
    with pytest.raises(InvalidSpec, match="shop-baseline; use the Gateway API"):
        world.router.render(world.rollout, world.objects, THREE)


def test_routers_are_applied_in_one_order() -> None:
    both = rollout({"plugins": {GATEWAY: {"httpRoute": "front"}}, "nginx": {"stableIngress": "front"}})
    assert [type(each).__name__ for each in configured(both)] == ["Nginx", "GatewayAPI"]


def test_without_routing_there_is_no_router() -> None:
    assert configured(rollout({}).model_copy()) == ()
