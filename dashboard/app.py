"""The dashboard's server: `python -m streamlit run dashboard/app.py`.

It answers its own pages only; `main.py` draws them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

REFUSALS: dict[str, ASGIApp] = {
    "http": PlainTextResponse("Pages of other sites get no answer here.", 403),
    # 1008: against the policy.
    "websocket": WebSocketClose(1008),
}

NO_SUCH_PAGE = PlainTextResponse("There is no page at this address. The dashboard begins at /", 404)


class OwnPagesOnly:
    """Refuse what a page of another origin asks of the server.

    Streamlit 1.67 refuses it too, but first asks a host on the internet for this machine's address,
    to compare the origin with it (`streamlit.net_util.get_external_ip`), and has no switch for
    that. What passes here it takes for its own without asking anybody. Can go when
    `streamlit.web.server.server_util.is_url_from_allowed_origins` looks nothing up.

    Parameters
    ----------
    app : ASGI application
        What answers the rest.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        answer = self._app
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            if not is_own_origin(headers.get("origin"), headers.get("host")):
                answer = REFUSALS[scope["type"]]
        await answer(scope, receive, send)


def is_own_origin(origin: str | None, host: str | None) -> bool:
    """Return whether a page of this server asks, or none at all.

    Parameters
    ----------
    origin, host : str or None
        Headers of the request. Browsers name the origin of the page that opens a WebSocket.
    """
    try:
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False


class PagesOnOneLevel:
    """Say that there is no page below a page, which Streamlit answers with an empty one.

    Parameters
    ----------
    app : ASGI application
        What answers the rest.
    """

    # Where Streamlit itself answers below the first level.
    SERVICES = ("_stcore", "auth", "component", "media", "static")

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        answer = self._app
        if scope["type"] == "http":
            first, _, below = scope["path"].strip("/").partition("/")
            is_visit = Headers(scope=scope).get("sec-fetch-dest") == "document"
            if is_visit and below and first not in self.SERVICES:
                answer = NO_SUCH_PAGE
        await answer(scope, receive, send)


app = st.App(
    Path(__file__).with_name("main.py"),
    middleware=[Middleware(OwnPagesOnly), Middleware(PagesOnOneLevel)],
)
