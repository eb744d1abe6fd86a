"""Delimited text whose dates, numbers, identifiers or texts are odd or wrong."""

import datetime as dt
from decimal import Decimal

from corpus.case import (
    FIRST,
    HEADER,
    LINES,
    SECOND,
    THIRD,
    Case,
    bad,
    changed,
    good,
    joined,
    text_case,
    values_case,
)

AT = FIRST.invoiced_at
NO_DATE = ("R_INVOICE_DATE",)
NO_NUMBER = ("R_QUANTITY",)
NO_PRICE = ("R_UNIT_PRICE",)
TOO_LARGE = ("R_OVERFLOW",)


def dated(name: str, dates: str, mapping: str = "") -> Case:
    """Return three good lines with another form of dates; 13 December is among them."""
    return text_case(name, [good(line, ",", dates) for line in LINES], mapping=mapping)


def only_dates(name: str, *dates: str, **expected: str) -> Case:
    """Return lines that differ by their dates, and what is expected of them."""
    return text_case(
        name, [(joined(changed(invoiced_at=date)), FIRST) for date in dates], **expected
    )


DATES = (
    dated("dates with T and seconds", "%Y-%m-%dT%H:%M:%S"),
    dated("dates with fractions of seconds", "%Y-%m-%d %H:%M:%S.000"),
    dated("dates D/M/Y, proven by one", "%d/%m/%Y %H:%M"),
    dated("dates M/D/Y, proven by one", "%m/%d/%Y %H:%M"),
    dated("dates D.M.Y with seconds", "%d.%m.%Y %H:%M:%S"),
    dated("dates M/D/Y on a clock of twelve hours", "%m/%d/%Y %I:%M %p"),
    dated("dates with two-digit years, configured", "%d/%m/%y %H:%M", "dates: '%d/%m/%y %H:%M'"),
    dated("dates with names of months, configured", "%d-%b-%Y %H:%M", "dates: '%d-%b-%Y %H:%M'"),
    only_dates(
        "dates D/M/Y or M/D/Y",
        "1/12/2010 8:26",
        "2/12/2010 8:26",
        refused="E_AMBIGUOUS_DATES",
        says="`dates: mdy` or `dates: dmy`",
    ),
    only_dates(
        "dates D/M/Y and M/D/Y",
        "13/12/2010 8:26",
        "12/14/2010 8:26",
        refused="E_AMBIGUOUS_DATES",
        says='"13/12/2010" (day first)',
    ),
    only_dates(
        "dates D/M/Y or M/D/Y, configured",
        "1/12/2010 8:26",
        "01/12/2010 08:26",
        mapping="dates: dmy",
    ),
    text_case(
        "dates whose day and month are the same",
        [
            (
                joined(changed(invoiced_at="12/12/2010 8:26")),
                FIRST._replace(invoiced_at=dt.datetime(2010, 12, 12, 8, 26)),
            ),
            (
                joined(changed(invoiced_at="11/11/2010 8:26")),
                FIRST._replace(invoiced_at=dt.datetime(2010, 11, 11, 8, 26)),
            ),
        ],
    ),
    text_case(
        "dates against the configured order",
        [
            (joined(changed(invoiced_at="1/12/2010 8:26")), FIRST),
            bad(changed(invoiced_at="12/13/2010 8:26"), *NO_DATE),
        ],
        mapping="dates: dmy",
    ),
    values_case(
        "dates that cannot be",
        "invoiced_at",
        {
            text: NO_DATE
            for text in (
                "",
                " ",
                "?",
                "2011-02-29 08:26",
                "2010-02-30",
                "2010-13-01",
                "2010-12-01 24:00",
                "2010-12-01 24:00:00",
                "2010-12-01 25:61",
                "2010-12-01 08:60",
                "2010-12-01 08:26:60",
                "0000-00-00",
                "1900-01-00",
                "40513.3513888889",
                "40513",
                "12/10",
                "2010",
                "201012010826",
                "8:26",
                "1291191960",
                "NULL",
                "infinity",
                "epoch",
                "now",
                "today",
                "２０１０-12-01",
                "2010-12-01 08:26 Uhr",
            )
        },
    ),
    values_case(
        "dates that can just be",
        "invoiced_at",
        {
            "2012-02-29 08:26": dt.datetime(2012, 2, 29, 8, 26),
            "2000-02-29": dt.datetime(2000, 2, 29),
            "1990-01-01 00:00": dt.datetime(1990, 1, 1),
            "2010-12-01 23:59:59.999999": dt.datetime(2010, 12, 1, 23, 59, 59, 999_999),
            "2010-12-1 8:26": AT,
            "2010/12/01 08:26": AT,
            " 2010-12-01 08:26 ": AT,
            "1989-12-31 23:59:59": ("R_DATE_RANGE",),
            "1899-12-30": ("R_DATE_RANGE",),
            "0001-01-01": ("R_DATE_RANGE",),
            "2999-12-31": ("R_FUTURE_DATE",),
            "9999-12-31 23:59:59": ("R_FUTURE_DATE",),
        },
    ),
    values_case(
        "dates with an offset, on the clock that the file shows",
        "invoiced_at",
        {
            "2010-12-01T08:26:00Z": AT,
            "2010-12-01 08:26:00 UTC": AT,
            "2010-12-01T08:26:00+01:00": AT,
            "2010-12-01T08:26:00.000-0500": AT,
            "2010-12-01 08:26 -0500": AT,
            "2010-12-01 08:26:00 +05:30": AT,
            "2010-12-01T08:26:00-10": AT,
            "2010-12-01T08:26:00+99:00": NO_DATE,
            "2010-12-01T08:26:00 Europe/London": NO_DATE,
            "2010-12-01T08:26:00 CET": NO_DATE,
        },
    ),
)

