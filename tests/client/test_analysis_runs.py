"""The verbs of an analysis run."""

from rollouts.embedded.virtual_time import run
from tests.client.samples import api

RUN = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AnalysisRun",
    "metadata": {"name": "shop-1", "namespace": "default"},
    "spec": {"metrics": [{"name": "rate", "provider": {"web": {"url": "http://metrics.test"}}}]},
    "status": {
        "phase": "Running",
        "metricResults": [{"name": "rate", "phase": "Running", "measurements": [{"value": "0.98"}]}],
    },
}


def test_a_run_is_read_with_its_measurements() -> None:
    async def main() -> None:
        async with api(RUN) as cd:
            (found,) = await cd.analysis_runs.list()
            assert found == await cd.analysis_runs.get("shop-1")
            assert found.status.metric_results[0].measurements[0].value == "0.98"

    run(main())


def test_terminate_says_when_it_was_done_before() -> None:
    async def main() -> None:
        async with api(RUN) as cd:
            assert await cd.analysis_runs.terminate("shop-1")
            assert not await cd.analysis_runs.terminate("shop-1")
            assert (await cd.analysis_runs.get("shop-1")).spec.terminate

    run(main())
