"""One file that a Superset imports: database, datasets, charts and dashboard."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from customer_intelligence.data_dir.layout import CURRENT, DATABASE, PUBLISHED
from customer_intelligence.publication.reader import READER_CONFIG, open_marts
from tools.browser import ROOT
from tools.superset.datasets import DATABASE_ID, datasets

ASSETS = ROOT / "assets" / "superset"
NAME = "customer_intelligence"
# Superset asks for one and does nothing with it; a fixed one keeps files comparable.
WRITTEN = "2026-01-01T00:00:00+00:00"


def duckdb_database(data_dir: Path) -> dict[str, Any]:
    """Return how Superset opens the published file: read-only, and locked down as `open_marts`.

    Each query opens it anew, and so meets the version that is current then.
    """
    path = data_dir.resolve() / PUBLISHED / CURRENT / DATABASE
    arguments = {"read_only": True, "config": READER_CONFIG}
    return {
        "sqlalchemy_uri": f"duckdb:///{path}",
        "extra": {"engine_params": {"connect_args": arguments}},
    }


def postgres_database(url: str) -> dict[str, Any]:
    """Return how Superset connects to a Postgres that `publish --to` filled.

    The password is not in it: it stands in PGPASSWORD where Superset runs, or in its password file.
    """
    return {
        "sqlalchemy_uri": url.replace("postgresql://", "postgresql+psycopg2://", 1),
        "extra": {},
    }


def bundle(data_dir: Path, database: Mapping[str, Any], kind: str = "Dashboard") -> bytes:
    """Return a ZIP file of Superset's import format.

    Parameters
    ----------
    data_dir : Path
        Whose published version has the descriptions and metrics.
    database : mapping
        Where Superset reads, from `duckdb_database` or `postgres_database`.
    kind : {'Dashboard', 'assets'}
        What imports it: the page of dashboards, which leaves datasets that it has as they are, or
        the API of assets, which replaces them.
    """
    with open_marts(data_dir) as marts:
        made = datasets(marts)
    files = {
        "metadata.yaml": {
            "version": "1.0.0",
            "type": kind,
            "timestamp": WRITTEN,
        },
        f"databases/{NAME}.yaml": {
            "database_name": "Customer Intelligence",
            "uuid": DATABASE_ID,
            "expose_in_sqllab": True,
            "allow_file_upload": False,
            **database,
            "version": "1.0.0",
        },
        **{f"datasets/{NAME}/{name}.yaml": dataset for name, dataset in made.items()},
        **{
            f"{folder}/{path.name}": _with_query(yaml.safe_load(path.read_text("utf-8")))
            for folder in ("charts", "dashboards")
            for path in sorted((ASSETS / folder).glob("*.yaml"))
        },
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            archive.writestr(f"{NAME}/{name}", text)
    return written.getvalue()


def _with_query(asset: dict[str, Any]) -> dict[str, Any]:
    """Add to a chart the query that its page would make, which the API of its data needs."""
    parameters = asset.get("params")
    if parameters is None:
        return asset
    axis = parameters.get("x_axis")
    metrics = parameters.get("metrics") or [parameters["metric"]]
    base = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "label": axis,
        "sqlExpression": axis,
        "timeGrain": parameters.get("time_grain_sqla"),
    }
    sort = parameters.get("timeseries_limit_metric")
    query = {
        "columns": [*([base] if axis else []), *parameters.get("groupby", [])],
        "metrics": metrics,
        "filters": [
            {"col": of["subject"], "op": of["operator"]}
            for of in parameters.get("adhoc_filters", [])
        ],
        "orderby": [[sort, not parameters.get("order_desc", True)]] if sort else [],
        "row_limit": parameters.get("row_limit", 1),
    }
    context = {
        # The import puts in the number of the dataset.
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query],
        "form_data": {**parameters, "datasource": "0__table"},
        "result_format": "json",
        "result_type": "full",
    }
    return {**asset, "query_context": json.dumps(context)}
