"""Repositories on a real git: what resolves, what is refused, and what never shows."""

import asyncio
import base64
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from rollouts.api.application_source import ApplicationSource, ApplicationSourceDirectory
from rollouts.api.application_source import ApplicationSourceKustomize as Kustomize
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.gitops import process
from rollouts.gitops.credentials import NONE, Credentials, environment, find
from rollouts.gitops.manifests import parse
from rollouts.gitops.render import Rendered, render
from rollouts.gitops.repository import Repositories, check_url
from rollouts.gitops.tree import Tree
from tests.gitops.bench import CONFIG_MAP, rollout
from tests.gitops.repos import Repo, git

Object = dict[str, Any]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "git")
    made.commit({"shop/config.yaml": CONFIG_MAP})
    return made


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "cache")


async def rendered(repositories: Repositories, repo: Repo, **source: Any) -> Rendered:
    commit = await repositories.fetch(repo.url, repo.head())
    spec = ApplicationSource(repo_url=repo.url, **{"path": "shop", **source})
    return await render(commit, spec, application="shop", namespace="shop")


async def test_branches_tags_commits_and_head_resolve(repositories: Repositories, repo: Repo) -> None:
    first = repo.head()
    git(repo.clone, "tag", "-a", "v1", "-m", "v1")
    git(repo.clone, "push", "-q", "origin", "v1")
    second = repo.commit({"x": "y"})
    resolve = repositories.resolve
    assert await resolve(repo.url, "main") == await resolve(repo.url, "HEAD") == second
    assert await resolve(repo.url, "") == await resolve(repo.url, "refs/heads/main") == second
    assert await resolve(repo.url, "v1") == first  # the commit, and not the tag object
    assert await resolve(repo.url, first) == await resolve(repo.url, first[:8]) == first


async def test_fetches_at_the_same_time_become_one(
    repositories: Repositories, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches = []
    run = process.run

    async def counting(arguments: list[str], **options: Any) -> process.Finished:
        fetches.extend(argument for argument in arguments if argument == "fetch")
        return await run(arguments, **options)

    monkeypatch.setattr(process, "run", counting)
    head = repo.head()
    await asyncio.gather(*(repositories.fetch(repo.url, head) for _ in range(5)))
    assert fetches == ["fetch"]


async def test_a_commit_that_nobody_has_is_named(repositories: Repositories, repo: Repo) -> None:
    with pytest.raises(InvalidSpec, match=r"has no commit f{40}"):
        await repositories.fetch(repo.url, "f" * 40)


async def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "c", timeout=0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"git ls-remote: no end after 0\.5 s"):
            await repositories.resolve(f"git://127.0.0.1:{port}/x", "main")
        assert time.monotonic() - began < 10


async def test_the_loop_goes_on_while_git_works(repositories: Repositories, repo: Repo) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(tick())
    await repositories.resolve(repo.url, "main")
    task.cancel()
    assert ticks > 10


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=x",
        "--upload-pack=x",
        "ext::sh -c x",
        "http://example.com/x",
        "/etc",
        "https://u:secret@example.com/x",
        "ssh://-oProxyCommand=x/y",
        "file:///a b",
    ],
)
def test_a_url_that_git_could_misunderstand_is_refused(url: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        check_url(url)
    assert refused.value.field == ".spec.source.repoURL"
    assert "secret@" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["git@github.com:a/b.git", "ssh://git@h:2222/a", "https://h/a.git", "file:///a"]
)
def test_usual_urls_are_taken(url: str) -> None:
    check_url(url)


def secret(kind: str, **data: str) -> Object:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    labels = {"argocd.argoproj.io/secret-type": kind}
    name = data["url"].rpartition("/")[2] or "x"
    return {"metadata": {"name": name, "namespace": "system", "labels": labels}, "data": encoded}


