"""Delimited text whose separators, quotes, line ends, header or encoding are odd or damaged."""

import random

from corpus.case import (
    FIRST,
    HEADER,
    LINES,
    SECOND,
    THIRD,
    Case,
    bad,
    bytes_case,
    changed,
    good,
    joined,
    text_case,
)

GOOD = joined(FIRST.fields())
QUOTED = joined(f'"{field}"' for field in FIRST.fields())
MEGABYTE = 1 << 20


def separated(name: str, separator: str) -> Case:
    """Return three good lines with another separator."""
    return text_case(
        name,
        [good(line, separator) for line in LINES],
        header=joined(HEADER, separator),
    )


def described(name: str, written: str, description: str | None, **options: object) -> Case:
    """Return the case of one description, written in its own way, between good lines."""
    fields = FIRST.fields()
    fields[2] = written
    pieces = [good(THIRD), (joined(fields), FIRST._replace(description=description)), good(SECOND)]
    return text_case(name, pieces, **options)


def encoded(name: str, encoding: str, description: str, **options: object) -> Case:
    """Return the case of a description that needs the encoding."""
    return described(name, description, description, encoding=encoding, **options)


SEPARATORS = (
    text_case("commas"),
    separated("semicolons", ";"),
    separated("tabs", "\t"),
    separated("pipes", "|"),
    text_case(
        "Excel's sep= line before the header",
        [("sep=;", None), (joined(HEADER, ";"), None), *(good(line, ";") for line in LINES)],
        header=None,
    ),
    text_case(
        "trailing separator on every line and the header",
        [(GOOD + ",", FIRST), (joined(SECOND.fields()) + ",", SECOND)],
        header=joined(HEADER) + ",",
    ),
    text_case(
        "trailing separator on every line but the header",
        [bad([*line.fields(), ""], "R_FIELD_COUNT") for line in LINES],
    ),
    text_case(
        "ragged lines",
        [
            good(FIRST),
            bad(["536366", "too", "few"], "R_FIELD_COUNT"),
            bad([*FIRST.fields(), "one more"], "R_FIELD_COUNT"),
            bad(["a single word"], "R_FIELD_COUNT"),
            good(SECOND),
        ],
    ),
    text_case(
        "lines with another separator than the header",
        [
            good(FIRST, ";"),
            bad([joined(SECOND.fields())], "R_FIELD_COUNT"),
            good(THIRD, ";"),
        ],
        header=joined(HEADER, ";"),
    ),
    text_case(
        "an unquoted separator in a description",
        [
            good(FIRST),
            bad([*FIRST.fields()[:2], "lantern", " small", *FIRST.fields()[3:]], "R_FIELD_COUNT"),
            good(SECOND),
        ],
    ),
)

