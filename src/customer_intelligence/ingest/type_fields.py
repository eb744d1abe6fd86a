"""Step 3, per value: the SQL that types one field, and the reason where it cannot.

Good values meet the first branch of each `case`; dearer ones are evaluated only for the values
that do not, because DuckDB computes a branch only for its rows.
"""

import re
from typing import NamedTuple

from customer_intelligence.ingest import derived
from customer_intelligence.ingest.columns import Formula
from customer_intelligence.ingest.formats.text import MAX_FIELD_CHARS
from customer_intelligence.ingest.pseudonyms import OUTER, same_code_as_sql, same_id_as_sql
from customer_intelligence.ingest.reading import Marks, Reading
from customer_intelligence.ingest.survey import ANY_LETTERS, OFFSET
from customer_intelligence.quoting import literal

NO_WORDS = ("", "0", "0.0", "false", "f", "no", "n", "none", "null", "nan", "-")
# What programs write where no customer is known.
NOBODY = ("null", "nan", "none", "n/a", "#n/a", r"\n", "-")
CODES = ("invoice_no", "stock_code", "customer_id")
_INTEGER_TYPES = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]
)

_ISO_DATE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]([01]?\d|2[0-3]):\d{2}(:\d{2}(\.\d{1,9})?)?)?"
# Groups of OFFSET.
_SIGN, _HOURS, _MINUTES = 3, 4, 5
_COMPACT_DATE = r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_SLASHED_DATE = r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ,].*)?"
_SHORT_DATE = r"\d{1,2}[/.]\d{1,2}[/.]\d{2}([T ,].*)?"
_AMOUNT = r"[+-]?\d{1,14}(\.\d{1,4})?"
# Nothing of such a code is to be taken off.
_PLAIN_CODE = "[0-9A-Za-z_-]*"
# What spreadsheets (1.23457E+11, 1E+05) and programs (1.23457E11) make of a long number.
_LOST_DIGITS = r"\s*[-+]?\d([.,]\d+[eE]\+?|[eE]\+)\d{1,3}\s*"
# Up to these, floats of 64 and of 32 bits hold whole numbers exactly.
_EXACT_UP_TO = {"DOUBLE": 2**53, "FLOAT": 2**24}
_OTHER_MINUS = r"^[(−﹣－]|[-−﹣－]$"
_BLANKS = "[ \u00a0\u2009\u202f]*"
_IN_PARENTHESES = rf"\({_BLANKS}([^-+()−﹣－]+?){_BLANKS}\)"
_MINUS_AFTER = rf"([^-+()−﹣－]+?){_BLANKS}[-−﹣－]"
_FIRST, _SECOND, _THIRD = r"\1", r"\2", r"\3"
_LAST = r"\3"
_OFFSET_WITHIN = r"(:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|GMT|[-+]\d{2}:?\d{2}|[A-Z]{3,5})( .*)?$"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?"
_PERCENT = rf"{_BLANKS}[%٪﹪％]{_BLANKS}$"
_NOT_FINITE = r"[+-]?(nan|inf|infinity)"
_DATE_ORDER_FORMATS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
_TIME_FORMATS = (
    " %H:%M",
    " %H:%M:%S",
    "",
    " %I:%M %p",
    " %I:%M:%S %p",
    " %I:%M%p",
    " %I:%M:%S%p",
    " %H:%M:%S.%g",
)
_HALF_DAY = r"\d ?[aApP]\.?[mM]\.?$"
_TIME = r"(\d{1,2}:\d{2}(?::\d{2})?(?: ?[aApP]\.?[mM]\.?)?)"
# After a time; what it stands for is not looked up, for times are not converted.
_ZONE = r"(?: \(?[A-Z]{3,5}\)?)?"
_AT = r"(?:,? (?:at |um |à |a las |às |alle )?"
_WEEKDAY = r"(?:\pL{2,}\.?,? )?"
_MONTH_FIRST = (
    rf"{_WEEKDAY}(\pL{{3,}})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}}){_AT}{_TIME}{_ZONE})?"
)
_DAY_FIRST = (
    rf"{_WEEKDAY}(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?[- ]*(?:de )?(\pL{{3,}})\.?,?[- ]*(?:de |del )?"
    rf"(\d{{4}}|\d{{2}}){_AT}{_TIME}{_ZONE})?"
)
# English, German, French, Spanish, Portuguese, Italian, Dutch: the letters that tell a month.
_MONTHS = (
    ("jan", "jän", "ene", "gen"),
    ("feb", "fév", "fev"),
    ("mar", "mär", "mrz", "maa", "mrt"),
    ("apr", "avr", "abr"),
    ("may", "mai", "mei", "mag"),
    ("jun", "juin", "giu"),
    ("jul", "juil", "lug"),
    ("aug", "aoû", "aou", "ago"),
    ("sep", "set"),
    ("oct", "okt", "out", "ott"),
    ("nov",),
    ("dec", "dez", "déc", "dic"),
)