def test_a_repositorys_own_secret_comes_before_the_longest_prefix() -> None:
    secrets = [
        secret("repo-creds", url="https://h/", username="short", password="p"),
        secret("repo-creds", url="https://h/team", username="long", password="p"),
        secret("repository", url="https://h/team/shop.git", username="own", password="p"),
        secret("repository", url="https://h/team/web", username="project", password="p", project="other"),
    ]
    urls = ("https://h/team/shop", "https://h/team/web", "https://h/x", "https://elsewhere/x")
    assert [find(secrets, url).username for url in urls] == ["own", "long", "short", ""]
    assert find(secrets, "https://h/team/web", "other").username == "project"


def test_a_secret_that_asks_for_more_is_refused_by_key() -> None:
    with pytest.raises(InvalidSpec, match=r"Secret system/x \.data\.proxy: is not supported yet"):
        find([secret("repository", url="https://h/x", proxy="http://p")], "https://h/x")


def test_a_password_is_in_the_environment_and_nowhere_else() -> None:
    credentials = Credentials(username="ann", password="hunter2")
    assert "hunter2" not in repr(credentials)
    env = environment(credentials, "https://h/x")
    header = base64.b64encode(b"ann:hunter2").decode()
    assert f"Authorization: Basic {header}" in env.values()
    assert "http.https://h/x.extraHeader" in env.values()
    assert not any("Authorization" in value for value in environment(credentials, "git://h/x").values())
    assert credentials.hide("fatal: hunter2 is wrong") == "fatal: *** is wrong"


async def test_an_ssh_key_is_a_private_file_and_gone_afterwards(tmp_path: Path) -> None:
    fake = tmp_path / "git"
    fake.write_text(
        "#!/bin/sh\n"
        'for w in $GIT_SSH_COMMAND; do case $w in */keys/*) stat -c %a "$w" >&2; esac; done\n'
        "exit 1\n"
    )
    fake.chmod(0o755)
    repositories = Repositories(tmp_path / "cache", git=str(fake))
    key = Credentials(secret="system/shop", ssh_private_key="PRIVATE")
    with pytest.raises(Unavailable, match=r"600 \(with the credentials of Secret system/shop\)"):
        await repositories.resolve("git@h:a/b", "main", key)
    assert [*(tmp_path / "cache" / "keys").iterdir()] == []


async def test_a_directory_reads_what_its_globs_say(repositories: Repositories, repo: Repo) -> None:
    other = CONFIG_MAP.replace("settings", "other")
    repo.commit({"shop/deep/other.yaml": other, "shop/skip.yml": CONFIG_MAP, "shop/notes.txt": "x"})
    plain = ApplicationSourceDirectory(recurse=True, include="{*other*,config.yaml}", exclude="skip*")
    found = await rendered(repositories, repo, directory=plain)
    assert found.type == "Directory"
    assert [obj["metadata"]["name"] for obj in found.objects] == ["settings", "other"]


async def test_a_kustomization_with_a_base_beside_it_and_options(
    repositories: Repositories, repo: Repo
) -> None:
    repo.commit(
        {
            "base/kustomization.yaml": "resources: [rollout.yaml]\n",
            "base/rollout.yaml": rollout("1"),
            "shop/kustomization.yaml": "resources: [../base, config.yaml]\nnamePrefix: old-\n",
        }
    )
    options = Kustomize(
        name_prefix="my-",
        images=("web=registry/web:2",),
        common_annotations={"by": "${ARGOCD_APP_NAME}"},
        common_annotations_envsubst=True,
        namespace="there",
    )
    found = await rendered(repositories, repo, kustomize=options)
    assert found.type == "Kustomize"
    by_kind = {obj["kind"]: obj for obj in found.objects}
    assert by_kind["ConfigMap"]["metadata"]["name"] == "my-settings"
    web = by_kind["Rollout"]
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "registry/web:2"
    assert web["metadata"]["annotations"] == {"by": "shop"}
    assert web["metadata"]["namespace"] == "there"


async def test_a_label_that_is_there_already_is_not_replaced_unasked(
    repositories: Repositories, repo: Repo
) -> None:
    repo.commit({"shop/kustomization.yaml": "resources: [config.yaml]\ncommonLabels: {team: a}\n"})
    with pytest.raises(InvalidSpec, match="set forceCommonLabels to replace it"):
        await rendered(repositories, repo, kustomize=Kustomize(common_labels={"team": "b"}))
    forced = Kustomize(common_labels={"team": "b"}, force_common_labels=True)
    (found,) = (await rendered(repositories, repo, kustomize=forced)).objects
    assert found["metadata"]["labels"] == {"team": "b"}


