"""The canary Ingress, as ingress-nginx wants it."""

from typing import Any

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.api.weights import Weights
from tests.routers.worlds import UID, World, ingress, nginx, rule

PREFIX = "nginx.ingress.kubernetes.io"


def rendered(world: World, canary: int = 20, total: int = 100) -> Any:
    (made,) = world.router.render(world.rollout, world.objects, Weights(canary=canary, total=total))
    return made


def with_nginx(routing: dict[str, Any], *objects: dict[str, Any], **more: Any) -> World:
    return World("nginx", {"nginx": {"stableIngress": "front"} | routing} | more, *objects or (ingress(),))


def test_the_canary_ingress_is_made_from_the_stable_one() -> None:
    assert rendered(nginx()) == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "shop-front-canary",
            "namespace": "web",
            "ownerReferences": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Rollout",
                    "name": "shop",
                    "uid": UID,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "annotations": {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "20"},
        },
        "spec": {"ingressClassName": "nginx", "rules": [rule("shop.example.com", "canary")]},
    }


def test_certificates_and_the_old_class_annotation_are_copied() -> None:
    stable = ingress(tls=[{"hosts": ["shop.example.com"], "secretName": "cert"}])
    stable["metadata"]["annotations"] = {
        "kubernetes.io/ingress.class": "nginx",
        f"{PREFIX}/rewrite-target": "/",
    }
    made = rendered(with_nginx({}, stable))
    assert made["spec"]["tls"] == stable["spec"]["tls"]
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/ingress.class": "nginx",
        f"{PREFIX}/canary": "true",
        f"{PREFIX}/canary-weight": "20",
    }


def test_only_rules_of_the_stable_service_are_taken_and_their_other_paths_stay() -> None:
    rules = [rule("a.example.com", "other"), rule("b.example.com", "other", "stable", "api")]
    made = rendered(with_nginx({}, ingress(rules=rules)))
    assert made["spec"]["rules"] == [rule("b.example.com", "other", "canary", "api")]


def test_a_rule_that_appears_on_the_stable_ingress_is_followed() -> None:
    world = nginx()
    world.apply(rendered(world))
    world.apply(ingress(rules=[rule("shop.example.com", "stable"), rule("new.example.com", "stable")]))
    assert len(rendered(world)["spec"]["rules"]) == 2


def test_a_total_other_than_a_hundred_is_written() -> None:
    annotations = rendered(nginx(), canary=250, total=1000)["metadata"]["annotations"]
    assert annotations[f"{PREFIX}/canary-weight"] == "250"
    assert annotations[f"{PREFIX}/canary-weight-total"] == "1000"


def test_a_total_that_is_no_longer_asked_for_goes() -> None:
    world = nginx()
    world.apply(rendered(world, canary=250, total=1000))
    assert f"{PREFIX}/canary-weight-total" not in rendered(world, canary=25)["metadata"]["annotations"]


def test_another_prefix_is_used_for_every_annotation() -> None:
    more = {"canary-by-cookie": "c"}
    made = rendered(with_nginx({"annotationPrefix": "example.com", "additionalIngressAnnotations": more}))
    assert made["metadata"]["annotations"] == {
        "example.com/canary-by-cookie": "c",
        "example.com/canary": "true",
        "example.com/canary-weight": "20",
    }


def test_additional_annotations_get_the_prefix_and_canary_annotations_stand_as_they_are() -> None:
    made = rendered(
        with_nginx(
            {
                "additionalIngressAnnotations": {"canary-by-header": "x-canary", f"{PREFIX}/a": "1"},
                "canaryIngressAnnotations": {"example.com/b": "2", f"{PREFIX}/a": "3"},
            }
        )
    )
    assert made["metadata"]["annotations"] == {
        f"{PREFIX}/canary-by-header": "x-canary",
        f"{PREFIX}/a": "3",
        "example.com/b": "2",
        f"{PREFIX}/canary": "true",
        f"{PREFIX}/canary-weight": "20",
    }


def test_a_weight_changed_by_hand_is_seen_and_put_right() -> None:
    world = nginx()
    world.apply(rendered(world))
    (canary,) = (obj for ref, obj in world.objects.items() if ref.name.endswith("-canary"))
    canary["metadata"]["annotations"][f"{PREFIX}/canary-weight"] = "90"
    assert world.router.read(world.rollout, world.objects) == Weights(canary=90)
    assert rendered(world)["metadata"]["annotations"][f"{PREFIX}/canary-weight"] == "20"