class Cell(NamedTuple):
    """A value of the source: its SQL, a plain name, and its DuckDB type."""

    name: str
    kind: str


# An untyped null would land as an integer column.
NOTHING = Cell("cast(null as varchar)", "VARCHAR")


class Typed(NamedTuple):
    """A field: SQL of its value, null where it cannot be typed, and of the reason for that."""

    value: str
    reason: str = "null"


def text(cell: Cell, field: str) -> Typed:
    """Text as in the source, empty as null; codes in the form that all their spellings share."""
    name, kind = cell
    if kind in _EXACT_UP_TO:
        # Data frames hold codes with gaps as floats, and the gaps as NaN.
        return Typed(
            f"case when isnan({name}) then null "
            f"when {name} = trunc({name}) and abs({name}) <= {_EXACT_UP_TO['DOUBLE']} "
            f"then cast(cast({name} as bigint) as varchar) else cast({name} as varchar) end"
        )
    if kind != "VARCHAR":
        return Typed(f"nullif(cast({name} as varchar), '')")
    value = f"nullif({name}, '')"
    is_whole = f"not ({has_nul(name)} or {is_too_long(name)})"
    if field not in CODES:
        return Typed(f"case when {is_whole} then {value} end")
    same = same_id_as_sql(name) if field == "customer_id" else same_code_as_sql(name)
    # Most codes are plain, and need no other look.
    value = (
        f"case when strlen({name}) <= {MAX_FIELD_CHARS} "
        f"and regexp_full_match({name}, '{_PLAIN_CODE}') then {value} "
        f"when {is_whole} then nullif({same}, '') end"
    )
    if field == "customer_id":
        value = f"case when {is_nobody(name)} then null else {value} end"
    return Typed(value)


def is_nobody(name: str) -> str:
    """Return whether a text is one of the words for no customer."""
    words = "|".join(map(re.escape, NOBODY))
    pattern = literal(f"(?i){OUTER}(?:{words}){OUTER}")
    return f"coalesce(regexp_full_match({name}, {pattern}), false)"


def has_lost_digits(cell: Cell) -> str:
    """Return whether a code is a number of which only the first digits are left."""
    name, kind = cell
    if kind in _EXACT_UP_TO:
        return f"coalesce(isfinite({name}) and abs({name}) > {_EXACT_UP_TO[kind]}, false)"
    if kind != "VARCHAR" or cell == NOTHING:
        return "false"
    # Few codes have the letter, which is found sooner than the pattern.
    return (
        f"case when contains({name}, 'E') or contains({name}, 'e') "
        f"then regexp_full_match({name}, '{_LOST_DIGITS}') else false end"
    )


def quantity(cell: Cell, marks: Marks) -> Typed:
    """Units, or a weight or length."""
    return _decimal(cell, marks, "R_QUANTITY", with_currency=False)


def amount(cell: Cell, marks: Marks, reason: str) -> Typed:
    """Money."""
    return _decimal(cell, marks, reason, with_currency=True)


def _decimal(cell: Cell, marks: Marks, reason: str, *, with_currency: bool) -> Typed:
    """Type a number with at most four significant decimals; more are noise of a float."""
    name, kind = cell
    text = _number_text(cell, marks, with_currency=with_currency)
    if kind in _INTEGER_TYPES:
        value = f"try_cast({name} as decimal(18, 4))"
    elif kind == "DOUBLE":
        value = (
            f"case when abs({name}) < 1e14 and abs({name} * 1e4 - round({name} * 1e4)) < 0.01 "
            f"then cast(round({name}, 4) as decimal(18, 4)) end"
        )
    else:
        wide = f"try_cast({text} as decimal(38, 18))"
        value = (
            f"case when regexp_full_match({text}, '{_AMOUNT}') "
            f"then cast({text} as decimal(18, 4)) "
            f"when regexp_full_match({text}, '{_NUMBER}') "
            f"and abs({wide} - try_cast({wide} as decimal(18, 4))) < 0.000001 "
            f"then try_cast({wide} as decimal(18, 4)) end"
        )
    return Typed(
        value,
        f"case when regexp_full_match(lower({text}), '{_NOT_FINITE}') then 'R_NOT_FINITE' "
        f"when not coalesce(regexp_full_match({text}, '{_NUMBER}'), false) then '{reason}' "
        f"when abs(try_cast({text} as double)) >= 1e14 then 'R_OVERFLOW' "
        f"else '{reason}_SCALE' end",
    )


