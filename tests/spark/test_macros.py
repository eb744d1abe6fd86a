"""What macros spell differently for each engine comes to the same."""

import math
from pathlib import Path

import duckdb
import jinja2
import pytest
from scipy.special import chdtrc, chdtri

ROOT = Path(__file__).parents[2]


def macros(engine):
    """Load the project's macros as dbt would dispatch them for an engine."""

    class Adapter:
        def dispatch(self, name):
            return lambda *given, **named: getattr(module, f"{engine}__{name}")(*given, **named)

    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "macros").glob("*.sql"))
    )
    module = environment.from_string(source).make_module(
        {"adapter": Adapter(), "return": lambda value: value}
    )
    return module


TIES = [0.5, 1.5, -2.5, 2.675, 1.005, 202.98375, 66.225, 123456.78905, -0.00005, 1e-7, 0.0]
TEXTS = ["'WC-On_Hold'", "' wc-completed '", "'Ünï-Code'", "'a_-  b'", "null"]
CASES = [
    ("as_decimal", "{value}", TIES),
    ("as_decimal", "{value}", ["cast(1.00005 as decimal(18, 6))", "cast(-2.5 as decimal(4, 1))"]),
    ("format_two_digits", "{value}", TIES),
    ("format_integer", "{value}", [0.5, 1234.5, -1234567.5]),
    ("format_measure", "{value}", [0.125, 3.0, 1234.5, "null"]),
    ("stable_uniform", "{value}", ["'17850'", "'ü-1'", "''"]),
    ("plain_word", "{value}", TEXTS),
    ("single_spaced", "{value}", TEXTS),
]


def same(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-12)
    return ours == theirs


@pytest.mark.parametrize(("macro", "argument", "values"), CASES)
def test_engines_agree_on_a_macro(session, macro, argument, values):
    def query(engine):
        rows = ", ".join(
            f"({value!r}e0)"
            if isinstance(value, float) and "e" not in repr(value)
            else f"({value})"
            for value in values
        )
        expression = getattr(macros(engine), macro)(argument.format(value="value"))
        return f"select {expression} as answer from (values {rows}) as given (value)"

    ours = [row[0] for row in duckdb.sql(query("duckdb")).fetchall()]
    theirs = [row[0] for row in session.sql(query("spark")).collect()]
    assert len(ours) == len(values)
    assert all(map(same, ours, theirs)), list(zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("POSTAGE", "^post"),
        ("Ärger", "^ä"),
        ("DCGS0076", r"^dcgs\d+$"),
        ("a\rb", "a.b"),
        ("m", "^M$"),
    ],
)
def test_engines_agree_on_a_pattern(session, text, pattern):
    def query(engine, prefix):
        matches = macros(engine).matches_pattern(f"{prefix}'{text}'", f"{prefix}'{pattern}'")
        return f"select {matches}"

    ours = duckdb.sql(query("duckdb", "")).fetchall()[0][0]
    assert session.sql(query("spark", "r")).collect()[0][0] is ours is True


def test_quantiles_are_interpolated_alike(session):
    rows = ", ".join(f"({value})" for value in (1, 2, 4, 8, 16, 31.5))
    for fraction in (0.025, 0.5, 0.95, 0.99):
        answers = [
            f"select {macros(engine).continuous_quantile('value', fraction)} "
            f"from (values {rows}) as given (value)"
            for engine in ("duckdb", "spark")
        ]
        ours = duckdb.sql(answers[0]).fetchall()[0][0]
        assert session.sql(answers[1]).collect()[0][0] == ours


def test_chi_square_is_that_of_scipy(session):
    statistics = [0.0, 1e-6, 1.0, 3.84, 7.99, 8.01, 60.0, 900.0]
    macro = macros("spark").chi_square_p_value("value")
    rows = ", ".join(f"({value:e})" for value in statistics)
    found = session.sql(f"select {macro} from (values {rows}) as given (value)").collect()
    for (p_value,), statistic in zip(found, statistics, strict=True):
        assert math.isclose(p_value, chdtrc(1, statistic), rel_tol=1e-9)
    for freedom, p_value in ((1, 0.05), (1, 0.05 / 41), (4, 0.01), (19, 0.05 / 60), (99, 0.05)):
        macro = macros("spark").chi_square_critical_value(str(freedom), f"{p_value:e}")
        (found,) = session.sql(f"select {macro}").collect()
        assert math.isclose(found[0], chdtri(freedom, float(f"{p_value:e}")), rel_tol=1e-9)