async def test_links_inside_the_tree_are_followed_and_loops_end(
    repositories: Repositories, repo: Repo
) -> None:
    (repo.clone / "app").mkdir()
    (repo.clone / "app" / "linked.yaml").symlink_to("../shop/config.yaml")
    repo.commit()
    assert len((await rendered(repositories, repo, path="app")).objects) == 1
    (repo.clone / "app" / "up").symlink_to(".")
    repo.commit()
    with pytest.raises(InvalidSpec, match="is a link to a folder that holds it"):
        await rendered(repositories, repo, path="app", directory=ApplicationSourceDirectory(recurse=True))


async def test_a_submodule_is_named(repositories: Repositories, repo: Repo) -> None:
    git(repo.clone, "update-index", "--add", "--cacheinfo", f"160000,{repo.head()},shop/module")
    git(repo.clone, "commit", "-q", "-m", "x")
    git(repo.clone, "push", "-q", "origin", "main")
    with pytest.raises(InvalidSpec, match='"shop/module" is a submodule'):
        await rendered(repositories, repo)


async def test_nothing_is_read_twice_from_a_mirror_that_is_damaged(
    repositories: Repositories, repo: Repo
) -> None:
    commit = await repositories.fetch(repo.url, repo.head())
    with pytest.raises(Unavailable, match="cannot be read"):
        Tree.open(commit.git_dir, "0" * 40)
    await repositories.forget(repo.url)
    again = await repositories.fetch(repo.url, repo.head(), NONE)
    assert Tree.open(again.git_dir, again.sha).is_folder("shop")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", 1000.0),
        ("010", 8),
        ("1.1.0", "1.1.0"),
        ("=", "="),
        ("0x1F", 31),
        ("-5", -5),
        ("1.5", 1.5),
        ("~", None),
        (".", "."),
    ],
)
def test_yaml_is_typed_as_kubernetes_types_it(text: str, value: object) -> None:
    ((found,),) = (parse(f"- {text}".encode(), "f"),)
    assert found == [value]
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\na: 2\n", 'line 2: the key "a" appears twice'),
        ("a: &a [*a]\n", "expands to more than"),
        ("[" * 200 + "]" * 200, "nests deeper than 128 levels"),
        ("a: [", "is not YAML: line"),
        ("a: !!python/object:os.system x", "is not YAML"),
    ],
)
def test_yaml_that_does_harm_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(text.encode(), "f.yaml")
    assert why in str(refused.value)
    assert refused.value.field == "f.yaml"


async def test_a_damaged_mirror_inside_a_checkout_is_made_anew_and_the_checkout_stays(
    tmp_path: Path, repo: Repo
) -> None:
    mine = Repo(tmp_path / "mine")
    mine.commit({"x": "y"})
    git(mine.clone, "branch", "work")
    repositories = Repositories(mine.clone / ".rollouts" / "repositories")
    head = repo.head()
    commit = await repositories.fetch(repo.url, head)
    for path in commit.git_dir.iterdir():
        if path.name != "HEAD":
            path.rename(tmp_path / path.name)
    again = await repositories.fetch(repo.url, head)
    assert git(mine.clone, "branch", "--format=%(refname:short)").split() == ["main", "work"]
    assert git(again.git_dir, "cat-file", "-t", head) == "commit"


async def test_the_settings_of_a_checkout_around_the_cache_do_not_count(tmp_path: Path, repo: Repo) -> None:
    mine = Repo(tmp_path / "mine")
    git(mine.clone, "config", "url.file:///nowhere/.insteadOf", "file:///")
    repositories = Repositories(mine.clone / ".rollouts" / "repositories")
    assert await repositories.resolve(repo.url) == repo.head()