QUOTES = (
    text_case("every field in quotes", [(QUOTED, FIRST), good(SECOND)]),
    described("a separator within quotes", '"lantern, small"', "lantern, small"),
    described("line ends within quotes", '"lantern\nsmall\r\n\nred"', "lantern\nsmall\r\n\nred"),
    described("doubled quotes", '"15"" ""tall"" lantern"""', '15" "tall" lantern"'),
    described("quotes around nothing", '""', None),
    described("nothing but a doubled quote", '""""', '"'),
    described("a quote inside an unquoted field", '15" lantern', '15" lantern'),
    described("a formula that protects leading zeros", '="00123"', '="00123"'),
    described("apostrophes for quotes", "'lantern'", "'lantern'"),
    text_case(
        "a runaway quote in the first record",
        [bad('"' + GOOD, "R_QUOTE"), good(FIRST), good(SECOND)],
    ),
    text_case(
        "a runaway quote in the middle",
        [good(FIRST), bad(GOOD.replace("White", '"White'), "R_QUOTE"), *map(good, LINES)],
    ),
    text_case(
        "a runaway quote in the last record",
        [good(FIRST), good(SECOND), bad(GOOD.replace("White", '"White'), "R_QUOTE")],
        is_ended=False,
    ),
    text_case(
        "a runaway quote before a thousand quoted records",
        [bad('"' + GOOD, "R_QUOTE"), *[(QUOTED, FIRST)] * 1000],
    ),
    text_case(
        "two runaway quotes that do not fit each other",
        [
            bad(GOOD.replace("White", '"White'), "R_QUOTE"),
            good(SECOND),
            bad(GOOD.replace("Kingdom", '"Kingdom').replace("White", '"White'), "R_QUOTE"),
            good(THIRD),
        ],
    ),
    text_case(
        "two runaway quotes that fit each other and no record",
        [
            bad('536366,"White', "R_QUOTE"),
            good(FIRST),
            bad(["536367", 'hanging"', "heart"], "R_FIELD_COUNT"),
            good(SECOND),
        ],
    ),
    text_case(
        "text after a closing quote",
        [good(FIRST), bad(GOOD.replace("White hanging", '"White" hanging'), "R_QUOTE")],
    ),
    text_case(
        "quotes escaped by backslashes",
        [
            good(FIRST),
            bad(GOOD.replace("White hanging heart", r'"15\" heart"'), "R_QUOTE"),
            good(SECOND),
        ],
    ),
    text_case(
        "a blank before an opening quote",
        [
            good(FIRST),
            bad(
                [*FIRST.fields()[:2], ' "White', ' heart"', *FIRST.fields()[3:]],
                "R_FIELD_COUNT",
            ),
        ],
    ),
    text_case("a quoted header", header=joined(f'"{name}"' for name in HEADER)),
    text_case(
        "a line end within the header",
        header=joined(HEADER).replace("InvoiceNo", '"Invoice\nNo"'),
    ),
    text_case(
        "a runaway quote in the header",
        header='"' + joined(HEADER),
        refused="E_NO_HEADER",
        says="has values where the names",
    ),
)

LINE_ENDS = (
    text_case("CRLF line ends", end="\r\n"),
    text_case("CR line ends", end="\r"),
    text_case("mixed line ends", [good(line) for line in LINES * 2], end=["\n", "\r\n", "\r"]),
    text_case("CRLF translated twice", end="\r\r\n"),
    text_case("no line end at the end", is_ended=False),
    text_case(
        "empty lines and lines of blanks",
        [
            ("", None),
            good(FIRST),
            ("", None),
            bad(["   "], "R_FIELD_COUNT"),
            ("", None),
            good(SECOND),
            ("", None),
        ],
    ),
    text_case(
        "empty lines before the header",
        [("", None), (joined(HEADER), None), good(FIRST)],
        header=None,
    ),
    text_case(
        "an end-of-file mark of DOS",
        [good(FIRST), bad(["\x1a"], "R_FIELD_COUNT")],
        is_ended=False,
    ),
    described(
        "line ends of other alphabets within a field",
        "lantern\x0b\x0c\x1c\x85\u2028\u2029small",
        "lantern\x0b\x0c\x1c\x85\u2028\u2029small",
    ),
    text_case(
        "cut off in the middle of a record",
        [good(FIRST), good(SECOND), bad(["536414", "22139", "", "5"], "R_FIELD_COUNT")],
        is_ended=False,
    ),
    text_case(
        "a tail of NUL bytes, as a crash leaves it",
        [good(FIRST), bad(["\x00" * 4096], "R_FIELD_COUNT")],
        is_ended=False,
    ),
    text_case(
        "a NUL byte in a field",
        [
            good(FIRST),
            bad(changed(description="lan\x00tern"), "R_NUL"),
            bad(changed(customer_id="\x0017850"), "R_NUL"),
            bad(changed(quantity="6\x00"), "R_QUANTITY"),
            good(SECOND),
        ],
    ),
)

