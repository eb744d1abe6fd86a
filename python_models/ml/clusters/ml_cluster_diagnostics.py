"""One row per number of clusters: how well K-Means fits it, and which one is chosen.

Input: int_customers_rfm (days since last order, frequency, net revenue). Method and rule:
customer_intelligence.clusters.
"""

from customer_intelligence import clusters


def model(dbt, session):
    """Measure k = 2…10 and choose one, unless a number is forced by configuration."""
    dbt.config(materialized="table")
    customers = dbt.ref("int_customers_rfm").order("customer_id").df()
    forced_k = dbt.config.meta_get("clusters_k")
    diagnostics = clusters.diagnose(
        customers,
        random_state=int(dbt.config.meta_get("random_seed")),
        n_init=int(dbt.config.meta_get("kmeans_n_init")),
        forced_k=None if forced_k in (None, "None") else int(forced_k),
    )
    print(clusters.describe_choice(diagnostics), flush=True)
    return diagnostics
