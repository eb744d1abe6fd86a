"""Judge the project's models, naive forecasts and tutorials on several logs, and write the page.

Run as `make scoreboard [SHARED=dir] [DATA_DIR=dir]`. A log that is not there is named and skipped.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import time
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.cluster_seeds import chosen_numbers
from benchmarks.scoreboard import churn, page, shops
from benchmarks.scoreboard.protocol import (
    DRAWS,
    Shop,
    probability_scores,
    resamples,
    run,
    summarise,
)
from customer_intelligence.churn import chosen_features, fit_predict

CLUSTER_SEEDS = 10
PACKAGES = ("customer-intelligence", "numpy", "pandas", "scipy", "scikit-learn", "duckdb")
INTRODUCTION = """# Scoreboard

The project's models beside naive forecasts and usual tutorials, also on shops for which the methods
were not chosen. This page is written by `make scoreboard`
({date}; {versions};
{seconds:.0f} CPU seconds).{skipped}

**Protocol.** `benchmarks/scoreboard/protocol.py` hands each method the events before the cutoff and
nothing else; `tests/python/test_scoreboard.py` changes everything on and after it and finds every
prediction as it was. Everybody who bought before the cutoff is judged. A purchase is a day with
one. What is chosen (a model, a season, a line of calibration) is chosen by the project's own code at
earlier cutoffs. Churn models see the {features} features that days and amounts of any log tell.

**How to read it.** In brackets are 95 % intervals over customers ({draws} bootstrap draws). They
know one window only; the last column shows other windows, which do not overlap. MAE rewards
forecasts near the median, and most customers buy nothing: "nobody buys again" is hard to beat in
MAE and useless, so read it beside RMSE, bias of the total and rank correlation (Spearman). ECE
stands beside the floor that it has under perfect calibration.
"""
SUMMARY = """## What it says

Ours less the naive forecast that turned out to have the least MAE (hindsight, which favours the
naive one), or less logistic regression on recency, frequency and money. Of {all} differences ours
is better in {ours}, theirs in {theirs}, and {open} cannot be told.
"""


def main() -> None:
    """Write docs/scoreboard.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=shops.ROOT.parent / "shared" / "data")
    parser.add_argument("--data-dir", type=Path, help="a build of Online Retail, for its features")
    parser.add_argument("--out", type=Path, default=shops.ROOT / "docs" / "scoreboard.md")
    said = parser.parse_args()
    logs = {
        "CDNOW (the wheel lifetimes)": shops.cdnow(),
        "the grocery log (grocery_events.parquet)": shops.grocery(said.shared),
        "Online Retail (online_retail.parquet)": shops.online_retail(said.shared),
        "the simulated shop": shops.simulated(),
    }
    sections: list[str] = []
    compared: list[list[str]] = []
    for name, shop in logs.items():
        if shop is None:
            print(f"scoreboard: {name} is skipped, it is not there", flush=True)
            continue
        print(f"scoreboard: {shop.name}", flush=True)
        lines, rows = page.shop_section(shop)
        compared += rows
        if shop.name == "Online Retail" and said.data_dir is not None:
            lines += of_build(said.data_dir, shop)
        sections += lines
    sections += clusters([shop for shop in logs.values() if shop and shop.has_money][1:])
    words = Counter(row[i] for row in compared for i in (3, 5))
    skipped = [name for name, shop in logs.items() if shop is None]
    text = INTRODUCTION.format(
        date=date.today(),
        versions=f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
        seconds=time.process_time(),
        skipped=f" Skipped, because not there: {', '.join(skipped)}." if skipped else "",
        features=len(churn.FEATURES),
        draws=DRAWS,
    )
    counts = {"ours": words["ours"], "theirs": words["theirs"], "open": words["cannot be told"]}
    summary = SUMMARY.format(all=sum(counts.values()), **counts)
    header = ["Forecast", "against", "ours less theirs", "better", "ours less theirs", "better"]
    page_lines = [text, summary, *page.table(header, compared), "", *sections]
    said.out.write_text("\n".join(page_lines).rstrip() + "\n", "utf-8")


def of_build(data_dir: Path, shop: Shop) -> list[str]:
    """Say what the features of a build add to churn, at the cutoff and on the customers of both."""
    with duckdb.connect(str(data_dir / "build" / "warehouse.duckdb"), read_only=True) as build:
        examples = build.execute(
            "from int_churn_examples where example_set <> 'current' order by all"
        ).df()
        described = build.execute("from churn_features").df()
    days, cutoff = int(examples["horizon_days"].iloc[0]), shop.windows[0]
    is_test = examples["example_set"] == "test"
    if days != page.WINDOW_DAYS or set(examples.loc[is_test, "cutoff_date"]) != {cutoff}:
        return []
    actual = examples[is_test].set_index("customer_id")["has_churned"].astype(float)
    # The outcome of the cutoff stays outside, as in the protocol.
    examples["has_churned"] = examples["has_churned"].astype(float).mask(is_test, 0.0)
    # What was not known at the cutoff chooses nothing.
    is_over = examples["cutoff_date"] + pd.Timedelta(days=days) <= cutoff
    examples = examples[is_test | is_over]
    features = chosen_features(described, None)
    found = fit_predict(examples, features, horizon_days=days, random_state=churn.SEED)
    chosen = churn.choose(found, examples, days)
    is_judged = (found["example_set"] == "test") & (found["model"] == chosen)
    ours = found[is_judged].set_index("customer_id")["churn_probability"]
    plain = run(churn.probabilities, shop.events, cutoff, days)["churn"]
    rows, scores = [], []
    both = ours.index.intersection(plain.index)
    weights = resamples(len(both))
    for name, forecast in (
        (f"{len(features)} features of a build: {chosen}", ours),
        (
            f"{len(churn.FEATURES)} features of the log: {plain.attrs['chosen']}",
            plain[churn.CHOSEN],
        ),
        (page.RFM, plain[page.RFM]),
    ):
        scores.append(
            probability_scores(forecast[both].to_numpy(), actual[both].to_numpy(), weights)
        )
        rows.append([name, *(page.cell(key, scores[-1][key]) for key in page.PROBABILITIES)])
    gaps = [page.difference(key, scores[0][key], scores[1][key])[0] for key in ("AUC", "log loss")]
    return [
        f"On the {len(both):,} customers that a build knows too, its features less the log's:"
        f" {', '.join(gaps)}.",
        "",
        *page.table(["Features", *page.PROBABILITIES], rows),
        "",
    ]


def clusters(logs: list[Shop]) -> list[str]:
    """Say which number of clusters each seed chooses, by our rule and by two of the tutorials."""
    rows = []
    for shop in logs:
        print(f"scoreboard: clusters of {shop.name}", flush=True)
        end = shop.events["day"].max() + pd.Timedelta(days=1)
        customers = summarise(shop.events, end).rename(columns={"purchase_days": "frequency"})
        customers = customers.rename_axis("customer_id").reset_index()
        for rule, numbers in chosen_numbers(customers, range(CLUSTER_SEEDS)).items():
            found = Counter(numbers).most_common()
            rows.append(
                [shop.name, rule, ", ".join(f"{k or 'none'} ({n} seeds)" for k, n in found)]
            )
    return [
        "## Number of clusters",
        "",
        f"K-Means on recency, frequency and money, {CLUSTER_SEEDS} seeds. Seeds that agree do not"
        " prove that there are groups: they say that the rule does not follow chance.",
        "",
        *page.table(["Shop", "rule", "k chosen"], rows),
    ]


if __name__ == "__main__":
    # One thread, so that two runs add up in the same order.
    with threadpool_limits(limits=1):
        main()
