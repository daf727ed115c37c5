"""From templates to runs: joining, arguments, rules, labels."""

import pytest

from analysis.templates import flatten, new_run
from analysis.validation import template_problems
from rollouts.api.analysis import AnalysisRun, AnalysisTemplate, AnalysisTemplateRef
from rollouts.api.canary import RolloutAnalysis, StepAnalysis
from rollouts.api.errors import InvalidSpec
from rollouts.api.validation import parse

OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app.kubernetes.io/name": "web"},
    },
    "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": "web:2"}]}}},
}
WEB = {"web": {"url": "http://metrics.test/"}}


def metric(name, **more):
    return {"name": name, "provider": WEB, **more}


def template(*metrics, **spec):
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "t"}}
    return parse(AnalysisTemplate, {**body, "spec": {"metrics": list(metrics), **spec}})


def started(templates, *names, args=None, run_type="Step", kind=RolloutAnalysis, **more):
    """The run that `names` make; a name with `!` is a cluster template."""
    refs = [{"templateName": name.lstrip("!"), "clusterScope": name.startswith("!")} for name in names]
    analysis = kind.model_validate({"templates": refs, **more.pop("analysis", {})})
    return new_run(
        name="web-abc-2-1",
        namespace="shop",
        analysis=analysis,
        args=args or {},
        find=lambda ref: templates.get(("!" if ref.cluster_scope else "") + ref.template_name),
        owner=OWNER,
        run_type=run_type,
        pod_hash="abc",
        revision=2,
        **more,
    )


def nested(*names):
    return [{"templateName": name.lstrip("!"), "clusterScope": name.startswith("!")} for name in names]


def metric_names(run):
    return [each["name"] for each in run["spec"]["metrics"]]


