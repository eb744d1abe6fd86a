"""Do one step of a command alone, and end as the command would.

`python -m faults.one_step load DATA_DIR FILE`, `… preflight DATA_DIR`, `… erase DATA_DIR CUSTOMER`,
`… verify DATA_DIR CUSTOMER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from customer_intelligence.cli.ending import NotSo, ended
from customer_intelligence.cli.loading import load_file
from customer_intelligence.data_dir import preflight
from customer_intelligence.erasure import forget


def verify(data_dir: Path, customer: str) -> None:
    found = forget.verify(data_dir, customer)
    if found:
        raise NotSo("E_STILL_NAMED", "; ".join(found), "")


STEPS = {
    "load": lambda data_dir, file: load_file(file, data_dir),
    "preflight": preflight.run,
    "erase": lambda data_dir, customer: print(forget.erase(data_dir, customer)),
    "verify": verify,
}


if __name__ == "__main__":
    step, data_dir, *rest = sys.argv[1:]
    sys.exit(ended(lambda: STEPS[step](Path(data_dir), *rest)))
