"""Answers in formats of their own: annotated CSV, server-sent events; hostile ones are errors."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.providers import flux, signalflow
from analysis.providers.graphite import render_url
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed
from analysis.providers.splunk import stream_address

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=8)
CELLS = {
    "double": st.floats(allow_nan=False),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "string": WORDS.filter(lambda text: not text.startswith("#")),
}
TABLES = st.lists(
    st.sampled_from(sorted(CELLS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.none() | CELLS[kind], min_size=1, max_size=4))
    ),
    max_size=4,
)


def written(tables):
    """As InfluxDB writes it."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    for place, (kind, values) in enumerate(tables):
        rows.writerow(["#datatype", "string", "long", kind, "string"])
        rows.writerow(["#group", "false", "false", "false", "true"])
        rows.writerow(["#default", "_result", "", "", ""])
        rows.writerow(["", "result", "table", "_value", "pod"])
        for value in values:
            shown = "" if value is None else str(value).lower() if isinstance(value, bool) else value
            rows.writerow(["", "", place, shown, "a"])
        rows.writerow([])
    return out.getvalue().encode() or b"\r\n"


@given(TABLES)
def test_every_value_is_read_as_it_was_written(tables):
    assert flux.values(written(tables)) == [value for _, values in tables for value in values]


@given(
    st.binary()
    | WORDS.map(str.encode)
    | st.tuples(TABLES.map(written), st.integers(0, 400)).map(lambda cut: cut[0][: cut[1]])
)
def test_an_answer_of_influxdb_that_is_none_or_cut_is_an_error_or_has_fewer_values(content):
    try:
        found = flux.values(content)
    except Failed:
        return
    assert isinstance(found, list)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"code": "unauthorized"}',
        b"<html>\n<body>Sign in</body></html>",
        b",result,table,_value\n,,0,1\n",
        b"#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0\n",
        b"#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,x\n",
        b"#datatype,string,long,long\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,1.5\n",
        b'#datatype,string,long,double\n,result,table,"_value\n,,0,1\n',
        b"#datatype,string,long,long\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,1_0\n",
    ],
)
def test_what_is_no_table_is_an_error(content):
    with pytest.raises(Failed):
        flux.values(content)


@pytest.mark.parametrize("text", ["1_000", "\u0661", "1,5", "0x10", "", "true", "1e5x"])
def test_what_only_python_takes_for_a_number_is_none(text):
    with pytest.raises(ValueError, match=r"number|convert"):
        number(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("-.5", -0.5), ("1e3", 1000), ("+Inf", math.inf), (2, 2)]
)
def test_a_number_may_be_written_as_text(text, value):
    assert number(text) == value


def test_an_empty_cell_has_the_default_of_its_column():
    head = (
        b"#datatype,string,long,double\n#group,false,false,false\n#default,_result,,7\n,result,table,_value\n"
    )
    assert flux.values(head + b",,0,\n,,0,1\n") == [7, 1]
    assert flux.values(head.replace(b",7", b",") + b",,0,\n") == [None]


def event(kind, message):
    lines = "".join(f"data: {line}\n" for line in json.dumps(message, indent=1).split("\n"))
    return f"event: {kind}\n{lines}\n"


END = event("control-message", {"event": "END_OF_CHANNEL", "timestampMs": 1})


def points(*values):
    return "".join(
        event("data", {"data": [{"tsId": "A", "value": value}], "logicalTimestampMs": place})
        for place, value in enumerate(values)
    )


@given(st.lists(st.none() | st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)))
def test_the_last_value_that_is_one_is_measured(values):
    known = [value for value in values if value is not None]
    assert signalflow.last_value((points(*values) + END).encode()) == (known[-1] if known else None)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_every_way(ends):
    content = (": a comment\nid: 1\n" + points(1, 2) + END).replace("\n", ends)
    assert signalflow.last_value(content.encode()) == 2


def test_not_a_number_stays_one():
    assert math.isnan(signalflow.last_value((points("NaN") + END).encode()))


@given(
    st.binary() | st.integers(0, len(points(1, 2) + END) - 3).map(lambda n: (points(1, 2) + END)[:n].encode())
)
def test_an_answer_of_signalflow_that_is_none_or_cut_is_an_error(content):
    with pytest.raises(Failed):
        signalflow.last_value(content)


@pytest.mark.parametrize(
    ("address", "stream"),
    [
        ("https://api.us1.signalfx.com", "https://stream.us1.signalfx.com"),
        ("https://stream.us1.signalfx.com", "https://stream.us1.signalfx.com"),
        ("wss://stream.us1.signalfx.com", "https://stream.us1.signalfx.com"),
        ("wss://api.us1.signalfx.com", "https://stream.us1.signalfx.com"),
        ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://signalflow.example/api.v1", "https://signalflow.example/api.v1"),
    ],
)
def test_programs_run_at_the_stream_of_a_realm(address, stream):
    assert stream_address(address) == stream


@pytest.mark.parametrize(
    ("query", "rendered"),
    [
        ("target=a.b&from=-5min", "target=a.b&from=-5min&format=json"),
        ("target=a+b&format=csv", "target=a%20b&format=json"),
        ("target=f(\n  a.*,\n  'x'\n)", "target=f%28%20a.%2A%2C%20%27x%27%20%29&format=json"),
        ("target=a&target=b", "target=a&target=b&format=json"),
        ("target=a%26b", "target=a%26b&format=json"),
        ("target=a#b", "target=a%23b&format=json"),
    ],
)
def test_a_query_of_graphite_is_what_follows_render(query, rendered):
    for address in ("http://g", "http://g/"):
        assert render_url(address, query) == f"http://g/render?{rendered}"
    assert render_url("http://g/base", query) == f"http://g/base/render?{rendered}"
