"""Templates that do not go together are told of when they are named, and not once a step waits for them."""

from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.controller.startable import problems, versions
from rollouts.kube.resources import ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES, Resource
from rollouts.kube.store import Writer

PROMETHEUS = {"prometheus": {"address": "http://prometheus.test", "query": "up"}}
STEP = ".spec.strategy.canary.steps[1].analysis.templates"


def template(name: str, metric: str = "", /, version: str = "1", **spec: Any) -> Object:
    """A template with one metric, of the name of the template unless it is said."""
    measured = {"name": metric or name, "provider": PROMETHEUS, **spec.pop("measured", {})}
    metadata = {"name": name, "namespace": "shop", "resourceVersion": version}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": metadata,
        "spec": {"metrics": [measured], **spec},
    }


def store(*templates: Object, cluster: tuple[Object, ...] = ()) -> Writer:
    writer = Writer()
    kinds: tuple[tuple[Resource, tuple[Object, ...]], ...] = (
        (ANALYSIS_TEMPLATES, templates),
        (CLUSTER_ANALYSIS_TEMPLATES, cluster),
    )
    for resource, objects in kinds:
        for obj in objects:
            namespaced = {"namespace": "shop"} if resource is ANALYSIS_TEMPLATES else {}
            metadata = {key: text for key, text in obj["metadata"].items() if key != "namespace"}
            writer.put(resource, {**obj, "kind": resource.kind, "metadata": {**metadata, **namespaced}})
    return writer


def rollout(*names: str, background: bool = False, **analysis: Any) -> Rollout:
    """With an analysis by templates of these names, in its second step or beside the steps."""
    refs = [{"templateName": name.removeprefix("!"), "clusterScope": name.startswith("!")} for name in names]
    asked = {"templates": refs, **analysis}
    steps: list[Object] = [{"setWeight": 10}, {"pause": {}} if background else {"analysis": asked}]
    strategy = {"canary": {"steps": steps, **({"analysis": asked} if background else {})}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": {}, "strategy": strategy}
    return Rollout.model_validate({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})


ENDLESS = {"measured": {"interval": "5s"}}


@pytest.mark.parametrize("background", [False, True])
def test_what_goes_together_is_not_spoken_of(background: bool) -> None:
    found = store(template("a", templates=[{"templateName": "b"}]), template("b"), cluster=(template("c"),))
    assert problems(found, rollout("a", "!c", background=background)) == ()


@pytest.mark.parametrize("names", [("a", "b"), ("a", "!b")])
def test_two_templates_with_a_metric_of_the_same_name_are_named(names: tuple[str, ...]) -> None:
    found = store(template("a", "example"), template("b", "example"), cluster=(template("b", "example"),))
    told = f'{STEP}: of "a", "b": .spec.metrics: two metrics have the same name \'example\''
    assert problems(found, rollout(*names)) == (told,)


@pytest.mark.parametrize(
    ("found", "analysis", "said"),
    [
        (template("a", templates=[{"templateName": "gone"}]), {}, "AnalysisTemplate 'gone' not found"),
        (template("a", args=[{"name": "x"}]), {}, "args.x was not resolved"),
        (template("a"), {"dryRun": [{"metricName": "z"}]}, "Rule didn't match any metric name(s)"),
        (
            template("a", dryRun=[{"metricName": "a"}]),
            {"dryRun": [{"metricName": "a"}]},
            "two Dry-Run metric rules have the same name 'a'",
        ),
        (template("a", **ENDLESS), {}, 'metric "a" never ends'),
        (
            template("a", args=[{"name": "n"}], measured={"count": "{{args.n}}"}),
            {"args": [{"name": "n", "value": "2"}]},
            "interval must be specified when count > 1",
        ),
    ],
    ids=["nested and missing", "no value", "a rule for nothing", "a rule twice", "no end", "a bad value"],
)
def test_what_keeps_a_run_from_being_made_is_told_with_the_field(
    found: Object, analysis: Any, said: str
) -> None:
    (problem,) = problems(store(found), rollout("a", **analysis))
    assert problem.startswith(f'{STEP}: of "a": ')
    assert said in problem


@pytest.mark.parametrize(
    "changes",
    [{"background": True}, {"advance": "evidence"}],
    ids=["beside the steps", "ended by a proof"],
)
def test_a_metric_without_an_end_goes_where_something_else_ends_it(changes: Any) -> None:
    assert problems(store(template("a", **ENDLESS)), rollout("a", **changes)) == ()


LATER = {"valueFrom": {"fieldRef": {"fieldPath": "status.message"}}}


@pytest.mark.parametrize(
    "measured",
    [
        {"count": "{{args.x}}", "interval": "5s"},
        {"interval": "{{args.x}}", "count": 2, "failureLimit": "{{ args.x }}"},
        {"successCondition": "result > {{args.x}}"},
        {"name": "{{args.x}}"},
    ],
)
@pytest.mark.parametrize("whose", ["template", "rollout"])
def test_what_depends_on_a_value_of_later_is_left_open(measured: Object, whose: str) -> None:
    args = [{"name": "x", **(LATER if whose == "template" else {})}]
    given = {"args": [{"name": "x", **LATER}]} if whose == "rollout" else {}
    found = store(template("a", args=args, measured=measured, dryRun=[{"metricName": "cpu|a"}]))
    assert problems(found, rollout("a", **given)) == ()


def test_a_template_that_changes_comes_or_goes_however_deep_is_noticed() -> None:
    web = rollout("a", "!c")
    found = store(template("a", templates=[{"templateName": "b"}]))
    before = versions(found, web)
    assert dict(before) == {(False, "a"): "1", (False, "b"): None, (True, "c"): None}
    found.put(ANALYSIS_TEMPLATES, template("b", version="7", templates=[{"templateName": "a"}]))
    assert dict(versions(found, web)) == {(False, "a"): "1", (False, "b"): "7", (True, "c"): None}
