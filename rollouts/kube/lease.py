"""Leader election by a Lease: of several controllers one works, and it stops when it is no longer sure.

A lease counts as expired when it has not changed for its duration as measured here, so clocks need not agree.
It is free at once only in the form in which a leader gives it back: no holder, and a duration of one second,
as upstream writes it. One that is missing, or was emptied by somebody, may have been taken from a leader who
writes it again at the next renewal: it too must stay as it is for the duration before another takes it.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import Object
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Unreachable, Unreadable
from rollouts.kube.fence import Fence, LeadershipLost
from rollouts.kube.resources import LEASES

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a lease is held; the defaults are upstream's.

    Raises:
        InvalidSpec: the numbers leave a leader no time to renew, or its successor none to be sure.
    """

    duration: timedelta = timedelta(seconds=15)
    """Without renewal another may take the lease after so long; rounded up to whole seconds."""
    renew_deadline: timedelta = timedelta(seconds=10)
    """A leader that could not renew for so long stops."""
    retry_period: timedelta = timedelta(seconds=2)
    """Between two tries to take or renew it."""

    def __post_init__(self) -> None:
        deadline = self.renew_deadline.total_seconds()
        if not deadline < self.duration.total_seconds():
            why = f"{self.duration.total_seconds():g}s is not longer than the renew deadline, {deadline:g}s"
            raise InvalidSpec("--leader-election-lease-duration", why, self.duration)
        if not 0 < self.retry_period.total_seconds() < deadline:
            retry = self.retry_period.total_seconds()
            why = f"{retry:g}s is not between 0s and the renew deadline, {deadline:g}s"
            raise InvalidSpec("--leader-election-retry-period", why, self.retry_period)

    @property
    def seconds(self) -> int:
        """The duration as the Lease says it."""
        return math.ceil(self.duration.total_seconds())

    @property
    def slack(self) -> float:
        """Seconds that the last write of a leader may take to the server."""
        return self.seconds - self.renew_deadline.total_seconds()


def lease_name(instance_id: str = "") -> str:
    """The name that Argo Rollouts uses too, so that the two never work at the same time."""
    return "argo-rollouts-controller-lock" + (f"-{instance_id}" if instance_id else "")


@dataclass(slots=True)
class _Seen:
    """What the lease last said, and when it last changed by our own clock."""

    spec: Object | None = None
    """None before the first look; empty for a lease that is missing."""
    at: float = 0.0


class Elector:
    """Runs something only while holding a lease.

    Args:
        client: reads and writes the lease; not the one that is fenced.
        namespace: of the lease.
        name: of the lease.
        identity: who we are; no two processes may share it.
        clock: the time to write into the lease, for people to read.
        timing: how long it is held.
        fence: what keeps the work from writing when it is too late.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], datetime],
        timing: Timing | None = None,
        fence: Fence | None = None,
    ) -> None:
        self.leading = False
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._timing = timing or Timing()
        self._fence = fence or Fence()
        self._seen = _Seen()
        self._ours: Object = {}
        """The lease as the server had it after our last write."""
        self._said = ""

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, then work for as long as it is held.

        Raises:
            LeadershipLost: another holds it, or it could not be renewed; `work` has been cancelled.
        """
        while not await self._try():  # noqa: ASYNC110 (another process gives it up)
            await asyncio.sleep(self._retry)
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
            is_quiet = self._fence.is_quiet(self._timing.slack)
            self._fence.close()
            if is_quiet:  # else the next one waits until the lease expires, and our last write with it
                await self._release()

    @property
    def _retry(self) -> float:
        return self._timing.retry_period.total_seconds()

    async def _renew(self) -> None:
        """Return never; end with LeadershipLost."""
        fence = self._fence
        while not fence.hit.is_set() and fence.left > 0:
            try:
                async with asyncio.timeout(self._retry):
                    await fence.hit.wait()
            except TimeoutError:
                held = await self._try_in_time()
                if not held and self._other():
                    break
        raise LeadershipLost(f"lost the lease {self._namespace}/{self._name}")

    async def _try_in_time(self) -> bool:
        try:
            async with asyncio.timeout(max(0.0, self._fence.left)):
                return await self._try()
        except TimeoutError:
            return False

    async def _try(self) -> bool:
        """Take or renew the lease; whether it is ours now."""
        try:
            return await self._take()
        except (Conflict, AlreadyExists):
            return False
        except (ApiError, Unreachable) as error:
            self._say("the lease can be neither read nor written", f": {error}", logging.WARNING)
            return False

    async def _take(self) -> bool:
        lease = await self._look()
        spec = _spec(lease)
        # By the time after the answer, which may show what was written right before it.
        now = asyncio.get_running_loop().time()
        if self._seen.spec != spec:
            self._seen = _Seen(spec, now)
        if self._other() and self.leading:
            return False
        is_ours = self.leading or spec.get("holderIdentity") == self._identity
        if not is_ours and not _is_free(spec) and now < self._seen.at + self._lasts(spec):
            whose = f"it is held by {self._other()}" if self._other() else "whoever held it may not know yet"
            self._say(f"waiting for the lease: {whose}")
            return False
        body = {**lease, "spec": self._new_spec(spec)}
        if body["metadata"].get("resourceVersion"):
            self._ours = await self._client.replace(LEASES, body, self._namespace)
        else:
            self._ours = await self._client.create(LEASES, body, self._namespace)
        self._seen = _Seen(body["spec"], now)
        self._fence.open(now + self._timing.renew_deadline.total_seconds())
        self._said = ""
        return True

    async def _look(self) -> Object:
        """The lease as it is, or what is to be created where there is none."""
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            return {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
            }
        metadata = lease.get("metadata")
        if not isinstance(metadata, dict) or not metadata.get("resourceVersion"):
            raise Unreadable(f"{str(lease)[:200]!r} is no Lease")
        return lease

    def _other(self) -> str:
        """Who else held it when we last looked."""
        holder = str((self._seen.spec or {}).get("holderIdentity") or "")
        return "" if holder == self._identity else holder

    def _lasts(self, spec: Object) -> float:
        """Seconds for which the lease must not change before it is expired: never fewer than ours last."""
        return max(self._timing.seconds, _whole(spec.get("leaseDurationSeconds")))

    def _new_spec(self, before: Object) -> Object:
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._timing.seconds,
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": _whole(before.get("leaseTransitions")) + (0 if mine or not before else 1),
        }

    async def _release(self) -> None:
        """Let the next one start at once."""
        if self._other() or not self._ours.get("metadata"):
            return
        body = {**self._ours, "spec": {**_spec(self._ours), "holderIdentity": "", "leaseDurationSeconds": 1}}
        try:
            async with asyncio.timeout(self._retry):
                await self._client.replace(LEASES, body, self._namespace)
        except (ApiError, Unreachable, TimeoutError) as error:
            _log.debug("lease not released: %s", error)

    def _say(self, what: str, why: str = "", level: int = logging.INFO) -> None:
        """Tell the operator, once until something else is so."""
        if what != self._said:
            self._said = what
            _log.log(level, "%s%s", what, why, extra={"lease": self._name})


def _spec(lease: Object) -> Object:
    spec = lease.get("spec")
    return spec if isinstance(spec, dict) else {}


def _is_free(spec: Object) -> bool:
    """Whether a leader has given it back."""
    return not spec.get("holderIdentity") and spec.get("leaseDurationSeconds") == 1


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
