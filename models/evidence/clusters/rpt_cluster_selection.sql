with diagnostics as (

    select * from {{ ref("ml_cluster_diagnostics") }}

)

select
    cast(k as integer) as k,
    cast(status as string) as status,
    cast(customers as bigint) as customers,
    cast(fitted_customers as bigint) as fitted_customers,
    cast(inertia as double) as inertia,
    cast(silhouette as double) as silhouette,
    cast(silhouette_error as double) as silhouette_error,
    cast(calinski_harabasz as double) as calinski_harabasz,
    cast(davies_bouldin as double) as davies_bouldin,
    cast(gap as double) as gap,
    cast(gap_s as double) as gap_s,
    cast(smallest_share as double) as smallest_share,
    cast(stability_ari_mean as double) as stability_ari_mean,
    cast(stability_ari_min as double) as stability_ari_min,
    cast(is_elbow as boolean) as is_elbow,
    cast(is_best_silhouette as boolean) as is_best_silhouette,
    cast(is_best_calinski_harabasz as boolean) as is_best_calinski_harabasz,
    cast(is_best_davies_bouldin as boolean) as is_best_davies_bouldin,
    cast(is_gap_pick as boolean) as is_gap_pick,
    cast(is_most_stable as boolean) as is_most_stable,
    cast(is_candidate as boolean) as is_candidate,
    cast(is_chosen as boolean) as is_chosen,
    cast(chosen_reason as string) as chosen_reason
from diagnostics