def test_a_run_carries_labels_annotation_and_owner():
    run = started(
        {"t": template(metric("m"))},
        "t",
        step_index=1,
        labels={"app": "web"},
        instance_id="blue",
        analysis={"analysisRunMetadata": {"labels": {"team": "shop"}, "annotations": {"why": "test"}}},
    )
    assert run["metadata"] == {
        "name": "web-abc-2-1",
        "namespace": "shop",
        "labels": {
            "app": "web",
            "team": "shop",
            "rollouts-pod-template-hash": "abc",
            "rollout-type": "Step",
            "step-index": "1",
            "argo-rollouts.argoproj.io/controller-instance-id": "blue",
        },
        "annotations": {"why": "test", "rollout.argoproj.io/revision": "2"},
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "name": "web",
                "uid": "u-1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert parse(AnalysisRun, run).spec.metrics[0].name == "m"


def test_a_background_run_has_no_step():
    run = started({"t": template(metric("m", interval="5s"))}, "t", run_type="Background")
    assert "step-index" not in run["metadata"]["labels"]


def test_nested_templates_are_joined_each_once():
    templates = {
        "a": template(metric("a"), templates=nested("b", "!c")),
        "b": template(metric("b"), templates=nested("d")),
        "!c": template(metric("c"), templates=nested("d")),
        "d": template(metric("d")),
    }
    assert metric_names(started(templates, "a", "d", "b")) == ["a", "b", "d", "c"]


def test_templates_that_name_each_other_in_a_circle_are_refused():
    templates = {
        "a": template(metric("a"), templates=nested("b")),
        "b": template(metric("b"), templates=nested("a")),
    }
    with pytest.raises(InvalidSpec, match="refers to itself: a -> b -> a; remove one of the references"):
        started(templates, "a")


@pytest.mark.parametrize(("name", "kind"), [("t", "AnalysisTemplate"), ("!t", "ClusterAnalysisTemplate")])
def test_a_template_that_is_not_there_is_named(name, kind):
    with pytest.raises(InvalidSpec, match=f"{kind} 't' not found; create it or correct the name"):
        started({}, name)


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(InvalidSpec, match="two metrics have the same name 'm'"):
        started({"a": template(metric("m")), "b": template(metric("m"))}, "a", "b")


def test_values_of_the_rollout_replace_those_of_the_template():
    args = [{"name": "a", "value": "1"}, {"name": "b"}, {"name": "c", "value": "3"}]
    run = started({"t": template(metric("m"), args=args)}, "t", args={"a": "x", "b": "y", "unknown": "z"})
    assert run["spec"]["args"] == [
        {"name": "a", "value": "x"},
        {"name": "b", "value": "y"},
        {"name": "c", "value": "3"},
    ]


def test_an_argument_without_a_value_is_refused():
    with pytest.raises(InvalidSpec, match=r"args\.b was not resolved"):
        started({"t": template(metric("m"), args=[{"name": "b"}])}, "t")


def test_the_same_argument_with_different_values_is_refused():
    templates = {
        "a": template(metric("a"), args=[{"name": "x", "value": "1"}]),
        "b": template(metric("b"), args=[{"name": "x", "value": "2"}]),
    }
    message = "Argument `x` specified multiple times with different values: '1', '2'"
    with pytest.raises(InvalidSpec) as caught:
        started(templates, "a", "b")
    assert caught.value.message == message


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_an_argument_takes_its_value_from_the_template_that_has_one(order):
    templates = {
        "a": template(metric("a"), args=[{"name": "x"}]),
        "b": template(metric("b"), args=[{"name": "x", "value": "2"}]),
    }
    assert started(templates, *order)["spec"]["args"] == [{"name": "x", "value": "2"}]


def test_secrets_stay_references():
    args = [{"name": "key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    spec = {"web": {"url": "http://x/{{args.key}}"}}
    run = started({"t": template({"name": "m", "provider": spec}, args=args)}, "t")
    assert run["spec"]["args"] == args
    assert run["spec"]["metrics"][0]["provider"]["web"]["url"] == "http://x/{{args.key}}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.labels['app.kubernetes.io/name']", "web"),
        ("spec.replicas", "3"),
        ("spec.template.spec.containers[0].image", "web:2"),
    ],
)
def test_an_argument_can_be_a_field_of_the_owner(path, value):
    args = [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    run = started({"t": template(metric("m"), args=args)}, "t")
    assert run["spec"]["args"] == [{"name": "x", "value": value}]


@pytest.mark.parametrize("path", ["spec.template", "spec.nothing", "spec.template.spec.containers[7].image"])
def test_a_field_that_is_no_single_value_is_refused(path):
    args = [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    with pytest.raises(InvalidSpec, match="is no single value of Rollout web"):
        started({"t": template(metric("m"), args=args)}, "t")


def test_rules_of_rollout_and_templates_are_joined():
    run = started(
        {"t": template(metric("cpu"), metric("mem"), dryRun=[{"metricName": "mem"}])},
        "t",
        analysis={
            "dryRun": [{"metricName": "cpu"}],
            "measurementRetention": [{"metricName": ".*", "limit": 3}],
        },
    )
    assert run["spec"]["dryRun"] == [{"metricName": "cpu"}, {"metricName": "mem"}]
    assert run["spec"]["measurementRetention"] == [{"metricName": ".*", "limit": 3}]


def test_a_rule_for_no_metric_is_refused():
    with pytest.raises(InvalidSpec, match="Rule didn't match any metric name"):
        started({"t": template(metric("m"))}, "t", analysis={"dryRun": [{"metricName": "cpu"}]})


def test_a_step_does_not_take_a_metric_without_an_end():
    templates = {"t": template(metric("m", interval="5s"))}
    with pytest.raises(InvalidSpec, match='metric "m" never ends: set count'):
        started(templates, "t")
    assert started(templates, "t", run_type="Background")


def test_a_step_that_ends_with_a_proof_takes_a_metric_without_an_end():
    templates = {"t": template(metric("m", interval="5s"))}
    assert started(templates, "t", kind=StepAnalysis, analysis={"advance": "evidence"})


def test_a_metric_that_cannot_work_is_refused_before_the_run_exists():
    with pytest.raises(InvalidSpec) as caught:
        started({"t": template(metric("m", successCondition="reslt > 1"))}, "t")
    assert caught.value.field == ".spec.metrics[0].successCondition"
    assert "unknown name reslt" in caught.value.message


def test_a_condition_with_a_secret_in_it_is_left_for_later():
    args = [{"name": "key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    good = metric("m", successCondition="result > {{args.key}}")
    assert started({"t": template(good, args=args)}, "t")


def test_an_address_that_is_a_secret_is_left_for_later():
    args = [{"name": "url", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    hidden = metric("m", provider={"web": {"url": "{{args.url}}"}})
    assert started({"t": template(hidden, args=args)}, "t")["spec"]["metrics"][0]["provider"] == {
        "web": {"url": "{{args.url}}"}
    }


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"successCondition": "all(result,"},
            ".spec.metrics[0].successCondition",
            'ends too early (character 12); one with "#" in it needs quotes in YAML',
        ),
        ({"failureCondition": "result ="}, ".spec.metrics[0].failureCondition", "unexpected"),
        (
            {"provider": {"web": {"url": "http://x/", "jsonPath": "{$..a}"}}},
            ".spec.metrics[0].provider.web.jsonPath",
            "name one value",
        ),
        ({"count": 3}, ".spec.metrics[0].interval", "interval must be specified when count > 1"),
    ],
)
def test_admission_sees_what_is_wrong_with_a_template(spec, field, message):
    (problem,) = template_problems(template(metric("m", **spec)))
    assert problem.field == field
    assert message in problem.message


def test_admission_passes_over_what_waits_for_an_argument():
    waiting = metric("m", successCondition="{{args.condition}}", count="{{args.n}}", interval="1s")
    assert template_problems(template(waiting, args=[{"name": "condition"}, {"name": "n"}])) == ()


@pytest.mark.parametrize(
    ("field", "rules", "message"),
    [
        ("dryRun", [{"metricName": "a"}], "two Dry-Run metric rules have the same name 'a'"),
        (
            "measurementRetention",
            [{"metricName": "a", "limit": 3}],
            "two Measurement Retention metric rules have the same name 'a'",
        ),
        ("score", {"pass": 90}, "two templates have different scores; keep one of them"),
    ],
)
def test_two_templates_with_the_same_rule_or_with_different_scores_do_not_go_together(field, rules, message):
    other = {"pass": 80} if field == "score" else rules
    templates = {
        name: AnalysisTemplate.model_validate(
            {"metadata": {"name": name}, "spec": {"metrics": [{"name": name}], field: given}}
        )
        for name, given in (("a", rules), ("b", other))
    }
    refs = [AnalysisTemplateRef(template_name=name) for name in templates]
    with pytest.raises(InvalidSpec, match=message):
        flatten(refs, lambda ref: templates[ref.template_name])
