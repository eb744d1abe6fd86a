"""Access to the dashboard: users of this machine, or people who have signed in.

The server listens on the loopback address (`.streamlit/config.toml`). On any other address
it shows nothing until a sign-in is configured in `.streamlit/secrets.toml`
(`docs/security.md`). From then on everybody has to sign in, on this machine too.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import layout
import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

SIGN_IN_KEYS = (
    "redirect_uri",
    "cookie_secret",
    "client_id",
    "client_secret",
    "server_metadata_url",
    "allowed_emails",
)
# Anyone who guesses the secret can forge a cookie.
SHORTEST_COOKIE_SECRET = 32
HOW = "docs/security.md explains how to show the dashboard to others."


def admit() -> bool:
    """Admit the visitor, or draw the reason why not; return true when they may see the data."""
    sign_in = sign_in_settings()
    if sign_in is None:
        if is_loopback(st.get_option("server.address")) and not is_remote(st.context.ip_address):
            return True
        layout.tell(
            "This dashboard is not open to the network",
            "The server can be reached from other machines, and no sign-in is configured.",
            "Start it with `make dashboard`, which listens on 127.0.0.1 only. " + HOW,
        )
        return False
    fault = sign_in_fault(sign_in)
    if fault:
        layout.tell("The sign-in is not ready", fault, HOW)
        return False
    if not st.user.get("is_logged_in", False):
        st.title("Please sign in", anchor=False)
        st.button("Sign in", on_click=st.login, type="primary")
        return False
    if not is_allowed(st.user.to_dict(), sign_in["allowed_emails"]):
        layout.tell(
            "You have no access to this dashboard",
            f"You are signed in as {st.user.get('email') or 'somebody without an e-mail address'}.",
            "Ask whoever runs the dashboard to add your address to allowed_emails.",
        )
        st.button("Sign out", on_click=st.logout)
        return False
    st.sidebar.button("Sign out", on_click=st.logout)
    return True


def is_loopback(address: str | None) -> bool:
    """Return whether only this machine can reach a server on this address."""
    try:
        return address == "localhost" or ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def is_remote(visitor: str | None) -> bool:
    """Return whether the visitor came from elsewhere, through a proxy on this machine.

    Parameters
    ----------
    visitor : str or None
        Address of the visitor as Streamlit gives it: no text for this machine itself.
    """
    return isinstance(visitor, str)


def sign_in_settings() -> Mapping[str, Any] | None:
    """Return `[auth]` of the secrets: none where there is none, empty where it is unreadable."""
    try:
        found = st.secrets.get("auth")
    except StreamlitSecretNotFoundError:
        # Raised for a file that is missing and for one that cannot be read.
        return {} if any(Path(p).exists() for p in st.get_option("secrets.files")) else None
    return found if found is None or isinstance(found, Mapping) else {}


def sign_in_fault(sign_in: Mapping[str, Any]) -> str | None:
    """Return the fault in the sign-in settings, or none."""
    missing = [key for key in SIGN_IN_KEYS if not sign_in.get(key)]
    if missing:
        return f"[auth] in .streamlit/secrets.toml cannot be read or lacks {', '.join(missing)}."
    if len(sign_in["cookie_secret"]) < SHORTEST_COOKIE_SECRET:
        return f"cookie_secret is shorter than {SHORTEST_COOKIE_SECRET} characters."
    if isinstance(sign_in["allowed_emails"], str):
        return "allowed_emails is not a list of e-mail addresses."
    absent = [name for name in ("authlib", "httpx") if importlib.util.find_spec(name) is None]
    if absent:
        return f"Packages needed for the sign-in are not installed: {', '.join(absent)}."
    return None


def is_allowed(user: Mapping[str, Any], allowed_emails: list[str]) -> bool:
    """Return whether a signed-in user is on the list.

    Parameters
    ----------
    user : mapping
        What the identity provider says; an address it calls unverified does not count.
    allowed_emails : list of str
        Whole addresses, or `*@domain` for all of a domain.
    """
    email = str(user.get("email") or "").lower()
    if "@" not in email or user.get("email_verified") is False:
        return False
    allowed = {str(entry).strip().lower() for entry in allowed_emails}
    return email in allowed or f"*@{email.rpartition('@')[2]}" in allowed
