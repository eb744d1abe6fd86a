"""The rule for k: which of the numbers of clusters that were measured is taken, and why."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from customer_intelligence.frames import OK

# The rule, written down before looking at any result.
ELIGIBLE_K = range(3, 9)
MIN_STABILITY = 0.85
MIN_SHARE = 0.05
SILHOUETTE_ERRORS = 2

_DIAGNOSTICS = {
    "k": "int32",
    "status": "string",
    "customers": "int64",
    "fitted_customers": "int64",
    "inertia": "float64",
    "silhouette": "float64",
    "silhouette_error": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "gap": "float64",
    "gap_s": "float64",
    "smallest_share": "float64",
    "stability_ari_mean": "float64",
    "stability_ari_min": "float64",
    "is_elbow": "bool",
    "is_best_silhouette": "bool",
    "is_best_calinski_harabasz": "bool",
    "is_best_davies_bouldin": "bool",
    "is_gap_pick": "bool",
    "is_most_stable": "bool",
    "is_candidate": "bool",
    "is_chosen": "bool",
    "chosen_reason": "string",
}


def mark_choices(measures: pd.DataFrame, forced_k: int | None = None) -> pd.DataFrame:
    """Add which criterion picks which k, the k that the rule chooses, and why, or why none.

    Parameters
    ----------
    measures : DataFrame
        ``k``, ``status`` and the measures of ``diagnose``, one row for each k.
    forced_k : int, optional
        Choose this k whatever the rule says.

    Returns
    -------
    DataFrame
        The table that ``diagnose`` returns, sorted by k.
    """
    # A measure that no k could be given is a column of nulls.
    table = measures.reindex(columns=list(_DIAGNOSTICS)).sort_values("k", ignore_index=True)
    fitted = table[table["status"] == OK].set_index("k")
    k, reason = choose_k(table, forced_k)
    picks = {
        "is_elbow": elbow(fitted.index, fitted["inertia"]),
        "is_best_silhouette": _arg(fitted["silhouette"], "max"),
        "is_best_calinski_harabasz": _arg(fitted["calinski_harabasz"], "max"),
        "is_best_davies_bouldin": _arg(fitted["davies_bouldin"], "min"),
        "is_gap_pick": gap_pick(fitted.index, fitted["gap"], fitted["gap_s"]),
        "is_most_stable": _arg(fitted["stability_ari_mean"], "max"),
        "is_chosen": k,
    }
    for column, pick in picks.items():
        table[column] = table["k"] == (-1 if pick is None else pick)
    table["is_candidate"] = _is_candidate(table)
    told = table["is_chosen"] | (k is None)
    table["chosen_reason"] = [reason if is_told else None for is_told in told]
    return table.astype(_DIAGNOSTICS)


def choose_k(measures: pd.DataFrame, forced_k: int | None = None) -> tuple[int | None, str]:
    """Apply the rule for k.

    Among k = 3…8 with a mean ARI of at least 0.85 and a smallest share of at least 5 %, the largest
    k whose silhouette is within two standard errors of the best: what these customers cannot tell
    from the best is as good, and more clusters say more. (Breiman et al., 1984, *Classification and
    Regression Trees*, p. 78, have the rule with one error, for the simplest tree.) Where none
    qualifies, the best mean ARI among 3…8, the smaller k of ties. A forced k overrides.

    Parameters
    ----------
    measures : DataFrame
        ``k``, ``status``, ``silhouette``, ``silhouette_error``, ``smallest_share``,
        ``stability_ari_mean``.
    forced_k : int, optional
        The k to take instead.

    Returns
    -------
    k : int or None
        None where no k could be fitted.
    reason : str
        In words.
    """
    fitted = measures[measures["status"] == OK].sort_values("k").set_index("k")
    span = f"k = {ELIGIBLE_K[0]}…{ELIGIBLE_K[-1]}"
    if forced_k is not None:
        if forced_k in fitted.index:
            return int(forced_k), "forced by configuration"
        return None, f"too few distinct customers for the forced k = {forced_k}"
    eligible = fitted[fitted.index.isin(ELIGIBLE_K)]
    if eligible.empty:
        return None, f"too few distinct customers for any of {span}"
    candidates = eligible[_is_candidate(eligible.reset_index()).to_numpy()]
    if candidates.empty:
        return _arg(eligible["stability_ari_mean"], "max"), (
            f"no {span} has a mean ARI of at least {MIN_STABILITY} and a smallest share of at "
            f"least {MIN_SHARE:.0%}: the best mean ARI"
        )
    best = _arg(candidates["silhouette"], "max")
    # The margin forgives the rounding of a difference that is meant to be exactly two errors.
    error = candidates.loc[best, "silhouette_error"]
    floor = candidates.loc[best, "silhouette"] - SILHOUETTE_ERRORS * error - 1e-12
    chosen = int(candidates.index[candidates["silhouette"] >= floor].max())
    if chosen == best:
        return chosen, f"the best silhouette among the stable {span}"
    return chosen, (
        f"the most clusters within two standard errors of the best silhouette (k = {best}) "
        f"among the stable {span}"
    )


def elbow(k: Iterable[int], inertia: Iterable[float]) -> int | None:
    """Return the k at the largest distance below the chord of the inertia curve.

    Both axes are scaled to 0…1, so the chord runs from (0, 1) to (1, 0) and the distance of a
    point below it is (1 − x − y) / √2 (Satopaa et al., 2011, doi 10.1109/ICDCSW.2011.20).

    Parameters
    ----------
    k, inertia : iterables of equal length
        The curve, k ascending.

    Returns
    -------
    int or None
        None with fewer than three points or where no point lies below the chord.

    Examples
    --------
    >>> elbow([1, 2, 3, 4], [100, 30, 25, 22])
    2
    """
    ks, curve = np.asarray(list(k), dtype="float64"), np.asarray(list(inertia), dtype="float64")
    if len(ks) < 3 or curve[0] <= curve[-1]:
        return None
    below = 1 - (ks - ks[0]) / (ks[-1] - ks[0]) - (curve - curve[-1]) / (curve[0] - curve[-1])
    return int(ks[below.argmax()]) if below.max() > 1e-12 else None


def gap_pick(k: Iterable[int], gap: Iterable[float], gap_s: Iterable[float]) -> int | None:
    """Return the smallest k whose gap reaches the next gap less its standard error.

    Parameters
    ----------
    k, gap, gap_s : iterables of equal length
        The gap statistic, k ascending.

    Returns
    -------
    int or None
        None where the gap is still growing at the last k: it sees no end within the range.

    Examples
    --------
    >>> gap_pick([2, 3, 4], [0.10, 0.50, 0.49], [0.02, 0.02, 0.02])
    3
    """
    ks, gaps, errors = list(k), list(gap), list(gap_s)
    for i in range(len(ks) - 1):
        if gaps[i] >= gaps[i + 1] - errors[i + 1]:
            return int(ks[i])
    return None


def chosen_k(diagnostics: pd.DataFrame) -> int | None:
    """Return the chosen k of a table of ``diagnose``, None where there is none."""
    chosen = diagnostics.loc[diagnostics["is_chosen"], "k"]
    return int(chosen.iloc[0]) if len(chosen) else None


def describe_choice(diagnostics: pd.DataFrame) -> str:
    """Say the choice of k in one progress line.

    Parameters
    ----------
    diagnostics : DataFrame
        Of ``diagnose``.

    Returns
    -------
    str
    """
    ks, customers = diagnostics["k"], int(diagnostics["customers"].iloc[0])
    line = f"clusters: k={ks.min()}…{ks.max()} on {customers:,} customers … "
    if chosen_k(diagnostics) is None:
        return line + "skipped (too few distinct customers)"
    row = diagnostics[diagnostics["is_chosen"]].iloc[0]
    return line + (
        f"k={row['k']} chosen (silhouette {row['silhouette']:.2f}, "
        f"ARI {row['stability_ari_mean']:.2f})"
    )


def _is_candidate(table: pd.DataFrame) -> pd.Series:
    """Tell which rows the rule may choose from."""
    return (
        table["k"].isin(ELIGIBLE_K)
        & (table["status"] == OK)
        & (table["stability_ari_mean"] >= MIN_STABILITY)
        & (table["smallest_share"] >= MIN_SHARE)
    ).astype("bool")


def _arg(values: pd.Series, which: str) -> int | None:
    """Return the index of the largest or smallest value, the first of ties, None without one."""
    known = values.dropna()
    if known.empty:
        return None
    return int(known.idxmax() if which == "max" else known.idxmin())
