"""Real receivers of webhooks (HTTP) and of mail (SMTP), which can be told to fail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What came, in order; `answers` are the status codes of the next requests, then 204."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.news = threading.Condition()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def bodies(self) -> list[dict[str, Any]]:
        with self.news:
            return [json.loads(body) for _, body in self.came]

    def await_count(self, count: int, seconds: float = 30.0) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.came) >= count, seconds), self.came


@contextmanager
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with state.news:
                status = state.answers.pop(0) if state.answers else 204
                state.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
                state.news.notify_all()
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Post:
    """Mails that came, in order; `answers` are the replies to the next DATA, then 250."""

    def __init__(self) -> None:
        self.came: list[EmailMessage] = []
        self.answers: list[str] = []
        self.port = 0


@contextmanager
def post_office() -> Iterator[Post]:
    """A real SMTP server (RFC 5321, what a client needs of it) on a port of its own."""
    state = Post()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 post.example ESMTP")
            while line := self.rfile.readline():
                verb = line.split(maxsplit=1)[0].upper() if line.strip() else b""
                if verb == b"QUIT":
                    self.say("221 bye")
                    return
                if verb == b"DATA":
                    self.take()
                else:
                    self.say("250 ok")

        def take(self) -> None:
            self.say("354 go on")
            lines = list(iter(self.rfile.readline, b".\r\n"))
            answer = state.answers.pop(0) if state.answers else "250 taken"
            if answer.startswith("250"):
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                state.came.append(mail)
            self.say(answer)

        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
