"""Where copies of the marts go outside the data directory: a folder, or a Postgres database.

The data directory notes every destination before anything is copied there, because an erasure must
say where copies may still name a customer.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customer_intelligence.data_dir import files, lock
from customer_intelligence.data_dir.layout import DESTINATIONS_FILE, RAW
from customer_intelligence.data_dir.outputs import check_outside
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import erasure_number
from customer_intelligence.publication.edition import opened

# What is published to after each build; `--to` names another one.
DESTINATION_VARIABLE = "CUSTOMER_INTELLIGENCE_PUBLISH_TO"
_POSTGRES = re.compile(r"postgres(ql)?://", re.IGNORECASE)
_OTHER_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Up to the last @: a password may hold every sign.
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^@:]*):(?P<password>.*)(?=@)", re.DOTALL)
_PARAMETER = re.compile(r"(?P<name>[?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class Destination:
    """A destination as it was named."""

    text: str

    @property
    def is_database(self) -> bool:
        """Whether it is a Postgres database, else a folder."""
        return _POSTGRES.match(self.text) is not None

    @property
    def shown(self) -> str:
        """The destination without a password: for people, and for the note."""
        if not self.is_database:
            return str(self.folder)
        return _PARAMETER.sub(r"\g<name>…", _PASSWORD.sub(r"\g<user>", self.text))

    @property
    def folder(self) -> Path:
        """The folder, absolute, without links."""
        return Path(self.text).resolve()


def find_destination(named: str | None) -> Destination:
    """Return the destination named on the command line, else that of the environment.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_DESTINATION` when there is none, `E_PASSWORD` for a password on the command line,
        `E_DESTINATION` for what is neither a folder nor a Postgres database.
    """
    destination = configured() if named is None else Destination(named)
    if destination is None:
        raise CustomerIntelligenceError(
            "E_NO_DESTINATION",
            "It was not said where to publish to.",
            f"Name a folder or a database with --to (make: TO=), or in {DESTINATION_VARIABLE}.",
        )
    if named is not None and destination.is_database and destination.shown != named:
        raise CustomerIntelligenceError(
            "E_PASSWORD",
            f"The URL {destination.shown} has a password, which everybody on this machine can read "
            "on a command line.",
            f"Leave it out and set PGPASSWORD, or set the whole URL in {DESTINATION_VARIABLE}.",
        )
    if not destination.is_database and _OTHER_URL.match(destination.text):
        kind = destination.text.partition("://")[0]
        raise CustomerIntelligenceError(
            "E_DESTINATION",
            f"{kind}:// is not known as a destination.",
            "Name a folder, or a database as postgresql://user@host/database.",
        )
    return destination


def configured() -> Destination | None:
    """Return the destination that the environment names."""
    text = os.environ.get(DESTINATION_VARIABLE, "")
    return Destination(text) if text.strip() else None


def publish_to(data_dir: Path, destination: Destination, reader: str | None = None) -> str:
    """Copy what readers see now to a destination.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    destination : Destination
        Where to copy to.
    reader : str, optional
        A role of the database that may read the copy.

    Returns
    -------
    str
        What was done, as a sentence.

    Raises
    ------
    CustomerIntelligenceError
        `E_USAGE` for a role where there is no database, `E_OWN_FOLDER` for a folder in the data
        directory, those of `opened`, `publish_to_folder` and `publish_to_postgres`.
    ModuleNotFoundError
        Where the extra `postgres` is not installed.
    """
    if destination.is_database:
        from customer_intelligence.publication.postgres import publish_to_postgres
    elif reader is not None:
        raise CustomerIntelligenceError(
            "E_USAGE", "A folder has no roles.", "--reader goes with a database only."
        )
    else:
        from customer_intelligence.publication.folder import check_folder, publish_to_folder

        check_outside(destination.folder, data_dir)
        check_folder(destination.folder)
    with opened(data_dir) as edition:
        owner = _id_of(data_dir)

        def begin() -> None:
            _note(data_dir, destination, None)

        if destination.is_database:
            url, where = destination.text, destination.shown
            done = publish_to_postgres(edition, url, where, owner, begin, reader)
        else:
            done = publish_to_folder(edition, destination.folder, owner, begin)
        facts = {
            "version": edition.version,
            "erasures_known": edition.facts["erasures_known"],
            "published_at": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        _note(data_dir, destination, facts)
    return f"{files.printable(destination.shown)} {done}"


def copies_that_may_name_the_erased(data_dir: Path) -> list[str]:
    """Return the destinations whose copies were not renewed since the last erasure.

    Parameters
    ----------
    data_dir : Path
        The data directory.

    Returns
    -------
    list of str
        A sentence for each.
    """
    known = erasure_number(data_dir / RAW)
    return [
        f"{files.printable(name)} may hold a copy that names erased customers: "
        "publish to it again (`customer-intelligence publish --to`), or remove what is there"
        for name, facts in sorted(_read(data_dir)["destinations"].items())
        if facts.get("erasures_known") != known
    ]


def _read(data_dir: Path) -> dict[str, Any]:
    path = data_dir / DESTINATIONS_FILE
    try:
        found = json.loads(files.read_text(path))
        if re.fullmatch("[0-9a-f]{16}", found["data_directory"]) is None:
            raise ValueError("its data_directory is no id")
        for facts in found["destinations"].values():
            facts.get("erasures_known")
    except FileNotFoundError:
        return {"data_directory": secrets.token_hex(8), "destinations": {}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CustomerIntelligenceError(
            "E_DESTINATIONS",
            f"{path}, the list of copies of the marts, cannot be read: {error}.",
            "Restore it from a backup, or correct it: an erasure needs it.",
        ) from error
    return dict(found)


def _id_of(data_dir: Path) -> str:
    """Return the id of a data directory, which it keeps from now on."""
    return str(_changed(data_dir, lambda _: None)["data_directory"])


def _note(data_dir: Path, destination: Destination, facts: dict[str, Any] | None) -> None:
    """Note a destination, with what it holds now if that is known."""

    def change(found: dict[str, Any]) -> None:
        before = found["destinations"].get(destination.shown, {})
        found["destinations"][destination.shown] = before if facts is None else facts

    _changed(data_dir, change)


def _changed(data_dir: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Change the list of destinations, one process at a time, and return it."""
    path = data_dir / DESTINATIONS_FILE
    try:
        with _one_at_a_time(data_dir):
            found = _read(data_dir)
            change(found)
            text = json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
            if files.kind_of(path) is None or files.read_text(path) != text:
                files.write_atomically(path, text, mode=0o600)
    except OSError as error:
        raise lock.not_writable(path, error) from error
    return found


@contextlib.contextmanager
def _one_at_a_time(data_dir: Path) -> Iterator[None]:
    descriptor = os.open(data_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
