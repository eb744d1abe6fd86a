"""Find what DuckDB and Spark both run, but answer differently, in the SQL of the project.

It reads the SQL that comes out of the templates, as sqlfluff renders them: a macro that is
dispatched by engine stands there as a call of its own name, because it has a version for each.

    python -m tools.portable_sql    what is found, by file; ends with 1 where there is anything
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlfluff.core import FluffConfig, Linter

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("models", "tests", "analyses")

# What makes a quotient one of doubles on either engine.
_DOUBLE_FUNCTIONS = (
    "sqrt|ln|exp|power|pi|corr|stable_uniform|continuous_quantile|chi_square_p_value"
    "|chi_square_critical_value"
)
_DOUBLE = re.compile(
    rf"(?<![\w.])[\d.]+e-?\d+\b|\bas double\b|\b(?:{_DOUBLE_FUNCTIONS})\(", re.IGNORECASE
)
_BY_NAME = {
    "regexp_replace": "DuckDB replaces the first match, Spark each: dispatch a macro",
    "generate_series": "its numbers are doubles on Spark: use integer_series",
    "datediff": "months and unknown dates differ: use day_difference, or year * 12 + month",
    "dateadd": "it fails at an unknown date on Spark: use add_days or add_months",
    "hash": "each engine has its own: use md5 or stable_uniform",
    "dayofweek": "weeks begin on other days: use extract(month from …) and the like, or macros",
    "dayname": "weeks begin on other days: use extract(month from …) and the like, or macros",
}
_WEEKDAY = re.compile(r"\b(?:dow|dayofweek|isodow|weekday)\b", re.IGNORECASE)


def faults(sql: str) -> list[tuple[int, str]]:
    """Give line and reason of each construct on which the engines differ.

    >>> faults("select a / b from c")
    [(1, 'decimals are divided to few places on Spark: a * 1e0 / b')]
    >>> faults("select a * 1e0 / b from c order by d desc, e nulls last")
    []
    """
    code, texts = _without_texts(sql)
    found = [
        *_of_texts(texts),
        *_of_names(code),
        *_of_quotients(code),
        *_of_casts(code),
        *_of_orders(code),
    ]
    return sorted((sql.count("\n", 0, at) + 1, reason) for at, reason in found)


def _without_texts(sql: str) -> tuple[str, list[tuple[int, str]]]:
    """Blank comments and texts, so that places stay; give the texts and quoted names."""
    texts = []

    def blank(match: re.Match[str]) -> str:
        token = match.group()
        if token[0] in "'\"":
            texts.append((match.start(), token))
        return re.sub(r"[^\n]", " " if token[0] == "-" else "_", token)

    code = re.sub(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"", blank, sql)
    return code, texts


def _of_texts(texts: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for at, token in texts:
        if token[0] == '"':
            yield at, "double quotes hold a text on Spark: leave names unquoted"
        elif "\\" in token:
            yield at, "a backslash escapes on Spark: dispatch a macro with r'…' on its side"


def _of_names(code: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\b([a-z_]+)\(", code):
        name = match.group(1)
        if name in _BY_NAME:
            yield match.start(), f"{name}: {_BY_NAME[name]}"
        elif name == "round" and len(_arguments(code, match.end() - 1)) > 1:
            yield match.start(), "Spark rounds the digits that a double prints: use round_to"
    for match in _WEEKDAY.finditer(code):
        if not code[match.end() :].startswith("("):
            yield match.start(), "weeks begin on other days on Spark"


def _of_quotients(code: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"/", code):
        at = match.start()
        if code[at - 1 : at + 2] in ("//", "/*", "*/"):
            continue
        if not (_is_double(_operand_after(code, at + 1)) or _dividend_is_double(code, at)):
            yield at, "decimals are divided to few places on Spark: a * 1e0 / b"


def _dividend_is_double(code: str, at: int) -> bool:
    """Whether a factor of the product before the place is a double, or a quotient before it."""
    while True:
        start = _start_of_operand(code, at)
        if _is_double(code[start:at]):
            return True
        before = code[:start].rstrip()
        if before.endswith("/"):
            return True
        if not before.endswith("*"):
            return False
        at = len(before) - 1


def _of_casts(code: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\bcast\(", code):
        inner = code[match.end() : _end_of_brackets(code, match.end() - 1)]
        value, _, kind = inner.rpartition(" as ")
        value = re.sub(r"\bas double\)", "", value) if kind.strip() == "double" else value
        if kind.startswith("decimal") and _has_double(_without_whole(value)):
            yield match.start(), "Spark rounds the digits that a double prints: use as_decimal"
        if kind.strip() in ("integer", "bigint") and _has_double(_without_whole(value)):
            yield match.start(), "DuckDB rounds and Spark cuts off: round or floor it first"


def _has_double(value: str) -> bool:
    return "/" in value or bool(_DOUBLE.search(value))


def _without_whole(value: str) -> str:
    """Take out what is a whole number whatever is in it."""
    while match := re.search(r"\b(?:floor|ceil|round|count|second_difference)\(", value):
        value = value[: match.start()] + "0" + value[_end_of_brackets(value, match.end() - 1) + 1 :]
    return re.sub(r"\bwhen\b.*?\bthen\b", " ", value, flags=re.DOTALL)


def _of_orders(code: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"\border\s+by\b", code):
        for at, term in _terms(code, match.end()):
            if not re.search(r"\bdesc$|\bnulls (?:first|last)$", term):
                yield at, "nulls come first on Spark: say nulls last"


def _terms(code: str, at: int) -> Iterator[tuple[int, str]]:
    start, depth = at, 0
    for place in range(at, len(code) + 1):
        letter = code[place : place + 1]
        ends = not letter or (letter == ")" and depth == 0)
        ends = ends or (
            depth == 0
            and bool(re.match(r"\b(?:rows|range|limit|union)\b", code[place:]))
            and not code[place - 1].isalnum()
            and code[place - 1] != "_"
        )
        if ends or (letter == "," and depth == 0):
            term = code[start:place].strip()
            if term:
                yield code.index(term, start), term
            start = place + 1
        if ends:
            return
        depth += (letter == "(") - (letter == ")")


def _is_double(operand: str) -> bool:
    """Whether an operand shows that it is a double: a literal, a cast, or what holds one."""
    return bool(_DOUBLE.search(operand))


def _operand_after(code: str, at: int) -> str:
    start = at + len(code[at:]) - len(code[at:].lstrip())
    end = start
    while end < len(code) and re.match(r"[\w.]", code[end]):
        end += 1
    if re.fullmatch(r"[\d.]+e", code[start:end]) and code[end : end + 1] == "-":
        end += 2
    return code[start : _end_of_brackets(code, end) + 1 if code[end : end + 1] == "(" else end]


def _start_of_operand(code: str, at: int) -> int:
    start = len(code[:at].rstrip())
    if code[start - 1] == ")":
        depth = 0
        while start:
            start -= 1
            depth += (code[start] == ")") - (code[start] == "(")
            if not depth:
                break
        over = re.search(r"\bover\s*$", code[:start])
        if over:
            return _start_of_operand(code, over.start())
    while start and re.match(r"[\w.]", code[start - 1]):
        start -= 1
    if code[start - 1 : start] == "-" and re.search(r"\de$", code[: start - 1]):
        start = _start_of_operand(code, start - 1)
    return start


def _end_of_brackets(code: str, at: int) -> int:
    depth = 0
    for place in range(at, len(code)):
        depth += (code[place] == "(") - (code[place] == ")")
        if not depth:
            return place
    return len(code)


def _arguments(code: str, at: int) -> list[str]:
    depth, parts = 0, [""]
    for letter in code[at + 1 : _end_of_brackets(code, at)]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def rendered(path: Path, linter: Linter) -> list[str]:
    """Give the SQL that comes out of a template."""
    result = linter.render_file(str(path), FluffConfig.from_path(str(path)))
    return [str(variant) for variant in result.templated_variants[:1]]


def main() -> int:
    """Print each fault; give 1 where there is one."""
    linter = Linter(config=FluffConfig.from_root())
    lines = [
        f"{path.relative_to(ROOT)}: line {line} of its SQL: {reason}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.sql"))
        if not {"python", "cases", "generic"} & set(path.relative_to(ROOT).parts)
        for sql in rendered(path, linter)
        for line, reason in faults(sql)
    ]
    print("\n".join(lines) or "nothing found")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
