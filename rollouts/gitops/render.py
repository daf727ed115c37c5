"""From a source to objects: finds the tool that a folder asks for, and runs it."""

import asyncio
import posixpath
from dataclasses import dataclass
from typing import Literal

import pygit2

from rollouts.api.application_source import (
    ApplicationSource,
    ApplicationSourceDirectory,
    ApplicationSourceKustomize,
)
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.gitops import directory, kustomize
from rollouts.gitops.lint import lint
from rollouts.gitops.mirror import DamagedMirror
from rollouts.gitops.repository import Commit
from rollouts.gitops.tree import Tree

SourceType = Literal["Kustomize", "Directory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What Git says."""

    revision: str
    """The commit."""
    type: SourceType
    objects: tuple[Object, ...]
    warnings: tuple[str, ...] = ()
    """What builds, and yet cannot be meant."""


def check(source: ApplicationSource) -> None:
    """Refuse a source of a kind that is not rendered.

    Raises:
        InvalidSpec: names the field.
    """
    if source.chart or source.helm is not None:
        field = "chart" if source.chart else "helm"
        raise InvalidSpec(
            f".spec.source.{field}",
            "Helm charts are not supported yet; commit the rendered manifests",
            source.chart,
        )
    if source.plugin is not None:
        raise InvalidSpec(".spec.source.plugin", "config management plugins are not supported yet")
    if source.ref:
        raise InvalidSpec(
            ".spec.source.ref", "only has a meaning with Helm, which is not supported yet", source.ref
        )
    if source.kustomize is not None and source.directory is not None:
        raise InvalidSpec(".spec.source", "kustomize and directory exclude each other; keep one")


async def render(
    commit: Commit, source: ApplicationSource, *, application: str, namespace: str, timeout: float = 60.0
) -> Rendered:
    """Render the manifests of a source at a commit.

    Args:
        commit: the commit, in a mirror.
        source: the folder and how to render it.
        application: the name of the Application.
        namespace: where objects without a namespace of their own go.
        timeout: seconds that a build may take.

    Raises:
        InvalidSpec: the folder does not render; names it and the cause.
        Unavailable: the mirror is damaged or the build took too long.
    """
    check(source)
    try:
        return await _render(commit, source, application, namespace, timeout)
    except pygit2.GitError as error:
        raise DamagedMirror(f"{source.repo_url} at {commit.sha[:7]} cannot be read: {error}") from error


async def _render(
    commit: Commit, source: ApplicationSource, application: str, namespace: str, timeout: float
) -> Rendered:
    tree = await asyncio.to_thread(Tree.open, commit.git_dir, commit.sha)
    path = await asyncio.to_thread(tree.folder, source.path)
    type_ = _detect(tree, path, source)
    if type_ == "Kustomize":
        options = source.kustomize or ApplicationSourceKustomize()
        variables = _variables(commit, source, application, namespace)
        objects = await kustomize.render(tree, path, options, variables, scratch=commit.work, timeout=timeout)
    else:
        plain = source.directory or ApplicationSourceDirectory()
        objects = await asyncio.to_thread(directory.render, tree, path, plain)
    warnings = await asyncio.to_thread(_warnings, tree, path, objects, namespace)
    return Rendered(revision=commit.sha, type=type_, objects=objects, warnings=warnings)


def _detect(tree: Tree, path: str, source: ApplicationSource) -> SourceType:
    """A kustomization is Kustomize, all else a plain folder; options in the spec decide first."""
    if source.directory is not None and source.directory != ApplicationSourceDirectory():
        return "Directory"
    if kustomize.kustomization(tree, path):
        return "Kustomize"
    if source.kustomize is not None and source.kustomize != ApplicationSourceKustomize():
        raise InvalidSpec(
            ".spec.source.kustomize",
            f'"{path or "."}" holds no kustomization.yaml, kustomization.yml or Kustomization',
        )
    if tree.is_file(posixpath.join(path, "Chart.yaml")):
        raise InvalidSpec(
            ".spec.source.path",
            f'"{path or "."}" is a Helm chart, which is not supported yet; commit the rendered manifests',
            path,
        )
    return "Directory"


def _warnings(tree: Tree, path: str, objects: tuple[Object, ...], namespace: str) -> tuple[str, ...]:
    strays = [
        file for file in tree.files(path, recurse=False) if posixpath.basename(file.path) == "kustomize"
    ]
    return lint(objects, namespace, {file.path: tree.read(file) for file in strays})


def _variables(commit: Commit, source: ApplicationSource, application: str, namespace: str) -> dict[str, str]:
    return {
        "ARGOCD_APP_NAME": application,
        "ARGOCD_APP_NAMESPACE": namespace,
        "ARGOCD_APP_REVISION": commit.sha,
        "ARGOCD_APP_REVISION_SHORT": commit.sha[:7],
        "ARGOCD_APP_REVISION_SHORT_8": commit.sha[:8],
        "ARGOCD_APP_SOURCE_PATH": source.path,
        "ARGOCD_APP_SOURCE_REPO_URL": source.repo_url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
    }
