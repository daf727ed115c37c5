"""A server whose clock stands until a test moves it, and a client in the same process."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> ApiServer:
    return ApiServer(clock, seed=1)


@pytest.fixture
def client(server: ApiServer) -> Client:
    return Client(InProcess(server))
