"""Whether each camera gives a picture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from edge_agent.live.result import Check, failed, ok
from hazard.errors import ConfigError
from hazard.site.models import Camera
from hazard.site.sources import UrlSource

_MENDS = {
    "file": "check the path; copy the video again if it is cut off",
    "folder": "check the path; put readable .jpg or .png files there",
    "url": "check address, user, password and network; try it in a video player on this box",
    "usb": "check the cable and `ls /dev/video*`; let this user read it (group video)",
}


def check_camera(name: str, camera: Camera, *, limit_s: float = 10.0) -> Check:
    """Open the source for one picture, in a child process that is killed after `limit_s`."""
    title = f"camera {name}"
    source = camera.source
    mend = _MENDS[source.kind]
    try:
        asked: dict[str, Any] = source.model_dump(mode="json")
        if isinstance(source, UrlSource):
            asked["url"] = source.resolve()
    except ConfigError as error:
        return failed(title, str(error), "export it before starting")
    answer = _ask(asked, limit_s)
    if "error" in answer:
        return failed(title, str(answer["error"]), mend)
    return ok(title, f"picture of {answer['width']}x{answer['height']} pixels")


def _ask(source: dict[str, Any], limit_s: float) -> dict[str, Any]:
    child = subprocess.Popen(
        [sys.executable, "-m", "edge_agent.live.frame"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        out, _ = child.communicate(json.dumps(source).encode(), timeout=limit_s)
        answer: dict[str, Any] = json.loads(out)
    except subprocess.TimeoutExpired:
        return {"error": f"no picture within {limit_s:g} s"}
    except ValueError:
        return {"error": f"the decoder crashed (exit code {child.returncode})"}
    else:
        return answer
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
