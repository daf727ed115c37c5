"""A connection to a cluster, and the verbs on it."""

import getpass
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from rollouts.client.analysis_runs import AnalysisRuns
from rollouts.client.applications import Applications
from rollouts.client.kubeconfig import choose
from rollouts.client.rollouts import Rollouts
from rollouts.kube import client as kube
from rollouts.kube import config, http
from rollouts.kube.transport import Transport


def _now() -> datetime:
    return datetime.now(UTC)


class Client:
    """The verbs of the command line, for scripts: `async with Client.connect() as cd:`."""

    def __init__(
        self,
        client: kube.Client,
        *,
        namespace: str,
        user: str = "",
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.kube = client
        """The Kubernetes API underneath, for what there is no verb for."""
        self.namespace = namespace
        self.clock = clock
        self.rollouts = Rollouts(client, namespace, clock)
        self.applications = Applications(client, namespace, user)
        self.analysis_runs = AnalysisRuns(client, namespace)

    @staticmethod
    @asynccontextmanager
    async def connect(
        *,
        kubeconfig: Path | str | None = None,
        context: str | None = None,
        namespace: str = "",
        transport: Transport | None = None,
    ) -> AsyncIterator["Client"]:
        """Connect for the length of the block.

        The cluster: the given kubeconfig, `$KUBECONFIG`, the embedded cluster if it is up, ~/.kube/config,
        or the one that this pod runs in. The namespace: the given one, else the context's. With a
        `transport` (an in-process API, for tests) nothing of that is looked at.

        Raises:
            ConfigError: no cluster is configured, or the kubeconfig is malformed.
        """
        if transport is None:
            endpoint = await config.load(choose(kubeconfig), context)
            transport = http.open_client(endpoint).transport
            namespace = namespace or endpoint.namespace
        client = kube.Client(transport, field_manager="rollouts-cli")
        try:
            yield Client(client, namespace=namespace or "default", user=_user())
        finally:
            await client.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a container whose user id has no name
