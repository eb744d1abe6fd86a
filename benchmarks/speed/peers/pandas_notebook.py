"""The usual tutorial, cell after cell: `python pandas_notebook.py INVOICES.parquet OUT`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, silhouette_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CHURN_DAYS = 90
COLUMNS = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
RFM = ["days_since_last_order", "orders", "net_revenue"]


def summary(lines: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """Return recency, frequency and money of everybody with a purchase."""
    purchases = lines[~lines["is_cancelled"]].groupby("CustomerID")
    last, first = purchases["day"].max(), purchases["day"].min()
    table = pd.DataFrame(
        {
            "days_since_last_order": (today - last).dt.days,
            "orders": purchases["InvoiceNo"].nunique(),
            "net_revenue": lines.groupby("CustomerID")["revenue"].sum().reindex(last.index),
            "cohort_month": first.dt.to_period("M").dt.to_timestamp(),
        }
    )
    return table.rename_axis("customer_id").reset_index()


def tables(file: str, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the three tables; return the lines with a customer, and the customers."""
    lines = pd.read_parquet(file, columns=COLUMNS)
    lines["revenue"] = lines["Quantity"] * lines["UnitPrice"]
    # The first moment of an invoice is its day.
    lines["day"] = lines.groupby(["InvoiceNo", "CustomerID"], dropna=False)[
        "InvoiceDate"
    ].transform("min")
    lines["day"] = lines["day"].dt.normalize()
    lines["month"] = lines["day"].dt.to_period("M").dt.to_timestamp()
    lines["is_cancelled"] = lines["InvoiceNo"].str.startswith("C")
    known = lines.dropna(subset=["CustomerID"])
    customers = summary(known, lines["day"].max())
    customers.to_parquet(out / "customers.parquet")

    purchases = lines[~lines["is_cancelled"]].groupby("month")
    months = pd.DataFrame(
        {
            "customers": purchases["CustomerID"].nunique(),
            "orders": purchases["InvoiceNo"].nunique(),
            "net_revenue": lines.groupby("month")["revenue"].sum(),
        }
    )
    months.reset_index().to_parquet(out / "months.parquet")

    of_cohorts = known.merge(
        customers[["customer_id", "cohort_month"]], left_on="CustomerID", right_on="customer_id"
    ).rename(columns={"month": "activity_month"})
    by = ["cohort_month", "activity_month"]
    bought = of_cohorts[~of_cohorts["is_cancelled"]].groupby(by)
    cohorts = of_cohorts.groupby(by)["revenue"].sum().to_frame("net_revenue")
    cohorts["active_customers"] = bought["CustomerID"].nunique()
    cohorts["orders"] = bought["InvoiceNo"].nunique()
    cohorts.fillna(0).reset_index().to_parquet(out / "cohorts.parquet")
    return known, customers


def clusters(customers: pd.DataFrame) -> np.ndarray:
    """Return the cluster of everybody, by the number with the best silhouette."""
    scaled = StandardScaler().fit_transform(np.log1p(customers[RFM].clip(lower=0)))
    fitted = {k: KMeans(k, n_init=10, random_state=42).fit(scaled) for k in range(2, 11)}
    elbow = {k: model.inertia_ for k, model in fitted.items()}
    silhouettes = {k: silhouette_score(scaled, model.labels_) for k, model in fitted.items()}
    best = max(silhouettes, key=lambda k: silhouettes[k])
    print("inertia", elbow)
    print("silhouette", silhouettes, "chosen", best)
    return np.asarray(fitted[best].labels_)


def churn(lines: pd.DataFrame) -> None:
    """Fit two classifiers on what was known 90 days before the end."""
    cutoff = lines["day"].max() - pd.Timedelta(days=CHURN_DAYS)
    before = lines[lines["day"] <= cutoff]
    customers = summary(before, cutoff)
    later = lines[(lines["day"] > cutoff) & ~lines["is_cancelled"]]
    has_churned = ~customers["customer_id"].isin(later["CustomerID"])
    X_train, X_test, y_train, y_test = train_test_split(
        customers[RFM], has_churned, test_size=0.25, random_state=42, stratify=has_churned
    )
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    for model in (logistic, RandomForestClassifier(n_estimators=200, random_state=42)):
        model.fit(X_train, y_train)
        print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))


def main(file: str, out: Path) -> None:
    """Write the tables, group the customers, predict churn."""
    lines, customers = tables(file, out)
    customers["cluster"] = clusters(customers)
    customers.to_parquet(out / "clusters.parquet")
    churn(lines)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
