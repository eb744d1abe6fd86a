"""A connection to Postgres, and the errors of the database in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

from customer_intelligence.errors import CustomerIntelligenceError

try:
    import psycopg
except ModuleNotFoundError:
    raise
except ImportError as error:
    # The package without its library.
    raise ModuleNotFoundError(name="psycopg") from error

from psycopg import conninfo, errors, sql

Name: TypeAlias = sql.Composable
_CONNECT_SECONDS = 10


class Database:
    """A connection outside any transaction.

    Parameters
    ----------
    connection : psycopg.Connection
        With autocommit.
    """

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection

    def run(
        self, query: str, *names: Name, parameters: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a query of the project's own and return its rows.

        Parameters
        ----------
        query : str
            With `{}` for each of the names, and `%s` for each parameter.
        *names : sql.Composable
            Quoted names and literals, where no parameter can be bound.
        parameters : sequence
            Values.
        """
        cursor = self.connection.execute(compose(query, *names), parameters or None)
        return cursor.fetchall() if cursor.description else []


def compose(query: str, *names: Name) -> sql.Composed:
    """Put quoted names into a query of the project's own."""
    return sql.SQL(cast("Any", query)).format(*names)


def name(*parts: str) -> Name:
    """Quote a name of one or more parts."""
    return sql.Identifier(*parts)


def names(full: Sequence[str]) -> Name:
    """Quote names such as `marts.fct_orders`, with commas between them."""
    return sql.SQL(", ").join(name(*one.split(".", 1)) for one in full)


def words(error: psycopg.Error) -> str:
    """Return what the database says of an error, on one line."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
    return " ".join(f"{text.strip().splitlines()[0]}{detail}".split()).rstrip(".")


@contextlib.contextmanager
def connected(url: str, where: str) -> Iterator[Database]:
    """Connect to a database for a block, and put its errors into words.

    Parameters
    ----------
    url : str
        As `libpq` takes it.
    where : str
        The same without a password.

    Yields
    ------
    Database

    Raises
    ------
    CustomerIntelligenceError
        `E_DESTINATION`, `E_NO_CONNECTION`, `E_NOT_ALLOWED` or `E_POSTGRES`.
    """
    with _connection(url, where) as connection:
        try:
            yield Database(connection)
        except errors.InsufficientPrivilege as error:
            raise CustomerIntelligenceError(
                "E_NOT_ALLOWED",
                f"The user may not do this in {where}: {words(error)}.",
                "Let the user create schemas there (`grant create on database … to …`), and "
                "publish as the same user each time.",
            ) from error
        except psycopg.Error as error:
            raise CustomerIntelligenceError(
                "E_POSTGRES",
                f"{where} refuses: {words(error)}.",
                "Fix the cause, then publish again. Readers there see what they saw before.",
            ) from error


def _connection(url: str, where: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        seconds = conninfo.conninfo_to_dict(url).get("connect_timeout")
    except psycopg.Error:
        # Its words may repeat a part of the URL.
        raise CustomerIntelligenceError(
            "E_DESTINATION",
            f"{where} is no URL of Postgres.",
            "Write it as postgresql://user@host:5432/database, with special characters as %XX.",
        ) from None
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            client_encoding="utf8",
            application_name="customer-intelligence",
            connect_timeout=int(seconds or _CONNECT_SECONDS),
        )
    except (psycopg.Error, ValueError) as error:
        said = words(error) if isinstance(error, psycopg.Error) else "connect_timeout is no number"
        raise CustomerIntelligenceError(
            "E_NO_CONNECTION",
            f"{where} cannot be reached: {said}.",
            "Check host, port, user and database; a password belongs into PGPASSWORD.",
        ) from error
