"""Whatever is sent, the answer is a Kubernetes answer: an object or a Status, never a crash."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import run
from rollouts.kube.client import Client
from rollouts.kube.resources import DEPLOYMENTS
from rollouts.kube.transport import Request
from tests.embedded.api.conftest import Clock
from tests.embedded.api.objects import WIDGETS, deployment, widget, widget_crd

WORDS = """
    apiVersion kind metadata name namespace labels annotations finalizers ownerReferences uid resourceVersion
    generateName spec status replicas selector matchLabels template containers ports strategy type $patch
    $retainKeys $setElementOrder/containers $deleteFromPrimitiveList/finalizers managedFields data
    preconditions gracePeriodSeconds propagationPolicy dryRun op path value scope names versions group plural
"""
KEYS = st.sampled_from(WORDS.split())
VALUES = st.sampled_from(
    ["Widget", "Deployment", "apps/v1", "example.com/v1", "w", "web", "default", "replace"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | VALUES | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
PATHS = st.sampled_from(
    [
        DEPLOYMENTS.path("default"),
        DEPLOYMENTS.path("default", "web"),
        DEPLOYMENTS.path("default", "web", "status"),
        DEPLOYMENTS.path("default", "web", "scale"),
        WIDGETS.path("default"),
        WIDGETS.path("default", "w"),
        WIDGETS.path("default", "w", "status"),
        "/api/v1/namespaces",
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/services",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
CONTENT = st.sampled_from(
    [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
        "text/plain",
    ]
)
QUERY = st.dictionaries(
    st.sampled_from(
        ["dryRun", "fieldValidation", "fieldManager", "force", "limit", "continue", "labelSelector"]
    ),
    st.sampled_from(["", "All", "Strict", "me", "true", "maybe", "1", "a=b", "!!"]),
    max_size=3,
)


def seasoned(body: Any, path: str) -> Any:
    """Half of the bodies say what they are, or they would all stop at the first check."""
    if not isinstance(body, dict) or "status" in body:
        return body
    base = widget("w") if "widgets" in path else deployment("web")
    meta = body.get("metadata")
    return {
        **base,
        **body,
        "metadata": {**meta, **base["metadata"]} if isinstance(meta, dict) else base["metadata"],
    }


REQUESTS = st.builds(
    lambda path, body, season, content, **rest: Request(
        path=path,
        body=seasoned(body, path) if season else body,
        headers={"content-type": content},
        **rest,
    ),
    method=METHODS,
    path=PATHS,
    content=CONTENT,
    query=QUERY,
    body=JSON,
    season=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(request=REQUESTS)
def test_every_request_is_answered(request):
    async def ask():
        server = ApiServer(Clock(), seed=1)
        server.install_crds([widget_crd()])
        client = Client(InProcess(server))
        await client.create(DEPLOYMENTS, deployment(), "default")
        await client.create(WIDGETS, widget(a=1), "default")
        return await client.transport.request(request)

    answer = run(ask())
    is_nothing = answer.code == 404 and answer.body == "404 page not found\n"
    assert 200 <= answer.code < 300 or is_nothing or answer.body["kind"] == "Status"
    assert answer.code < 500 or answer.code in {500, 501, 504}
