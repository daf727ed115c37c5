"""Whole runs as files: a spec, the values of its metrics in order, what users and other controllers do to the
run meanwhile, and what must come of it, and when.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.providers.static import StaticProvider
from rollouts.embedded.virtual_time import run
from rollouts.kube.resources import ANALYSIS_RUNS, NAMESPACES
from tests.analysis.bench import KEY, NAMESPACE, Bench

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
FINAL = ("Successful", "Failed", "Error", "Inconclusive")


def _values(given: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        name: [
            OSError(each["error"]) if isinstance(each, dict) and "error" in each else each for each in values
        ]
        for name, values in given.items()
    }


async def carry_out(case: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Look after the run until it is over; its status, and after how many seconds that was."""
    bench = Bench()
    provider = StaticProvider(_values(case["values"]), bench.clock)
    bench.reconciler._providers = dict.fromkeys(("prometheus", "web", "traffic"), provider)
    await bench.client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": KEY.name}}
    await bench.client.create(ANALYSIS_RUNS, {**body, "spec": case["spec"]}, NAMESPACE)
    loop = asyncio.get_running_loop()
    started, meanwhile = loop.time(), list(case.get("meanwhile", ()))
    while True:
        pause = await bench.look()
        status = await bench.status()
        if status.get("phase") in FINAL:
            return status, loop.time() - started
        if meanwhile and (pause is None or started + meanwhile[0]["at"] <= loop.time() + pause):
            change = meanwhile.pop(0)
            await asyncio.sleep(started + change["at"] - loop.time())
            await bench.change({"spec": change["spec"]})
            continue
        assert pause is not None, "the run is not over and will never be looked at again"
        await asyncio.sleep(pause)


def holds(expected: Any, found: Any) -> bool:
    """Whether all that is expected is found; an object, and a text that ends in dots, may go on."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            holds(value, found.get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(holds, expected, found))
    if isinstance(expected, str) and expected.endswith("..."):
        return isinstance(found, str) and found.startswith(expected[:-3])
    return bool(expected == found)


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_a_run_comes_to_what_its_file_says(path):
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    status, seconds = run(carry_out(case))
    expected = case["expect"]
    assert status["phase"] == expected["phase"]
    assert path.stem.startswith(expected["phase"].lower())
    if "message-has" in expected:
        assert expected["message-has"] in status["message"]
    else:
        assert status.get("message", "") == expected.get("message", status.get("message", ""))
    assert seconds == pytest.approx(expected["after"])
    results = {result["name"]: result for result in status.get("metricResults", ())}
    assert results.keys() == expected["metrics"].keys()
    for name, fields in expected["metrics"].items():
        for field, value in fields.items():
            assert holds(value, results[name].get(field)), (field, results[name].get(field))
    for field, value in expected.get("status", {}).items():
        assert holds(value, status.get(field)), (field, status.get(field))
