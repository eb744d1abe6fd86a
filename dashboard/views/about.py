"""About: definitions of the figures, the ledger of all rows, and facts of the build."""

from __future__ import annotations

from importlib.metadata import version

import duckdb
import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import about as charts
from queries import about as queries


def draw_definitions() -> None:
    """Draw the definition of each key figure."""
    st.subheader("What does each figure mean?", anchor=False)
    kpis = marts_reader.query("select * from rpt_kpis order by kpi_order")
    for group in (*wording.KPI_GROUPS, "More"):
        rows = [
            kpi
            for _, kpi in kpis.iterrows()
            if (wording.KPIS[kpi["kpi"]].group if kpi["kpi"] in wording.KPIS else "More") == group
        ]
        if not rows:
            continue
        with st.expander(group, expanded=group == wording.KPI_GROUPS[0]):
            for kpi in rows:
                known = wording.KPIS.get(kpi["kpi"])
                label = known.label if known else kpi["kpi"].replace("_", " ").capitalize()
                st.markdown(f"**{wording.as_markdown(label)}** – {wording.definition(kpi)}")
    st.text("The dbt docs define every column of every mart: make docs.")


def draw_ledger(currency: str) -> None:
    """Draw the disposition of every line from the files to net revenue."""
    lines = queries.dispositions()
    info = marts_reader.build_info()
    st.subheader("Where did every row go?", anchor=False)
    st.text(
        f"{wording.whole(info['rows_in'])} records were read. "
        f"{wording.whole(info['rows_quarantined'])} are unreadable and in quarantine. "
        f"{wording.whole(lines['lines'].sum())} lines each went to one place, by the "
        "first rule below that holds."
    )
    if lines.empty:
        return
    lines = lines.assign(
        is_counted=lines["counts_in"].str.contains("sales|returns"),
    )
    layout.draw(
        charts.dispositions(lines, currency),
        "Amount of the lines by disposition.",
    )
    st.caption(
        "Full: counts in net revenue, less discounts. Outlined: kept, but not counted there."
    )
    layout.table(
        lines[["label", "meaning", "counts_in", "lines", "amount"]],
        "Dispositions in the order of their rules, with their lines.",
        {
            "label": st.column_config.TextColumn("Lines", width=135),
            "meaning": st.column_config.TextColumn("Meaning", width=500),
            "counts_in": st.column_config.TextColumn("Counts in", width=145),
            "lines": layout.number_column("Count"),
            "amount": layout.number_column(f"Amount, {currency}"),
        },
        height="content",
    )


def draw_quarantine() -> None:
    """Draw the reasons for quarantine and the loaded files."""
    reasons = queries.quarantine()
    st.subheader("What could not be read?", anchor=False)
    if reasons.empty:
        st.text("Nothing: every record of every file was read.")
    else:
        layout.table(
            reasons,
            "Reasons for quarantine and their records.",
            {
                "reason": st.column_config.TextColumn("Reason", width=260),
                "records": layout.number_column("Records"),
            },
        )
        st.caption("A record may have several reasons.")
    loads = queries.loads()
    if loads.empty:
        st.caption("The data are the bundled sample, which was not loaded from a file.")
        return
    layout.table(
        loads,
        "Files that were loaded, with their records.",
        {
            "source_file": st.column_config.TextColumn("File", width=220),
            "records": layout.number_column("Records"),
            "accepted_records": layout.number_column("Accepted"),
            "quarantined_records": layout.number_column("Quarantined"),
            "superseded_lines": layout.number_column(
                "Replaced", "Lines of invoices that a later file holds again."
            ),
            "first_invoice_date": st.column_config.DateColumn("From", format="YYYY-MM-DD"),
            "last_invoice_date": st.column_config.DateColumn("Until", format="YYYY-MM-DD"),
            "loaded_at": st.column_config.DatetimeColumn("Loaded", format="YYYY-MM-DD HH:mm"),
        },
    )


def draw_non_products(currency: str) -> None:
    """Draw the stock codes that are not merchandise."""
    codes = queries.non_products()
    if codes.empty:
        return
    with st.expander("Stock codes that are not merchandise"):
        layout.table(
            codes[["stock_code", "note", "lines", "amount"]],
            "Stock codes that are not merchandise, with their amounts.",
            {
                "stock_code": st.column_config.TextColumn("Code", width=120),
                "note": st.column_config.TextColumn("What it is", width=360),
                "lines": layout.number_column("Lines"),
                "amount": layout.number_column(f"Amount, {currency}"),
            },
        )


def draw_models() -> None:
    """Say which models apply to this shop."""
    st.subheader("Which models apply?", anchor=False)
    for row in queries.models().itertuples():
        label = wording.MODELS_OF_CUSTOMERS.get(row.model, row.model)
        st.text(f"{label}: {row.explanation}")


def draw_build() -> None:
    """Draw the facts of this build."""
    info = marts_reader.build_info()
    st.subheader("Which build is this?", anchor=False)
    facts = {
        "Version": info["version"],
        "Built": f"{info['built_at']:%Y-%m-%d %H:%M} UTC",
        "Data as of": marts_reader.day(info["as_of_date"]),
        "Invoices": f"{marts_reader.day(info['first_invoice_date'])} to "
        f"{marts_reader.day(info['last_invoice_date'])}",
        "Tests passed before it was published": wording.whole(info["tests_passed"]),
        "Currency": info["currency"],
        "Cleaning": info["cleaning_policy"],
        "Model that scores customers": wording.model_label(str(info["churn_scoring_model"]))
        if marts_reader.is_ok("churn")
        else "None",
        "Schema of the marts": str(info["schema_version"]),
        "Read with": f"DuckDB {duckdb.__version__}, Streamlit {st.__version__}, "
        f"Altair {version('altair')}",
    }
    layout.table(
        pd.DataFrame({"Fact": list(facts), "Value": [str(value) for value in facts.values()]}),
        "Facts of the build.",
        {
            "Fact": st.column_config.TextColumn(width=260),
            "Value": st.column_config.TextColumn(width=360),
        },
        height="content",
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("What do these numbers mean?", anchor=False)
    if not marts_reader.selection()["all_customers"]:
        layout.nothing_selected()
    layout.whole_shop()
    draw_definitions()
    draw_ledger(currency)
    draw_non_products(currency)
    draw_quarantine()
    draw_models()
    draw_build()


main()
