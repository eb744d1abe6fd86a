"""What metrics are made of, as it is published: dbt's semantic manifest on the published tables."""

from __future__ import annotations

import json
from collections.abc import Mapping

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.quoting import identifier


def published_semantics(manifest: str, tables: Mapping[str, tuple[str, str]]) -> str:
    """Return a semantic manifest whose models are the tables of the published file.

    Parameters
    ----------
    manifest : str
        As dbt writes it, with the relations of the work database.
    tables : mapping of str to tuple of str
        Schema and name of each published table, by its relation in the work database.

    Returns
    -------
    str
        Empty for an empty manifest.

    Raises
    ------
    CustomerIntelligenceError
        `E_METRICS_UNPUBLISHED` for metrics on a model that is not published.
    """
    if not manifest:
        return ""
    semantics = json.loads(manifest)
    for model in (
        *semantics["semantic_models"],
        *semantics["project_configuration"]["time_spines"],
    ):
        relation = model["node_relation"]
        table = tables.get(relation["relation_name"])
        if table is None:
            raise CustomerIntelligenceError(
                "E_METRICS_UNPUBLISHED",
                f"Metrics are made of {relation['alias']}, which is not published.",
                "Give it public access, or take it out of models/marts/_semantic_models.yml.",
            )
        relation |= {
            "database": None,
            "schema_name": table[0],
            "alias": table[1],
            "relation_name": ".".join(map(identifier, table)),
        }
    return json.dumps(semantics)
