"""The generator before a server that does to each host's requests what its name says."""

import asyncio
from collections import Counter
from pathlib import Path

from tests.dataplane.judge import Records
from tests.dataplane.load import load

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-version: v1\r\nx-pod: shop-1\r\n\r\nok"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\ngone"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = dict(line.split(": ") for line in head.strip().split("\r\n")[1:])
            await reader.readexactly(int(lines.get("content-length", "0")))
            match lines["host"]:
                case "good":
                    writer.write(GOOD)
                case "unavailable":
                    writer.write(UNAVAILABLE)
                case "cut":
                    writer.write(GOOD[:-1])
                    break
                case "reset":
                    break
                case "silent":
                    await reader.read()
                case "pieces":
                    writer.write(GOOD[:60])
                    await asyncio.sleep(0.02)
                    writer.write(GOOD[60:])
            if lines.get("connection") == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def told(hosts: list[str], records: Path, port: int) -> tuple[Records, list[str]]:
    """What the generator writes down, and says, of half a second of requests."""
    async with load(
        f"127.0.0.1:{port}", hosts, records, per_second=200, connections=12, patience=0.3
    ) as running:
        async with asyncio.timeout(20):
            while running.count < 100:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.05)
    return running.read(), running.said


async def test_it_counts_by_host_what_came_of_every_request(tmp_path: Path) -> None:
    hosts = ["good", "unavailable", "cut", "reset", "silent", "pieces"]
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        records, said = await told(hosts, tmp_path / "records", server.sockets[0].getsockname()[1])
    seen = {
        host: Counter((int(r["status"]), r["said"].decode()) for r in records[records["host"] == index])
        for index, host in enumerate(hosts)
    }
    assert {host: set(outcomes) for host, outcomes in seen.items()} == {
        "good": {(200, "v1")},
        "unavailable": {(503, "")},
        "cut": {(0, "cut")},
        "reset": {(0, "reset")},
        "silent": {(0, "timeout")},
        "pieces": {(200, "v1")},
    }
    assert set(records["kind"].tolist()) >= {0, 1, 2}
    assert set(records["pod"][records["status"] == 200]) == {b"shop-1"}
    assert len(said) == seen["unavailable"].total()
    assert all("503 Service Unavailable" in line and "gone" in line for line in said)


async def test_it_counts_connections_that_are_refused(tmp_path: Path) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    records, _ = await told(["good"], tmp_path / "records", port)
    assert set(zip(records["status"].tolist(), records["said"].tolist(), strict=True)) == {(0, b"refused")}
