"""Count which number of clusters the rule chooses with other seeds.

Run as `python -m benchmarks.cluster_seeds [--data-dir DIR]` after `make build`. Each seed draws its
own starts, resamples and references, so a rule that follows them would choose now this number,
now that one.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from customer_intelligence import clusters, open_marts

ROOT = Path(__file__).parents[1]

SEEDS = 30
CUSTOMERS = """
    select customer_id, days_since_last_order, purchase_days as frequency, net_revenue
    from dim_customers where segment is not null order by customer_id
"""
OURS = "the project's rule"


def chosen_numbers(customers: pd.DataFrame, seeds: Iterable[int]) -> dict[str, list[int | None]]:
    """Return the number of clusters that each seed chooses, by our rule and those of tutorials."""
    found: dict[str, list[int | None]] = {OURS: [], "largest silhouette": [], "elbow": []}
    for seed in seeds:
        measured = clusters.diagnose(customers, random_state=seed)
        found[OURS].append(clusters.chosen_k(measured))
        found["largest silhouette"].append(int(measured["k"][measured["silhouette"].idxmax()]))
        found["elbow"].append(clusters.elbow(measured["k"], measured["inertia"]))
    return found


def main() -> None:
    """Print a row for each number that was chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data" / "local")
    with open_marts(parser.parse_args().data_dir) as marts:
        customers = marts.execute(CUSTOMERS).df()
    found = Counter(chosen_numbers(customers, range(SEEDS))[OURS])
    print("| k | seeds |\n| --: | --: |")
    for k, seeds in found.most_common():
        print(f"| {k or 'none'} | {seeds} of {SEEDS} |")


if __name__ == "__main__":
    main()
