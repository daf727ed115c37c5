"""Adds the sync loop to the controllers: the Application reconciler and its view of Git."""

import os
from collections.abc import Sequence
from pathlib import Path

from rollouts.controller.application import ApplicationReconciler
from rollouts.controller.compose import Extra
from rollouts.controller.reconciler import Clock, Reconciler
from rollouts.controller.settings import Settings
from rollouts.gitops.desired import Desired
from rollouts.gitops.repository import Repositories
from rollouts.kube.client import Client
from rollouts.kube.events import Recorder
from rollouts.kube.store import Store

_CONTROL_NAMESPACE = "rollouts-system"
"""Where Applications and the Secrets of repositories are, unless this is a pod and says otherwise."""


def state_folder() -> Path:
    """Where mirrors of repositories are kept: $ROLLOUTS_HOME, in a pod the home, else `.rollouts` here."""
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    return Path(os.environ.get("ROLLOUTS_HOME") or ("~" if in_pod else ".rollouts")).expanduser().resolve()


def applications(settings: Settings) -> Extra:
    """Make the Application reconciler with these settings."""
    namespace = os.environ.get("POD_NAMESPACE") or _CONTROL_NAMESPACE

    def make(client: Client, store: Store, recorder: Recorder, clock: Clock) -> Sequence[Reconciler]:
        repositories = Repositories(state_folder() / "repositories")
        desired = Desired(repositories, client, namespace, interval=settings.git_poll_interval)
        return [
            ApplicationReconciler(
                client, store, recorder, clock, desired=desired, control_namespace=namespace
            )
        ]

    return make