@pytest.mark.parametrize("lock", ["packed-refs.lock", "refs/heads/main.lock", "config.lock", "HEAD.lock"])
async def test_what_a_killed_fetch_left_behind_does_not_hold_the_next_one_up(
    tmp_path: Path, repo: Repo, lock: str
) -> None:
    repositories = Repositories(tmp_path / "cache")
    commit = await repositories.fetch(repo.url, repo.head())
    (commit.git_dir / lock).parent.mkdir(parents=True, exist_ok=True)
    (commit.git_dir / lock).touch()
    rest = commit.git_dir / "objects" / "pack" / "tmp_pack_abc"
    rest.write_bytes(b"x" * 100)
    age(rest, commit.git_dir / lock)
    git(repo.clone, "tag", "v1")
    git(repo.clone, "push", "-q", "origin", "v1")
    new = repo.commit({"x": "y"})
    await Repositories(tmp_path / "cache").fetch(repo.url, new)
    assert not rest.exists()


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (0, 0))


async def test_what_another_process_is_at_work_with_stays(tmp_path: Path, repo: Repo) -> None:
    repositories = Repositories(tmp_path / "cache")
    commit = await repositories.fetch(repo.url, repo.head())
    pack = commit.git_dir / "objects" / "pack" / "tmp_pack_abc"
    pack.touch()
    await repositories.fetch(repo.url, repo.commit({"x": "y"}))
    assert pack.exists()


async def test_private_keys_that_a_killed_controller_left_are_removed(tmp_path: Path, repo: Repo) -> None:
    left = tmp_path / "cache" / "keys" / "some-key"
    left.parent.mkdir(parents=True)
    left.write_text("secret")
    work = tmp_path / "cache" / "work" / "kustomize-abc"
    work.mkdir(parents=True)
    fresh = left.with_name("of-another-process")
    fresh.write_text("secret")
    age(left, work)
    await Repositories(tmp_path / "cache").resolve(repo.url)
    assert not left.exists()
    assert not work.exists()
    assert fresh.exists()


async def test_a_repository_that_one_secret_opened_stays_closed_to_whoever_has_none(
    tmp_path: Path, repo: Repo
) -> None:
    repositories = Repositories(tmp_path / "cache")
    opened = Credentials(secret="argocd/one", password="p")
    head = repo.head()
    await repositories.fetch(repo.url, head, opened)
    repo.bare.rename(repo.bare.parent / "gone")
    assert await repositories.fetch(repo.url, head, opened)
    with pytest.raises(Unavailable):
        await repositories.fetch(repo.url, head)


async def test_the_mirrors_of_other_repositories_are_no_repositories_to_follow(
    tmp_path: Path, repo: Repo
) -> None:
    repositories = Repositories(tmp_path / "cache")
    commit = await repositories.fetch(repo.url, repo.head())
    (tmp_path / "link").symlink_to(commit.git_dir)
    for url in (
        commit.git_dir.as_uri(),
        (tmp_path / "link").as_uri(),
        f"file://localhost{commit.git_dir}",
        commit.git_dir.as_uri().replace("mirrors", "%6dirrors"),
    ):
        with pytest.raises(InvalidSpec, match=r"\.spec\.source\.repoURL: .* is the engine's own"):
            await repositories.resolve(url)
        with pytest.raises(InvalidSpec, match="is the engine's own"):
            await repositories.fetch(url, repo.head())


@pytest.mark.parametrize("url", ["https://[bad", "https://[::1/x", "https:///x", "file://", "ssh://"])
def test_a_url_that_cannot_be_read_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidSpec, match=r"\.spec\.source\.repoURL"):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com.evil.example/shop.git",
        "https://git.example.com@evil.example/shop.git",
        "https://git.example.com:8443/shop.git",
    ],
)
def test_credentials_of_a_server_are_not_sent_to_one_whose_name_begins_alike(url: str) -> None:
    template = {
        "metadata": {
            "name": "t",
            "namespace": "argocd",
            "labels": {"argocd.argoproj.io/secret-type": "repo-creds"},
        },
        "stringData": {"url": "https://git.example.com", "password": "p"},
    }
    assert find([template], "https://git.example.com/shop.git").password == "p"
    assert find([template], url) == NONE
