"""Whatever happens to canaries with a router, what must never be seen is not seen."""

import pytest

from tests.simulation.seeds import holds, of, proving


@pytest.mark.parametrize("seed", of("nginx", 75))
def test_canary_with_nginx(seed: int) -> None:
    holds(seed)


@pytest.mark.parametrize("seed", of("gateway", 75))
def test_canary_with_a_gateway(seed: int) -> None:
    holds(seed)


@pytest.mark.parametrize("seed", proving(40))
def test_canary_whose_steps_wait_for_a_proof(seed: int) -> None:
    holds(seed)
