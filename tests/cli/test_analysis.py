"""`rollouts analysis`, on the examples, without a server."""

import json

import pytest
import yaml
from click.testing import CliRunner

from rollouts.cli import cli
from tests.analysis.providers.test_prometheus import Server
from tests.cli.bench import one_line_error
from tests.places import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
CANARY = str(EXAMPLES / "canary-by-evidence.yaml")
TEMPLATES, SERIES = str(EXAMPLES / "analysis" / "backtest.yaml"), str(EXAMPLES / "analysis" / "backtest.json")


def run(*arguments):
    return CliRunner().invoke(cli, ["analysis", *arguments], prog_name="rollouts")


def ok(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


PLAN = ("plan", "-f", CANARY, "--rps", "50", "--error-rate", "0.01", "--detect")


def test_the_plan_of_the_example_says_that_its_steps_are_too_short_for_twice_the_errors():
    first, second = json.loads(ok(*PLAN, "0.02", "-o", "json"))["steps"]
    assert (first["step"], first["weight"], first["lastsSeconds"]) == (1, 10, 240)
    assert (second["step"], second["weight"], second["lastsSeconds"]) == (3, 40, 240)
    assert first["needsSeconds"] > 240
    assert first["foundInTime"] < 0.95
    assert first["leastErrorRateFound"] > second["leastErrorRateFound"] > 0.02


def test_the_plan_as_text_has_a_row_for_each_weight_and_says_what_the_columns_are():
    text = ok(*PLAN, "0.2")
    assert text.startswith("Rollout till: errors from 0.01 to 0.2, 50 requests a second, a look every 15s,\n")
    rows = [line.split() for line in text.splitlines() if line[:1].isdigit()]
    assert [(row[1], row[2], row[4]) for row in rows] == [("10%", "4m", "100%"), ("40%", "4m", "100%")]
    assert "NEEDS: until the regression is found 95% of the time." in text


def test_a_cluster_wide_template_is_planned_with_the_values_that_it_gives_its_arguments(tmp_path):
    health = EXAMPLES / "analysis" / "canary-health.yaml"
    nginx = EXAMPLES / "canary-nginx.yaml"
    words = ("plan", "-f", str(nginx), "--rps", "50", "--error-rate", "0.01", "--detect", "0.02")
    assert "a look every 1m,\nwithout the first 2m; alpha 0.025, maxRatio 1.1" in ok(
        *words, "-f", str(health)
    )
    template = yaml.safe_load(health.read_text())
    del template["spec"]["args"][2]["value"]
    file = tmp_path / "template.yaml"
    file.write_text(yaml.safe_dump(template))
    error = one_line_error(run(*words, "-f", str(file)), 1)
    assert 'metric "errors": interval, warmUp and count need a value here' in error


def test_a_step_that_waits_for_a_human_is_planned_for_an_hour(tmp_path):
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 100}]}}},
    }
    file = tmp_path / "rollout.yaml"
    file.write_text(yaml.safe_dump(rollout))
    (step,) = json.loads(ok("plan", "-f", str(file), *PLAN[3:], "0.02", "-o", "json"))["steps"]
    assert step["lastsSeconds"] is None
    assert step["foundInTime"] > 0.99


def test_a_background_analysis_is_planned_over_all_of_its_steps(tmp_path):
    steps = [
        {"setWeight": 10},
        {"pause": {"duration": "5m"}},
        {"setWeight": 50},
        {"pause": {"duration": "5m"}},
    ]
    analysis = {"templates": [{"templateName": "errors"}]}
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {"strategy": {"canary": {"analysis": analysis, "steps": steps}}},
    }
    file = tmp_path / "rollout.yaml"
    file.write_text(yaml.safe_dump(rollout))
    command = ("plan", "-f", str(file), *PLAN[3:], "0.02")
    told = json.loads(ok(*command, "-o", "json"))
    found = told["background"]["foundByEndOfStep"]
    assert found["3"] > told["steps"][1]["foundInTime"]
    assert f"The background analysis finds it by the end: {found['1']:.0%} of step 1, " in ok(*command)


def test_of_the_recorded_past_the_threshold_fails_half_and_the_evidence_nothing():
    by_threshold, by_evidence = (
        json.loads(ok("backtest", "-f", TEMPLATES, "--template", name, "--series", SERIES, "-o", "json"))[
            "phases"
        ]
        for name in ("by-threshold", "by-evidence")
    )
    assert by_threshold["Failed"] >= 8
    assert "Failed" not in by_evidence
    assert by_evidence["Successful"] >= 14


def test_a_cluster_wide_template_is_backtested_as_any_other(tmp_path):
    file = tmp_path / "templates.yaml"
    text = (EXAMPLES / "analysis" / "backtest.yaml").read_text()
    file.write_text(text.replace("kind: AnalysisTemplate", "kind: ClusterAnalysisTemplate"))
    words = ("--template", "by-threshold", "--series", SERIES, "--every", "1h")
    assert ok("backtest", "-f", str(file), *words) == ok("backtest", "-f", TEMPLATES, *words)


def test_the_backtest_as_text_counts_the_false_alarms_and_says_why_each_run_failed():
    text = ok("backtest", "-f", TEMPLATES, "--template", "by-threshold", "--series", SERIES, "--every", "1h")
    assert text.startswith("5 runs from 2026-01-31T12:00:00Z to 2026-01-31T16:00:00Z: ")
    assert "2026-01-31T12:00:00Z  Failed" in text
    assert text.rstrip().endswith("are failed by false alarm.")


def test_the_backtest_asks_a_prometheus_server_for_the_past():
    server = Server()
    try:
        server.answer("matrix", [])
        text = ok(
            *("backtest", "-f", TEMPLATES, "--template", "by-evidence", "--prometheus", server.address),
            *("--from", "2026-01-31T12:00:00Z", "--to", "2026-01-31T13:00:00Z", "--every", "30m"),
        )
    finally:
        server.close()
    assert text.startswith("3 runs from ")
    assert "3 Inconclusive" in text
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("plan", "-f", TEMPLATES, *PLAN[3:], "0.02"),
            "the files hold 0 Rollouts; name those of one with -f",
        ),
        (("backtest", "-f", TEMPLATES, "--series", SERIES), "name one AnalysisTemplate with --template; "),
        (("backtest", "-f", CANARY, "--series", CANARY), "is no series ("),
        (
            (
                *(
                    "backtest",
                    "-f",
                    TEMPLATES,
                    "--template",
                    "by-evidence",
                    "--prometheus",
                    "http://127.0.0.1:9",
                ),
                *("--from", "1h"),
            ),
            "Prometheus at http://127.0.0.1:9 refused the connection",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, says):
    assert says in one_line_error(run(*arguments), 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("backtest", "-f", TEMPLATES, "--template", "by-evidence"),
        ("backtest", "-f", TEMPLATES, "--template", "by-evidence", "--series", SERIES, "--every", "0"),
        ("backtest", "-f", TEMPLATES, "--template", "by-evidence", "--series", SERIES, "--arg", "nonsense"),
        (
            *("backtest", "-f", TEMPLATES, "--template", "by-evidence", "--series", SERIES),
            *("--from", "2026-01-31T12:00:00"),
        ),
        (*PLAN, "0.02", "--interval", "0"),
        (*PLAN, "2"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_matter_of_usage(arguments):
    one_line_error(run(*arguments), 2)