ENCODINGS = (
    encoded("UTF-8 with a byte order mark", "utf-8-sig", "Éclair £2 \u2603 \U0001f381"),
    encoded("UTF-16, little-endian", "utf-16-le-sig", "Éclair £2 \u2603 \U0001f381"),
    encoded("UTF-16, big-endian", "utf-16-be-sig", "Éclair £2 \u2603 \U0001f381"),
    encoded("UTF-32", "utf-32-le-sig", "Éclair £2 \u2603 \U0001f381"),
    encoded("UTF-16 with quotes and CRLF", "utf-16-le-sig", "Éclair", end="\r\n"),
    encoded(
        "UTF-16 without a mark, configured", "utf-16-le", "Éclair", mapping="encoding: utf-16-le"
    ),
    encoded(
        "UTF-16 without a mark", "utf-16-le", "Éclair", refused="E_UNKNOWN_FORMAT", says="encoding:"
    ),
    encoded("Latin-1, proven by the whole file", "latin-1", "Éclair £2", says="Windows-1252"),
    encoded("Windows-1252 with curly quotes", "cp1252", "“Éclair” – 2 €", says="Windows-1252"),
    encoded("Latin-1, configured", "latin-1", "Éclair £2", mapping="encoding: latin-1"),
    encoded("another code page, configured", "cp1251", "Свеча", mapping="encoding: cp1251"),
    text_case(
        "UTF-8 and Windows-1252 in one file",
        [
            (joined(changed(description="Éclair")), FIRST._replace(description="Éclair")),
            bad_bytes := (
                joined(changed(description="@")).encode().replace(b"@", b"\xc9clair"),
                bad(changed(description="\\xc9clair"), "R_ENCODING")[1],
            ),
            good(SECOND),
        ],
    ),
    text_case(
        "one record that no encoding explains",
        [
            good(FIRST),
            (
                joined(changed(description="@")).encode().replace(b"@", b"\x81\xff"),
                bad(changed(description="\\x81\\xff"), "R_ENCODING")[1],
            ),
            good(SECOND),
        ],
    ),
    text_case(
        "invalid bytes against the configured encoding",
        [good(FIRST), bad_bytes, good(SECOND)],
        mapping="encoding: utf-8",
    ),
    text_case(
        "UTF-16 cut within a character",
        [
            good(FIRST),
            good(SECOND),
            (
                joined(changed(country="U")).encode("utf-16-le")[:-1],
                bad(changed(country="\\x55"), "R_ENCODING")[1],
            ),
        ],
        encoding="utf-16-le-sig",
        is_ended=False,
    ),
)

