"""A server of OpenAI's protocol on the loopback that does, question by question, what it is told.

    with scripted(reply(answer(high=0.7)), hang) as server:
        ...
    server.bodies       # what it was asked, as it came over the wire

The last of its acts is repeated. Acts that wait do so until the server is closed.
"""

from __future__ import annotations

import gzip
import json
import math
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hazard.site.reasoning import Route

Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.raw.append(raw)
            self.server.headers.append(dict(self.headers.items()))
            self.server.paths.append(self.path)
            at = min(len(self.server.raw), len(self.server.acts)) - 1
        self.server.asked.set()
        with suppress(OSError):
            self.server.acts[at](self)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The server, with what it was asked."""

    daemon_threads = False

    def __init__(self, acts: tuple[Act, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts = acts
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.lock = threading.Lock()
        self.asked = threading.Event()
        self.closing = threading.Event()
        self.gone = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for raw in self.raw]

    def route(self, name: str = "box", **changes: Any) -> Route:
        fields = {"name": name, "url": f"http://127.0.0.1:{self.server_port}/v1", "model": "m"}
        return Route.model_validate(fields | changes)


@contextmanager
def scripted(*acts: Act, certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """A running server; with TLS where it is given certificate and key."""
    server = Server(acts)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(word: str = "high", **probabilities: float) -> dict[str, Any]:
    """A chat completion; with alternatives where probabilities are given."""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": word},
        "finish_reason": "length",
    }
    if probabilities:
        choice["logprobs"] = {"content": [with_logprobs(probabilities)]}
    return {
        "object": "chat.completion",
        "model": "served-model",
        "system_fingerprint": "fp_1",
        "choices": [choice],
        "usage": {"prompt_tokens": 120, "prompt_tokens_details": {"cached_tokens": 100}},
    }


def with_logprobs(probabilities: Mapping[str, float]) -> dict[str, Any]:
    """The first token with its alternatives."""
    top = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in probabilities.items()]
    return {**top[0], "top_logprobs": top}


def reply(value: Any, status: int = 200, **headers: str) -> Act:
    """JSON; in `headers`, `Retry_After` is Retry-After."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {key.replace("_", "-"): text for key, text in headers.items()}

    def act(handler: Handler) -> None:
        handler.send(status, {"Content-Type": "application/json"} | named, body)

    return act


def words(*pieces: str, finish: str = "stop") -> Act:
    """A stream of these pieces."""
    deltas: list[dict[str, Any]] = [{"delta": {"content": piece}} for piece in pieces]
    deltas.append({"delta": {}, "finish_reason": finish})
    lines = [json.dumps({"model": "served-model", "choices": [delta]}) for delta in deltas]
    body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
    return reply(body, Content_Type="text/event-stream")


def words_without_end(handler: Handler) -> None:
    """A stream that goes on until the client hangs up, which sets `gone`."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    line = json.dumps({"choices": [{"delta": {"content": "word "}}]})
    _until_closed(handler, f"data: {line}\n\n".encode())


def hang(handler: Handler) -> None:
    """No byte, until the client hangs up, which sets `gone`."""
    handler.connection.settimeout(0.02)
    while not handler.server.closing.is_set():
        with suppress(TimeoutError):
            if handler.connection.recv(1) == b"":
                handler.server.gone.set()
                break
    handler.close_connection = True


def drip_head(handler: Handler) -> None:
    """A head that never ends, byte by byte."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _until_closed(handler, b"x")


def drip_body(handler: Handler) -> None:
    """A body that never ends, byte by byte."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    _until_closed(handler, b" ")


def endless(handler: Handler) -> None:
    """A body that never ends, fast."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    with suppress(OSError):
        while not handler.server.closing.is_set():
            handler.wfile.write(b" " * 65536)
    handler.server.gone.set()
    handler.close_connection = True


def bomb(handler: Handler) -> None:
    """A small answer that unpacks to a large one."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    handler.send(200, headers, gzip.compress(b" " * 50_000_000))


def hang_up(handler: Handler) -> None:
    """The connection closed without an answer."""
    handler.close_connection = True


def _until_closed(handler: Handler, piece: bytes) -> None:
    with suppress(OSError):
        while not handler.server.closing.wait(0.01):
            handler.wfile.write(piece)
            handler.wfile.flush()
    handler.server.gone.set()
    handler.close_connection = True