NUMBERS = (
    values_case(
        "quantities",
        "quantity",
        {
            "6.0": 6,
            "6.": 6,
            "+6": 6,
            " 6 ": 6,
            "-0": 0,
            "-0.0": 0,
            "0006": 6,
            "0.75": Decimal("0.75"),
            "-1.5": Decimal("-1.5"),
            ".125": Decimal("0.125"),
            "0.30000000000000004": Decimal("0.3"),
            "0.12345": ("R_QUANTITY_SCALE",),
            "99999999999999": 10**14 - 1,
            "100000000000000": TOO_LARGE,
            "-100000000000000": TOO_LARGE,
            "9223372036854775808": TOO_LARGE,
            "1" + "0" * 400: TOO_LARGE,
            "1e400": TOO_LARGE,
            "NaN": ("R_NOT_FINITE",),
            "-Infinity": ("R_NOT_FINITE",),
            "inf": ("R_NOT_FINITE",),
            "": NO_NUMBER,
            " ": NO_NUMBER,
            "1E+02": 100,
            "1.5 kg": NO_NUMBER,
            "1_000": NO_NUMBER,
            "1 000": NO_NUMBER,
            "1\u00a0000": NO_NUMBER,
            "1.000.000": NO_NUMBER,
            "(6)": -6,
            "6-": -6,
            "--6": NO_NUMBER,
            "−6": -6,
            "６": NO_NUMBER,
            "٦": NO_NUMBER,
            "0x10": NO_NUMBER,
            "six": NO_NUMBER,
            "6 pcs": NO_NUMBER,
            "TRUE": NO_NUMBER,
            "NULL": NO_NUMBER,
            "#N/A": NO_NUMBER,
            "=2*3": NO_NUMBER,
        },
    ),
    values_case(
        "prices",
        "unit_price",
        {
            "2.5": Decimal("2.5"),
            "2.55000000": Decimal("2.55"),
            ".5": Decimal("0.5"),
            "2.": Decimal(2),
            "-0.0": Decimal(0),
            "0": Decimal(0),
            "-11062.06": Decimal("-11062.06"),
            "0.0001": Decimal("0.0001"),
            "1e-3": Decimal("0.001"),
            "2.55E+00": Decimal("2.55"),
            "0.30000000000000004": Decimal("0.3"),
            "2.5499999999999998": Decimal("2.55"),
            "99999999999999.9999": Decimal("99999999999999.9999"),
            "100000000000000": TOO_LARGE,
            "1e400": TOO_LARGE,
            "-1e400": TOO_LARGE,
            "9" * 400: TOO_LARGE,
            "NaN": ("R_NOT_FINITE",),
            "Infinity": ("R_NOT_FINITE",),
            "-inf": ("R_NOT_FINITE",),
            "2.55555": ("R_UNIT_PRICE_SCALE",),
            "0.00001": ("R_UNIT_PRICE_SCALE",),
            "": NO_PRICE,
            " ": NO_PRICE,
            "2..55": NO_PRICE,
            "2.55.1": NO_PRICE,
            "£2.55": Decimal("2.55"),
            "2.55 GBP": Decimal("2.55"),
            "2.55€": NO_PRICE,
            "(2.55)": Decimal("-2.55"),
            "2.55-": Decimal("-2.55"),
            "1 234.50": NO_PRICE,
            "1'234.50": NO_PRICE,
            "1_234.50": NO_PRICE,
            "2:55": NO_PRICE,
            "free": NO_PRICE,
            "n/a": NO_PRICE,
            "None": NO_PRICE,
            ".": NO_PRICE,
            "-": NO_PRICE,
        },
    ),
    values_case(
        "prices with commas, not configured",
        "unit_price",
        {
            "2.55": Decimal("2.55"),
            "2,55": NO_PRICE,
            "1,234.50": NO_PRICE,
            "1,234": NO_PRICE,
            "1.234,50": NO_PRICE,
        },
        separator=";",
    ),
    values_case(
        "prices with decimal commas, configured",
        "unit_price",
        {
            "2,55": Decimal("2.55"),
            "-2,5": Decimal("-2.5"),
            "1.234,50": Decimal("1234.5"),
            "1.234.567,50": Decimal("1234567.5"),
            "27": Decimal(27),
            "27.5": NO_PRICE,
            "1.23,50": NO_PRICE,
            "1234.567,50": NO_PRICE,
            "1,234.50": NO_PRICE,
        },
        separator=";",
        mapping="{decimal: ',', thousands: '.'}",
    ),
    values_case(
        "prices with thousands and currency, configured",
        "unit_price",
        {
            "£2.55": Decimal("2.55"),
            "-£2.55": Decimal("-2.55"),
            "£-2.55": Decimal("-2.55"),
            "2.55 £": Decimal("2.55"),
            "GBP 1,234.50": Decimal("1234.5"),
            "1,234,567.5": Decimal("1234567.5"),
            "2.55": Decimal("2.55"),
            "$2.55": NO_PRICE,
            "1,23.4": NO_PRICE,
            ",234.50": NO_PRICE,
            "££2.55": NO_PRICE,
        },
        separator=";",
        mapping="{thousands: ',', currency: GBP}",
    ),
)

