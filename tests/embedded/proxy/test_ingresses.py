"""Ingress objects besides the canary rules."""

import copy
from typing import Any

import pytest

from rollouts.embedded.proxy.model import Endpoint
from tests.embedded.manifests import NGINX, ingress
from tests.embedded.proxy.routing import Request, config_of, shares


def served_by(config: Any, **request: Any) -> str:
    (name,) = shares(config, Request(**request))
    return name


def test_the_longer_path_wins_and_a_prefix_ends_at_a_segment() -> None:
    config = config_of(
        ready=("site", "shop"), ingresses=[ingress("a", "site"), ingress("b", "shop", path="/shop")]
    )
    assert [served_by(config, path=p) for p in ("/", "/shop", "/shop/1", "/shopping")] == [
        "site",
        "shop",
        "shop",
        "site",
    ]


def test_a_host_that_nobody_serves_is_not_found() -> None:
    config = config_of(ready=("site",), ingresses=[ingress("a", "site")])
    assert served_by(config, host="b.com") == "404"


def test_the_older_ingress_keeps_a_path_that_two_claim_and_the_younger_is_told() -> None:
    old, young = ingress("z-old", "site"), ingress("a-young", "shop")
    old["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    young["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    config = config_of(ready=("site", "shop"), ingresses=[young, old])
    assert served_by(config) == "site"
    assert [(p.name, p.reason) for p in config.problems] == [("a-young", "Duplicate")]


def test_a_port_that_the_service_lacks_answers_503_and_is_named() -> None:
    wrong = ingress("a", "site")
    wrong["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"number": 8080}
    config = config_of(ready=("site",), ingresses=[wrong])
    assert served_by(config) == "503"
    assert [p.message for p in config.problems] == [
        '.spec.rules[0].http.paths[0].backend: Service "site" has no port 8080; it has 80'
    ]


def test_a_service_that_is_missing_spoils_nothing_else() -> None:
    config = config_of(
        ready=("site",), ingresses=[ingress("a", "gone", host="gone.com"), ingress("b", "site")]
    )
    assert (served_by(config, host="gone.com"), served_by(config)) == ("503", "site")


def test_a_default_backend_serves_what_no_rule_takes() -> None:
    item = ingress("a", "shop", path="/shop")
    item["spec"]["defaultBackend"] = {"service": {"name": "site", "port": {"name": "p80"}}}
    config = config_of(ready=("site", "shop"), ingresses=[item])
    assert (served_by(config, path="/shop"), served_by(config, path="/else")) == ("shop", "site")


def test_an_exact_path_beats_a_prefix() -> None:
    exact = ingress("a", "shop", path="/x")
    exact["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = "Exact"
    config = config_of(ready=("site", "shop"), ingresses=[ingress("b", "site", path="/x"), exact])
    assert (served_by(config, path="/x"), served_by(config, path="/x/y")) == ("shop", "site")


@pytest.mark.parametrize("name", ["traefik", "haproxy"])
def test_an_ingress_of_another_class_is_left_alone(name: str) -> None:
    other = ingress("a", "site")
    other["spec"]["ingressClassName"] = name
    config = config_of(ready=("site",), ingresses=[other])
    assert (config.hosts, config.ingresses) == ((), ())


def test_a_canary_of_nothing_is_told_that_there_is_nothing_to_split() -> None:
    lonely = ingress("a", "site", canary="true", canary_weight="20")
    config = config_of(ready=("site",), ingresses=[lonely])
    assert (served_by(config), [p.reason for p in config.problems]) == ("404", ["NoPrimary"])


def test_only_the_oldest_of_two_canaries_counts() -> None:
    canaries = [ingress(f"c{n}", f"v{n}", canary="true", canary_weight="100") for n in (2, 3)]
    config = config_of(ready=("v1", "v2", "v3"), ingresses=[ingress("a", "v1"), *canaries])
    assert (served_by(config), [p.name for p in config.problems]) == ("v2", ["c3"])


def test_an_annotation_that_has_no_effect_here_is_named() -> None:
    item = ingress("a", "site", rewrite_target="/")
    (problem,) = config_of(ready=("site",), ingresses=[item]).problems
    assert f"{NGINX}rewrite-target has no effect" in problem.message


def test_a_canary_at_weight_0_keeps_its_cluster_and_so_its_counters() -> None:
    objects = [ingress("a", "v1"), ingress("b", "v2", canary="true", canary_weight="0")]
    config = config_of(ready=("v1", "v2"), ingresses=objects)
    assert [c.name for c in config.clusters] == ["default/v1/80", "default/v2/80"]


def test_only_ready_endpoints_get_requests() -> None:
    config = config_of(ready=("site",), ingresses=[ingress("a", "site")])
    assert config.clusters[0].endpoints == (Endpoint("10.0.0.0", 8080),)


def test_the_same_objects_in_another_order_make_the_same_configuration() -> None:
    objects = [ingress("a", "v1"), ingress("b", "v2", path="/x"), ingress("c", "v2", host="*.b.com")]
    one = config_of(ready=("v1", "v2"), ingresses=objects)
    other = config_of(ready=("v1", "v2"), ingresses=copy.deepcopy(objects[::-1]))
    assert (one.hosts, one.clusters) == (other.hosts, other.clusters)