def formula(formula: Formula, reading: Reading, *, blank_is_nothing: bool = False) -> str:
    """Write arithmetic over columns as SQL of the type `derived.TYPE`."""

    def operand(name: str) -> str:
        position = formula.positions[name]
        name = f"counted_c{position}" if position in reading.columns.zeros else f"c{position}"
        cell = Cell(name, reading.types[position])
        text = _number_text(cell, reading.marks, with_currency=True)
        value = (
            f"case when regexp_full_match({text}, '{_NUMBER}') "
            f"then try_cast({text} as {derived.TYPE}) end"
        )
        if blank_is_nothing:
            blank = f"nullif(trim(cast({cell.name} as varchar)), '')"
            value = f"case when {blank} is null or {is_nobody(blank)} then 0 else {value} end"
        if cell.kind != "VARCHAR" or reading.marks.is_plain:
            return value
        # Twelve of a hundred are .12, however they are written.
        share = _plain_number(f"regexp_replace({cell.name}, '{_PERCENT}', '')", reading.marks)
        return (
            f"case when regexp_matches({cell.name}, '{_PERCENT}') then "
            f"case when regexp_full_match({share}, '{_AMOUNT}') "
            f"then try_cast({share} || 'e-2' as {derived.TYPE}) end else {value} end"
        )

    return derived.as_sql(formula.expression, operand)


def moment(cell: Cell, reading: Reading, date_cell: str) -> Typed:
    """Day and time as the file shows them, or in the mapping's zone where the file shows UTC."""
    name, kind = cell
    date_order, timezone = reading.date_order, reading.mapping.timezone
    reason = "'R_INVOICE_DATE'"
    if kind == "DATE":
        return Typed(f"try_cast({name} as timestamp)", reason)
    if "WITH TIME ZONE" in kind:
        # An instant whose own clock is not known.
        return Typed(_on_clock(f"timezone('UTC', {name})", timezone), reason)
    if kind.startswith("TIMESTAMP"):
        return Typed(_on_clock(f"try_cast({name} as timestamp)", timezone), reason)
    whole = f"trim(cast({name} as varchar))"
    text = f"regexp_replace({whole}, '{OFFSET}', '{_FIRST}')"
    iso = (
        f"when regexp_full_match({text}, '{_ISO_DATE}') then try_cast({text} as timestamp) "
        f"when regexp_full_match({text}, '{_COMPACT_DATE}') "
        f"then cast(try_strptime({text}, '%Y%m%d') as timestamp) "
        f"when regexp_matches({text}, '{_HALF_DAY}') and regexp_matches({text}, '^[0-9]{{4}}') "
        f"then {_on_day(text, '%Y/%m/%d')}"
    )
    if reading.names_months:
        iso += f" when regexp_matches({text}, '{ANY_LETTERS}') then {_spelled(text)}"
    if date_order in _DATE_ORDER_FORMATS:
        form = _DATE_ORDER_FORMATS[date_order]
        parsed = (
            f"case when regexp_full_match({text}, '{_SLASHED_DATE}') then {_on_day(text, form)} "
            f"when regexp_full_match({text}, '{_SHORT_DATE}') "
            f"then {_on_day(text, form.replace('%Y', '%y'))} {iso} end"
        )
    elif date_order is not None and "%" in date_order:
        # With its offset, a time would be read as that of UTC.
        form = re.sub(r" ?%[zZ]", "", date_order)
        shown = whole
        if form != date_order:
            shown = f"regexp_replace({whole}, '{_OFFSET_WITHIN}', '{_FIRST}{_LAST}')"
        parsed = f"cast(try_strptime({shown}, {literal(form)}) as timestamp)"
    else:
        parsed = f"case {iso} end"
    if timezone is not None:
        # A day without a time is a day on whatever clock.
        utc = _on_clock(f"{parsed} - {_offset(whole)}", timezone)
        parsed = f"case when contains({whole}, ':') then {utc} else {parsed} end"
        date_cell = _on_clock(date_cell, timezone)
    # A date cell of a workbook needs no parsing; elsewhere the column is null.
    return Typed(f"coalesce({date_cell}, {parsed})", reason)


def _on_day(text: str, form: str) -> str:
    """Read a date in figures, with or without a time."""
    formats = ", ".join(literal(form + time) for time in _TIME_FORMATS)
    plain = f"regexp_replace(translate({text}, '-.T', '// '), ', *', ' ')"
    # "a.m." lost its points with the other marks.
    plain = f"regexp_replace({plain}, ' ?([aApP])/?([mM])/?$', ' {_FIRST}{_SECOND}')"
    return f"try_strptime({plain}, [{formats}])"


