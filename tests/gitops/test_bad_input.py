"""Bad input: a condition and an event name object, field, value and remedy, and other Applications go on."""

from pathlib import Path

import pytest

from rollouts.kube import resources as kinds
from rollouts.kube.errors import Forbidden
from tests.gitops.bench import AUTOMATED, CONFIG_MAP, SERVICE, SHOP, Bench, application, condition
from tests.gitops.repos import Repo, git

KUSTOMIZATION = "resources: [config.yaml]\n"
EXPRESS_INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: hello-world-express-ingress
spec:
  rules:
  - host: edu00-express.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: hello-express-svc, port: {number: 80}}}
"""
EXPRESS_SERVICE = SERVICE.replace("name: web", "name: hello-express-svc").replace(
    "port: 80\n", "port: 8080\n"
)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "git")
    made.commit({"good/config.yaml": CONFIG_MAP})
    return made


async def outcome(tmp_path: Path, repo: Repo, **changes: object) -> tuple[Bench, dict]:
    """What is said of the bad Application; the good one beside it must be Synced."""
    bench = Bench(tmp_path)
    bad = application(repo.url, name="bad", path="bad", **AUTOMATED)
    bad["spec"]["source"].update(changes)
    await bench.start(bad, application(repo.url, name="good", path="good", **AUTOMATED))
    await bench.settle("bad")
    good = await bench.settle("good")
    assert good["status"]["sync"]["status"] == "Synced"
    return bench, await bench.app("bad")


async def test_a_kustomization_that_does_not_build(tmp_path: Path, repo: Repo) -> None:
    broken = KUSTOMIZATION + "patches:\n- target: {kind: ConfigMap}\n  patch: '- op: nonsense'\n"
    repo.commit({"bad/kustomization.yaml": broken, "bad/config.yaml": CONFIG_MAP})
    bench, app = await outcome(tmp_path, repo)
    assert app["status"]["sync"]["status"] == "Unknown"
    assert 'the kustomization in "bad" does not build: ' in condition(app, "ComparisonError")
    assert ("Warning", "ComparisonError") in bench.said


async def test_a_kustomization_that_names_a_missing_file(tmp_path: Path, repo: Repo) -> None:
    repo.commit({"bad/kustomization.yaml": "resources: [gone.yaml]\n"})
    _, app = await outcome(tmp_path, repo)
    said = condition(app, "ComparisonError")
    assert 'bad/kustomization.yaml .resources[0]: there is no "bad/gone.yaml" in the repository' in said


async def test_a_remote_base(tmp_path: Path, repo: Repo) -> None:
    repo.commit({"bad/kustomization.yaml": "resources: ['https://example.com/base?ref=main']\n"})
    _, app = await outcome(tmp_path, repo)
    assert '"https://example.com/base?ref=main" is remote' in condition(app, "ComparisonError")


async def test_a_file_named_kustomize(tmp_path: Path, repo: Repo) -> None:
    repo.commit({"bad/kustomize": "kind: Kustomization\n", "bad/config.yaml": CONFIG_MAP})
    bench, app = await outcome(tmp_path, repo)
    assert app["status"]["sync"]["status"] == "Synced"
    said = condition(app, "ManifestWarning")
    assert '"bad/kustomize" looks like a kustomization' in said
    assert "Rename it." in said
    assert ("Warning", "ManifestWarning") in bench.said


async def test_a_variable_that_nobody_replaces(tmp_path: Path, repo: Repo) -> None:
    named = CONFIG_MAP.replace("  name: settings", "  name: settings\n  namespace: ${USER_IDENTITY}")
    repo.commit({"bad/config.yaml": named})
    _, app = await outcome(tmp_path, repo)
    said = condition(app, "ManifestWarning")
    assert 'ConfigMap settings .metadata.namespace: "${USER_IDENTITY}"' in said
    assert condition(app, "SyncError") or app["status"]["operationState"]["retryCount"]


async def test_an_ingress_that_points_at_a_port_its_service_lacks(tmp_path: Path, repo: Repo) -> None:
    repo.commit({"bad/ingress.yaml": EXPRESS_INGRESS, "bad/service.yaml": EXPRESS_SERVICE})
    _, app = await outcome(tmp_path, repo)
    said = condition(app, "ManifestWarning")
    assert "Ingress hello-world-express-ingress" in said
    assert "80 is no port of Service hello-express-svc, which has 8080" in said


async def test_a_repository_that_is_gone(tmp_path: Path, repo: Repo) -> None:
    url = (tmp_path / "nowhere.git").as_uri()
    bench, app = await outcome(tmp_path, repo, repoURL=url)
    assert url in condition(app, "ComparisonError")
    assert ("Warning", "ComparisonError") in bench.said


async def test_a_repository_that_goes_away_takes_nothing_with_it(tmp_path: Path, repo: Repo) -> None:
    bench = Bench(tmp_path)
    await bench.start(application(repo.url, path="good", **AUTOMATED))
    await bench.settle()
    repo.bare.rename(tmp_path / "elsewhere.git")
    app = await bench.poll()
    assert app["status"]["sync"]["status"] == "Unknown"
    assert [r["kind"] for r in app["status"]["resources"]] == ["ConfigMap"]
    assert await bench.client.get(kinds.CONFIG_MAPS, "settings", SHOP)
    (tmp_path / "elsewhere.git").rename(repo.bare)
    app = await bench.poll()
    assert app["status"]["sync"]["status"] == "Synced"
    assert "conditions" not in app["status"]


async def test_an_empty_repository(tmp_path: Path, repo: Repo) -> None:
    empty = tmp_path / "empty.git"
    git(tmp_path, "init", "-q", "--bare", str(empty))
    _, app = await outcome(tmp_path, repo, repoURL=empty.as_uri())
    assert "is empty; push a commit to it" in condition(app, "ComparisonError")


async def test_a_folder_that_is_not_there(tmp_path: Path, repo: Repo) -> None:
    _, app = await outcome(tmp_path, repo)
    assert '.spec.source.path: there is no folder "bad"' in condition(app, "ComparisonError")
    assert "beside it there are good" in condition(app, "ComparisonError")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
async def test_a_link_out_of_the_tree(tmp_path: Path, repo: Repo, target: str) -> None:
    (repo.clone / "bad").mkdir()
    (repo.clone / "bad" / "link.yaml").symlink_to(target)
    repo.commit()
    _, app = await outcome(tmp_path, repo)
    assert f'"bad/link.yaml" is a link to "{target}", out of the repository' in condition(
        app, "ComparisonError"
    )


async def test_a_file_of_200_megabytes_is_refused_unread(tmp_path: Path, repo: Repo) -> None:
    git(repo.clone, "config", "core.bigFileThreshold", "1m")  # git looks for no likeness in it
    git(repo.clone, "config", "core.compression", "1")
    (repo.clone / "bad").mkdir()
    with (repo.clone / "bad" / "dump.yaml").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    repo.commit()
    _, app = await outcome(tmp_path, repo)
    assert '"bad/dump.yaml" has 200 MB, and 10 MB are allowed' in condition(app, "ComparisonError")


async def test_a_yaml_bomb(tmp_path: Path, repo: Repo) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    repo.commit({"bad/bomb.yaml": "\n".join(lines)})
    _, app = await outcome(tmp_path, repo)
    assert "bad/bomb.yaml: expands to more than 1000000 values" in condition(app, "ComparisonError")


async def test_a_branch_named_like_an_option(tmp_path: Path, repo: Repo) -> None:
    bench, app = await outcome(tmp_path, repo, targetRevision="-x")
    assert '"-x" cannot be the name of a branch' in condition(app, "InvalidSpecError")
    assert ("Warning", "InvalidSpecError") in bench.said


async def test_a_branch_that_is_not_there(tmp_path: Path, repo: Repo) -> None:
    _, app = await outcome(tmp_path, repo, targetRevision="mian")
    said = condition(app, "ComparisonError")
    assert '"mian" is neither a branch nor a tag nor a commit' in said
    assert "its branches are main" in said


async def test_a_hook(tmp_path: Path, repo: Repo) -> None:
    hook = "  annotations: {argocd.argoproj.io/hook: PreSync}\n"
    repo.commit({"bad/config.yaml": CONFIG_MAP.replace("  name: settings\n", f"  name: settings\n{hook}")})
    _, app = await outcome(tmp_path, repo)
    said = condition(app, "ComparisonError")
    assert 'ConfigMap settings .metadata.annotations["argocd.argoproj.io/hook"]: "PreSync"' in said


async def test_a_kind_that_nobody_serves(tmp_path: Path, repo: Repo) -> None:
    strange = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
    repo.commit({"bad/widget.yaml": strange})
    _, app = await outcome(tmp_path, repo)
    message = app["status"]["operationState"]["message"]
    assert "Widget shop/w: .kind: the API server has no Widget in example.com/v1" in message


async def test_another_cluster(tmp_path: Path, repo: Repo) -> None:
    bench = Bench(tmp_path)
    elsewhere = {"server": "https://10.0.0.1:6443", "namespace": SHOP}
    await bench.start(application(repo.url, destination=elsewhere))
    app = await bench.settle()
    assert '"https://10.0.0.1:6443" is another cluster' in condition(app, "InvalidSpecError")


async def test_an_operation_on_an_invalid_application_is_refused(tmp_path: Path, repo: Repo) -> None:
    bench = Bench(tmp_path)
    await bench.start(application(repo.url, destination={"server": "https://10.0.0.1:6443"}))
    await bench.patch_app({"operation": {"sync": {}}})
    app = await bench.settle()
    assert "operation" not in app
    assert app["status"]["operationState"]["phase"] == "Error"
    assert "another cluster" in app["status"]["operationState"]["message"]


async def test_a_project_that_is_not_there_and_one_that_forbids(tmp_path: Path, repo: Repo) -> None:
    bench = Bench(tmp_path)
    await bench.start(application(repo.url, path="good", project="team", **AUTOMATED))
    app = await bench.settle()
    assert 'there is no AppProject "team"' in condition(app, "InvalidSpecError")
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "team", "namespace": "rollouts-system"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "team-*"}]},
    }
    await bench.client.create(kinds.APP_PROJECTS, project, "rollouts-system")
    app = await bench.settle()
    assert 'does not permit namespace "shop"' in condition(app, "InvalidSpecError")
    allowed = {"spec": {"destinations": [{"server": "*", "namespace": "*"}]}}
    await bench.client.patch(kinds.APP_PROJECTS, "team", allowed, "rollouts-system")
    app = await bench.settle()
    assert app["status"]["sync"]["status"] == "Synced"


async def test_a_kind_that_the_role_does_not_allow_is_named_with_the_remedy(
    tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    await bench.start(application(repo.url, path="good", **AUTOMATED))
    get = bench.client.get

    async def forbidding(resource: kinds.Resource, *place: str, **options: str) -> dict:
        if resource == kinds.CONFIG_MAPS:
            raise Forbidden(403, {"message": "configmaps is forbidden"})
        return await get(resource, *place, **options)

    monkeypatch.setattr(bench.client, "get", forbidding)
    await bench.step()
    said = condition(await bench.app(), "ComparisonError")
    assert "configmaps is forbidden; give the engine's ServiceAccount the role rollouts-sync" in said
