"""Note every address beyond this machine that a Python program looks up or connects to.

Python loads this file by its name when a process starts with its folder in `PYTHONPATH`, and so do
the process's children. `WATCH_CALLS_OUT` names the file that the notes go to, one a line.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

# The position of the address, or of the host's name, among what Python tells of the call.
WATCHED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}


def is_this_machine(address: object) -> bool:
    """Return whether an address leads nowhere else; sockets of the file system do not."""
    host = address[0] if isinstance(address, tuple) and address else address
    if host is None or (host is address and not isinstance(address, str)):
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name in ("", "localhost") or name.startswith(("/", "\0")):
        return True
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def note(event: str, arguments: tuple[object, ...]) -> None:
    """Write down a call that leaves the machine."""
    position = WATCHED.get(event)
    if position is not None and not is_this_machine(arguments[position]):
        with Path(os.environ["WATCH_CALLS_OUT"]).open("a", encoding="utf-8") as notes:
            notes.write(f"{event} {arguments[position]!r}\n")


if "WATCH_CALLS_OUT" in os.environ:
    sys.addaudithook(note)
