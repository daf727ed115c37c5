"""Pushes of every Git server, and what they lead to."""

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from rollouts.api.errors import Unavailable
from rollouts.kube import resources as kinds
from rollouts.server.push import Push, Refused, canonical, concerns, read_push
from rollouts.server.refresh import Refresher
from rollouts.server.webhook import webhook_app
from tests.gitops.bench import AUTOMATED, CONFIG_MAP, Bench, application
from tests.gitops.repos import Repo

URL = "https://git.example.com/shop/gitops.git"
GITHUB = {"ref": "refs/heads/main", "repository": {"clone_url": URL, "default_branch": "main"}}
GITLAB = {"ref": "refs/heads/main", "project": {"git_http_url": URL, "default_branch": "main"}}
CLOUD = {
    "repository": {"links": {"html": {"href": URL}}},
    "push": {"changes": [{"new": {"name": "main"}}, {"new": None, "old": {"name": "gone"}}]},
}
SERVER = {
    "repository": {"links": {"clone": [{"href": URL}]}},
    "changes": [{"ref": {"id": "refs/heads/main"}}],
}


def signature(payload: Any, secret: str = "s3cret") -> str:
    return hmac.new(secret.encode(), json.dumps(payload).encode(), hashlib.sha256).hexdigest()


def read(headers: Mapping[str, str], payload: Any, **secrets: str) -> Push | None:
    keys = {f"webhook.{name}": value for name, value in secrets.items()}
    found = {key.replace("_", "."): value for key, value in keys.items()}
    return read_push(headers, json.dumps(payload).encode(), payload, found)


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"x-github-event": "push"}, GITHUB),
        ({"x-gogs-event": "push", "x-github-event": "push"}, GITHUB),
        ({"x-gitlab-event": "Push Hook"}, GITLAB),
        ({"x-hook-uuid": "u", "x-event-key": "repo:push"}, CLOUD),
        ({"x-event-key": "repo:refs_changed"}, SERVER),
        ({}, {"repoURL": URL, "ref": "refs/heads/main"}),
    ],
)
def test_every_server_names_repository_and_branch(headers: Mapping[str, str], payload: Any) -> None:
    push = read(headers, payload)
    assert push is not None
    assert push.urls == (URL,)
    assert push.refs[0].removeprefix("refs/heads/") == "main"


@pytest.mark.parametrize(
    ("headers", "payload", "secret"),
    [
        (
            {"x-github-event": "push", "x-hub-signature-256": f"sha256={signature(GITHUB)}"},
            GITHUB,
            "github_secret",
        ),
        ({"x-gogs-event": "push", "x-gogs-signature": signature(GITHUB)}, GITHUB, "gogs_secret"),
        ({"x-gitlab-event": "Push Hook", "x-gitlab-token": "s3cret"}, GITLAB, "gitlab_secret"),
        ({"x-hook-uuid": "s3cret"}, CLOUD, "bitbucket_uuid"),
        (
            {"x-event-key": "repo:refs_changed", "x-hub-signature": f"sha256={signature(SERVER)}"},
            SERVER,
            "bitbucketserver_secret",
        ),
    ],
)
def test_where_a_secret_is_set_a_wrong_signature_is_refused(
    headers: Mapping[str, str], payload: Any, secret: str
) -> None:
    assert read(headers, payload, **{secret: "s3cret"}) is not None
    with pytest.raises(Refused) as refused:
        read(headers, payload, **{secret: "another"})
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({}, []),
        ({}, {}),
        ({"x-github-event": "push"}, {"ref": "x"}),
        ({"x-github-event": "issues"}, GITHUB),
        ({"x-vss-activityid": "1"}, GITHUB),
        ({"x-gitlab-event": "Push Hook"}, {"project": {}}),
    ],
)
def test_what_is_no_push_is_refused(headers: Mapping[str, str], payload: Any) -> None:
    with pytest.raises(Refused) as refused:
        read(headers, payload)
    assert refused.value.status == 400


def test_a_ping_is_answered_and_nothing_else() -> None:
    assert read({"x-github-event": "ping"}, {"zen": "x"}) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/shop/gitops",
        "https://user@git.example.com:8443/shop/gitops.git/",
        "git@git.example.com:shop/gitops.git",
        "ssh://git@ssh.git.example.com:443/shop/gitops.git",
        "HTTPS://GIT.example.com/Shop/GitOps.git",
    ],
)
def test_spellings_of_one_repository_are_one(url: str) -> None:
    assert canonical(url) == canonical(URL)


@pytest.mark.parametrize(
    ("target", "refs", "hit"),
    [
        ("main", ("refs/heads/main",), True),
        ("refs/heads/main", ("main",), True),
        ("HEAD", ("refs/heads/main",), True),
        ("", ("refs/heads/main",), True),
        ("HEAD", ("refs/heads/other",), False),
        ("main", ("refs/heads/other",), False),
        ("v1", ("refs/tags/v1",), True),
        ("main", (), True),
    ],
)
def test_only_what_follows_the_branch_is_concerned(target: str, refs: tuple[str, ...], hit: bool) -> None:
    push = Push(urls=(URL,), refs=refs, default_branch="main")
    source = {"repoURL": URL, "targetRevision": target}
    assert concerns(push, {"source": source}) is hit
    assert not concerns(push, {"source": {**source, "repoURL": "https://elsewhere/x"}})


