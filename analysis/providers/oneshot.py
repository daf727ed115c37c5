"""Providers whose measurement is one question and its answer, so that nothing is ever under way."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from analysis.providers.answers import Clock, error, hide, no_data, value
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.errors import RolloutsError, Unavailable
from rollouts.kube.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question came to."""

    result: Any
    """None is no data."""
    message: str = ""
    """Why there is no data."""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Failed(Unavailable):
    """There is no answer; the message says why and holds no credentials. `metadata` goes with it."""

    def __init__(self, message: str, metadata: Mapping[str, str] | None = None) -> None:
        self.metadata = dict(metadata or {})
        super().__init__(message)


@contextmanager
def hiding(credentials: Iterable[str]) -> Iterator[None]:
    """While an answer is read that may hold the credentials which it was asked with: no error shows them."""
    try:
        yield
    except Failed as failure:
        raise Failed(hide(str(failure), credentials), failure.metadata) from None


class OneShot(ABC):
    """Takes care of all but the question: an error of ours becomes a measurement in phase Error."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        """Ask.

        Raises:
            RolloutsError: there is no answer; its message is shown, so that it holds no credentials.
        """

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        started = self._clock()
        try:
            found = await self.ask(run, metric, started)
        except RolloutsError as failure:
            measured = error(started, self._clock(), str(failure))
            metadata = failure.metadata if isinstance(failure, Failed) else {}
            return measured.model_copy(update={"metadata": metadata}) if metadata else measured
        if found.result is None and found.message:
            return no_data(started, self._clock(), found.message, found.metadata)
        return value(started, self._clock(), found.result, found.metadata)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        return error(previous.started_at or self._clock(), self._clock(), "a request is never under way")


class WithAccount(OneShot):
    """One that is asked over HTTP with what a Secret holds.

    Args:
        client: reads the Secret.
        clock: tells the time.
        transport: instead of the network.
        environ: instead of the process's, which tells the controller's namespace.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(clock)
        self._client = client
        self._transport = transport
        self._environ = os.environ if environ is None else environ
