"""Write the rules of a shop whose loads are without them.

``python -m customer_intelligence.renew --data-dir DIR [--mapping NAME]``
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.mapping import find_mapping
from customer_intelligence.ingest.shop import COMMAND, renew


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``shop.yml`` where loads are without one; 0 when it was written, 2 when not."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="directory that holds raw/")
    parser.add_argument("--mapping", help="the preset or mapping file of the loads")
    options = parser.parse_args(arguments)
    try:
        mapping = find_mapping(options.mapping) if options.mapping else None
        print(f"written: {renew(options.data_dir, mapping)}")
    except (CustomerIntelligenceError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
