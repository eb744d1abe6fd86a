"""The MBG/NBD model: customers may leave after each purchase, the first one included."""

from __future__ import annotations

from customer_intelligence.lifetime_value.bgnbd import BGNBD


class MBGNBD(BGNBD):
    """Modified beta-geometric / NBD model: as ``BGNBD``, and the first purchase may be the last.

    References
    ----------
    Batislam, E., Denizel, M., Filiztekin, A. (2007), "Empirical validation and comparison of
    models for customer base analysis", International Journal of Research in Marketing 24(3).
    """

    _occasions_at_first = 1
