"""What metrics are made of, as it is published: dbt's semantic manifest on the published tables."""

from __future__ import annotations

import json
from collections.abc import Mapping

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.quoting import identifier


def published_semantics(manifest: str, schemas: Mapping[str, str]) -> str:
    """Return a semantic manifest whose models are the tables of the published file.

    Parameters
    ----------
    manifest : str
        As dbt writes it, with the relations of the engine that built.
    schemas : mapping of str to str
        The schema of each published table, by its name.

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
        name = relation["alias"]
        if name not in schemas:
            raise CustomerIntelligenceError(
                "E_METRICS_UNPUBLISHED",
                f"Metrics are made of {name}, which is not published.",
                "Give it public access, or take it out of models/marts/_semantic_models.yml.",
            )
        relation |= {
            "database": None,
            "schema_name": schemas[name],
            "relation_name": f"{identifier(schemas[name])}.{identifier(name)}",
        }
    return json.dumps(semantics)
