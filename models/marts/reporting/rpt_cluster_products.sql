{{ typical_products(["cluster_id", "cluster_name"]) }}
