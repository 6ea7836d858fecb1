"""A local HTTP server that misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Release:
    """One downloadable file, and how its server behaves."""

    def __init__(self) -> None:
        self.content = b"PK\x03\x04" + bytes(range(256)) * 2000
        self.etag = '"one"'
        self.cut_after: list[int] = []
        """For each coming request, how many bytes to send before the connection breaks; empty: all of them."""
        self.announce: int | None = None
        """Content-Length to claim instead of the true one."""
        self.ranges = True
        self.content_type = "application/octet-stream"
        self.status = 200
        self.asked: list[str | None] = []
        """The Range header of each request."""
        self.url = ""


@pytest.fixture
def release() -> Iterator[Release]:
    """Serve `Release.content` on the loopback address."""
    release = Release()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            release.asked.append(asked)
            if release.status != 200:
                self.send_error(release.status)
                return
            start = 0
            if asked and release.ranges and self.headers.get("If-Range", release.etag) == release.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            body = release.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(release.content) - 1}/{len(release.content)}")
            self.send_header("Content-Type", release.content_type)
            self.send_header("ETag", release.etag)
            self.send_header("Content-Length", str(len(body) if release.announce is None else release.announce))
            self.end_headers()
            self.wfile.write(body[: release.cut_after.pop(0)] if release.cut_after else body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    release.url = f"http://127.0.0.1:{server.server_address[1]}/model.pth"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield release
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
