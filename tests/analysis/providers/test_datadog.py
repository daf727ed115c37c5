"""What the recorded exchanges of Datadog do not show."""

import json

from analysis.providers.datadog import MAX_GROUPS, _scalars


def grouped(count):
    values = [float(place) for place in range(count)]
    columns = [
        {"name": "host", "type": "group", "values": [[f"h{place}"] for place in range(count)]},
        {"name": "query", "type": "number", "values": values[::-1]},
    ]
    return _scalars({"data": {"attributes": {"columns": columns}}})


def test_of_many_groups_the_lowest_and_the_highest_are_shown_and_all_are_judged():
    found = grouped(MAX_GROUPS + 20)
    shown = json.loads(found.metadata["groups"])
    assert [group["value"] for group in shown] == [*range(50), *range(70, 120)]
    assert found.metadata["groups_truncated"] == "true"
    assert len(found.result) == MAX_GROUPS + 20


def test_a_hundred_groups_are_all_shown():
    found = grouped(MAX_GROUPS)
    assert len(json.loads(found.metadata["groups"])) == MAX_GROUPS
    assert "groups_truncated" not in found.metadata


def test_one_group_is_a_list_as_well():
    assert grouped(1).result == [0.0]