async def test_it_answers_at_once_and_acts_afterwards() -> None:
    pushes: list[Push] = []

    async def on_push(push: Push) -> None:
        pushes.append(push)
        if len(pushes) == 1:
            raise Unavailable("the API server is down")

    async with TestClient(TestServer(webhook_app(on_push))) as client:
        for _ in range(2):
            answer = await client.post("/api/webhook", json={"repoURL": URL})
            assert answer.status == 200
        assert (await client.post("/api/webhook", data=b"{")).status == 400
        assert (await client.post("/api/webhook", data=io.BytesIO(b"x" * (11 << 20)))).status == 413
        assert (await client.get("/api/webhook")).status == 405
    assert len(pushes) == 2


async def test_a_push_has_only_the_applications_concerned_looked_at(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "git")
    repo.commit({"shop/config.yaml": CONFIG_MAP})
    bench = Bench(tmp_path)
    other = application("https://elsewhere/x", name="other")
    await bench.start(application(repo.url, **AUTOMATED), other)
    await bench.settle()
    head = repo.commit({"shop/config.yaml": CONFIG_MAP.replace("blue", "red")})
    await bench.look()
    refresher = Refresher(bench.client, bench.store, "rollouts-system")
    await refresher.on_push(Push(urls=(repo.url,), refs=("refs/heads/main",)))
    assert "annotations" not in (await bench.app("other"))["metadata"]
    app = await bench.settle()
    assert app["status"]["sync"] | {"status": "Synced", "revision": head} == app["status"]["sync"]


async def test_the_secrets_are_those_of_argocd_secret(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    refresher = Refresher(bench.client, bench.store, "rollouts-system")
    assert await refresher.secrets() == {}
    secret = {
        "metadata": {"name": "argocd-secret"},
        "data": {"webhook.github.secret": "eA==", "admin": "eA=="},
    }
    await bench.client.create(kinds.SECRETS, secret, "rollouts-system")
    assert await refresher.secrets() == {"webhook.github.secret": "x"}


_LINKS: list[Any] = [5, "x", ["x"], {"html": "x"}, {"clone": ["x"]}, {"clone": 5}]


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        *(({"x-hook-uuid": "u"}, CLOUD | {"repository": {"links": links}}) for links in _LINKS),
        *(
            ({"x-hook-uuid": "u"}, CLOUD | {"push": {"changes": changes}})
            for changes in (5, ["x"], [{"new": 5}])
        ),
        ({"x-hook-uuid": "u"}, CLOUD | {"repository": CLOUD["repository"] | {"mainbranch": "x"}}),
        *(({"x-event-key": "e"}, SERVER | {"repository": {"links": links}}) for links in _LINKS),
        *(({"x-event-key": "e"}, SERVER | {"changes": changes}) for changes in (5, ["x"], [{"ref": "x"}])),
        ({}, {"repoURL": "https://[bad"}),
        ({}, {"repoURL": "https://[::1/x", "ref": 5}),
    ],
)
async def test_a_payload_of_another_shape_harms_nobody(headers: Mapping[str, str], payload: Any) -> None:
    """It is answered, and the pushes after it are acted on."""
    bodies = []

    async def on_push(push: Push) -> None:
        concerns(push, {"source": {"repoURL": URL}})
        bodies.append(push)

    async with TestClient(TestServer(webhook_app(on_push))) as client:
        answer = await client.post("/api/webhook", json=payload, headers=headers)
        assert answer.status in (200, 400)
        assert (await client.post("/api/webhook", json={"repoURL": URL})).status == 200
        for _ in range(100):
            await asyncio.sleep(0)
            if bodies and bodies[-1].urls == (URL,):
                break
        assert bodies[-1].urls == (URL,)


async def test_a_payload_nested_without_end_is_refused() -> None:
    async def on_push(push: Push) -> None:
        pytest.fail("there is no push")

    async with TestClient(TestServer(webhook_app(on_push))) as client:
        body = b"[" * 1_000_000
        assert (await client.post("/api/webhook", data=body)).status == 400


async def test_a_signature_that_is_not_text_is_wrong() -> None:
    with pytest.raises(Refused):
        read({"x-gitlab-event": "push", "x-gitlab-token": "\udcff"}, GITLAB, **{"gitlab.secret": "s3cret"})
    with pytest.raises(Refused):
        read(
            {"x-github-event": "push", "x-hub-signature-256": "sha256=\udcff"},
            GITHUB,
            **{"github.secret": "s"},
        )


async def test_a_flood_of_requests_does_not_become_a_flood_of_reads_of_the_secret() -> None:
    reads = []

    async def secrets() -> Mapping[str, str]:
        reads.append(1)
        return {}

    async def on_push(push: Push) -> None:
        return

    async with TestClient(TestServer(webhook_app(on_push, secrets))) as client:
        for _ in range(30):
            await client.post("/api/webhook", json={"repoURL": URL})
    assert len(reads) <= 2
