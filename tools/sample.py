"""Make the bundled sample in `data/sample` again: ``python -m tools.sample``."""

import shutil
import tempfile
from pathlib import Path

from customer_intelligence.ingest import ingest_file
from tools import simulate

SAMPLE = Path(__file__).parents[1] / "data" / "sample"


def main() -> None:
    """Simulate the shop, load its file as any other, and put the load in place."""
    with tempfile.TemporaryDirectory(dir=SAMPLE.parent, prefix=".sample-") as name:
        work = Path(name)
        lines, truth = work / "sample.parquet", work / "truth.parquet"
        simulate.main(["--seed", "7", "--out", str(lines), "--truth", str(truth)])
        print(ingest_file(lines, work).summary())
        shutil.rmtree(SAMPLE, ignore_errors=True)
        SAMPLE.mkdir()
        for part in (work / "raw", work / "shop.yml", truth):
            shutil.move(part, SAMPLE / part.name)


if __name__ == "__main__":
    main()
