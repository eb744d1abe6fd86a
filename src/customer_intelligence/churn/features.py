"""Which columns the models may use."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def chosen_features(table: pd.DataFrame, named: Sequence[str] | None) -> list[str]:
    """Return the features in use.

    Parameters
    ----------
    table : DataFrame
        feature: all that there are, in their order.
    named : sequence of str, optional
        The var `churn_features`; None, or dbt's text for it, where it names none.

    Returns
    -------
    list of str

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["days_since_last_order", "net_revenue"]})
    >>> chosen_features(table, None)
    ['days_since_last_order', 'net_revenue']
    >>> chosen_features(table, ["net_revenue"])
    ['net_revenue']
    """
    if named is None or named == "None":
        return [str(name) for name in table["feature"]]
    return list(named)
