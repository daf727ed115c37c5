"""What a scrape tells of analyses: phases as upstream has them, measured values and evidence by rollout."""

import pytest

from rollouts.api.meta import Object
from rollouts.controller import run_metrics
from rollouts.controller.metrics import Metrics
from rollouts.kube.resources import ANALYSIS_RUNS, ANALYSIS_TEMPLATES
from rollouts.kube.store import Writer


def analysis_run(name: str = "web-1", *, owner: str = "web", began: str = "", **result: object) -> Object:
    owners = [{"kind": "Rollout", "name": owner, "uid": "u"}] if owner else []
    return {
        "metadata": {"namespace": "shop", "name": name, "uid": name, "ownerReferences": owners},
        "spec": {"metrics": [{"name": "errors", "provider": {"prometheus": {"query": "up"}}}]},
        "status": {
            "phase": "Running",
            "startedAt": began or "2026-01-01T00:00:00Z",
            "metricResults": [{"name": "errors", "phase": "Running", **result}],
        },
    }


def scrape(*runs: Object) -> list[str]:
    store = Writer()
    for run in runs:
        store.put(ANALYSIS_RUNS, run)
    return Metrics(store).render().decode().splitlines()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.5", "0.5"),
        ("[0.25]", "0.25"),
        ("3", "3.0"),
        ("NaN", None),
        ("Infinity", None),
        ("[1,2]", None),
        ("true", None),
        ('"text"', None),
        ("0.*****", None),
        ("1" * 400, None),
        ('{"canary":{}}', None),
    ],
)
def test_a_measured_value_shows_where_it_is_one_finite_number(value: str, shown: str | None) -> None:
    lines = scrape(analysis_run(measurements=[{"value": value}, {"message": "no data"}]))
    found = [line for line in lines if line.startswith("rollout_analysis_value{")]
    labels = '{metric="errors",namespace="shop",rollout="web"}'
    assert found == ([f"rollout_analysis_value{labels} {shown}"] if shown else [])


def test_evidence_shows_by_rollout_and_metric() -> None:
    evidence = {
        "harm": 3.5,
        "harmThreshold": 20,
        "proof": 0.1,
        "proofThreshold": 20,
        "ratio": 1.4,
        "looks": 7,
    }
    lines = scrape(analysis_run(evidence=evidence))
    labels = '{metric="errors",namespace="shop",rollout="web"}'
    assert {
        f"rollout_analysis_harm{labels} 3.5",
        f"rollout_analysis_harm_threshold{labels} 20.0",
        f"rollout_analysis_proof{labels} 0.1",
        f"rollout_analysis_ratio{labels} 1.4",
        f"rollout_analysis_looks{labels} 7.0",
        'rollout_analysis_phase{metric="errors",namespace="shop",phase="Running",rollout="web"} 1.0',
    } <= set(lines)


def test_phases_show_under_upstreams_names() -> None:
    lines = scrape(analysis_run(dryRun=True))
    labels = 'metric="errors",name="web-1",namespace="shop"'
    assert {
        'analysis_run_info{name="web-1",namespace="shop",phase="Running"} 1.0',
        f'analysis_run_metric_type{{{labels},type="Prometheus"}} 1.0',
        f'analysis_run_metric_phase{{dry_run="true",{labels},phase="Running",type="Prometheus"}} 1.0',
    } <= set(lines)


def test_of_several_runs_of_a_rollout_the_newest_shows_so_that_series_do_not_grow_with_runs() -> None:
    old = analysis_run("web-9", began="2026-01-01T00:00:00Z", measurements=[{"value": "1"}])
    new = analysis_run("web-10", began="2026-01-02T00:00:00Z", measurements=[{"value": "2"}])
    found = [line for line in scrape(new, old) if line.startswith("rollout_analysis_value{")]
    assert found == ['rollout_analysis_value{metric="errors",namespace="shop",rollout="web"} 2.0']


def test_series_vanish_with_their_run() -> None:
    store = Writer()
    store.put(ANALYSIS_RUNS, analysis_run(measurements=[{"value": "1"}]))
    assert b'rollout="web"' in Metrics(store).render()
    store.replace(ANALYSIS_RUNS, ())
    assert b'rollout="web"' not in Metrics(store).render()


def test_series_beyond_the_cap_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_metrics, "MAX_ROWS", 3)
    lines = scrape(*(analysis_run(f"web-{number}", owner=f"web-{number}") for number in range(5)))
    assert sum(line.startswith("rollout_analysis_phase{") for line in lines) == 3
    # Of five runs two each in: run_info, metric_type, metric_phase, rollout_analysis_phase.
    assert "analysis_series_left_out 8.0" in lines


def test_templates_show_with_their_metrics() -> None:
    store = Writer()
    template = {
        "metadata": {"namespace": "shop", "name": "errors", "uid": "t"},
        "spec": {"metrics": [{"name": "rate", "provider": {"plugin": {"acme/x": {}}}}]},
    }
    store.put(ANALYSIS_TEMPLATES, template)
    lines = Metrics(store).render().decode().splitlines()
    assert 'analysis_template_info{name="errors",namespace="shop"} 1.0' in lines
    labels = '{metric="rate",name="errors",namespace="shop",type="acme/x"}'
    assert f"analysis_template_metric_info{labels} 1.0" in lines


def test_a_run_that_is_no_proper_one_spoils_no_scrape() -> None:
    bare = {"metadata": {"name": "bare", "namespace": "shop", "uid": "b"}}
    empty = {**bare, "metadata": {**bare["metadata"], "name": "empty"}, "spec": {"metrics": [{}]}}
    assert 'analysis_run_info{name="bare",namespace="shop",phase=""} 1.0' in scrape(bare, empty)
