"""Ship an image and promote it pause by pause, with a check of your own before each promotion.

python examples/scripted_promotion.py shop web=example.com/shop:1.1.0 https://shop.example.com/healthz
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import httpx

from rollouts.client import Client


async def ship(cd: Client, name: str, images: dict[str, str], check: Callable[[], Awaitable[bool]]) -> bool:
    await cd.rollouts.set_image(name, images)
    while True:
        seen = await cd.rollouts.wait_for(name, "Paused", "Healthy", timeout="30m", on_change=print)
        if seen.phase == "Healthy":
            return True
        if not await check():
            await cd.rollouts.abort(name, expect_revision=seen.revision)
            return False
        await cd.rollouts.promote(name, expect_revision=seen.revision)


async def main(name: str, image: str, url: str) -> None:
    async def answers() -> bool:
        async with httpx.AsyncClient(timeout=5) as http:
            return all([(await http.get(url)).is_success for _ in range(20)])

    container, _, reference = image.partition("=")
    async with Client.connect() as cd:
        sys.exit(0 if await ship(cd, name, {container: reference}, answers) else 1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
