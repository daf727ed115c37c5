"""Git-driven sync with the rights that the manifests give: every kind that they name, made and taken away."""

from pathlib import Path

import pytest
import yaml

from rollouts.client import Client
from tests.e2e.gitops import Shop
from tests.e2e.live import Live, until

pytestmark = pytest.mark.cluster

EVERY_KIND = (Path(__file__).parent / "every-kind.yaml").read_text()


def named(text: str) -> set[str]:
    return {f"{doc['kind']}/{doc['metadata']['name']}" for doc in yaml.safe_load_all(text)}


async def test_every_kind_is_made_healed_and_pruned_in_a_namespace_that_the_sync_makes(
    live: Live, cd: Client, ns: str, tmp_path: Path
) -> None:
    shop = Shop(live, cd, tmp_path)
    there = f"{ns}-made"
    await shop.create(*yaml.safe_load_all(EVERY_KIND), namespace=there, options=["CreateNamespace=true"])

    async def found() -> set[str]:
        application = await live.get(ns, "application/shop")
        return {
            f"{entry['kind']}/{entry['name']}"
            for entry in application.get("status", {}).get("resources", ())
            if entry["status"] == "Synced"
        }

    async def all_there() -> bool:
        return await found() == named(EVERY_KIND)

    await until(all_there)
    await live.kubectl("delete", "configmap/every", "secret/every", "-n", there)

    async def healed() -> bool:
        names = await live.kubectl(
            "get", "configmap/every", "secret/every", "-n", there, "--ignore-not-found"
        )
        return names.count("every") == 2

    await until(healed)
    await shop.push({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "alone"}})

    kinds = ",".join(sorted({doc["kind"] for doc in yaml.safe_load_all(EVERY_KIND)}))

    async def pruned() -> bool:
        left = await live.kubectl("get", kinds, "-A", "--field-selector=metadata.name=every", "-o", "name")
        return left == ""

    await until(pruned)
