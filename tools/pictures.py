"""Take the pictures of the documents: `make pictures`, after `make build`.

A browser shows the dashboard and the lineage of the build in the data directory.
It needs Debian's `chromium` and the development requirements.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.browser import ROOT, asked_data_dir, chromium, served, settle

IMAGES = ROOT / "docs" / "images"
WIDTH = 1440
# How much of each page is shown.
HEIGHTS = {"overview": 1120, "segments": 1180, "churn": 1210, "customers": 1010}
# The node of the lineage picture; with more nodes their names would be unreadable.
LINEAGE = "#!/overview?g_v=1&g_i=1%2Bdim_customers"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def docs_served(target: Path) -> Iterator[str]:
    """Serve the generated dbt docs on loopback; gives their address."""
    handler = functools.partial(Quiet, directory=str(target))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main() -> None:
    """Write the pictures."""
    data_dir = asked_data_dir("Take the pictures of the documents.")
    IMAGES.mkdir(exist_ok=True)
    with chromium() as browser:
        window = browser.new_page()
        with served(data_dir) as (address, _):
            for name, height in HEIGHTS.items():
                window.set_viewport_size({"width": WIDTH, "height": height})
                window.goto(f"{address}/{name.replace('overview', '')}")
                settle(window)
                window.screenshot(path=IMAGES / f"{name}.png")
        with docs_served(data_dir / "build" / "target") as address:
            window.set_viewport_size({"width": 1100, "height": 620})
            window.goto(f"{address}/{LINEAGE}")
            window.wait_for_selector("canvas")
            window.wait_for_timeout(4000)
            window.screenshot(path=IMAGES / "lineage.png")
    print(f"written to {IMAGES.relative_to(ROOT)}: look at them")


if __name__ == "__main__":
    main()
