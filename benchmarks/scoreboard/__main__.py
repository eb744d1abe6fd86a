"""Judge the project's models, naive forecasts and tutorials on several logs, and write the page.

Run as `make scoreboard [LOGS=dir] [DATA_DIR=dir]`. A log that is not there is named and skipped.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.cluster_seeds import chosen_numbers
from benchmarks.scoreboard import churn, page, shops
from benchmarks.scoreboard.protocol import DRAWS, Shop, summarise

CLUSTERED, CLUSTER_SEEDS = ("Online Retail", "Simulated shop"), 6
PACKAGES = ("customer-intelligence", "numpy", "pandas", "scipy", "scikit-learn", "duckdb")
INTRODUCTION = """# Scoreboard

The project's models beside naive forecasts and usual tutorials, also on shops for which the methods
were not chosen. This page is written by `make scoreboard`
({date}, {seconds:.0f} CPU seconds;
{versions}).{skipped}

**Protocol.** `benchmarks/scoreboard/protocol.py` hands each method the events before the cutoff and
nothing else; `tests/python/test_scoreboard.py` changes everything on and after it and finds every
prediction as it was. Everybody who bought before the cutoff is judged. A purchase is a day with
one. What is chosen (a model, a season, a line of calibration) is chosen by the project's own code
from what was known by then: at earlier cutoffs, or on customers held out where there are too few.
Churn models see the {features} features that days and amounts of any log tell.

**How to read it.** In brackets are 95 % intervals over customers ({draws} bootstrap draws). They
know one window only; the last column shows earlier windows, which do not overlap. MAE rewards
forecasts near the median: where most customers buy nothing, "nobody buys again" is hard to beat in
it and useless. So read it beside RMSE, bias of the total and rank correlation (Spearman). ECE
stands beside the floor that it has under perfect calibration. The leaky tutorial predicts "more
than {window} days since the last order" from that very column: it ranks later purchases about as
recency alone does, and its probabilities do not come true.
"""
SUMMARY = """## What it says

Ours less the naive forecast that turned out to have the least MAE (hindsight, which favours the
naive one), or less logistic regression on recency, frequency and money. Of {all} differences ours
is better in {ours}, theirs in {theirs}, and {open} cannot be told: the interval holds 0.
"""


def main() -> None:
    """Write docs/scoreboard.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, default=shops.ROOT.parent / "shared" / "data")
    parser.add_argument("--data-dir", type=Path, help="a build of Online Retail, for its features")
    parser.add_argument("--out", type=Path, default=shops.ROOT / "docs" / "scoreboard.md")
    said = parser.parse_args()
    logs = {
        "CDNOW (the wheel lifetimes)": shops.cdnow(),
        "the grocery log (grocery_events.parquet)": shops.grocery(said.logs),
        "Online Retail (online_retail.parquet)": shops.online_retail(said.logs),
        "the simulated shop": shops.simulated(),
    }
    sections: list[str] = []
    compared: list[list[str]] = []
    for name, shop in logs.items():
        if shop is None:
            print(f"scoreboard: {name} is skipped, it is not there", flush=True)
            continue
        print(f"scoreboard: {shop.name} (after {time.process_time():.0f} CPU s)", flush=True)
        build = said.data_dir if shop.name == "Online Retail" else None
        lines, rows = page.shop_section(shop, build)
        compared += rows
        sections += lines
    sections += clusters([shop for shop in logs.values() if shop and shop.name in CLUSTERED])
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
        window=page.WINDOW_DAYS,
    )
    counts = {"ours": words["ours"], "theirs": words["theirs"], "open": words["cannot be told"]}
    summary = SUMMARY.format(all=sum(counts.values()), **counts)
    header = ["Forecast", "against", "ours less theirs", "better", "ours less theirs", "better"]
    page_lines = [text, summary, *page.table(header, compared), "", *sections]
    said.out.write_text("\n".join(page_lines).rstrip() + "\n", "utf-8")


def clusters(logs: list[Shop]) -> list[str]:
    """Say which number of clusters each seed chooses, by our rule and by two of the tutorials."""
    rows = []
    for shop in logs:
        print(f"scoreboard: clusters (after {time.process_time():.0f} CPU s)", flush=True)
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
