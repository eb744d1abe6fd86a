"""How Spark goes about each model: short plans, and no task that gets all lines or customers."""

import json
import re
from pathlib import Path

LONGEST_PLAN = 1500
# Windows over everything there is, of models whose rows are few however many customers there are:
# days, months, cutoffs, segments, countries, classes of revenue, pairs of the commonest products,
# models, or a bounded sample of customers.
FEW_ROWS = {
    *("customer_cube", "int_as_of", "int_product_suggestions", "int_segment_distribution"),
    *("ml_churn_losses", "ml_churn_model_selection", "ml_clv_status"),
    *("ml_churn_outcome_drift", "ml_distribution_drift", "rpt_action_backtest"),
    *("rpt_cluster_products", "rpt_drift", "rpt_insights", "rpt_product_affinity"),
    *("rpt_growth", "rpt_revenue_concentration"),
}
# All customers in the order in which to write to them: not divided yet.
ALL_CUSTOMERS = {"fct_customer_actions"}
WINDOW_OVER_ALL = re.compile(r"Window \[.*\n(?:.*\bSort \[.*\n)?.*Exchange SinglePartition")


def plans(session, data_dir):
    """Yield the name and the physical plan of each model in SQL, on the tables of the build."""
    target = data_dir / "build" / "target"
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    for node in nodes.values():
        if node["resource_type"] == "model" and node["language"] == "sql":
            sql = (
                target / "compiled" / node["package_name"] / Path(node["original_file_path"])
            ).read_text(encoding="utf-8")
            yield node["name"], session.sql(f"explain {sql}").collect()[0][0]


def test_no_plan_is_long_and_no_task_gets_everything(session, on_spark):
    long, alone = {}, set()
    for name, plan in plans(session, on_spark):
        assert "Physical Plan" in plan, (name, plan[:2000])
        if (lines := plan.count("\n")) > LONGEST_PLAN:
            long[name] = lines
        if WINDOW_OVER_ALL.search(plan):
            alone.add(name)
    assert long == {}
    assert alone == FEW_ROWS | ALL_CUSTOMERS
