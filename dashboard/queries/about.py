"""Queries of the marts about the data and the build themselves."""

from __future__ import annotations

import pandas as pd
from marts_reader import query


def dispositions() -> pd.DataFrame:
    """Return the lines and amounts of each disposition, in the order of the rules."""
    return query("""
        select disposition, label, meaning, counts_in, lines, amount::double as amount, invoices
        from rpt_line_dispositions order by rule_order
    """)


def non_products() -> pd.DataFrame:
    """Return the stock codes that are not merchandise, the largest amounts first."""
    return query("""
        select stock_code, note, counts_as_revenue, lines, amount::double as amount
        from rpt_non_product_amounts order by abs(amount) desc, stock_code
    """)


def loads() -> pd.DataFrame:
    """Return the files that were loaded, in their order."""
    return query("""
        select source_file, records, accepted_records, quarantined_records, superseded_lines,
            first_invoice_date, last_invoice_date, loaded_at
        from rpt_loads order by load_number
    """)


def quarantine() -> pd.DataFrame:
    """Return the reasons for quarantine, the most frequent first."""
    return query("""
        select reason, sum(records)::bigint as records
        from rpt_quarantine group by reason order by records desc, reason
    """)


def models() -> pd.DataFrame:
    """Return the status of each model of customers, with its reason."""
    return query("select model, model_status, explanation from rpt_model_status order by model")
