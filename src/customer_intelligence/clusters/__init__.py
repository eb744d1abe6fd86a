"""Customer clusters: the choice of k, the fit, the assignment and the names.

K-Means on the standardised ``log1p`` of days since last order, frequency and net revenue. All
functions take and return pandas frames or plain arrays and know no engine. What makes the result
the same on every engine and in every run: the fit's customers are chosen by the md5 of their id and
sorted by id, the clusters are put in a canonical order, and scoring is element-wise arithmetic on
plain arrays, so that it may run in batches anywhere. Only the ids may depend on more than the
customers: they are those of an earlier run, where one is given.

A usual run is ``diagnose`` → ``chosen_k`` → ``assign``; where scoring is distributed, ``fit`` and
``align`` once and ``score`` each batch.

`preparation` makes the features of a fit, `diagnostics` measures each k, `choice` holds the rule
that takes one, `fitting` fits, aligns and scores, and `names` puts the clusters into words.
"""

from customer_intelligence.clusters.choice import (
    choose_k,
    chosen_k,
    describe_choice,
    elbow,
    gap_pick,
    mark_choices,
)
from customer_intelligence.clusters.diagnostics import diagnose
from customer_intelligence.clusters.fitting import (
    ClusterParameters,
    align,
    assign,
    centroids,
    fit,
    score,
)
from customer_intelligence.clusters.names import cluster_names
from customer_intelligence.clusters.preparation import FEATURES, features

__all__ = [
    "FEATURES",
    "ClusterParameters",
    "align",
    "assign",
    "centroids",
    "choose_k",
    "chosen_k",
    "cluster_names",
    "describe_choice",
    "diagnose",
    "elbow",
    "features",
    "fit",
    "gap_pick",
    "mark_choices",
    "score",
]
