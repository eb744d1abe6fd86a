"""The fields of an invoice line, as mappings name them."""

import re

REQUIRED_FIELDS = ("invoice_no", "stock_code", "quantity", "invoice_date", "customer_id")
# One of these says what a line costs; where both are given, both are kept.
MONEY_FIELDS = ("unit_price", "line_amount")
FIELDS = (
    *(*REQUIRED_FIELDS, *MONEY_FIELDS, "description", "country", "cancelled", "currency"),
    *("status", "refunded_amount", "refunded_at", "consent"),
)
DERIVABLE_FIELDS = ("quantity", *MONEY_FIELDS, "refunded_amount")
# What a shop may do without, when its mapping says so.
DISPENSABLE_FIELDS = ("invoice_no", "stock_code", "quantity", "customer_id")
# Fields whose column may be blank in favour of another one.
FALLBACK_FIELDS = ("stock_code", "description", "customer_id", "country")
# Fields of which every column says something of its own.
JOINED_FIELDS = ("status",)
ONCE_PER_ORDER_FIELDS = (
    *("invoice_no", "invoice_date", "customer_id", "country", "cancelled", "currency", "status"),
    *("refunded_at", "consent"),
)
# Yes in such a column means no.
REFUSAL_COLUMN = re.compile(
    r"unsubscri|opt(ed)?[ _-]*out|(do[ _-]*not|don'?t|no)[ _-]*(contact|e?-?mail|market|call)"
    r"|suppress|refus|blacklist|black ?list|block(ed|list)|abgemeldet|abbestellt|widerruf|widerspr"
    r"|d[ée]sabonn|d[ée]sinscri|baja\b|descadastr",
    re.IGNORECASE,
)
