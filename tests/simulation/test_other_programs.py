"""Whatever happens to the other strategies, what must never be seen is not seen."""

import pytest

from tests.simulation.seeds import holds, of


@pytest.mark.parametrize("seed", of("rolling", 50))
def test_rolling_update(seed: int) -> None:
    holds(seed)


@pytest.mark.parametrize("seed", of("canary", 50))
def test_canary_by_replicas(seed: int) -> None:
    holds(seed)


@pytest.mark.parametrize("seed", of("blueGreen", 50))
def test_blue_green(seed: int) -> None:
    holds(seed)
