"""The colours of charts and pages, on light and dark ones."""

from __future__ import annotations

from collections.abc import Sequence

# Best to worst, distinguishable without colour vision; new customers stand outside.
SEGMENT_COLOURS = {
    "Champions": "#0072B2",
    "Loyal Customers": "#56B4E9",
    "New Customers": "#009E73",
    "Regular Customers": "#E69F00",
    "At Risk": "#D55E00",
    "Lost Customers": "#4A4A4A",
}
# For clusters, which are sorted best to worst, and for custom segments.
COLOURS = (
    *("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#4A4A4A"),
    *("#009E73", "#CC79A7", "#8C6D31", "#7A5195", "#999999"),
)
ACCENT = "#D55E00"
MAIN = "#0072B2"
MUTED = "#B8BEC5"
FADED = "#D9DDE2"
INK = "#4A4A4A"
STRONG_INK = "#262626"
PAGE = "#FFFFFF"
# Heat maps: from zero to the maximum, and the text colour on the maximum.
HEAT_LOW = "#EEF3F8"
HEAT_HIGH = "#0A5C96"
ON_HEAT = "#FEFEFE"
RISK_COLOURS = {"high": "#0B3C5D", "medium": "#3F83B5", "low": "#A9CBE2"}
# The colour on a dark page for a colour on a light one.
DARK = {
    MUTED: "#66717C",
    FADED: "#3A424C",
    INK: "#E6E6E6",
    STRONG_INK: "#F2F4F7",
    PAGE: "#12161C",
    HEAT_LOW: "#1E2935",
    HEAT_HIGH: "#74C3F0",
    ON_HEAT: "#0B1118",
    RISK_COLOURS["high"]: "#A9D8F5",
    RISK_COLOURS["medium"]: "#4E97C8",
    RISK_COLOURS["low"]: "#2C536E",
}


def segment_colours(segments: Sequence[str]) -> dict[str, str]:
    """Return the colour of each segment; custom segments get the remaining colours."""
    spare = iter([colour for colour in COLOURS if colour not in SEGMENT_COLOURS.values()])
    return {segment: SEGMENT_COLOURS.get(segment) or next(spare, MUTED) for segment in segments}


def cluster_colours(clusters: Sequence[str]) -> dict[str, str]:
    """Return the colour of each cluster; clusters are sorted best to worst."""
    return {
        cluster: COLOURS[rank] if rank < len(COLOURS) else MUTED
        for rank, cluster in enumerate(clusters)
    }
