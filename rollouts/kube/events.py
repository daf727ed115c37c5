"""Event objects: what the engine tells the user about an object.

Recording never waits and never fails: events go through a bounded queue to a task of their own, and one that
finds no room is dropped and counted. A repeated event raises the count of the first.
"""

import asyncio
import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollouts.api.errors import RolloutsError
from rollouts.api.meta import Object, format_time
from rollouts.kube.client import Client
from rollouts.kube.errors import AlreadyExists, NotFound, Terminating
from rollouts.kube.fence import LeadershipLost
from rollouts.kube.outage import is_outage, is_worth_a_line
from rollouts.kube.resources import EVENTS

COMPONENT = "rollouts-controller"

_LONGEST_MESSAGE = 1024
"""The API server's own limit, in characters."""
_ROOM = 1000
"""Events that may wait to be written."""
_REMEMBERED = 4096
"""Events whose count can still be raised."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Said:
    """Everything that makes two events the same one."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    type: str
    reason: str
    message: str

    def event_name(self) -> str:
        """A name that is the same after a restart, so that the count goes on."""
        text = "\0".join((self.uid, self.type, self.reason, self.message))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.name[:230]}.{digest}"


class Recorder:
    """Writes events about objects, in the background.

    `on_record` is told of every event that was accepted, for the metrics.
    """

    def __init__(
        self,
        client: Client,
        clock: Callable[[], datetime],
        *,
        on_record: Callable[[Object, str, str], None] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._on_record = on_record
        self._queue: asyncio.Queue[tuple[_Said, datetime]] = asyncio.Queue(_ROOM)
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._said: OrderedDict[_Said, int] = OrderedDict()
        """How often each was recorded."""
        self._unwritten = 0
        """How many could not be written since the last one that could."""
        self.dropped = 0
        """How many events found no room."""

    def record(
        self, obj: Object, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal"
    ) -> None:
        """Tell the user something about `obj`; returns at once."""
        metadata = obj["metadata"]
        said = _Said(
            api_version=obj.get("apiVersion", ""),
            kind=obj.get("kind", ""),
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            type=type,
            reason=reason,
            message=_UNPRINTABLE.sub(" ", message)[:_LONGEST_MESSAGE],
        )
        fields = {"kind": said.kind, "namespace": said.namespace, "object": said.name, "reason": reason}
        level = logging.WARNING if type == "Warning" else logging.INFO
        _log.log(level if self._is_news(said) else logging.DEBUG, "%s", said.message, extra=fields)
        try:
            self._queue.put_nowait((said, self._clock()))
        except asyncio.QueueFull:
            self.dropped += 1
            return
        if self._on_record is not None:
            self._on_record(obj, type, reason)

    async def run(self) -> None:
        """Write the events that are recorded, until cancelled."""
        while True:
            said, at = await self._queue.get()
            try:
                await self._write(said, at)
            except Terminating:
                pass  # who deletes a namespace does not wait for what is said of what was in it
            except RolloutsError as error:
                self._unwritten += 1
                is_said = is_outage(error) or isinstance(error, LeadershipLost)
                log = _log.warning if is_worth_a_line(self._unwritten) and not is_said else _log.debug
                log("event not written: %s", error, extra={"kind": said.kind, "object": said.name})
            else:
                self._unwritten = 0
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        """Wait until all that was recorded is written."""
        await self._queue.join()

    def _is_news(self, said: _Said) -> bool:
        """Whether it goes to the log, too: what happens all the time is not told each time."""
        count = self._said[said] = self._said.get(said, 0) + 1
        self._said.move_to_end(said)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return is_worth_a_line(count)

    async def _write(self, said: _Said, at: datetime) -> None:
        name = said.event_name()
        namespace = said.namespace or "default"
        count = self._counts.get(name, 0)
        if count == 0:
            try:
                await self._client.create(EVENTS, _event(said, name, namespace, at), namespace)
            except AlreadyExists:  # an earlier process has said so, too
                count = int((await self._client.get(EVENTS, name, namespace)).get("count") or 1)
        if count and not await self._raise_count(name, namespace, count + 1, at):
            await self._client.create(EVENTS, _event(said, name, namespace, at), namespace)
            count = 0
        self._remember(name, count + 1)

    async def _raise_count(self, name: str, namespace: str, count: int, at: datetime) -> bool:
        try:
            await self._client.patch(
                EVENTS, name, {"count": count, "lastTimestamp": format_time(at)}, namespace
            )
        except NotFound:  # events expire after an hour or so
            return False
        return True

    def _remember(self, name: str, count: int) -> None:
        self._counts[name] = count
        self._counts.move_to_end(name)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)


def _event(said: _Said, name: str, namespace: str, at: datetime) -> Object:
    involved: Object = {"apiVersion": said.api_version, "kind": said.kind, "name": said.name}
    if said.namespace:
        involved["namespace"] = said.namespace
    if said.uid:
        involved["uid"] = said.uid
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved,
        "type": said.type,
        "reason": said.reason,
        "message": said.message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": format_time(at),
        "lastTimestamp": format_time(at),
        "count": 1,
    }
