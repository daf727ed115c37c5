"""The exchanges, served on loopback: for a client that does not take a transport."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.analysis.providers.contract.exchanges import CHUNK, TOO_MUCH, Asked, Recorded

LONGEST = 30
"""Seconds after which a silent answer ends, if nobody went away before."""


class Server:
    """Serves exchanges; without any, it is a port that nobody listens to."""

    def __init__(self) -> None:
        self.recorded: Recorded | None = None
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_PUT = _any  # noqa: N815  the names that the server looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        assert self.recorded is not None
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        headers = {name.lower(): text for name, text in request.headers.items()}
        answer = self.recorded.answer(Asked(request.command, self.address + request.path, headers, body))
        request.close_connection = True
        if answer.instead in ("refuse", "stall"):
            if answer.instead == "stall":
                self.released.wait(LONGEST)
            return
        if answer.instead == "endless":
            self.pour(request)
            return
        request.send_response(answer.status)
        for name, text in answer.headers.items():
            request.send_header(name, text)
        promised = len(answer.body) + (100 if answer.instead else 0)
        request.send_header("content-length", str(promised))
        request.end_headers()
        request.wfile.write(answer.body or (b"{" if answer.instead else b""))
        request.wfile.flush()
        if answer.instead == "drip":
            self.released.wait(LONGEST)

    def pour(self, request: BaseHTTPRequestHandler) -> None:
        """Answer without end, until nobody reads any more."""
        assert self.recorded is not None
        request.send_response(200)
        request.end_headers()
        try:
            for _ in range(TOO_MUCH // len(CHUNK)):
                request.wfile.write(CHUNK)
        except OSError:
            return
        self.recorded.mismatches.append("the answer was read on and on")

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving() -> Iterator[Server]:
    """A server for the time of a test."""
    server = Server()
    try:
        yield server
    finally:
        server.close()
