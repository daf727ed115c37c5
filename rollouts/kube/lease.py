"""Leader election by a Lease: of several controllers one works, and it stops when it is no longer sure.

A lease counts as expired when it has not changed for its duration as measured here, so clocks need not agree.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Unreachable
from rollouts.kube.resources import LEASES

_DURATION = 15.0
_RENEW_DEADLINE = 10.0
_RETRY = 2.0
"""Seconds; as upstream."""

_log = logging.getLogger(__name__)


class LeadershipLost(RolloutsError):
    """The lease could not be renewed in time; the work was stopped and the process must end."""


def lease_name(instance_id: str = "") -> str:
    """The name that Argo Rollouts uses too, so that the two never work at the same time."""
    return "argo-rollouts-controller-lock" + (f"-{instance_id}" if instance_id else "")


@dataclass(slots=True)
class _Seen:
    """The lease as last read, and when it last changed by our own clock."""

    lease: Object | None = None
    at: float = 0.0


class Elector:
    """Runs something only while holding a lease."""

    def __init__(
        self, client: Client, *, namespace: str, name: str, identity: str, clock: Callable[[], datetime]
    ) -> None:
        self.leading = False
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._seen = _Seen()

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, then work for as long as it is held.

        Raises:
            LeadershipLost: another holds it, or it could not be renewed; `work` has been cancelled.
        """
        while not await self._try():  # noqa: ASYNC110 (another process gives it up)
            await asyncio.sleep(_RETRY)
        _log.info("leading", extra={"lease": self._name, "identity": self._identity})
        self.leading = True
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(self._renew())
        try:
            done, _ = await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.leading = False
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
            await self._release()

    async def _renew(self) -> None:
        """Return never; end with LeadershipLost."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(_RETRY)
            try:
                async with asyncio.timeout_at(renewed + _RENEW_DEADLINE):
                    held = await self._try()
            except TimeoutError:
                held = False
            if held:
                renewed = loop.time()
            elif self._other() or loop.time() >= renewed + _RENEW_DEADLINE:
                raise LeadershipLost(f"lost the lease {self._namespace}/{self._name}")

    async def _try(self) -> bool:
        """Take or renew the lease; whether it is ours now."""
        try:
            return await self._take()
        except (Conflict, AlreadyExists):
            return False
        except (ApiError, Unreachable) as error:
            _log.warning("lease: %s", error, extra={"lease": self._name})
            return False

    async def _take(self) -> bool:
        now = asyncio.get_running_loop().time()
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            body = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": self._spec({}),
            }
            self._seen = _Seen(await self._client.create(LEASES, body, self._namespace), now)
            return True
        if self._seen.lease is None or self._seen.lease.get("spec") != lease.get("spec"):
            self._seen = _Seen(lease, now)
        duration = float((lease.get("spec") or {}).get("leaseDurationSeconds") or _DURATION)
        if self._other() and now < self._seen.at + duration:
            return False
        body = {**lease, "spec": self._spec(lease.get("spec") or {})}
        self._seen = _Seen(await self._client.replace(LEASES, body, self._namespace), now)
        return True

    def _other(self) -> str:
        """Who else held it when we last looked."""
        holder = str(((self._seen.lease or {}).get("spec") or {}).get("holderIdentity") or "")
        return "" if holder == self._identity else holder

    def _spec(self, before: Object) -> Object:
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(_DURATION),
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if mine or not before else 1),
        }

    async def _release(self) -> None:
        """Let the next one start at once."""
        if self._other() or self._seen.lease is None:
            return
        body = {**self._seen.lease}
        body["spec"] = {**body["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(_RETRY):
                await self._client.replace(LEASES, body, self._namespace)
        except (ApiError, Unreachable, TimeoutError) as error:
            _log.debug("lease not released: %s", error)
