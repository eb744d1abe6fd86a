"""Run the command line: ``python -m customer_intelligence.simulate``."""

from customer_intelligence.simulate.command import main

if __name__ == "__main__":
    raise SystemExit(main())
