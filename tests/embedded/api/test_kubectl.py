"""kubectl, as people use it, against a served instance."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.api.objects import widget_crd
from tests.embedded.api.served import served

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: "web:1", ports: [{containerPort: 80}]}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: '1'}\n"
WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n"
SPEC = {
    "type": "object",
    "description": "What the widget is to be.",
    "properties": {"size": {"type": "integer", "description": "How large it is."}},
}


class Kubectl:
    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder)}

    def run(self, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KUBECTL, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env={**self.environment, **environment},
            check=False,
        )

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> str:
        done = self.run(*words, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kubectl")
    with served(folder / "kubeconfig", widget_crd(SPEC)):
        yield Kubectl(folder)


@pytest.fixture
def kubectl(cluster):
    """Each test begins with a deployment, a config map and a widget, as applied from files."""
    cluster("delete", "deploy,cm,wd", "--all", "--wait=false")
    cluster("apply", "-f", "-", stdin=f"{WEB}---\n{MAP}---\n{WIDGET}")
    return cluster


def test_version_and_api_resources(kubectl):
    assert "Server Version: v1." in kubectl("version")
    listed = kubectl("api-resources", "-o", "name").splitlines()
    assert {
        "deployments.apps",
        "pods",
        "widgets.example.com",
        "rolebindings.rbac.authorization.k8s.io",
    } <= set(listed)


def test_get_shows_tables(kubectl):
    head, row = kubectl("get", "deploy", "web").splitlines()
    assert head.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:2] == ["web", "0/2"]
    assert kubectl("get", "wd").splitlines()[0].split() == ["NAME", "AGE"]
    assert "deployment.apps/web" in kubectl("get", "all")


def test_get_yaml_shows_the_object(kubectl):
    text = kubectl("get", "deploy", "web", "-o", "yaml")
    assert "terminationGracePeriodSeconds: 30" in text
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"


@pytest.mark.parametrize(
    ("manifest", "old", "new"),
    [(WEB, "web:1", "web:2"), (WIDGET, "size: 1", "size: 2"), (MAP, "'1'", "'2'")],
    ids=["deployment", "custom", "config map"],
)
def test_apply_says_unchanged_and_configured(kubectl, manifest, old, new):
    assert kubectl("apply", "-f", "-", stdin=manifest).endswith("unchanged")
    assert kubectl("apply", "-f", "-", stdin=manifest.replace(old, new)).endswith("configured")


def test_apply_takes_out_what_the_file_no_longer_says(kubectl):
    kubectl("apply", "-f", "-", stdin=MAP.replace("data: {a: '1'}", "data: {b: '2'}"))
    assert kubectl("get", "cm", "cm", "-o", "jsonpath={.data}") == '{"b":"2"}'


def test_server_side_apply_finds_conflicts_and_force_wins(kubectl):
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, stdin=MAP).endswith("serverside-applied")
    other = MAP.replace("'1'", "'9'")
    told = kubectl.refused(*apply, "--field-manager=other", stdin=other)
    assert 'conflict with "kubectl"' in told
    assert ".data.a" in told
    kubectl(*apply, "--field-manager=other", "--force-conflicts", stdin=other)
    assert kubectl("get", "cm", "cm", "-o", "jsonpath={.data.a}") == "9"


def test_server_side_apply_keeps_what_others_added(kubectl):
    kubectl("label", "cm", "cm", "team=web")
    kubectl("patch", "cm", "cm", "--type=merge", "-p", '{"data":{"c":"3"}}')
    kubectl("apply", "--server-side", "-f", "-", stdin=MAP)
    assert kubectl("get", "cm", "cm", "-o", "jsonpath={.data.c} {.metadata.labels.team}") == "3 web"


@pytest.mark.parametrize(
    ("kind", "patch", "value"),
    [
        (
            "strategic",
            '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"web:7"}]}}}}',
            "web:7",
        ),
        ("merge", '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"web:8"}]}}}}', "web:8"),
        (
            "json",
            '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"web:9"}]',
            "web:9",
        ),
    ],
)
def test_patch_in_three_ways(kubectl, kind, patch, value):
    kubectl("patch", "deploy", "web", f"--type={kind}", "-p", patch)
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={..image}") == value


def test_a_strategic_patch_of_a_custom_kind_is_refused(kubectl):
    assert "not supported" in kubectl.refused("patch", "wd", "w", "--type=strategic", "-p", "{}")


def test_label_annotate_scale_and_set_image(kubectl):
    kubectl("label", "deploy", "web", "tier=front")
    kubectl("annotate", "deploy", "web", "note=hello")
    kubectl("scale", "deploy", "web", "--replicas=5")
    kubectl("set", "image", "deploy/web", "main=web:3")
    path = "{.metadata.labels.tier} {.metadata.annotations.note} {.spec.replicas} {..image}"
    assert kubectl("get", "deploy", "web", "-o", f"jsonpath={path}") == "front hello 5 web:3"


def test_describe_and_explain(kubectl):
    assert "Image:" in kubectl("describe", "deploy", "web")
    assert "size" in kubectl("explain", "widget.spec")
    assert "How large it is." in kubectl("explain", "widget.spec.size")
    assert "maxSurge" in kubectl("explain", "deployment.spec.strategy.rollingUpdate")


def test_diff_shows_the_change_and_makes_none(kubectl):
    done = kubectl.run("diff", "-f", "-", stdin=WEB.replace("web:1", "web:2"))
    assert done.returncode == 1
    assert "+      - image: web:2" in done.stdout
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={..image}") == "web:1"


def test_delete_waits_until_it_is_gone(kubectl):
    assert kubectl("delete", "cm", "cm").startswith('configmap "cm" deleted')
    assert "NotFound" in kubectl.refused("get", "cm", "cm")


def test_wait_sees_a_condition_and_a_deletion(kubectl):
    status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    kubectl("patch", "wd", "w", "--subresource=status", "--type=merge", "-p", status)
    assert "condition met" in kubectl("wait", "wd/w", "--for=condition=Ready", "--timeout=5s")
    kubectl("delete", "wd", "w", "--wait=false")
    kubectl("wait", "wd/w", "--for=delete", "--timeout=5s")
    assert "timed out" in kubectl.refused("wait", "deploy/web", "--for=condition=Available", "--timeout=1s")


def test_events_are_listed(kubectl):
    event = (
        "apiVersion: v1\nkind: Event\nmetadata: {name: e1}\nreason: Scaled\nmessage: up\ntype: Normal\n"
        "involvedObject: {kind: Deployment, name: web, apiVersion: apps/v1}\n"
        "lastTimestamp: '2026-01-31T12:00:00Z'\n"
    )
    kubectl("apply", "-f", "-", stdin=event)
    assert "deployment/web" in kubectl("get", "events")


def test_bad_manifests_are_refused_in_words(kubectl):
    bad_name = MAP.replace("name: cm", "name: Not_A_Name")
    assert "metadata.name: Invalid value" in kubectl.refused("create", "-f", "-", stdin=bad_name)
    assert 'unknown field "dta"' in kubectl.refused("create", "-f", "-", stdin=MAP.replace("data:", "dta:"))
    assert "error parsing" in kubectl.refused("create", "-f", "-", stdin="a: [")
    assert "AlreadyExists" in kubectl.refused("create", "-f", "-", stdin=MAP)
    assert "no matches for kind" in kubectl.refused(
        "create", "-f", "-", stdin=MAP.replace("ConfigMap", "Nothing")
    )


def test_edit_changes_what_the_editor_changes(kubectl, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed "s/size: 1/size: 6/" "$1" > "$1.new" && mv "$1.new" "$1"\n')
    editor.chmod(0o700)
    told = kubectl("edit", "wd", "w", KUBE_EDITOR=str(editor))
    assert told.endswith("edited")
    assert kubectl("get", "wd", "w", "-o", "jsonpath={.spec.size}") == "6"


def test_create_commands_and_rights(kubectl):
    kubectl("create", "namespace", "team")
    kubectl("create", "configmap", "made", "-n", "team", "--from-literal=a=b")
    assert kubectl("get", "cm", "made", "-n", "team", "-o", "jsonpath={.data.a}") == "b"
    kubectl("delete", "namespace", "team")
    assert "NotFound" in kubectl.refused("get", "ns", "team")
    assert kubectl("auth", "can-i", "create", "deployments") == "yes"
    assert "rollouts-admin" in kubectl("auth", "whoami")
