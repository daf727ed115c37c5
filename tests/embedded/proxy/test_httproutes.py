"""HTTPRoute objects, and what is said of them."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.embedded.proxy.model import Config
from rollouts.embedded.proxy.verdicts import gateway_status, route_parents
from tests.embedded.manifests import http_route, to
from tests.embedded.proxy.routing import GATEWAY, Request, config_of, shares

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def conditions(config: Config) -> dict[str, tuple[bool, str]]:
    ((parent,),) = (verdict.parents for verdict in config.verdicts)
    return {c.type: (c.status, c.reason) for c in parent.conditions}


def header(name: str, value: str, **more: Any) -> Object:
    return {"headers": [{"name": name, "value": value, **more}]}


def test_weights_are_shares_of_their_sum() -> None:
    config = config_of(ready=("v1", "v2"), routes=[http_route("r", {"backendRefs": to(v1=3, v2=1)})])
    assert shares(config, Request()) == {"v1": Fraction(3, 4), "v2": Fraction(1, 4)}


def test_more_headers_beat_fewer_wherever_the_rule_stands() -> None:
    route = http_route(
        "r", {"backendRefs": to(v1=1)}, {"matches": [header("X-Beta", "yes")], "backendRefs": to(v2=1)}
    )
    config = config_of(ready=("v1", "v2"), routes=[route])
    assert shares(config, Request(headers={"x-beta": "yes"})) == {"v2": 1}
    assert shares(config, Request(headers={"x-beta": "no"})) == {"v1": 1}


@pytest.mark.parametrize(
    ("match", "path", "method", "hit"),
    [
        ({"path": {"type": "Exact", "value": "/a"}}, "/a", "GET", True),
        ({"path": {"type": "Exact", "value": "/a"}}, "/a/b", "GET", False),
        ({"path": {"type": "PathPrefix", "value": "/a/"}}, "/a/b", "GET", True),
        ({"path": {"type": "PathPrefix", "value": "/a"}}, "/ab", "GET", False),
        ({"path": {"type": "RegularExpression", "value": "/v[0-9]+/x"}}, "/v12/x", "GET", True),
        ({"method": "POST"}, "/", "POST", True),
        ({"method": "POST"}, "/", "GET", False),
    ],
)
def test_a_rule_matches_by_path_and_method(match: Object, path: str, method: str, hit: bool) -> None:
    route = http_route("r", {"matches": [match], "backendRefs": to(v1=1)})
    found = shares(config_of(ready=("v1",), routes=[route]), Request(path=path, method=method))
    assert found == ({"v1": 1} if hit else {"404": 1})


def test_a_backend_that_is_missing_is_reported_and_loses_only_its_own_share() -> None:
    config = config_of(ready=("v1",), routes=[http_route("r", {"backendRefs": to(v1=1, gone=1)})])
    assert shares(config, Request()) == {"v1": Fraction(1, 2), "none": Fraction(1, 2)}
    assert conditions(config)["ResolvedRefs"] == (False, "BackendNotFound")


def test_a_rule_without_any_backend_answers_500() -> None:
    config = config_of(ready=("v1",), routes=[http_route("r", {"backendRefs": to(gone=1)})])
    assert shares(config, Request()) == {"500": 1}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"filters": [{"type": "URLRewrite"}]}, ".spec.rules[0].filters[0].type"),
        (
            {"matches": [header("x", "(?=a)", type="RegularExpression")]},
            ".spec.rules[0].matches[0].headers[0]",
        ),
        ({"timeouts": {"request": "1s"}}, ".spec.rules[0].timeouts"),
        ({"matches": ["everything"]}, ".spec.rules"),
        ({"filters": [{"kind": "x"}]}, ".spec.rules"),
        ({"matches": [{"headers": [{"name": "x"}]}]}, ".spec.rules"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_gets_no_traffic(rule: Object, field: str) -> None:
    config = config_of(ready=("v1",), routes=[http_route("r", {**rule, "backendRefs": to(v1=1)})])
    assert shares(config, Request()) == {"404": 1}
    assert conditions(config)["Accepted"] == (False, "UnsupportedValue")
    assert conditions(config)["Programmed"][0] is False
    assert field in config.verdicts[0].parents[0].conditions[0].message


def test_a_listener_that_is_not_there_takes_no_route() -> None:
    config = config_of(
        ready=("v1",), routes=[http_route("r", {"backendRefs": to(v1=1)}, sectionName="https")]
    )
    assert conditions(config)["Accepted"] == (False, "NoMatchingParent")


def test_a_route_of_somebody_elses_gateway_is_left_alone() -> None:
    route = http_route("r", {"backendRefs": to(v1=1)})
    route["spec"]["parentRefs"] = [{"name": "istio"}]
    config = config_of(ready=("v1",), routes=[route])
    assert (config.hosts, config.verdicts) == ((), ())


def test_a_mirrored_service_gets_a_cluster_and_no_share() -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": to(v2=1)[0]}}
    route = http_route("r", {"filters": [mirror], "backendRefs": to(v1=1)})
    config = config_of(ready=("v1", "v2"), routes=[route])
    assert shares(config, Request()) == {"v1": 1}
    assert config.hosts[0].routes[0].mirrors == ("default/v2/80",)


def test_the_status_names_the_generation_and_keeps_other_controllers_entries() -> None:
    route = http_route("r", {"backendRefs": to(v1=1)})
    route["metadata"]["generation"] = 7
    foreign = {"controllerName": "example.com/other", "parentRef": {"name": "x"}, "conditions": []}
    route["status"] = {"parents": [foreign]}
    config = config_of(ready=("v1",), routes=[route])
    other, mine = route_parents(route, config.verdicts[0], NOW)
    assert other == foreign
    assert mine["controllerName"] == "rollouts.io/envoy"
    assert {(c["type"], c["status"], c["observedGeneration"]) for c in mine["conditions"]} == {
        ("Accepted", "True", 7),
        ("ResolvedRefs", "True", 7),
        ("Programmed", "True", 7),
    }


def test_a_gateway_counts_the_routes_on_its_listeners() -> None:
    routes = [http_route("r", {"backendRefs": to(v1=1)}), http_route("s", {"backendRefs": to(v1=1)})]
    config = config_of(ready=("v1",), routes=routes)
    (listener,) = gateway_status(GATEWAY, config.verdicts, NOW)["listeners"]
    assert listener["attachedRoutes"] == 2
