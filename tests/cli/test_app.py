"""The commands of applications."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.kube.resources import APPLICATIONS
from tests.cli.bench import Bench, one_line_error
from tests.client.test_applications import application
from tests.client.test_difference import git

REJECTED = {
    "sync": {"status": "OutOfSync", "revision": "1a2b3c4d5e6f"},
    "health": {"status": "Healthy"},
    "conditions": [
        {
            "type": "RevisionRejected",
            "message": "revision 1a2b3c4 was taken back by hello/shop: too many errors",
        }
    ],
    "resources": [
        {"version": "v1", "kind": "Service", "namespace": "shop", "name": "shop", "status": "Synced"},
        {
            "group": "argoproj.io",
            "version": "v1alpha1",
            "kind": "Rollout",
            "namespace": "shop",
            "name": "shop",
            "status": "OutOfSync",
            "health": {"status": "Degraded", "message": "RolloutAborted"},
        },
    ],
    "operationState": {
        "phase": "Succeeded",
        "message": "successfully synced",
        "operation": {},
        "startedAt": "2026-01-31T12:00:00Z",
        "finishedAt": "2026-01-31T12:00:01Z",
        "syncResult": {"revision": "0000000aaaa"},
    },
    "history": [
        {
            "id": 0,
            "revision": "0000000aaaa",
            "deployedAt": "2026-01-31T12:00:01Z",
            "initiatedBy": {"automated": True},
            "source": {"repoURL": "https://git.example.com/gitops.git", "path": "shop"},
        }
    ],
}
CREATE = ("app", "create", "shop", "--repo", "https://git.example.com/gitops.git", "--path", "shop")


def read(bench: Bench) -> dict[str, Any]:
    return asyncio.run(bench.client().kube.get(APPLICATIONS, "shop", "default"))


def test_create() -> None:
    bench = Bench()
    words = ("--dest-namespace", "shop", "--sync-policy", "automated", "--auto-prune", "--self-heal")
    made = bench.ok(*CREATE, *words, "--sync-option", "CreateNamespace=true", "--revision", "main")
    assert made == "application default/shop created\n"
    assert read(bench)["spec"]["syncPolicy"] == {
        "automated": {"prune": True, "selfHeal": True},
        "syncOptions": ["CreateNamespace=true"],
    }


def test_create_of_a_name_that_is_taken_is_refused() -> None:
    bench = Bench(application())
    error = one_line_error(bench.run(*CREATE, "--dest-namespace", "shop"), 1)
    assert error == 'applications.argoproj.io "shop" already exists'


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "Missing option '--dest-namespace'"),
        (("--dest-namespace", "x", "--auto-prune"), 1, "add: --sync-policy automated"),
        (("--dest-namespace", "x", "--sync-option", "Nonsense"), 1, "write it like CreateNamespace=true"),
        (("--dest-namespace", "x", "--path", "../up"), 1, ".spec.source.path"),
        (("--dest-namespace", "x", "--repo", "--upload-pack=x"), 1, "is no repository URL"),
        (("--dest-namespace", "x", "--revision=-x"), 1, ".spec.source.targetRevision"),
    ],
)
def test_create_with_bad_input(words: tuple[str, ...], code: int, says: str) -> None:
    assert says in one_line_error(Bench().run(*CREATE, *words), code)


def test_a_password_in_a_url_is_neither_written_nor_shown() -> None:
    bench = Bench()
    words = ("--repo", "https://ci:pa55@git.example.com/x.git", "--dest-namespace", "x")
    error = one_line_error(bench.run("app", "create", "shop", *words), 1)
    assert "put it in a Secret" in error
    assert "pa55" not in error
    assert bench.ok("app", "list", "-o", "json").find("pa55") == -1
    there = application()
    there["spec"]["source"]["repoURL"] = "https://ci:pa55@git.example.com/x.git"
    shown = Bench(there).ok("app", "get", "shop")
    assert "https://ci:***@git.example.com/x.git" in shown
    assert "pa55" not in shown


def test_a_sync_under_way_is_not_shown_as_done() -> None:
    running = {
        "phase": "Running",
        "message": "syncing to 1a2b3c4",
        "operation": {},
        "startedAt": "2026-01-31T12:00:00Z",
    }
    shown = Bench(application({**REJECTED, "operationState": running})).ok("app", "get", "shop")
    assert "Last sync:    ◌ Running: syncing to 1a2b3c4" in shown


def test_get_puts_a_rejected_revision_where_it_is_seen() -> None:
    shown = Bench(application(REJECTED)).ok("app", "get", "shop").splitlines()
    assert "Rejected:     ✖ revision 1a2b3c4 was taken back by hello/shop: too many errors" in shown
    assert "Sync:         ✖ OutOfSync at 1a2b3c4d5e6f" in shown
    assert any(line.startswith("Last sync:    ✔ Succeeded to 0000000") for line in shown)
    columns = [line.split() for line in shown[-3:]]
    assert columns[0][:2] == ["shop", "Application"]
    assert columns[2] == ["└──shop", "Rollout", "✖", "OutOfSync", "✖", "Degraded", "RolloutAborted"]


def test_get_for_machines_is_the_object_itself() -> None:
    bench = Bench(application(REJECTED))
    as_json = json.loads(bench.ok("app", "get", "shop", "-o", "json"))
    assert as_json == yaml.safe_load(bench.ok("app", "get", "shop", "-o", "yaml"))
    assert as_json["kind"] == "Application"


def test_list() -> None:
    bench = Bench(application(REJECTED))
    row = bench.ok("app", "list").splitlines()[1].split()
    assert row == ["default", "shop", "OutOfSync", "Healthy", "1a2b3c4", "shop", "manual", "RevisionRejected"]
    assert json.loads(bench.ok("app", "list", "-A", "-o", "json"))["items"][0]["metadata"]["name"] == "shop"


def test_history() -> None:
    bench = Bench(application(REJECTED))
    row = bench.ok("app", "history", "shop").splitlines()[1]
    assert row.split()[:3] == ["0", "2026-01-31T12:00:01Z", "0000000aaaa"]
    assert "automated sync" in row
    assert json.loads(bench.ok("app", "history", "shop", "-o", "json"))[0]["id"] == 0


def test_sync_without_waiting_leaves_an_operation() -> None:
    bench = Bench(application())
    assert "sync asked for" in bench.ok("app", "sync", "shop", "--prune", "--dry-run", "--async")
    assert read(bench)["operation"]["sync"] == {"prune": True, "dryRun": True}


def test_a_sync_that_does_not_end_in_time_is_4() -> None:
    result = Bench(application()).run("app", "sync", "shop", "--timeout", "0.05")
    assert "is not done with its sync after 0.05 s" in one_line_error(result, 4)


def test_rollback_without_waiting() -> None:
    bench = Bench(application(REJECTED))
    bench.ok("app", "rollback", "shop", "0", "--async")
    assert read(bench)["operation"]["sync"]["revision"] == "0000000aaaa"


def test_rollback_to_an_unknown_id() -> None:
    error = one_line_error(Bench(application(REJECTED)).run("app", "rollback", "shop", "7"), 1)
    assert error == "application shop has no deployment 7 in its history; it has: 0"


def test_wait_for_what_is_so_already_is_0() -> None:
    assert Bench(application()).run("app", "wait", "shop").exit_code == 0


def test_wait_for_a_rejected_revision_is_3() -> None:
    assert "too many errors" in one_line_error(Bench(application(REJECTED)).run("app", "wait", "shop"), 3)


def test_wait_for_health_alone_takes_no_offence_at_a_rejection() -> None:
    assert Bench(application(REJECTED)).run("app", "wait", "shop", "--health").exit_code == 0


def test_wait_that_takes_too_long_is_4() -> None:
    result = Bench(application({"health": {"status": "Degraded"}})).run(
        "app", "wait", "shop", "--health", "-t", "0.05"
    )
    assert "it is: Unknown, Degraded" in one_line_error(result, 4)


def test_delete_without_its_resources() -> None:
    bench = Bench(application())
    assert bench.ok("app", "delete", "shop", "--no-cascade") == "application shop deleted\n"
    assert bench.ok("app", "list", "-o", "json").count('"Application"') == 0


def test_diff_tells_both_sides_and_exits_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    work = tmp_path / "gitops"
    (work / "shop").mkdir(parents=True)
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n"
    (work / "shop" / "all.yaml").write_text(manifest)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        git(work, *words)
    spec = application()["spec"]
    spec["source"]["repoURL"] = work.as_uri()
    bench = Bench({**application(), "spec": spec})
    result = bench.run("app", "diff", "shop")
    assert (result.exit_code, result.stdout) == (
        1,
        "ConfigMap shop/settings: only in Git; a sync creates it\n",
    )
    assert bench.run("app", "diff", "shop", "--no-exit-code").exit_code == 0
    found = json.loads(bench.run("app", "diff", "shop", "-o", "json").stdout)
    assert (found[0]["kind"], found[0]["missingIn"]) == ("ConfigMap", "cluster")


def test_diff_of_a_repository_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = application()["spec"]
    spec["source"]["repoURL"] = (tmp_path / "gone").as_uri()
    error = one_line_error(Bench({**application(), "spec": spec}).run("app", "diff", "shop"), 1)
    assert str(tmp_path / "gone") in error
