"""The kubelet: one worker for each pod."""

import asyncio
import logging
from collections.abc import Mapping

from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import Object
from rollouts.embedded.pods import images
from rollouts.embedded.pods.images import Image
from rollouts.embedded.pods.runner import Drain, PodRunner, wait_a_moment
from rollouts.embedded.pods.worker import Worker
from rollouts.embedded.workloads.cache import Cache, Key, key_of
from rollouts.embedded.workloads.pods import Clock
from rollouts.kube.resources import CONFIG_MAPS, PODS, Resource

RESOURCES = (PODS, CONFIG_MAPS)
"""The kinds that the cache must hold."""

log = logging.getLogger(__name__)


class Kubelet:
    """Runs every pod of the cluster through a PodRunner, until cancelled.

    A pod that is deleted gets its SIGTERM after `drain`, or once its grace period is over.
    """

    def __init__(
        self, cache: Cache, runner: PodRunner, clock: Clock, *, drain: Drain = wait_a_moment
    ) -> None:
        self._cache = cache
        self._runner = runner
        self._clock = clock
        self._drain = drain
        self._images: Mapping[str, Image] = {}
        self._workers: dict[str, Worker] = {}  # by uid
        self._uids: dict[Key, str] = {}
        self._changes: asyncio.Queue[Object] = asyncio.Queue()
        cache.listen(self._changed)

    def log_of(self, namespace: str, pod: str, container: str = "") -> bytes | None:
        """What a container wrote, the latest part; None where there is no such pod or container."""
        worker = self._workers.get(self._uids.get((namespace, pod), ""))
        return worker.log_of(container) if worker is not None else None

    async def run(self) -> None:
        """Start a worker for each new pod, and tell each of changes."""
        await self._cache.synced()
        self._read_images()
        async with asyncio.TaskGroup() as group:
            while True:
                pod = await self._changes.get()
                worker = self._workers.get(pod["metadata"]["uid"])
                if worker is not None:
                    worker.see(self._present(pod))
                elif self._present(pod) is not None and not _over(pod) and _is_ours(pod):
                    worker = self._worker(pod)
                    self._workers[pod["metadata"]["uid"]] = worker
                    group.create_task(self._work(pod, worker))

    def _changed(self, resource: Resource, item: Object) -> None:
        if resource is PODS:
            self._changes.put_nowait(item)
        elif resource is CONFIG_MAPS and key_of(item) == (images.NAMESPACE, images.NAME):
            self._read_images()

    def _read_images(self) -> None:
        try:
            self._images = images.parse(self._cache.get(CONFIG_MAPS, (images.NAMESPACE, images.NAME)))
        except InvalidSpec as error:
            log.warning("ConfigMap %s/%s stays as it was: %s", images.NAMESPACE, images.NAME, error)
            return
        for worker in self._workers.values():
            worker.images_changed.set()

    def _worker(self, pod: Object) -> Worker:
        return Worker(self._cache, self._runner, self._clock, lambda: self._images, pod, drain=self._drain)

    def _present(self, pod: Object) -> Object | None:
        current = self._cache.get(PODS, key_of(pod))
        return current if current and current["metadata"]["uid"] == pod["metadata"]["uid"] else None

    async def _work(self, pod: Object, worker: Worker) -> None:
        uid, key = pod["metadata"]["uid"], key_of(pod)
        self._uids[key] = uid
        worker.see(self._present(pod))
        try:
            await worker.run()
        except* RolloutsError as errors:
            # This pod is lost; the others go on.
            log.error("pod %s/%s: %s", *key, "; ".join(map(str, errors.exceptions)))
        finally:
            del self._workers[uid]
            if self._uids.get(key) == uid:
                del self._uids[key]


def _is_ours(pod: Object) -> bool:
    """Whether a pod has a node, or waits for the scheduler that every pod is given who names no other."""
    spec = pod["spec"]
    return bool(spec.get("nodeName")) or spec.get("schedulerName") == "default-scheduler"


def _over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
