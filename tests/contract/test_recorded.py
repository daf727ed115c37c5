"""What a real API server answered to a request, every back end answers."""

import pytest

from tests.contract.back_ends import over_the_wire
from tests.contract.recordings import RECORDING, cases, difference, is_same, play, record, recorded


@pytest.mark.parametrize(
    "case",
    [
        case
        for file in ("metadata", "custom_kinds", "built_in_kinds", "patches", "requests", "lists")
        for case in cases(file)
    ],
)
async def test_the_answer_is_the_one_recorded(cluster, case):
    answer = await play(cluster, case)
    if RECORDING and cluster.is_real:
        record(case, answer)
    assert is_same(case, answer, recorded(case)), difference(recorded(case), answer)


@over_the_wire
@pytest.mark.parametrize("case", cases("wire"))
async def test_the_answer_to_what_is_no_object_is_the_one_recorded(cluster, case):
    answer = await play(cluster, case)
    if RECORDING and cluster.is_real:
        record(case, answer)
    assert is_same(case, answer, recorded(case)), difference(recorded(case), answer)
