"""The command `customer-intelligence`, as `python -m customer_intelligence`."""

import sys

from customer_intelligence.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
