"""`rollouts lint`: what the engine would refuse, found in files."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.bench import Bench
from tests.places import REPOSITORY, SOURCES

GOOD = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: web, image: "shop:1"}]}
  strategy:
    canary:
      canaryService: shop-canary
      stableService: shop
      trafficRouting: {nginx: {stableIngress: shop}}
      steps:
      - setWeight: 10
      - analysis: {templates: [{templateName: rate}]}
"""
SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary}
spec: {selector: {app: shop}, ports: [{port: 80}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  rules:
  - host: shop.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
"""
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: rate}
spec:
  metrics:
  - {name: rate, provider: {web: {url: "http://metrics.example.com"}}, successCondition: result > 0.9}
"""


def lint(tmp_path: Path, *documents: str, output: str = "text") -> Result:
    """Lint one file that holds these documents."""
    (tmp_path / "all.yaml").write_text("\n---\n".join(documents))
    return Bench().run("lint", "-f", str(tmp_path / "all.yaml"), "-o", output)


def lines(result: Result, tmp_path: Path) -> list[str]:
    assert result.exit_code == 1, result.output
    return [line.removeprefix(f"{tmp_path}/") for line in result.stdout.splitlines()]


def test_good_files_pass(tmp_path: Path) -> None:
    result = lint(tmp_path, GOOD, SERVICES, INGRESS, TEMPLATE)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "5 documents, nothing found" in result.stderr


def test_a_rollout_alone_passes_because_the_rest_may_be_elsewhere(tmp_path: Path) -> None:
    assert lint(tmp_path, GOOD).exit_code == 0


def test_a_misspelt_field_is_named_with_its_place(tmp_path: Path) -> None:
    (found,) = lines(lint(tmp_path, SERVICES, GOOD.replace("setWeight", "setWieght")), tmp_path)
    assert found.startswith(
        "all.yaml:3: Rollout/shop: .spec.strategy.canary.steps[0].setWieght: unknown field"
    )
    assert "did you mean setWeight?" in found


def test_a_selector_that_misses_its_template(tmp_path: Path) -> None:
    (found,) = lines(
        lint(tmp_path, GOOD.replace("matchLabels: {app: shop}", "matchLabels: {app: x}")), tmp_path
    )
    assert found.startswith("all.yaml:1: Rollout/shop: .spec.")


def test_what_the_engine_does_not_act_on_yet_is_a_finding(tmp_path: Path) -> None:
    document = GOOD.replace("- setWeight: 10", "- experiment: {templates: [{name: a, specRef: canary}]}")
    found = lines(lint(tmp_path, document), tmp_path)
    assert any(".steps[0].experiment: not supported yet" in line for line in found)


def test_a_service_that_the_other_files_should_hold(tmp_path: Path) -> None:
    found = lines(lint(tmp_path, GOOD, SERVICES.replace("shop-canary", "shop-canry")), tmp_path)
    assert any('all.yaml:1: Rollout/shop: Service "shop-canary" not found' in line for line in found)


def test_an_analysis_template_that_the_other_files_should_hold(tmp_path: Path) -> None:
    found = lines(lint(tmp_path, GOOD, TEMPLATE.replace("{name: rate}\n", "{name: rates}\n")), tmp_path)
    assert len(found) == 1
    assert found[0].startswith(
        'all.yaml:1: Rollout/shop: AnalysisTemplate "rate" not found in namespace default'
    )


def test_an_argument_that_a_template_wants_and_nobody_gives(tmp_path: Path) -> None:
    (found,) = lines(
        lint(tmp_path, GOOD, TEMPLATE + "  args: [{name: service}, {name: limit, value: '1'}]"), tmp_path
    )
    assert 'AnalysisTemplate "rate" wants the argument "service"' in found


def test_templates_that_do_not_go_together(tmp_path: Path) -> None:
    nested = TEMPLATE + "  templates: [{templateName: more}]"
    assert lint(tmp_path, GOOD, nested).exit_code == 0, "the other one may be elsewhere"
    (found,) = lines(
        lint(tmp_path, GOOD, nested, TEMPLATE.replace("{name: rate}", "{name: more}", 1)), tmp_path
    )
    assert found.startswith("all.yaml:1: Rollout/shop: .spec.strategy.canary.steps[1].analysis.templates: ")
    assert "two metrics have the same name" in found


def test_an_ingress_that_sends_to_a_port_its_service_lacks(tmp_path: Path) -> None:
    found = lines(lint(tmp_path, GOOD, SERVICES, INGRESS.replace("number: 80", "number: 8080")), tmp_path)
    assert len(found) == 1
    assert found[0].startswith("all.yaml:4: Ingress/shop: .spec.rules[0].http.paths[0].backend.service.port")
    assert "8080 is no port of Service shop, which has 80" in found[0]


def test_a_literal_variable_in_a_namespace(tmp_path: Path) -> None:
    document = GOOD.replace("{name: shop}", '{name: shop, namespace: "${USER_IDENTITY}"}', 1)
    assert any("${USER_IDENTITY}" in line for line in lines(lint(tmp_path, document), tmp_path))


def test_a_condition_that_does_not_parse(tmp_path: Path) -> None:
    found = lines(lint(tmp_path, TEMPLATE.replace("result > 0.9", "result >> 0.9")), tmp_path)
    assert any(".spec.metrics[0].successCondition" in line for line in found)


def test_malformed_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    (found,) = lines(lint(tmp_path, "a: 1\nb: [\n"), tmp_path)
    assert found.startswith("all.yaml: is not YAML: line 3")


def test_a_document_that_is_no_object(tmp_path: Path) -> None:
    (found,) = lines(lint(tmp_path, "just: words"), tmp_path)
    assert found.startswith("all.yaml:1: ")
    assert "is no Kubernetes object" in found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = Bench().run("lint", "-f", str(tmp_path / "nope.yaml"))
    assert lines(result, tmp_path) == ["nope.yaml: cannot be read: No such file or directory"]


def test_findings_for_machines(tmp_path: Path) -> None:
    (found,) = json.loads(lint(tmp_path, GOOD.replace("setWeight", "setWieght"), output="json").stdout)
    assert (found["document"], found["object"]) == (1, "Rollout/shop")
    assert found["field"] == ".spec.strategy.canary.steps[0].setWieght"


def test_a_folder_is_read_with_all_below_it_and_without_what_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "rollout.yml").write_text(GOOD.replace("setWeight", "setWieght"))
    (tmp_path / "values.yaml").write_text("replicas: 3")
    (tmp_path / "kustomization.yaml").write_text("resources: [deep]")
    (found,) = lines(Bench().run("lint", "-f", str(tmp_path)), tmp_path)
    assert found.startswith("deep/rollout.yml:1: Rollout/shop: ")


def test_a_file_named_kustomize_is_pointed_out(tmp_path: Path) -> None:
    """The source document has one, and none of its settings take effect."""
    (tmp_path / "kustomize").write_text("resources: [rollout.yaml]\n")
    (tmp_path / "rollout.yaml").write_text(GOOD)
    (found,) = lines(Bench().run("lint", "-f", str(tmp_path)), tmp_path)
    assert found.startswith("kustomize: ")
    assert "kustomization.yaml" in found


def test_standard_input() -> None:
    result = Bench().run("lint", "-f", "-", stdin=GOOD.replace("setWeight", "setWieght"))
    assert result.exit_code == 1
    assert result.stdout.startswith("-:1: Rollout/shop: ")


PLUGIN = REPOSITORY / "examples" / "provider-plugin"
SHOWN = [
    *(path for path in sorted((REPOSITORY / "examples").rglob("*.yaml")) if PLUGIN not in path.parents),
    SOURCES / "rollouts/demo/gitops",
]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_what_the_project_shows_passes_its_own_lint(path: Path) -> None:
    result = Bench().run("lint", "-f", str(path))
    assert result.exit_code == 0, result.output


def test_of_the_example_of_a_plugin_only_the_plugin_is_missing() -> None:
    result = Bench().run("lint", "-f", str(PLUGIN))
    assert result.exit_code == 1
    (problem,) = result.stdout.strip().splitlines()
    assert "no such plugin; install it" in problem
