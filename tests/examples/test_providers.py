"""Every provider is shown in an example and told of in docs/providers.md."""

import re

import pytest
import yaml

from rollouts.api.providers import MetricProvider
from tests.places import REPOSITORY

PROVIDERS = [str(info.alias) for info in MetricProvider.model_fields.values()]
PAGE = REPOSITORY / "docs" / "providers.md"
TOLD = re.findall(r"^##+ (\w+)$", PAGE.read_text(), re.MULTILINE)
SHOWN = {
    name
    for path in (REPOSITORY / "examples").rglob("*.yaml")
    for body in yaml.safe_load_all(path.read_text())
    if body["kind"].endswith("AnalysisTemplate")
    for metric in body["spec"].get("metrics", ())
    for name in metric["provider"]
}


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "job"])
def test_a_provider_has_an_example(name: str) -> None:
    assert name in SHOWN


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_told_of(name: str) -> None:
    assert name in TOLD


@pytest.mark.parametrize("name", TOLD)
def test_what_the_page_tells_of_is_a_provider(name: str) -> None:
    assert name in PROVIDERS


def test_the_page_leads_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", PAGE.read_text())
    assert len(links) >= 20
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
