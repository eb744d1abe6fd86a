"""How a command ends: an exit status and, on failure, a coded line.

====== =========================================================================================
Status Meaning
====== =========================================================================================
0      done
1      the check failed: a test failed, a customer is still named
2      refused: nothing was done, or the work was not completed; the coded line says why
130    interrupted
====== =========================================================================================
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from customer_intelligence.data_dir.files import SpecialFileError, printable
from customer_intelligence.errors import CustomerIntelligenceError

DEBUG_VARIABLE = "CUSTOMER_INTELLIGENCE_DEBUG"
DONE, NOT_SO, REFUSED, INTERRUPTED = 0, 1, 2, 130
# Packages that come with an extra of this one.
EXTRAS = {
    **dict.fromkeys(("altair", "streamlit", "vl_convert"), "dashboard"),
    "psycopg": "postgres",
    **dict.fromkeys(("metricflow", "metricflow_semantics", "tabulate"), "semantic"),
    **dict.fromkeys(("mcp", "mcp_types", "pydantic"), "mcp"),
    **dict.fromkeys(
        (
            *("dbt", "dbt_common", "numpy", "pandas", "pyarrow", "python_calamine", "scipy"),
            *("sklearn", "threadpoolctl", "yaml"),
        ),
        "build",
    ),
}
# What a text may do to a terminal: end a line, set a tab, and, where dbt writes, change the colour.
_HARMLESS = re.compile(r"([\n\t]|\x1b\[[0-9;]*m)")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotSo(CustomerIntelligenceError):  # noqa: N818  # not an error of the command
    """A check that failed: the command ends with status 1 instead of 2."""


class Screen:
    """A stream that escapes everything that could control the terminal.

    Parameters
    ----------
    stream : text stream
        Where the text goes. What its encoding does not know is escaped, too.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, escaped where it has to be."""
        self._stream.write(shown(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write texts, escaped where they have to be."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def shown(text: str) -> str:
    """Return a text of several lines as it may be shown."""
    if text.isprintable():
        return text
    parts = _HARMLESS.split(text)
    return "".join(part if at % 2 else printable(part) for at, part in enumerate(parts))


def ended(work: Callable[[], object]) -> int:
    """Do the work of a command and return its exit status, whatever happens.

    Parameters
    ----------
    work : callable
        Gives the status, or nothing when all was done.

    Returns
    -------
    int
        One of the statuses above. What went wrong is one line on the standard error stream.
    """
    with _screens():
        try:
            status = work()
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except SystemExit as stop:
            status = stop.code
        except KeyboardInterrupt as interrupt:
            return _tell(of_exception(interrupt), INTERRUPTED)
        except BaseException as error:
            # Not `Exception`: a panic of a library written in Rust is none.
            if os.environ.get(DEBUG_VARIABLE):
                with contextlib.suppress(OSError, ValueError):
                    traceback.print_exc()
            refusal = of_exception(error)
            return _tell(refusal, NOT_SO if isinstance(refusal, NotSo) else REFUSED)
        if status is None:
            return DONE
        return status if isinstance(status, int) else REFUSED


def of_exception(error: BaseException) -> CustomerIntelligenceError:
    """Return any exception as the error that a person can act on."""
    if isinstance(error, CustomerIntelligenceError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return CustomerIntelligenceError(
            "E_INTERRUPTED",
            "Stopped before the end.",
            "Readers see the last published version. Run the same command again.",
        )
    if isinstance(error, BrokenPipeError):
        return NotSo("E_NOT_READ", "The output was not read to its end.", "")
    if isinstance(error, OSError):
        return _of_os_error(error)
    if isinstance(error, MemoryError):
        return _no_memory()
    if isinstance(error, ModuleNotFoundError) and _extra(error):
        return CustomerIntelligenceError(
            "E_NO_EXTRA",
            f"{(error.name or '').partition('.')[0]} is not installed.",
            f"Install it: python -m pip install 'customer-intelligence[{_extra(error)}]'.",
        )
    if "duckdb" in sys.modules and isinstance(error, sys.modules["duckdb"].Error):
        return _of_duckdb(error)
    first = (str(error).strip().splitlines() or ["no details"])[0]
    return CustomerIntelligenceError(
        "E_UNEXPECTED",
        f"{type(error).__name__}: {first}.",
        f"This is a fault of the program. {DEBUG_VARIABLE}=1 before the command shows where.",
    )


def _of_os_error(error: OSError) -> CustomerIntelligenceError:
    where = str(error.filename) if error.filename else "A file or the output"
    why = error.strerror or str(error) or type(error).__name__
    if error.errno in _NO_ROOM:
        return CustomerIntelligenceError(
            "E_NO_SPACE",
            f"{where} cannot be written: {why}.",
            "Free some space, or name a directory on another disk.",
        )
    if error.errno in _NOT_ALLOWED:
        return CustomerIntelligenceError(
            "E_NO_PERMISSION",
            f"{where} cannot be used: {why}.",
            "Work as the owner of the files, have the permissions changed, or name another "
            "directory with --data-dir (make: DATA_DIR).",
        )
    if isinstance(error, SpecialFileError):
        return CustomerIntelligenceError(
            "E_NOT_A_FILE", f"{where}: {why}.", "Name a regular file, or put one there."
        )
    if isinstance(error, FileNotFoundError):
        return CustomerIntelligenceError(
            "E_NOT_FOUND", f"{where} does not exist.", "Check the name."
        )
    return CustomerIntelligenceError("E_IO", f"{where}: {why}.", "Check the disk and try again.")


def _of_duckdb(error: Exception) -> CustomerIntelligenceError:
    duckdb = sys.modules["duckdb"]
    first = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return _no_memory()
    if "Could not set lock" in first:
        return CustomerIntelligenceError(
            "E_LOCKED",
            f"Another process is at work there: {first}.",
            "Wait until it has finished, or end it, then try again.",
        )
    return CustomerIntelligenceError(
        "E_DATABASE",
        f"DuckDB cannot continue: {first}.",
        "Check the disk. A build starts again from the loads.",
    )


def _no_memory() -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_NO_MEMORY",
        "There is not enough memory.",
        "End other programs, or process fewer files or rows at a time.",
    )


def _extra(error: ModuleNotFoundError) -> str | None:
    return EXTRAS.get((error.name or "").partition(".")[0])


@contextlib.contextmanager
def _screens() -> Iterator[None]:
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = (None if stream is None else Screen(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _tell(error: CustomerIntelligenceError, status: int) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        # What is still to be written has no way out: the end of the process must not try again.
        _discard(sys.stdout)
    try:
        if sys.stderr is not None:
            print(printable(error), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _discard(sys.stderr)
    return status


def _discard(stream: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
