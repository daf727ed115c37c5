"""Signatures, against the vectors that AWS publishes.

vectors/ holds signed requests of https://github.com/awslabs/aws-c-auth (Apache License 2.0): each file is the
header-signed-request.txt of the folder of that name in tests/aws-signing-test-suite/v4.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.providers.aws.signing import Keys, Signed, signature

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.txt"))
ADDED = ("authorization", "x-amz-date", "x-amz-security-token")


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_request_is_signed_as_aws_signs_it(path):
    head, _, body = path.read_text().partition("\n\n")
    first, *lines = head.splitlines()
    method, rest = first.split(" ", 1)
    target, _, query = rest.removesuffix(" HTTP/1.1").partition("?")
    headers = {name.lower(): text for name, text in (line.split(":", 1) for line in lines)}
    token = headers.get("x-amz-security-token", "")
    request = Signed(
        method=method,
        host=headers["host"],
        path=target,
        query=query,
        headers={name: text for name, text in headers.items() if name not in ("host", *ADDED)},
        content=body.encode(),
    )
    keys = Keys(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token=token,
    )
    added = signature(request, keys, "us-east-1", "service", datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    assert {name.lower(): text for name, text in added.items()} == {
        name: text for name, text in headers.items() if name in ADDED
    }


def test_there_are_vectors():
    assert len(VECTORS) >= 14


def test_keys_do_not_show_themselves():
    keys = Keys(access_key_id="AKID", secret_access_key="hunter2", session_token="hunter3")
    assert "hunter" not in repr(keys)
