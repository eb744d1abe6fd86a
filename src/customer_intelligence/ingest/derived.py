"""Fields that are computed from columns, such as ``"Line Total" / Quantity``.

The grammar is arithmetic and nothing else::

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = "-" factor | "(" sum ")" | number | column

A column is a bare word or any name in double quotes; a quote within the name is doubled.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_TOKENS = 50

# Twelve decimals: products of two amounts are exact, and numbers may reach 14 digits before them.
SCALE = 12
# What a line comes to by its price: decimals of 18 digits multiply to as few.
COST = "cast(quantity as decimal(38, 4)) * unit_price"
# What it comes to, as stg_retail__invoice_lines has it: whole units leave nothing to round.
LINE_AMOUNT = (
    "case when quantity < 0 and unit_price >= 0 and line_amount > 0 "
    "then -cast(line_amount as decimal(38, 4)) "
    "when line_amount is not null then cast(line_amount as decimal(38, 4)) "
    "when quantity = cast(quantity as decimal(18, 0)) "
    "then cast(cast(quantity as decimal(38, 0)) * unit_price as decimal(38, 4)) "
    f"else cast({COST} as decimal(38, 4)) end"
)
TYPE = f"DECIMAL(38,{SCALE})"
_UNIT = f"cast(1{'0' * SCALE} as hugeint)"
_SMALLEST = f"cast(0.{'0' * (SCALE - 1)}1 as decimal({SCALE}, {SCALE}))"
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d{1,14}(?:\.\d{1,12})?(?![\w.]))|(?P<word>[^\W\d]\w*)"""
    r"""|"(?P<quoted>(?:[^"]|"")+)"|(?P<symbol>[-+*/()]))"""
)


@dataclass(frozen=True)
class Number:
    """A decimal number, as it was written."""

    text: str


@dataclass(frozen=True)
class Column:
    """A column of the source file by its name."""

    name: str


@dataclass(frozen=True)
class Operation:
    """``+ - * /`` of two operands, or ``-`` of one."""

    symbol: str
    operands: tuple["Expression", ...]


Expression = Number | Column | Operation


def parse(text: str) -> Expression:
    """Read an expression.

    Raises
    ------
    ValueError
        Says where the text leaves the grammar.
    """
    tokens = list(_tokens(text))
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"it has more than {MAX_TOKENS} numbers, columns and signs")
    parser = _Parser(iter(tokens))
    expression = parser.sum()
    if parser.token is not None:
        raise ValueError(f'"{parser.token[1]}" stands where it should end')
    return expression


def column_names(expression: Expression) -> list[str]:
    """Return the columns that an expression names, in its order."""
    if isinstance(expression, Column):
        return [expression.name]
    if isinstance(expression, Operation):
        return [name for operand in expression.operands for name in column_names(operand)]
    return []


def as_sql(expression: Expression, value: Callable[[str], str]) -> str:
    """Write an expression as SQL of the type `TYPE`; null where it cannot be computed.

    Parameters
    ----------
    expression : Expression
        What to compute.
    value : callable
        Gives the SQL of a column's value, of the type `TYPE`.
    """

    def written(node: Expression) -> str:
        if isinstance(node, Number):
            return f"cast({node.text} as {TYPE})"
        if isinstance(node, Column):
            return value(node.name)
        operands = [written(operand) for operand in node.operands]
        if len(operands) == 1:
            return f"(-{operands[0]})"
        if node.symbol == "/":
            return _quotient(*operands)
        return f"cast({operands[0]} {node.symbol} {operands[1]} as {TYPE})"

    return f"try({written(expression)})"


def quotient_as_sql(dividend: str, divisor: str) -> str:
    """Write a quotient as SQL of the type `TYPE`; null where the divisor is 0 or null."""
    return f"try({_quotient(f'cast({dividend} as {TYPE})', f'cast({divisor} as {TYPE})')})"


def _quotient(dividend: str, divisor: str) -> str:
    # Decimals divide as floats, whole numbers exactly: units of the last decimal are divided.
    # What follows the last decimal is cut off, so that rounding later is not done twice.
    units = [f"cast({operand} * {_UNIT} as hugeint)" for operand in (dividend, divisor)]
    return (
        f"cast(cast({units[0]} * {_UNIT} // {units[1]} as decimal(38, 0)) * {_SMALLEST} as {TYPE})"
    )


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{text[position:].strip()[:20]!r} is no number, column or sign")
        yield str(match.lastgroup), match[str(match.lastgroup)]
        position = match.end()


class _Parser:
    def __init__(self, tokens: Iterator[tuple[str, str]]) -> None:
        self._tokens = tokens
        self.token = next(tokens, None)

    def _takes(self, symbols: str) -> str | None:
        if self.token is None or self.token[0] != "symbol" or self.token[1] not in symbols:
            return None
        symbol = self.token[1]
        self.token = next(self._tokens, None)
        return symbol

    def sum(self) -> Expression:
        expression = self._product()
        while symbol := self._takes("+-"):
            expression = Operation(symbol, (expression, self._product()))
        return expression

    def _product(self) -> Expression:
        expression = self._factor()
        while symbol := self._takes("*/"):
            expression = Operation(symbol, (expression, self._factor()))
        return expression

    def _factor(self) -> Expression:
        if self._takes("-"):
            return Operation("-", (self._factor(),))
        if self._takes("("):
            expression = self.sum()
            if not self._takes(")"):
                raise ValueError('a ")" is missing')
            return expression
        if self.token is None:
            raise ValueError("it ends where a number or column should follow")
        kind, text = self.token
        if kind == "symbol":
            raise ValueError(f'"{text}" stands where a number or column should')
        self.token = next(self._tokens, None)
        if kind == "number":
            return Number(text)
        return Column(text.replace('""', '"') if kind == "quoted" else text)
