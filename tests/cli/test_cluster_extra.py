"""`rollouts cluster up` where only the controller is installed."""

import pytest
from click.testing import CliRunner

from rollouts.api.errors import Unavailable
from rollouts.cli import cluster


def test_a_missing_extra_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_installed", lambda module: module != "grpc")
    result = CliRunner().invoke(cluster.cluster, ["up"])
    assert isinstance(result.exception, Unavailable)
    assert "needs grpc, not installed here" in str(result.exception)
    assert "pip install 'rollouts-engine[cluster]'" in str(result.exception)


def test_what_is_installed_is_found_and_what_is_not_is_not() -> None:
    assert cluster._installed("google.protobuf")
    assert not cluster._installed("no_such_package.at_all")
