"""What the embedded cluster cannot do, and a real one can, is refused in words; ARCHITECTURE.md lists it."""

import pytest

from rollouts.kube.resources import CONFIG_MAPS, DEPLOYMENTS
from rollouts.kube.transport import Request
from tests.embedded.api.objects import config_map, deployment, widget_crd

PATCH = {"content-type": "application/apply-patch+yaml"}
HERE = "/api/v1/namespaces/default"


def rule(text):
    """A definition with a rule in CEL."""
    return widget_crd({"type": "object", "x-kubernetes-validations": [{"rule": text}]})


def converted():
    """A definition whose versions a webhook converts."""
    crd = widget_crd()
    crd["spec"]["conversion"] = {"strategy": "Webhook"}
    return crd


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCALE = "/apis/apps/v1/namespaces/default/deployments/web/scale"


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (("POST", DEFINITIONS, rule("self.size > 1")), 422, "keeps no CEL rule but `self == oldSelf`"),
        (("POST", DEFINITIONS, converted()), 422, 'spec.conversion.strategy: Unsupported value: "Webhook"'),
        (("PATCH", SCALE, {}), 501, "server-side apply of a Scale is not supported"),
        (("GET", f"{HERE}/pods/p/exec", None), 501, "the embedded cluster has no exec"),
        (("GET", f"{HERE}/pods/p/portforward", None), 501, "the embedded cluster has no portforward"),
        (("POST", f"{HERE}/serviceaccounts/default/token", {}), 501, "issues no tokens"),
        (("DELETE", "/api/v1/namespaces/kube-system", None), 403, "this namespace may not be deleted"),
    ],
    ids=["CEL", "conversion", "apply of a scale", "exec", "port-forward", "tokens", "namespaces"],
)
async def test_what_cannot_be_done_is_said(client, request_, code, words):
    await client.create(DEPLOYMENTS, deployment(), "default")
    method, path, body = request_
    headers, query = (PATCH, {"fieldManager": "me"}) if method == "PATCH" else ({}, {})
    answer = await client.transport.request(
        Request(method=method, path=path, body=body, query=query, headers=headers)
    )
    assert (answer.code, answer.body["kind"]) == (code, "Status")
    assert words in answer.body["message"]


async def test_the_past_is_not_shown_exactly(client):
    first = await client.create(CONFIG_MAPS, config_map("a"), "default")
    await client.create(CONFIG_MAPS, config_map("b"), "default")
    query = {"resourceVersion": first["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
    answer = await client.transport.request(
        Request(method="GET", path=CONFIG_MAPS.path("default"), query=query)
    )
    assert (answer.code, answer.body["reason"]) == (410, "Expired")
