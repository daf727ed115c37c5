"""The verbs of an analysis run."""

from rollouts.api.analysis import AnalysisRun
from rollouts.api.meta import Object
from rollouts.api.validation import parse
from rollouts.client.intents import Patch
from rollouts.client.verbs import command, read, read_all
from rollouts.kube.client import Client
from rollouts.kube.resources import ANALYSIS_RUNS


class AnalysisRuns:
    """Reads and commands. A `namespace` left out is the client's own; all raise NotThere."""

    def __init__(self, kube: Client, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def get(self, name: str, *, namespace: str = "") -> AnalysisRun:
        """Read one run with its metrics and measurements."""
        return parse(AnalysisRun, await self.raw(name, namespace=namespace))

    async def raw(self, name: str, *, namespace: str = "") -> Object:
        """Read one run as the API gives it."""
        return await read(self._kube, ANALYSIS_RUNS, name, namespace or self._namespace)

    async def list(self, *, namespace: str = "", everywhere: bool = False) -> tuple[AnalysisRun, ...]:
        """Read the runs of the namespace, or of all."""
        where = "" if everywhere else namespace or self._namespace
        return tuple(parse(AnalysisRun, o) for o in await read_all(self._kube, ANALYSIS_RUNS, where))

    async def terminate(self, name: str, *, namespace: str = "") -> bool:
        """End a run; what was measured so far decides. False when it was ended already."""
        where = namespace or self._namespace
        return await command(self._kube, ANALYSIS_RUNS, name, where, _terminate)


def _terminate(run: Object) -> tuple[Patch, ...]:
    if (run.get("spec") or {}).get("terminate"):
        return ()
    return (Patch(body={"spec": {"terminate": True}}, resource=ANALYSIS_RUNS),)
