"""Somebody else's service: a real HTTP server in a process of its own, that does what it is told, faults included.

    with outsider() as service:
        service.plan({"status": 500}, {"json": {"prices": []}})   # the first request, and all behind it
        ...
        assert [request["path"] for request in service.requests()] == ["/prices", "/prices"]

A step may have `status`, `json`, `text`, `hang` (never answers), `cut` (closes in the middle of the answer) and
`echo_lines` (a tax of so many percent on every line it was asked for).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

_SERVER = r"""
import http.server, json, threading, sys
plan, seen = [{"json": {}}], []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        self.answer(200, json.dumps(seen).encode())
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.path == "/plan":
            plan[:] = body; seen.clear()
            return self.answer(200, b"{}")
        step = plan[min(len(seen), len(plan) - 1)]
        seen.append({"path": self.path, "body": body, "authorization": self.headers.get("authorization")})
        if step.get("hang"):
            threading.Event().wait(60)
        if "echo_lines" in step:
            percent = step["echo_lines"]
            tax = lambda amount: [{"rate_id": "theirs", "percent": percent, "amount": amount * percent // 100}]
            lines = [{"id": line["id"], "taxes": tax(line["amount"])} for line in body["lines"]]
            step = {"json": {"lines": lines, "shipping": {"taxes": tax(body["shipping"]["amount"])}}}
        text = step["text"] if "text" in step else json.dumps(step.get("json", {}))
        if step.get("cut"):
            self.send_response(200); self.send_header("content-length", "1000"); self.end_headers()
            self.wfile.write(b'{"pri'); self.wfile.flush()
            self.close_connection = True
            return self.connection.shutdown(2)
        self.answer(step.get("status", 200), text.encode())
    def answer(self, status, body):
        self.send_response(status); self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Outsider:
    """The service, as the test that plans it sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def plan(self, *steps: dict[str, Any]) -> None:
        """What it does with the next requests; the last step counts for all after it."""
        request = urllib.request.Request(f"{self.url}/plan", json.dumps(steps).encode())
        urllib.request.urlopen(request, timeout=10).close()

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked since it was planned."""
        with urllib.request.urlopen(f"{self.url}/seen", timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found


@contextlib.contextmanager
def outsider() -> Iterator[Outsider]:
    """It runs for as long as the block."""
    process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Outsider(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate(timeout=30)
