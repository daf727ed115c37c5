"""`make bench-judges` runs, and what it measures are the judges that are shipped."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analysis.assessment import limit_exceeded
from analysis.judges.consecutive import check
from analysis.judges.sequential.judge import judge
from analysis.judges.sequential.verdict import Terms
from benchmarks.judges import errors, judges, latency
from rollouts.api.analysis import Metric, MetricResult
from rollouts.api.judges import ConsecutiveJudge, SequentialJudge
from tests.places import REPOSITORY

WORKLOADS = {each.name: each for each in (*errors.WORKLOADS, *errors.BASELINE, *latency.WORKLOADS)}
RUNS = 4


def values(looks, run, warm_up):
    """What a provider would have answered, look by look."""
    for look in range(warm_up, looks.canary.shape[1]):
        arms = {}
        for name, count, bad in (
            ("canary", looks.canary, looks.canary_bad),
            ("stable", looks.reference, looks.reference_bad),
        ):
            requests = float(count[run, look])
            arms[name] = {"requests": requests}
            if looks.edges:
                below = requests - bad[run, look]
                arms[name]["buckets"] = {
                    **{f"{edge:g}": float(n) for edge, n in zip(looks.edges, below, strict=True)},
                    "+Inf": requests,
                }
            else:
                arms[name]["errors"] = float(bad[run, look])
        yield look, json.dumps(arms)


@pytest.mark.parametrize(
    "name",
    ["A1", "A2", "A6b", "A7+", "A8", "A9", "B1", "B2", "B4", "B5", "B7", "C2", "S1", "L2", "M1", "M2", "M4"],
)
def test_the_sequential_judge_that_is_measured_decides_as_the_one_that_is_shipped(name):
    workload, spec = WORKLOADS[name], SequentialJudge()
    looks = workload.draw(np.random.default_rng([11, *name.encode()]), RUNS)
    measured = judges.sequential(Terms(spec, 0.05), looks, workload.warm_up)
    for run in range(RUNS):
        memory, failed, proven = "", -1, -1
        for look, value in values(looks, run, workload.warm_up):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=look)
            memory, verdict = judge(spec, 0.05, memory, value, at)
            if verdict.outcome == "failed":
                failed = look
                break
            if verdict.outcome == "proven" and proven < 0:
                proven = look
        assert (failed, proven) == (measured.failed[run], measured.proven[run])


def test_failed_checks_are_counted_as_the_shipped_judge_counts_them():
    rng = np.random.default_rng(3)
    bad, missing = rng.random((40, 30)) < 0.2, rng.random((40, 30)) < 0.1
    measured = judges.consecutive(bad, missing, 5)
    for run in range(40):
        failed, hit = 0, -1
        for look in range(30):
            value = None if missing[run, look] else float(bad[run, look])
            told = check(ConsecutiveJudge(max=0.5, threshold=5), failed, value)
            failed = told.failed
            if told.over:
                hit = look
                break
        assert hit == measured[run]


def test_failed_measurements_are_counted_as_the_engine_counts_them():
    rng = np.random.default_rng(4)
    bad, missing = rng.random((60, 40)) < 0.1, rng.random((60, 40)) < 0.4
    measured, metric = judges.threshold(bad, missing, 3), Metric(name="m", failure_limit=3)
    for run in range(60):
        hit, failures, row = -1, 0, 0
        for look in range(40):
            row = row + 1 if missing[run, look] else 0
            failures += int(bad[run, look] and not missing[run, look])
            if limit_exceeded(metric, MetricResult(name="m", failed=failures, consecutive_error=row))[0]:
                hit = look
                break
        assert hit == measured[run]


def test_the_benchmark_writes_a_table_and_figures_and_says_honestly_which_bars_are_reached(tmp_path):
    output = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judges", "--runs", "6", "--output", str(output)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    missed = [each["what"] for each in found["bars"] if not each["reached"]]
    assert f"{len(found['bars']) - len(missed)} of {len(found['bars'])} bars are reached." in done.stdout
    assert all(f"| {what} |" in done.stdout for what in missed)
    assert {each["judge"] for each in found["figures"]} >= {
        "sequential, defaults",
        "naive z-test at every look, 5%",
    }
