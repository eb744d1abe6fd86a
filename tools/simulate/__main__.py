"""Write an invented shop's invoice lines: ``python -m tools.simulate --out FILE --truth FILE``."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tools.simulate import Shop, shop_of_lines, write_shop


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a shop as the options say.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line arguments; by default those of the process.

    Returns
    -------
    int
        0; what is wrong with the options ends the process with 2.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.simulate",
        description="Write an invented shop's invoice lines and the truth behind them.",
    )
    parser.add_argument("--customers", type=int, default=Shop.customers)
    parser.add_argument("--start", type=date.fromisoformat, default=Shop.start)
    parser.add_argument("--days", type=int, default=Shop.days)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lines", type=int, help="scale the customers to about so many lines")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        shop = Shop(customers=options.customers, start=options.start, days=options.days)
        if options.lines is not None:
            shop = shop_of_lines(shop, options.lines, options.seed)
        written = write_shop(
            shop,
            options.seed,
            options.out,
            options.truth,
            progress=lambda text: print(text, file=sys.stderr, flush=True),
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"simulate: {written:,} lines of {shop.customers:,} customers -> {options.out.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
