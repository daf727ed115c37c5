"""Repositories made to harm: what they try is refused with a sentence, and nothing of it happens."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.application_source import ApplicationSource
from rollouts.api.application_source import ApplicationSourceKustomize as Kustomize
from rollouts.api.errors import InvalidSpec
from rollouts.controller.application_report import summary
from rollouts.gitops.lint import lint
from rollouts.gitops.manifests import objects
from rollouts.gitops.plan import compare, prepare
from rollouts.gitops.render import Rendered, render
from rollouts.gitops.repository import Repositories
from rollouts.gitops.shape import SHAPES
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


def manifest(kind: str, spec: str, version: str = "v1", metadata: str = "name: x") -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {spec}\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (manifest("ConfigMap", "{}", metadata="name: x, labels: [a]"), ".metadata.labels: must be a mapping"),
        (manifest("ConfigMap", "{}", metadata="name: x, annotations: a"), ".metadata.annotations: must be"),
        (
            manifest("ConfigMap", "{}", metadata="name: x, namespace: 5"),
            ".metadata.namespace: .5. must be text",
        ),
        (
            manifest("ConfigMap", "{}", metadata="name: x, namespace: a/b"),
            ".metadata.namespace: .a/b. cannot be",
        ),
        (manifest("ConfigMap", "{}", metadata="name: ../../x"), ".metadata.name: .*cannot be the name"),
        (manifest("ConfigMap", "{}", metadata="name: .."), " .metadata.name: .*cannot be the name"),
        (manifest("ConfigMap", "{}", version="../api/v1"), ".apiVersion: .../api/v1. is none"),
        (manifest("ConfigMap", "{}", version="a/b/c"), ".apiVersion: .a/b/c. is none"),
        (manifest("X/Y", "{}"), ".kind: .X/Y. is none"),
        (manifest("Service", "{selector: abc}"), "Service/x .spec.selector: must be a mapping"),
        (manifest("Service", "{selector: {a: 1}}"), ".spec.selector.a: .1. must be text"),
        (manifest("Service", "{ports: [a]}"), r".spec.ports\[0\]: must be a mapping"),
        (manifest("Service", "[a]"), ".spec: must be a mapping"),
        (manifest("Ingress", "{rules: [a]}", "networking.k8s.io/v1"), r".spec.rules\[0\]: must be a mapping"),
        (manifest("Ingress", "{rules: 5}", "networking.k8s.io/v1"), ".spec.rules: must be a list"),
        (
            manifest("Ingress", "{rules: [{http: {paths: [{backend: {service: {port: 80}}}]}}]}", "a.b/v1"),
            r"paths\[0\].backend.service.port: must be a mapping",
        ),
        (manifest("Deployment", "{template: a}", "apps/v1"), ".spec.template: must be a mapping"),
        (
            manifest("Deployment", "{template: {spec: {containers: [a]}}}", "apps/v1"),
            r".containers\[0\]: must be a mapping",
        ),
        (
            manifest("Rollout", "{strategy: canary}", "argoproj.io/v1alpha1"),
            ".spec.strategy: must be a mapping",
        ),
        (
            manifest("Rollout", "{strategy: {canary: {stableService: [a]}}}", "argoproj.io/v1alpha1"),
            "stableService: .* must be text",
        ),
    ],
)
async def test_a_manifest_of_another_shape_is_refused_by_object_and_field(
    tmp_path: Path, repo: Repo, text: str, field: str
) -> None:
    repo.commit({"shop/bad.yaml": text})
    with pytest.raises(InvalidSpec, match=rf"shop/bad.yaml \(document 1\).*{field}"):
        await rendered(tmp_path, repo)


@given(
    kind=st.sampled_from(
        ["Service", "Ingress", "HTTPRoute", "Rollout", "Deployment", "Job", "Pod", "HorizontalPodAutoscaler"]
    ),
    data=st.data(),
)
def test_whatever_is_not_refused_can_be_looked_into(kind: str, data: st.DataObject) -> None:
    """Lint, ownership and report never trip over the shape of a manifest."""
    path = data.draw(st.sampled_from(SHAPES[kind])).replace("[]", "").replace("[*]", "").split(".")
    junk = data.draw(
        st.sampled_from(["a", 5, ["a"], [["a"]], {"a": "b"}, [{"a": "b"}], [{}], {}, None, True])
    )
    depth = data.draw(st.integers(1, len(path)))
    value: Any = junk
    for name in reversed(path[:depth]):
        value = {name: value} if data.draw(st.booleans()) or name == "spec" else {name: [value]}
    obj = {"apiVersion": "a.b/v1", "kind": kind, "metadata": {"name": "x"}, **value}
    if kind == "Rollout":
        obj["apiVersion"] = "argoproj.io/v1alpha1"
    try:
        found = objects(json.dumps(obj).encode(), "x")
    except InvalidSpec:
        return
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"a": "b"}},
    }
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"replicas": 1},
    }
    all_ = (*found, service, workload)
    lint(all_, "shop", {})
    ready = prepare("shop", all_, "shop", lambda _: True)
    comparison = compare("shop", ready.objects, dict(ready.objects))
    summary(comparison)


def test_a_folder_full_of_mistakes_does_not_make_a_status_too_large_to_write() -> None:
    many = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}", "namespace": "${USER}"}}
        for number in range(5000)
    ]
    found = lint(tuple(many), "shop", {})
    assert len(found) == 21
    assert found[-1] == "There are 4980 more warnings of this kind; they show once these are mended."
    service = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x" * 200, "namespace": "${A}" * 5000},
    }
    assert len(lint((service,), "shop", {})[0]) < 700


REMOTE = "http://127.0.0.1:9/x"


@pytest.mark.parametrize(
    "text",
    [
        f"configMapGenerator: [{{name: x, files: ['a={REMOTE}']}}]",
        f"configMapGenerator: [{{name: x, files: ['{REMOTE}']}}]",
        f"configMapGenerator: [{{name: x, envs: ['HTTPS{REMOTE[4:]}']}}]",
        f"configMapGenerator: [{{name: x, env: '{REMOTE}'}}]",
        f"secretGenerator: [{{name: x, files: ['{REMOTE}']}}]",
        f"resources: [config.yaml]\npatches: [{{path: '{REMOTE}'}}]",
        f"resources: [config.yaml]\npatchesStrategicMerge: ['{REMOTE}']",
        f"resources: [config.yaml]\npatchesJson6902: [{{path: '{REMOTE}', target: {{kind: ConfigMap}}}}]",
        f"resources: [config.yaml]\nreplacements: [{{path: '{REMOTE}'}}]",
        f"resources: [config.yaml]\nopenapi: {{path: '{REMOTE}'}}",
        f"resources: [config.yaml]\ncrds: ['{REMOTE}']",
        f"resources: [config.yaml]\nconfigurations: ['{REMOTE}']",
        "resources: [config.yaml]\ntransformers: [remote.yaml]",
        "resources: [config.yaml]\nvalidators: [remote.yaml]",
        "generators: [remote.yaml]",
        f'transformers: ["apiVersion: builtin\\nkind: PatchTransformer\\npath: {REMOTE}\\n"]',
    ],
)
async def test_nothing_of_a_kustomization_is_fetched_over_http(tmp_path: Path, repo: Repo, text: str) -> None:
    transformer = f"apiVersion: builtin\nkind: PatchTransformer\nmetadata: {{name: x}}\npath: '{REMOTE}'\n"
    repo.commit(
        {
            "kus/kustomization.yaml": text,
            "kus/config.yaml": CONFIG_MAP,
            "kus/remote.yaml": transformer,
            "kus/folder/kustomization.yaml": "resources: [remote.yaml]",
            "kus/folder/remote.yaml": transformer,
        }
    )
    with pytest.raises(InvalidSpec, match=r'".*//127.0.0.1:9/x" is remote, and only what the repository'):
        await rendered(tmp_path, repo, path="kus")


async def test_addresses_that_are_data_are_no_reason_to_refuse(tmp_path: Path, repo: Repo) -> None:
    text = (
        "resources: [config.yaml]\n"
        f"commonAnnotations: {{home: '{REMOTE}'}}\n"
        f"configMapGenerator: [{{name: x, literals: ['url={REMOTE}']}}]\n"
        "patches:\n- target: {kind: ConfigMap}\n"
        f'  patch: \'[{{"op": "add", "path": "/data/u", "value": "{REMOTE}"}}]\'\n'
    )
    repo.commit({"kus/kustomization.yaml": text, "kus/config.yaml": CONFIG_MAP})
    assert len((await rendered(tmp_path, repo, path="kus")).objects) == 2


async def test_a_bomb_in_a_resource_of_a_kustomization_is_refused_before_it_goes_off(
    tmp_path: Path, repo: Repo
) -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in pairwise("abcdefghij")]
    repo.commit({"kus/kustomization.yaml": "resources: [bomb.yaml]", "kus/bomb.yaml": "\n".join(lines)})
    with pytest.raises(InvalidSpec, match=r"kus/bomb.yaml: expands to more than"):
        await rendered(tmp_path, repo, path="kus")


async def test_folders_that_a_kustomization_gathers_count_together(
    tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollouts.gitops.kustomize.LARGEST_TOTAL", 3000)
    files = {f"part{number}/data": str(number) * 1000 for number in range(4)}
    files |= {f"part{number}/kustomization.yaml": "{}" for number in range(4)}
    files["kus/kustomization.yaml"] = "resources: [../part0, ../part1, ../part2, ../part3]"
    repo.commit(files)
    with pytest.raises(InvalidSpec, match=r'"kus" gathers more than'):
        await rendered(tmp_path, repo, path="kus")


async def test_a_folder_of_transformers_is_refused_by_name(tmp_path: Path, repo: Repo) -> None:
    text = "resources: [config.yaml]\ntransformers: [folder]"
    repo.commit({"kus/kustomization.yaml": text, "kus/config.yaml": CONFIG_MAP, "kus/folder/a.yaml": "{}"})
    with pytest.raises(
        InvalidSpec, match=r'.transformers\[0\]: "folder" is a folder, which is not supported'
    ):
        await rendered(tmp_path, repo, path="kus")


async def test_the_patches_of_an_application_are_no_way_to_fetch_either(tmp_path: Path, repo: Repo) -> None:
    repo.commit({"kus/kustomization.yaml": "resources: [config.yaml]", "kus/config.yaml": CONFIG_MAP})
    with pytest.raises(
        InvalidSpec, match=r"Application .spec.source.kustomize.patches\[0\].path: .* is remote"
    ):
        await rendered(tmp_path, repo, path="kus", kustomize=Kustomize(patches=[{"path": REMOTE}]))


async def test_components_of_an_application_may_lie_beside_its_folder_and_not_outside_the_repository(
    tmp_path: Path, repo: Repo
) -> None:
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n"
    repo.commit(
        {
            "kus/kustomization.yaml": "resources: [config.yaml]",
            "kus/config.yaml": CONFIG_MAP,
            "extra/kustomization.yaml": component,
        }
    )
    found = await rendered(tmp_path, repo, path="kus", kustomize=Kustomize(components=["../extra"]))
    assert found.objects[0]["metadata"]["name"].endswith("-c")
    with pytest.raises(InvalidSpec, match=r"components\[0\]: .* leads out of the repository"):
        await rendered(tmp_path, repo, path="kus", kustomize=Kustomize(components=["../../../../etc"]))
