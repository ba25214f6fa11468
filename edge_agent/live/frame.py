"""Opens one camera source for one picture; a program of its own, since OpenCV may hang in read().

It reads the source as one JSON object from its standard input (an address with a password must not
stand on a command line) and writes one JSON object: `{"width": …, "height": …}` or `{"error": …}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

PICTURES = (".jpg", ".jpeg", ".png")


def first_frame(source: dict[str, Any]) -> dict[str, Any]:
    """Size of the first picture of `source`, or why there is none."""
    import cv2  # noqa: PLC0415 - only this child process loads OpenCV

    if source["kind"] == "folder":
        names = sorted(
            entry for entry in Path(source["path"]).iterdir() if entry.suffix.lower() in PICTURES
        )
        if not names:
            return {"error": "the folder holds no picture"}
        image = cv2.imread(str(names[0]))
        return _size(image, f"{names[0].name} is no picture that can be read")
    target: int | str = source.get("device", source.get("path", source.get("url", "")))
    capture = cv2.VideoCapture(target)
    try:
        if not capture.isOpened():
            return {"error": "cannot be opened"}
        _, image = capture.read()
        return _size(image, "opens, but gives no picture")
    finally:
        capture.release()


def _size(image: Any, error: str) -> dict[str, Any]:
    if image is None or image.size == 0:
        return {"error": error}
    return {"width": int(image.shape[1]), "height": int(image.shape[0])}


def main() -> int:
    """Read the source, write the answer."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    source = json.load(sys.stdin)
    try:
        answer = first_frame(source)
    except Exception as error:  # noqa: BLE001 - whatever OpenCV raises is this program's answer
        answer = {"error": type(error).__name__}
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
