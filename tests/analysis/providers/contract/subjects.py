"""The providers that are held to one contract. A new one takes a folder of cases, and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from analysis.providers import Provider
from analysis.providers.answers import Clock
from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.web import WebProvider
from rollouts.kube.client import Client
from tests.analysis.providers.requests import NOW


class SetClock:
    """Shows a time, and another when it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What providers are made of."""

    client: Client
    clock: Clock
    transport: httpx.AsyncBaseTransport
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider, and in what its cases differ from the others'."""

    make: Callable[[Parts], Provider]
    on_loopback: bool = False
    """Its client takes no transport: it is served the exchanges on loopback."""
    without: Mapping[str, str] = field(default_factory=dict)
    """Cases that it cannot have, and why."""


SUBJECTS: dict[str, Subject] = {
    "prometheus": Subject(make=lambda p: PrometheusProvider(p.clock, p.environ), on_loopback=True),
    "web": Subject(make=lambda p: WebProvider(p.clock, p.transport, p.environ)),
}
"""By the name of the folder that holds the cases."""
