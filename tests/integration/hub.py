"""A hub of models on 127.0.0.1, in the protocol that huggingface_hub speaks."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

REVISION = "a" * 40


class Hub:
    """Serves one folder as the model `owner/name`; `asked` are the requests so far."""

    def __init__(self, model: str, folder: Path) -> None:
        self.asked: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(body=True)

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

            def _answer(self, *, body: bool) -> None:
                path = self.path.partition("?")[0]
                hub.asked.append(f"{self.command} {path}")
                file = folder / path.rpartition("/")[2]
                if path.startswith(f"/api/models/{model}"):
                    listing = _tree(folder) if "/tree/" in path else _info(model, folder)
                    self._send(200, json.dumps(listing).encode(), body=body)
                elif path.startswith(f"/{model}/resolve/") and file.is_file():
                    content = file.read_bytes()
                    etag = f'"{hashlib.sha256(content).hexdigest()}"'
                    self._send(200, content, {"X-Repo-Commit": REVISION, "ETag": etag}, body=body)
                else:
                    self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body=body)

            def _send(
                self,
                code: int,
                content: bytes,
                headers: dict[str, str] | None = None,
                *,
                body: bool,
            ) -> None:
                self.send_response(code)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _tree(folder: Path) -> list[dict[str, object]]:
    return [
        {
            "type": "file",
            "path": file.name,
            "size": file.stat().st_size,
            "oid": hashlib.sha256(file.read_bytes()).hexdigest()[:40],
        }
        for file in folder.iterdir()
    ]


def _info(model: str, folder: Path) -> dict[str, object]:
    siblings = [{"rfilename": file.name} for file in folder.iterdir()]
    return {"id": model, "modelId": model, "sha": REVISION, "siblings": siblings}
