"""The text of a PDF, read in a process of its own: `python -m models.reasoning.pdf_text < FILE`.

A PDF from outside may be made to eat memory or time. Here it can take only this process's, which
the caller ends; the answer is one JSON object, `{"pages": […]}` or `{"error": "…"}`.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import sys

from pypdf import PdfReader
from pypdf.errors import PyPdfError

MAX_PAGES = 300
MAX_PAGE_CHARS = 20_000
MEMORY_BYTES = 1 << 30
CPU_S = 20


def read(data: bytes) -> dict[str, object]:
    """The text of the first `MAX_PAGES` pages, or why there is none."""
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            return {"error": "it is encrypted: save it without a password"}
        texts = [page.extract_text()[:MAX_PAGE_CHARS] for page in reader.pages[:MAX_PAGES]]
        count = len(reader.pages)
    except (PyPdfError, MemoryError, RecursionError) as error:
        return {"error": f"it is no readable PDF ({type(error).__name__})"}
    except Exception as error:  # noqa: BLE001 - a broken file may raise anything in the parser
        return {"error": f"it is no readable PDF ({type(error).__name__}: {str(error)[:80]})"}
    if not any(text.strip() for text in texts):
        return {"error": "it holds no text, only pictures: save it with a text layer"}
    return {"pages": texts, "left_out": max(count - MAX_PAGES, 0)}


def main() -> None:
    """Read standard input under limits of memory and time; write the answer."""
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    answer = read(sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