HEADERS = (
    text_case(
        "blanks, case and signs in the header",
        header=" invoice no ,STOCK_CODE,description,quantity,Invoice-Date,unit.price,"
        "Customer\u00a0ID,COUNTRY",
    ),
    text_case(
        "invisible characters in the header",
        header=joined(HEADER).replace("InvoiceNo", "\u200bInvoiceNo\u200e"),
    ),
    text_case("two byte order marks", header="\ufeff" + joined(HEADER), encoding="utf-8-sig"),
    text_case(
        "reordered columns",
        [(joined(reversed(line.fields())), line) for line in LINES],
        header=joined(reversed(HEADER)),
    ),
    text_case(
        "Online Retail II's names, no description, no country",
        [
            (
                joined([line.invoice_no, line.stock_code, *line.fields()[3:7]]),
                line._replace(description=None, country=None),
            )
            for line in LINES
        ],
        header="Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID",
    ),
    text_case(
        "names that only the mapping knows",
        header="a,b,c,d,e,f,g,h",
        mapping="columns: {invoice_no: a, stock_code: b, description: c, quantity: d, "
        "invoice_date: e, unit_price: f, customer_id: g, country: h}",
    ),
    text_case(
        "extra columns, some without a name, some with the same",
        [(f"{at},{joined(line.fields())},x,y,", line) for at, line in enumerate(LINES)],
        header=f",{joined(HEADER)},Note,Note,",
        says="'Note'",
    ),
    text_case(
        "two thousand extra columns",
        [(joined([*line.fields(), *"x" * 2000]), line) for line in LINES],
        header=joined([*HEADER, *(f"extra_{at}" for at in range(2000))]),
    ),
    text_case(
        "a hundred thousand columns",
        header=joined([*HEADER, *(f"x{at}" for at in range(100_000))]),
        refused="E_TOO_WIDE",
        says="has 100,008 columns",
    ),
    text_case(
        "a header of a hundred thousand characters",
        [(joined([*line.fields(), *"x" * 1000]), line) for line in LINES],
        header=joined([*HEADER, *(f"{'extra' * 20}_{at}" for at in range(1000))]),
    ),
    text_case(
        "a header only, without a line end",
        [],
        is_ended=False,
        says="has a header and no records",
    ),
    text_case("a header and empty lines", [("", None)] * 3, says="has a header and no records"),
    text_case(
        "a header again in the middle, as joined exports have it",
        [good(FIRST), bad(HEADER, "R_REPEATED_HEADER"), good(SECOND)],
    ),
    text_case(
        "a header and a byte order mark in the middle",
        [
            good(FIRST),
            bad(["\ufeff" + HEADER[0], *HEADER[1:]], "R_REPEATED_HEADER"),
            good(SECOND),
        ],
        encoding="utf-8-sig",
    ),
    text_case(
        "a line of totals at the end",
        [
            good(FIRST),
            bad(["Total", "", "", "6", "", "15.30", "", ""], "R_TOTAL_ROW"),
            bad(["Total", "6", "15.30"], "R_FIELD_COUNT"),
        ],
    ),
    text_case(
        "a column too few",
        header="InvoiceNo,StockCode,Description,Quantity,created,UnitPrice,CustomerID,Country",
        refused="E_MISSING_COLUMNS",
        says="Set `columns: {invoice_date: created}`",
    ),
    text_case(
        "a title above the header",
        [(joined(HEADER), None), good(FIRST)],
        header="Sales 2010,,,,,,,",
        says="has its header on line 2",
    ),
    text_case("no header", header=None, refused="E_NO_HEADER", says="'536365', '85123A'"),
    text_case(
        "two columns of one name",
        header=joined(HEADER) + ",Quantity",
        refused="E_DUPLICATE_COLUMNS",
        says='"Quantity" and "Quantity"',
    ),
    text_case(
        "two columns that both mean the invoice",
        header=joined(HEADER) + ",Invoice",
        refused="E_DUPLICATE_COLUMNS",
        says='"InvoiceNo" and "Invoice"',
    ),
)

LIMITS = (
    described("a field as long as allowed", "x" * 131_072, "x" * 131_072),
    *(
        text_case(name, [good(FIRST), bad(fields, "R_FIELD_LIMIT"), good(SECOND)])
        for name, fields in {
            "a field one character too long": changed(description="x" * 131_073),
            "a field of ten megabytes": changed(description="x" * 10 * MEGABYTE),
            "a field of twenty megabytes": changed(description="x" * 20 * MEGABYTE),
        }.items()
    ),
    text_case(
        "a quoted field of ten megabytes",
        [
            good(FIRST),
            bad(f'536366,"{"x" * 10 * MEGABYTE}",,6,2010-12-01 08:26,1,,', "R_FIELD_LIMIT"),
            good(SECOND),
        ],
    ),
    bytes_case("no bytes", b"", refused="E_EMPTY_FILE"),
    bytes_case("a byte order mark only", b"\xef\xbb\xbf", refused="E_EMPTY_FILE"),
    bytes_case("line ends only", b"\n\r\n\n", refused="E_EMPTY_FILE"),
    bytes_case("blanks only", b"   \n \n", refused="E_EMPTY_FILE"),
    bytes_case("NUL bytes only", bytes(4096), refused="E_UNKNOWN_FORMAT"),
    bytes_case("random bytes", random.Random(1).randbytes(20_000), refused="E_UNKNOWN_FORMAT"),
)

CASES = (*SEPARATORS, *QUOTES, *LINE_ENDS, *ENCODINGS, *HEADERS, *LIMITS)
