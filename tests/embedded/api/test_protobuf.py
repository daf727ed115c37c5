"""The little protobuf that kubectl's own commands send."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.embedded.api.protobuf import MAGIC, decode
from rollouts.embedded.api.status import Refusal


def text(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def wrapped(version: bytes, kind: bytes, body: bytes) -> bytes:
    return MAGIC + text(1, text(1, version) + text(2, kind)) + text(2, body)


def test_a_config_map_is_read():
    meta = text(1, b"cm") + text(3, b"default") + text(8, b"")
    body = text(1, meta) + text(2, text(1, b"a") + text(2, b"1")) + bytes([4 << 3, 0])
    assert decode(wrapped(b"v1", b"ConfigMap", body)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cm", "namespace": "default"},
        "data": {"a": "1"},
        "immutable": False,
    }


@pytest.mark.parametrize(
    ("raw", "code", "told"),
    [
        (wrapped(b"apps/v1", b"Deployment", b""), 415, "apps/v1 Deployment is not read as protobuf"),
        (wrapped(b"v1", b"ConfigMap", text(9, b"x")), 415, "field 9 of ConfigMap"),
        (wrapped(b"v1", b"ConfigMap", b"\x0a\xff"), 400, "can be read"),
        (b"nonsense", 400, "no Kubernetes protobuf"),
    ],
)
def test_what_is_not_read_is_refused(raw, code, told):
    with pytest.raises(Refusal, match=told) as refusal:
        decode(raw)
    assert refusal.value.code == code


@given(body=st.binary(max_size=200), kind=st.sampled_from([b"ConfigMap", b"Namespace", b"Secret"]))
def test_any_bytes_are_read_or_refused(body, kind):
    for raw in (wrapped(b"v1", kind, body[:120]), MAGIC + body):
        with suppress(Refusal):
            assert decode(raw)["apiVersion"]