TEXTS = (
    values_case(
        "customer ids",
        "customer_id",
        {
            "17850.0": "17850",
            "": None,
            "00017850": "00017850",
            "17850.5": "17850.5",
            "mary.o'hara+shop@example.com": "mary.o'hara+shop@example.com",
            " 17850 ": "17850",
            "Müller & Söhne": "Müller & Söhne",
            "C-17850.0": "C-17850.0",
            "123456789012345678901234567890": "123456789012345678901234567890",
            "1.785E+04": ("R_LOST_DIGITS",),
        },
    ),
    values_case(
        "invoice numbers",
        "invoice_no",
        {
            "000042": "000042",
            "c536379": "c536379",
            "A563185": "A563185",
            "2010/12-7": "2010/12-7",
            "5.36365E+05": ("R_LOST_DIGITS",),
            " 536365 ": "536365",
            "": ("R_INVOICE_NO",),
            "   ": ("R_INVOICE_NO",),
            "\t": ("R_INVOICE_NO",),
            "\u00a0": ("R_INVOICE_NO",),
            "\u3000": ("R_INVOICE_NO",),
            "\u200b\ufeff": ("R_INVOICE_NO",),
        },
    ),
    values_case(
        "texts that a spreadsheet or a browser would run",
        "description",
        {
            text: text
            for text in (
                "=cmd|' /C calc'!A0",
                "@SUM(A1)",
                "+1+1",
                "-2+3",
                "\tlantern",
                "=HYPERLINK(A1)",
                "<script>alert(1)</script>",
                "<img src=x onerror=alert(1)>",
                "&lt;b&gt;",
                "'; drop table invoice_lines; --",
                "{{ 1 + 1 }}",
                "${PATH}",
                "%s%n",
                "\\N",
                "null",
            )
        },
    ),
    values_case(
        "texts of other scripts and none",
        "description",
        {
            text: text
            for text in (
                "ランタン",
                "مصباح",
                "\u202ernal\u202c\u200f",
                "zero\u200bwidth\ufeff",
                "👩‍👩‍👧 🎁",
                "e\u0301",
                "\U0010ffff",
                "\ue000",
                "\u2028",
                "  outer blanks  ",
                " ",
                "\x01\x08\x1b[31m\x7f",
            )
        },
    ),
    text_case(
        "records with several things wrong",
        [
            good(SECOND),
            bad(
                changed(
                    invoice_no="",
                    quantity="x",
                    unit_price="NaN",
                    invoiced_at="1899-01-01",
                    description="\x00",
                ),
                "R_DATE_RANGE",
                "R_INVOICE_NO",
                "R_NOT_FINITE",
                "R_NUL",
                "R_QUANTITY",
            ),
            bad([""] * len(HEADER), "R_INVOICE_DATE", "R_INVOICE_NO", "R_QUANTITY", "R_UNIT_PRICE"),
            good(THIRD),
        ],
    ),
)

CASES = (*DATES, *NUMBERS, *TEXTS)
