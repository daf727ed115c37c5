"""The whole engine as a process: the controllers, and beside them the webhook."""

import asyncio
import os

from aiohttp import web

from rollouts.controller import run as controllers
from rollouts.controller.settings import Settings
from rollouts.kube.client import Client
from rollouts.kube.store import Store
from rollouts.server.refresh import Refresher
from rollouts.server.webhook import webhook_app

_NAMESPACE = "rollouts-system"


async def run(settings: Settings) -> None:
    """Run until told to stop; raises as `rollouts.controller.run.run` does."""

    async def webhook(client: Client, store: Store) -> None:
        await serve(settings, Refresher(client, store, os.environ.get("POD_NAMESPACE") or _NAMESPACE))

    await controllers.run(settings, webhook if settings.webhook_port else None)


async def serve(settings: Settings, refresher: Refresher) -> None:
    """Answer on the webhook's port until cancelled.

    Raises:
        OSError: the port is taken.
    """
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    address = settings.address or ("0.0.0.0" if in_pod else "127.0.0.1")  # noqa: S104 - a pod's own address
    runner = web.AppRunner(webhook_app(refresher.on_push, refresher.secrets), access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, address, settings.webhook_port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
