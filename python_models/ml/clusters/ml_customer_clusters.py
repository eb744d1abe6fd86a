"""One row per customer: the cluster it belongs to and how far from the centroid it is.

Inputs: int_customers_rfm, the number of clusters that ml_cluster_diagnostics chose, and the
centroids of the version that was current before this build, whose ids live on.
Method: customer_intelligence.clusters.
"""

from customer_intelligence import clusters


def model(dbt, session):
    """Fit the chosen number of clusters and assign every customer to one."""
    dbt.config(materialized="table")
    customers = dbt.ref("int_customers_rfm").order("customer_id").df()
    diagnostics = dbt.ref("ml_cluster_diagnostics").order("k").df()
    return clusters.assign(
        customers,
        clusters.chosen_k(diagnostics),
        dbt.ref("int_previous_clusters").order("cluster_id").df(),
        random_state=int(dbt.config.meta_get("random_seed")),
        n_init=int(dbt.config.meta_get("kmeans_n_init")),
    )
