"""The room for HTTP requests over real sockets: what the recorded exchanges only act."""

import asyncio
import gzip
import socket
import ssl
import tracemalloc

import pytest

from analysis.providers.http import MAX_BYTES, HttpFailed, Request, fetch, fetch_json, with_query
from rollouts.api.errors import InvalidSpec
from rollouts.embedded.api.certificates import make
from tests.analysis.providers.contract.exchanges import ELSEWHERE, FAULTS, Answer, Recorded, saying
from tests.analysis.providers.contract.loopback import serving

SECRET = "hunter2-hunter2"
LONG = "hunter2-" * 1000
STATUS = {"400", "401", "403", "404", "429", "500", "502", "503"}


async def asked(fault, **more):
    with serving() as server:
        server.recorded = Recorded([], fault=fault)
        headers = {"Authorization": f"Bearer {SECRET}"}
        request = Request(url=f"{server.address}/v1?q=1", headers=headers, timeout=1, **more)
        try:
            return await asyncio.to_thread(asyncio.run, fetch_json(request)), server.recorded
        except HttpFailed as failure:
            return failure, server.recorded


@pytest.mark.parametrize("name", FAULTS)
async def test_what_is_no_answer_is_a_failure_that_shows_no_secret(name):
    failure, recorded = await asked(FAULTS[name])
    assert isinstance(failure, HttpFailed)
    assert SECRET not in f"{failure} {failure.detail}"
    assert recorded.mismatches == []
    assert all(ELSEWHERE not in each.url for each in recorded.asked)
    assert (failure.outcome == "timeout") == (name in ("silence", "a first byte, and silence"))
    if name in STATUS:
        assert (failure.outcome, failure.status) == ("http_error", int(name))


async def test_of_a_secret_that_is_longer_than_what_is_shown_of_an_answer_nothing_is_shown():
    failure, _ = await asked(saying(f"<p>{LONG}</p>", "text/html"), secrets=(LONG,))
    assert (str(failure).endswith('"<p>*****</p>"'), failure.detail) == (True, "<p>*****</p>")
    failure, _ = await asked(saying(f"no: {LONG}", status=401), secrets=(LONG,))
    assert failure.detail == "no: *****"


def encoded(body, encoding="gzip"):
    return lambda _: Answer(200, {"content-encoding": encoding}, body)


async def test_an_answer_that_is_compressed_is_read():
    found, recorded = await asked(encoded(gzip.compress(b'{"rate": 0.5}')))
    assert found == {"rate": 0.5}
    assert recorded.asked[0].headers["accept-encoding"] == "gzip"


async def test_a_compressed_answer_that_would_be_huge_is_never_unpacked():
    packed = gzip.compress(b"0" * (64 << 20))
    tracemalloc.start()
    try:
        failure, _ = await asked(encoded(packed))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(failure).endswith(f"the answer has more than {MAX_BYTES} bytes")
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (encoded(b"no gzip"), "the answer is not in the encoding gzip, as it claims"),
        (encoded(b"x", "br"), 'the answer is encoded as "br", which was not asked for'),
        (encoded(gzip.compress(b"[1]" * 50)[:20]), "the answer, in the encoding gzip, is cut short"),
    ],
)
async def test_an_answer_in_an_encoding_that_is_none_is_a_failure(fault, message):
    failure, _ = await asked(fault)
    assert message in str(failure)


async def test_a_port_that_nobody_listens_to_is_said_to_refuse():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(HttpFailed, match="cannot connect: refused"):
            await fetch(Request(url=f"http://127.0.0.1:{port}/", timeout=5))


async def test_a_host_that_nobody_knows_is_said_to_be_unknown():
    with pytest.raises(HttpFailed, match="cannot connect: the name of the host is not known"):
        await fetch(Request(url="http://nowhere.invalid/", timeout=20))


async def test_a_certificate_that_nobody_vouches_for_is_refused_unless_any_is_taken(tmp_path):
    shown = make(["127.0.0.1"])
    (tmp_path / "pem").write_bytes(shown.certificate + shown.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n7")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(HttpFailed, match="the TLS certificate cannot be verified"):
            await fetch(Request(url=url, timeout=20))
        assert await fetch_json(Request(url=url, timeout=20, insecure=True)) == 7


@pytest.mark.parametrize("url", ["", "metrics", "http://", "ftp://x/", "http://[::1", "http://x:port/"])
async def test_what_is_no_url_is_a_failure(url):
    with pytest.raises((HttpFailed, InvalidSpec)):
        await fetch(Request(url=url, timeout=5))


async def test_a_header_that_cannot_be_sent_is_refused():
    with pytest.raises((HttpFailed, InvalidSpec)):
        await fetch(Request(url="http://127.0.0.1:1/", headers={"X-Key": "a\nb"}, timeout=5))


def test_a_query_is_added_to_a_url_that_may_have_one():
    assert with_query("http://x/a", {"q": "a b+c&d"}) == "http://x/a?q=a%20b%2Bc%26d"
    assert with_query("http://x/a?z=1", {"q": "é"}) == "http://x/a?z=1&q=%C3%A9"
