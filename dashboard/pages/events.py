"""One stream of server-sent events per browser."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response, StreamingResponse

from dashboard.access import Permission, needs
from dashboard.live import TooManyStreams
from dashboard.security import COOKIE
from dashboard.services import ServicesOf

router = APIRouter(include_in_schema=False)


@router.get("/events", dependencies=[needs(Permission.VIEW)])
async def events(request: Request, services: ServicesOf) -> Response:
    """News: `alarm`, `request`, `health`, and a `beat` every two seconds."""
    token = request.cookies.get(COOKIE)

    def still_valid() -> bool:
        try:
            return services.authenticator.who(token, services.now()) is not None
        except SQLAlchemyError:
            return True

    try:
        queue = services.hub.open()
    except TooManyStreams as error:
        raise HTTPException(503, "too many pages are open: close some, then load again") from error
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    stream = services.hub.listen(queue, still_valid)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
