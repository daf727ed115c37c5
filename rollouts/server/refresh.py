"""From a push to the refresh annotation of the Applications that it concerns."""

import base64
import binascii
from collections.abc import Mapping

from rollouts.controller.application_observe import REFRESH
from rollouts.kube.client import Client
from rollouts.kube.errors import Forbidden, NotFound
from rollouts.kube.resources import APPLICATIONS, SECRETS
from rollouts.kube.store import Store
from rollouts.server.push import Push, concerns

SECRET = "argocd-secret"  # noqa: S105 - the name of a Secret
"""Where Argo CD keeps the secrets of webhooks."""


class Refresher:
    """Has Applications looked at.

    Args:
        client: writes the annotation.
        store: knows the Applications.
        namespace: where the Secret with the webhooks' secrets is.
    """

    def __init__(self, client: Client, store: Store, namespace: str) -> None:
        self._client = client
        self._store = store
        self._namespace = namespace

    async def on_push(self, push: Push) -> None:
        """Annotate every Application that follows what was pushed.

        Raises:
            ApiError, Unavailable: the API server refuses or does not answer.
        """
        for raw in self._store.list(APPLICATIONS):
            metadata = raw["metadata"]
            if REFRESH in (metadata.get("annotations") or {}) or not concerns(push, raw.get("spec") or {}):
                continue
            patch = {"metadata": {"annotations": {REFRESH: "normal"}}}
            try:
                await self._client.patch(APPLICATIONS, metadata["name"], patch, metadata.get("namespace", ""))
            except NotFound:
                continue

    async def secrets(self) -> Mapping[str, str]:
        """The webhooks' secrets, by their keys; none where there is no such Secret."""
        try:
            secret = await self._client.get(SECRETS, SECRET, self._namespace)
        except (NotFound, Forbidden):
            return {}
        found: dict[str, str] = {}
        for key, value in (secret.get("data") or {}).items():
            if key.startswith("webhook."):
                try:
                    found[key] = base64.b64decode(value, validate=True).decode()
                except (binascii.Error, UnicodeDecodeError):
                    continue
        return found