def _spelled(text: str) -> str:
    """Read a date that names its month, in one of the languages of `_MONTHS`."""

    def read(pattern: str, month: int, day: int) -> str:
        parts = [f"regexp_extract({text}, '{pattern}', {at})" for at in (day, month, 3, 4)]
        number = "case " + " ".join(
            f"when regexp_matches(lower({parts[1]}), '^({'|'.join(names)})') then {at}"
            for at, names in enumerate(_MONTHS, start=1)
        )
        year = f"if(length({parts[2]}) = 2, '20' || {parts[2]}, {parts[2]})"
        figures = f"trim({year} || '/' || {number} end || '/' || {parts[0]} || ' ' || {parts[3]})"
        return f"when regexp_full_match({text}, '{pattern}') then {_on_day(figures, '%Y/%m/%d')}"

    return f"case {read(_MONTH_FIRST, 1, 2)} {read(_DAY_FIRST, 2, 1)} end"


def _on_clock(utc: str, timezone: str | None) -> str:
    if timezone is None:
        return utc
    local = f"timezone({literal(timezone)}, timezone('UTC', {utc}))"
    return f"case when isfinite({utc}) then {local} else {utc} end"


def _offset(text: str) -> str:
    """Return the offset from UTC that stands after a time, as an interval."""
    sign, hours, minutes = (
        f"regexp_extract({text}, '{OFFSET}', {group})" for group in (_SIGN, _HOURS, _MINUTES)
    )
    count = (
        f"coalesce(try_cast({hours} as integer), 0) * 60 "
        f"+ coalesce(try_cast({minutes} as integer), 0)"
    )
    return f"to_minutes(({count}) * if({sign} = '-', -1, 1))"


def flag(cell: Cell) -> Typed:
    """Whether a value such as a time, ``yes`` or 1 says that something happened."""
    words = ", ".join(literal(word) for word in NO_WORDS)
    return Typed(f"coalesce(lower(trim(cast({cell.name} as varchar))) not in ({words}), false)")


def has_nul(name: str) -> str:
    """Return whether a text holds a NUL character."""
    return f"coalesce(contains({name}, chr(0)), false)"


def is_too_long(name: str) -> str:
    """Return whether a text is longer than a field may be."""
    # Bytes are known, characters have to be counted.
    return (
        f"coalesce(strlen({name}) > {MAX_FIELD_CHARS} and length({name}) > {MAX_FIELD_CHARS}, "
        "false)"
    )


def _plain_number(name: str, marks: Marks, *, with_currency: bool = False) -> str:
    """Text of a number with the marks of the mapping undone; '' when they are misplaced."""
    value = f"trim({name})"
    if marks.is_plain:
        return value
    if with_currency and marks.signs:
        # The longest first: "US$" is no "$" after "US".
        signs = "|".join(map(re.escape, sorted(marks.signs, key=len, reverse=True)))
        sign = f"(?:{signs})\\.?"
        aside = rf"(?:\({sign}\)|\[{sign}\])"
        pattern = (
            f"^{aside}{_BLANKS}|^([-+(−﹣－]?){_BLANKS}{sign}{_BLANKS}"
            f"|(.){_BLANKS}(?:{aside}|{sign})([-−﹣－)]?)$"
        )
        kept = f"{_FIRST}{_SECOND}{_THIRD}"
        value = f"regexp_replace({value}, {literal(pattern)}, '{kept}', 'g')"
    # Signs of bookkeeping: (4.00), 4.00- and a minus of its own; none stands twice.
    value = (
        f"case when regexp_matches({value}, '{_OTHER_MINUS}') then case "
        f"when regexp_full_match({value}, '{_IN_PARENTHESES}') "
        f"then '-' || regexp_extract({value}, '{_IN_PARENTHESES}', 1) "
        f"when regexp_full_match({value}, '{_MINUS_AFTER}') "
        f"then '-' || regexp_extract({value}, '{_MINUS_AFTER}', 1) "
        f"else regexp_replace({value}, '^[−﹣－]{_BLANKS}', '-') end else {value} end"
    )
    mark, group = marks.decimal, marks.thousands
    if group is not None:
        pattern = rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{3}})+({re.escape(mark)}\d*)?"
        value = (
            f"case when not contains({value}, {literal(group)}) then {value} "
            f"when regexp_full_match({value}, {literal(pattern)}) "
            f"then replace({value}, {literal(group)}, '') else '' end"
        )
    if mark != ".":
        value = (
            f"case when contains({value}, '.') then '' "
            f"else replace({value}, {literal(mark)}, '.') end"
        )
    return value


def _number_text(cell: Cell, marks: Marks, *, with_currency: bool) -> str:
    # A stored number has no marks to undo; its shortest text is exact for decimals and floats.
    if cell.kind != "VARCHAR":
        return f"cast({cell.name} as varchar)"
    return _plain_number(cell.name, marks, with_currency=with_currency)
