"""A provider with everything around it that a case file tells of."""

import asyncio
import base64
import contextlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from analysis import arguments
from rollouts.api.analysis import Measurement
from rollouts.embedded import virtual_time
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import NAMESPACES, SECRETS, Resource
from tests.analysis.providers.contract.cases import Case
from tests.analysis.providers.contract.exchanges import Fault, Recorded, Transport, saying
from tests.analysis.providers.contract.loopback import Server, serving
from tests.analysis.providers.contract.subjects import SUBJECTS, Parts, SetClock, Subject
from tests.analysis.providers.requests import run_with

CONTROL = "rollouts-system"
"""The controller's namespace."""
ROUNDS = 250
"""Looks after which a measurement that is still Running never ends: an hour, every 15 s, and some."""


@dataclass
class Bench:
    """A provider, and what it is asked over."""

    subject: Subject
    server: Server | None
    took: list[Recorded]

    async def measure(
        self, case: Case, exchanges: list[dict[str, Any]], fault: Fault | None = None, at: int = 0
    ) -> Measurement:
        """One measurement to its end, from nothing: no credentials were seen before."""
        return (await self.series([case], exchanges, fault, at))[0]

    async def series(
        self, rotations: list[Case], exchanges: list[dict[str, Any]], fault: Fault | None = None, at: int = 0
    ) -> list[Measurement]:
        """Measurements of one provider, between which the credentials change."""
        clock = SetClock()
        client = Client(InProcess(ApiServer(clock, seed=0)))
        await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        for obj in rotations[0].filled(rotations[0].objects, self.address):
            await create(client, obj)
        holder = Holder()
        environ = {"POD_NAMESPACE": CONTROL, **rotations[0].filled(rotations[0].environ, self.address)}
        parts = Parts(client=client, clock=clock, transport=holder, environ=environ)
        provider = self.subject.make(parts)
        taken = []
        for case in rotations:
            await _put(client, case, self.address)
            now = Recorded(case.filled(exchanges, self.address), fault=fault, broken_at=at)
            self.took.append(now)
            holder.transport = Transport(now)
            if self.server is not None:
                self.server.recorded = now
            run, metric = _asked(case, self.address)
            measurement = await provider.measure(run, metric, None)
            for _ in range(ROUNDS):
                if measurement.phase != "Running":
                    break
                assert measurement.resume_at is not None
                clock.now = max(measurement.resume_at, clock.now)
                measurement = await provider.measure(run, metric, measurement)
            assert measurement.phase != "Running", "the measurement never ends"
            assert measurement.finished_at is not None
            taken.append(_as_written(measurement, case))
        return taken

    async def terminate(self, case: Case) -> Measurement:
        """End a measurement that is under way, as it is after a restart: with what its status holds."""
        clock = SetClock()
        client = Client(InProcess(ApiServer(clock, seed=0)))
        holder = Holder()
        holder.transport = Transport(Recorded([], fault=saying("{}")))
        if self.server is not None:
            self.server.recorded = Recorded([], fault=saying("{}"))
        parts = Parts(client=client, clock=clock, transport=holder, environ={"POD_NAMESPACE": CONTROL})
        run, metric = _asked(case, self.address)
        previous = Measurement(phase="Running", started_at=clock())
        return await self.subject.make(parts).terminate(run, metric, previous)

    @property
    def address(self) -> str:
        return self.server.address if self.server is not None else "http://server.test:8080"

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(story) if self.server is not None else virtual_time.run(story)


def _as_written(measurement: Measurement, case: Case) -> Measurement:
    """With the arguments hidden that are secrets: the controller does that, and only it knows them all."""
    secrets = tuple(case.args.values())
    return measurement.model_copy(
        update={
            "message": arguments.redact(measurement.message, secrets),
            "value": arguments.redact(measurement.value, secrets),
            "metadata": {key: arguments.redact(text, secrets) for key, text in measurement.metadata.items()},
        }
    )


class Holder(httpx.AsyncBaseTransport):
    """A transport whose exchanges are replaced between measurements."""

    def __init__(self) -> None:
        self.transport: Transport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert self.transport is not None
        return await self.transport.handle_async_request(request)


def _asked(case: Case, server: str) -> Any:
    """The run, and the metric with the arguments in place: what the controller hands over."""
    args = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "args", "key": name}}} for name in case.args
    ]
    provider = replace(case, args={name: f"{{{{args.{name}}}}}" for name in case.args}).filled(
        case.provider, server
    )
    run, metric = run_with(provider, args)
    return run, arguments.resolve(metric, case.args)


async def create(client: Client, obj: dict[str, Any]) -> None:
    """An object of a case, of whatever kind."""
    group, _, version = obj["apiVersion"].rpartition("/")
    kind = Resource(group, version, obj["kind"], f"{obj['kind'].lower()}s")
    await client.create(kind, obj, obj["metadata"].get("namespace", ""))


async def _put(client: Client, case: Case, server: str) -> None:
    for name, data in case.secrets.items():
        namespace, _, plain = name.rpartition("/")
        encoded = {
            key: base64.b64encode(text.encode()).decode() for key, text in case.filled(data, server).items()
        }
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": plain}, "data": encoded}
        with contextlib.suppress(NotFound):
            await client.delete(SECRETS, plain, namespace or CONTROL)
        await client.create(SECRETS, body, namespace or CONTROL)


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    subject = SUBJECTS[name]
    if not subject.on_loopback:
        yield Bench(subject, None, [])
        return
    with serving() as server:
        yield Bench(subject, server, [])
