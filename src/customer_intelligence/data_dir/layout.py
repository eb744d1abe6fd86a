"""The names of files and folders in a data directory. No other module spells them.

raw/                                loads, and who was erased
0001-<hash>/                    one load: `invoice_lines.parquet` and `load.json`
tombstones.json                 hashes of erased customers
shop.yml                            the rules of the shop
mapping.yml                         how to read a relation that is built on
do_not_contact.csv                  customers that no list may hold
campaigns/                          who was contacted and who was held out
destinations.json                   where copies of the marts were published to
build/                              work database, dbt's files, the lock; can be removed
published/<version>/                `customer_intelligence.duckdb` and `summary.json`
published/current                   link to the version that readers see
report.html                         the dashboard as one file
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from customer_intelligence.data_dir.files import printable

DATA_DIR_VARIABLE = "CUSTOMER_INTELLIGENCE_DATA_DIR"
# Where the dbt project lies.
PROJECT_VARIABLE = "CUSTOMER_INTELLIGENCE_ROOT"
DEFAULT_DATA_DIR = Path("data") / "local"
# The bundled sample has the form of a data directory.
SAMPLE = Path("data") / "sample"

# At the top.
RAW = "raw"
BUILD = "build"
PUBLISHED = "published"
CAMPAIGNS = "campaigns"
SHOP_FILE = "shop.yml"
DO_NOT_CONTACT_FILE = "do_not_contact.csv"
MAPPING_FILE = "mapping.yml"
REPORT_FILE = "report.html"
DESTINATIONS_FILE = "destinations.json"

# Below `raw`. Until it is in its place, shop.yml lies in the load that brings it.
ROWS_FILE = "invoice_lines.parquet"
MANIFEST_FILE = "load.json"
TOMBSTONES_FILE = "tombstones.json"
# Rules of mappings, from releases that had no shop.yml.
FORMER_RULES_FILE = "vars.json"
LOADING_PREFIX = ".tmp-"
LOAD_NAME = re.compile(r"(\d{4,})-([0-9a-f]{12})")

# Below `campaigns`.
SAMPLE_CAMPAIGNS = "before-the-first-load"

# Below `build`.
LOCK_FILE = ".lock"
WORK_DATABASE = "warehouse.duckdb"
SET_ASIDE = "warehouse.unreadable.duckdb"
UNFINISHED = ".unfinished"
DBT_TARGET = "target"
DBT_LOGS = "logs"

# Below `published`, and in each version.
CURRENT = "current"
DATABASE = "customer_intelligence.duckdb"
SUMMARY = "summary.json"
BUILDING_PREFIX = ".building-"
# The highest number that was ever given to a version, so that it is never given again.
LAST_NUMBER = ".last-number"
VERSION_NAME = re.compile(r"([0-9]{6,12})-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
# The layout before versions had directories: a file for each, named by the text file CURRENT.
OLD_CURRENT = "CURRENT"
OLD_VERSION_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
OLD_FILES = re.compile(
    r"marts-[0-9A-Za-z][0-9A-Za-z._-]*\.duckdb|summary\.json|\.CURRENT\.tmp|\.summary\.json\.tmp"
)

# Where nothing else may be written.
OWN_NAMES = (
    *(RAW, BUILD, PUBLISHED, CAMPAIGNS),
    *(SHOP_FILE, DO_NOT_CONTACT_FILE, DESTINATIONS_FILE),
)
# What stays in `build` when all that holds copies is removed.
KEPT_IN_BUILD = (LOCK_FILE, ".gitkeep")
# What a process writes before it renames it, in releases of before too.
LEFTOVERS = (".*.tmp", ".building-*", ".campaign-*", ".export-*", ".report-*", ".tmp-*")
_OWN_FILES = re.compile(
    r"build/.+|raw/[^/]+\.json|raw/[^/]+/(invoice_lines\.parquet|load\.json)|shop\.yml"
    r"|do_not_contact\.csv|destinations\.json|campaigns/.+\.parquet|published/(CURRENT|current|\.last-number|.+\.(duckdb|json))"
)


def data_directory(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the data directory: the argument, the environment's, or the default."""
    return Path(data_dir or os.environ.get(DATA_DIR_VARIABLE) or DEFAULT_DATA_DIR)


def data_dir_option(data_dir: Path) -> str:
    """Return the option for `make` to use a data directory other than the default."""
    if data_dir.resolve() == Path(__file__).parents[3] / DEFAULT_DATA_DIR:
        return ""
    return f" DATA_DIR={shlex.quote(printable(data_dir))}"


def is_own(place: Path) -> bool:
    """Return whether a file, by its path within the data directory, is the project's own."""
    return _OWN_FILES.fullmatch(place.as_posix()) is not None


def version_number(version: str) -> int:
    """Return the number of a version, by which versions are ordered."""
    matched = VERSION_NAME.fullmatch(version)
    if matched is None:
        raise ValueError(f"{version!r} is no name of a version")
    return int(matched[1])


def version_names(data_dir: Path) -> list[str]:
    """Return the names of versions in a data directory, newest first, whatever lies under them."""
    try:
        names = [path.name for path in (data_dir / PUBLISHED).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(filter(VERSION_NAME.fullmatch, names), key=version_number, reverse=True)
