"""Repositories made to harm: what they try is refused with a sentence, and nothing of it happens."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from rollouts.api.application_source import ApplicationSource
from rollouts.api.errors import InvalidSpec
from rollouts.gitops.render import Rendered, render
from rollouts.gitops.repository import Repositories
from tests.gitops.bench import CONFIG_MAP
from tests.gitops.repos import Repo, git


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "git")
    made.commit({"shop/config.yaml": CONFIG_MAP})
    return made


async def rendered(tmp_path: Path, repo: Repo, **source: Any) -> Rendered:
    commit = await Repositories(tmp_path / "cache").fetch(repo.url, repo.head())
    spec = ApplicationSource(repo_url=repo.url, **{"path": "shop", **source})
    return await render(commit, spec, application="shop", namespace="shop")


def stored(repo: Repo, kind: str, content: bytes) -> str:
    """An object that git itself would not make."""
    done = subprocess.run(
        ["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"],
        cwd=repo.bare,
        input=content,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def tree(repo: Repo, *entries: tuple[str, str, str]) -> str:
    return stored(
        repo,
        "tree",
        b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries),
    )


@pytest.mark.parametrize("name", ["..", "../../out", ".", ".git"])
async def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(
    tmp_path: Path, repo: Repo, name: str
) -> None:
    secret = stored(repo, "blob", b"x")
    kustomization = stored(repo, "blob", b"configMapGenerator: [{name: x, literals: [a=b]}]\n")
    inner = tree(repo, ("100644", "written", secret))
    shop = tree(repo, ("40000", name, inner), ("100644", "kustomization.yaml", kustomization))
    commit = git(repo.bare, "commit-tree", tree(repo, ("40000", "shop", shop)), "-m", "x")
    git(repo.bare, "update-ref", "refs/heads/main", commit)
    with pytest.raises(InvalidSpec, match=r'"shop" holds an entry named "'):
        await rendered(tmp_path, repo)
    assert not [*tmp_path.rglob("written")]