@pytest.mark.parametrize("text", ["", "many", "-5"])
def test_a_weight_that_is_no_number_sends_nothing(text: str) -> None:
    world = nginx()
    world.apply(rendered(world))
    (canary,) = (obj for ref, obj in world.objects.items() if ref.name.endswith("-canary"))
    canary["metadata"]["annotations"][f"{PREFIX}/canary-weight"] = text
    assert world.router.read(world.rollout, world.objects) == Weights(canary=0)


def test_a_canary_ingress_that_is_switched_off_sends_nothing() -> None:
    world = nginx()
    world.apply(rendered(world))
    (canary,) = (obj for ref, obj in world.objects.items() if ref.name.endswith("-canary"))
    canary["metadata"]["annotations"][f"{PREFIX}/canary"] = "false"
    assert world.router.read(world.rollout, world.objects) == Weights(canary=0)


@pytest.mark.parametrize(
    ("owners", "whose"),
    [
        ([], "controlled by nobody"),
        ([{"kind": "Rollout", "name": "else", "uid": "9", "controller": True}], "controlled by Rollout else"),
        ([{"kind": "Rollout", "name": "shop", "uid": UID, "controller": False}], "controlled by nobody"),
    ],
)
def test_an_ingress_of_that_name_that_is_not_its_own_is_refused(owners: list[Any], whose: str) -> None:
    world = nginx()
    taken = ingress("shop-front-canary")
    taken["metadata"]["ownerReferences"] = owners
    world.apply(taken)
    assert world.router.read(world.rollout, world.objects) is None
    with pytest.raises(InvalidSpec) as caught:
        rendered(world)
    assert str(caught.value) == (
        ".spec.strategy.canary.trafficRouting.nginx.stableIngress: canary Ingress"
        f' "shop-front-canary" is {whose}, not by rollout "shop"; delete or rename it'
    )


def test_an_ingress_without_the_stable_service_is_refused_with_the_services_it_has() -> None:
    world = with_nginx({}, ingress(rules=[rule("a.example.com", "api", "other")]))
    with pytest.raises(InvalidSpec) as caught:
        rendered(world)
    assert caught.value.message == (
        'Ingress "front" has no rule for service "stable" in paths (services found: api, other);'
        " add one, or name another stableService"
    )


def test_a_rule_without_paths_is_passed_over() -> None:
    rules = [{"host": "empty.example.com"}, rule("a.example.com", "stable")]
    made = rendered(with_nginx({}, ingress(rules=rules)))
    assert [each["host"] for each in made["spec"]["rules"]] == ["a.example.com"]


def test_a_long_name_is_cut_and_still_ends_in_canary() -> None:
    long = "i" * 250
    world = World("nginx", {"nginx": {"stableIngress": long}}, ingress(long))
    name = rendered(world)["metadata"]["name"]
    assert len(name) == 253
    assert name.startswith("shop-i")
    assert name.endswith("i-canary")


def test_the_field_of_the_ingress_that_is_missing_is_named_by_its_index() -> None:
    world = World("nginx", {"nginx": {"stableIngresses": ["front", "gone"]}}, ingress())
    with pytest.raises(InvalidSpec) as caught:
        world.router.render(world.rollout, world.objects, Weights(canary=1))
    assert caught.value.field == ".spec.strategy.canary.trafficRouting.nginx.stableIngresses[1]"


@pytest.mark.parametrize("ingresses", [(), (ingress(rules=[rule("shop.example.com", "other")]),)])
def test_a_retreat_needs_nothing_of_the_stable_ingress(ingresses: tuple[Any, ...]) -> None:
    """It is gone, or leads elsewhere by now: the canary loses its traffic all the same, and gains none."""
    world = nginx()
    canary = rendered(world, 50) | {}
    canary["metadata"]["resourceVersion"] = "8"
    broken = with_nginx({}, *(*ingresses, canary))
    lowered = rendered(broken, 0)
    assert lowered["metadata"]["annotations"][f"{PREFIX}/canary-weight"] == "0"
    assert lowered["spec"] == canary["spec"]
    with pytest.raises(InvalidSpec, match="front"):
        rendered(broken, 60)


def test_a_stable_ingress_that_is_wrong_holds_up_the_retreat_of_no_other() -> None:
    routing = {"stableIngress": "", "stableIngresses": ["front", "back"]}
    world = with_nginx(routing, ingress("front"), ingress("back"))
    made = world.router.render(world.rollout, world.objects, Weights(canary=50))
    broken = with_nginx(routing, ingress("front", rules=[]), ingress("back"), *made)
    assert len(broken.router.render(broken.rollout, broken.objects, Weights(canary=0))) == 2
    with pytest.raises(InvalidSpec, match="front"):
        broken.router.render(broken.rollout, broken.objects, Weights(canary=60))
