"""Shops at the edge of what the definitions allow, as the lines of a file.

A line is a tuple in the order of ``HEADER``; money is text with a decimal point, a customer or a
country may be None.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
START = date(2013, 1, 3)

PRICES = ("5.00", "10.00", "20.00", "40.00")

Line = tuple[object, ...]


def line(
    invoice: object,
    day: int,
    customer: str | None,
    *,
    code: str = "10001",
    quantity: int = 2,
    price: str = "5.00",
    country: str | None = "France",
    hour: int = 9,
) -> Line:
    """One invoice line, ``day`` days after the shop opened."""
    at = datetime(START.year, START.month, START.day, hour) + timedelta(days=day)
    return (str(invoice), code, f"Item {code}", quantity, at, price, customer, country)


def cancelled(lines: list[Line], days_later: int) -> list[Line]:
    """The lines taken back whole some days later, on invoices of their own."""
    return [
        (f"C{invoice}", code, text, -quantity, at + timedelta(days=days_later), price, *rest)
        for invoice, code, text, quantity, at, price, *rest in lines
    ]


def regulars(customers: int, gaps: Callable[[int], int], days: int) -> Iterator[Line]:
    """Customers who each buy every so many days until the end."""
    for number in range(customers):
        for order, day in enumerate(range(number % 28, days, gaps(number))):
            yield line(f"{number}-{order}", day, f"{20000 + number}")


def one_line() -> list[Line]:
    return [line(1, 0, "17850")]


def one_customer() -> list[Line]:
    return [line(n, 13 * n, "17850", price=f"{5 + n % 3}.95") for n in range(60)]


def two_customers() -> list[Line]:
    return [line(n, 9 * n, ("a", "b")[n % 2], price=f"{2 + n % 5}.10") for n in range(40)]


def few_customers() -> list[Line]:
    return [
        line(n, 17 * n, f"{100 + n * n % 5}", quantity=1 + n % 7, price=f"{1 + n % 9}.25")
        for n in range(40)
    ]


def all_anonymous() -> list[Line]:
    sold = [line(n, n, None, quantity=1 + n % 4) for n in range(120)]
    return sold + cancelled(sold[:9], 3)


def all_returns() -> list[Line]:
    sold = [line(n, n, (None, "1", "2", "3")[n % 4]) for n in range(80)]
    return cancelled(sold, 2)


def all_cancelled() -> list[Line]:
    """Three units for 10.00 in all: void the same day, or back in two parts a week later."""
    lines = []
    for n in range(120):
        lines.append(line(n, n, f"{n % 12}", quantity=3, price="10.00"))
        parts = [(-3, "-10.00")] if n % 2 == 0 else [(-1, "-3.33"), (-2, "-6.67")]
        for quantity, total in parts:
            day = n + 7 * (n % 2)
            lines.append(line(f"C{n}", day, f"{n % 12}", quantity=quantity, price=total))
    return lines


def identical_customers() -> list[Line]:
    days = (0, 60, 120, 200, 300, 400)
    return [
        line(f"{customer}-{day}", day, f"{30000 + customer}")
        for customer in range(600)
        for day in days
    ]


def single_day() -> list[Line]:
    return [
        line(n, 0, f"{n % 40}", quantity=1 + n % 6, price=f"{1 + n % 11}.00", hour=8 + n % 9)
        for n in range(90)
    ]


def nobody_leaves() -> list[Line]:
    return list(regulars(600, lambda number: 21 + number % 5, 420))


def everybody_leaves() -> list[Line]:
    """Each customer buys three times in two months, all before the last year; then anonymous."""
    lines = [
        line(f"{number}-{order}", number % 40 + 7 * order, f"{20000 + number}")
        for number in range(600)
        for order in range(3)
    ]
    return lines + [line(f"x{day}", day, None) for day in range(60, 460, 10)]


def everybody_stays() -> list[Line]:
    """Half of the customers pause for four months in the training windows; then all come back."""
    lines = list(regulars(300, lambda number: 21 + number % 5, 600))
    pausing = [
        entry
        for entry in regulars(300, lambda number: 24, 600)
        if not 180 <= (entry[4].date() - START).days < 310
    ]
    return lines + [(f"p{entry[0]}", *entry[1:6], f"p{entry[6]}", entry[7]) for entry in pausing]


def chance() -> list[Line]:
    """Every customer has the same chance on every day, so that nothing tells who stays away."""
    draw = random.Random(7)  # no secret
    return [
        line(f"{day}-{customer}", day, f"K{customer}", quantity=1, price=draw.choice(PRICES))
        for day in range(365)
        for customer in draw.sample(range(2000), 11)
    ]


def header_only() -> list[Line]:
    return []


def all_quarantined() -> list[Line]:
    return [(f"{n}", "10001", "Item", 1, "31.02.2022", "1.00", "17850", "France") for n in range(9)]


def nothing_sold() -> list[Line]:
    """Postage, fees, samples for nothing and write-offs."""
    kinds = [("POST", 1, "18.00"), ("M", 1, "9.00"), ("10001", 3, "0.00"), ("10002", -4, "0.00")]
    return [
        line(n, n, f"{n % 5}", code=code, quantity=quantity, price=price)
        for n in range(40)
        for code, quantity, price in [kinds[n % 4]]
    ]


def future_dates() -> list[Line]:
    return few_customers() + [line(f"f{n}", 40000 + n, "100") for n in range(7)]


def ten_years() -> list[Line]:
    """Most customers left long ago, which anybody can tell; the others come and go."""
    gone = [
        line(f"{number}-{days}", number * 5 % 2500 + days, f"g{number}")
        for number in range(600)
        for days in (0, 40, 90)
    ]
    loyal = []
    for number in range(150):
        chance = random.Random(number)
        day = number * 20
        while day <= 3650:
            loyal.append(line(f"{number}-{day}", day, f"l{number}", quantity=1 + day % 5))
            day += chance.randint(20, 150)
    return [*gone, *loyal, line("last", 3650, None)]


STRANGE_IDS = (
    "anna@example.com",
    "ANNA@EXAMPLE.COM",
    'O\'Brien "the boss"; drop table x; --',
    "<script>alert(1)</script>",
    "🦊 狐",
    "=1+1",
    "C17850",
    "17850",
    "017850",
    "x" * 5000,
    "a|b,c\td",
    "%_\\",
)
# The case of an address tells nobody apart.
STRANGE_CUSTOMERS = sorted({name.lower() if "@" in name else name for name in STRANGE_IDS})


def strange_values() -> list[Line]:
    """Customers under any name, and barcodes scanned into the field of the quantity."""
    bought = [
        line(f"{n}-{day}", 11 * n + day, name, quantity=1 + n, price=f"{n + 1}.50")
        for n, name in enumerate(STRANGE_IDS)
        for day in range(0, 300, 40 + n)
    ]
    scanned = [line(f"x{n}", n, "17850", quantity=5_012_345_678_900) for n in range(40)]
    return bought + scanned


def yen() -> list[Line]:
    """Wholesale in yen: lines of up to 90 billion, 60 trillion in all."""
    return [
        line(n, n % 500, f"{n % 150}", quantity=1000 * (1 + n % 9), price=f"{10_000_000 - n}")
        for n in range(1200)
    ]


def one_huge_customer() -> list[Line]:
    small = [line(n, 5 * n, f"{n % 50}", price=f"{1 + n % 4}.99") for n in range(150)]
    return [*small, line("huge", 700, "whale", quantity=5_000_000, price="19.99")]


def no_country() -> list[Line]:
    return [line(n, 3 * n, f"{n % 30}", country=None, quantity=1 + n % 9) for n in range(200)]


def own_codes() -> list[Line]:
    return [
        line(n, 2 * n, f"{n % 25}", code=f"SKU-{n % 7}", quantity=1 + n % 9) for n in range(200)
    ]


def negative_lines() -> list[Line]:
    """Returns are negative lines on ordinary invoices, and there is nothing else."""
    return [line(n, n, f"{n % 9}", quantity=-1 - n % 3) for n in range(60)]


OK, THIN, DEGENERATE = "ok", "insufficient_data", "degenerate_dropout"
CHANCE, FEW = "not_predictive", "too_thin"


@dataclass(frozen=True)
class Shop:
    """A shop's lines, the settings that it is built with, and what must come out.

    Attributes
    ----------
    lines : callable
        Makes the lines of its file.
    money : str
        Name of the column that holds a line's price: that of a unit, or ``LineTotal``.
    customers : int
        Customers with a purchase that stands.
    churn, clusters, lifetime_value : str
        Status of the models; clusters that are found may be too small to be described.
    facts : mapping of str to object
        Statements on the marts with the one value that each must give.
    variables : mapping
        dbt vars.
    rules : mapping
        Rules that differ from those of Online Retail.
    refusal : str, optional
        Where the gate must not publish: what the log says.
    """

    lines: Callable[[], list[Line]]
    money: str = "UnitPrice"
    customers: int = 0
    churn: str = THIN
    clusters: str = THIN
    lifetime_value: str = THIN
    facts: Mapping[str, object] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)
    refusal: str | None = None

    def write(self, path: Path) -> Path:
        """Write the lines as CSV, with the columns of Online Retail."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([self.money if name == "UnitPrice" else name for name in HEADER])
            writer.writerows(self.lines())
        return path

    def amount(self, line: Line) -> Decimal:
        """What a line costs."""
        _, _, _, quantity, _, price, _, _ = line
        return Decimal(price) * (quantity if self.money == "UnitPrice" else 1)


OUTSIDE = "assert_the_as_of_date_lies_within_the_data"
SHOPS = {
    "header_only": Shop(
        header_only,
        facts={
            "select count(*) from dim_dates": 0,
            "select as_of_date from build_info": None,
            "select value from rpt_kpis where kpi = 'net_revenue'": 0,
            "select value from rpt_kpis where kpi = 'revenue_per_customer'": None,
        },
    ),
    "one_line": Shop(
        one_line,
        customers=1,
        facts={
            "select count(*) from dim_dates": 1,
            "select count(*) from rpt_cohort_retention": 1,
            "select segment from dim_customers": "Regular Customers",
            "select explanation from rpt_model_status where model = 'churn'": (
                "0 customers with a known outcome in 0 days; churn needs 500 and at least "
                "270 days (three windows of 90): skipped."
            ),
        },
    ),
    "all_cancelled": Shop(
        all_cancelled,
        customers=6,
        clusters=OK,
        money="LineTotal",
        facts={
            "select count(*) from fct_orders where is_void": 60,
            "select count(*) from fct_orders where net_revenue = 0": 120,
            "select sum(net_revenue) from rpt_monthly_revenue": 0,
            "select max(net_revenue_share) from rpt_segments": None,
            "select max(gini) from rpt_revenue_concentration": None,
            "select count(*) from rpt_insights where insight = 'revenue_concentration'": 0,
        },
    ),
    "identical_customers": Shop(
        identical_customers,
        customers=600,
        lifetime_value=DEGENERATE,
        facts={
            "select count(distinct rfm_score) from dim_customers": 1,
            "select max(gini) from rpt_revenue_concentration": 0,
            "select explanation from rpt_model_status where model = 'clusters'": (
                "600 customers; too few distinct customers for any of k = 3…8: clusters skipped."
            ),
        },
    ),
    "everybody_stays": Shop(
        everybody_stays,
        customers=600,
        churn=CHANCE,
        clusters=OK,
        lifetime_value=DEGENERATE,
        facts={
            "select count(value) from rpt_churn_metrics where metric = 'roc_auc'": 0,
            "select max(value) from rpt_churn_metrics where metric = 'churn_rate'": 0,
            "select count(*) from rpt_insights where insight like 'goes_with_churn%'": 0,
        },
    ),
    "chance": Shop(
        chance,
        customers=1722,
        churn=CHANCE,
        clusters=OK,
        lifetime_value=DEGENERATE,
        facts={
            "select count(churn_probability) from dim_customers": 0,
            "select explanation like '%cannot be told%' from rpt_model_status "
            "where model = 'churn'": True,
            "select finding like '%cannot be told%' from rpt_insights "
            "where insight = 'churn_predictability'": True,
            "select count(expected_gain) from rpt_actions where customers > 0": 0,
        },
    ),
    "strange_values": Shop(
        strange_values,
        customers=len(STRANGE_CUSTOMERS),
        clusters=OK,
        facts={
            "select list(customer_id order by customer_id) from dim_customers": STRANGE_CUSTOMERS,
            "select count(*) from rpt_insights where source_mart = 'rpt_churn_drivers'": 0,
            "select sum(net_revenue)::varchar from rpt_segments": str(
                sum(
                    quantity * Decimal(price) for *_, quantity, _, price, _, _ in strange_values()
                ).quantize(Decimal("0.0001"))
            ),
        },
    ),
    "all_returns": Shop(
        all_returns,
        facts={
            "select sum(amount) from fct_returns": 800,
            "select count(*) from fct_returns where match_tier = 'unmatched'": 60,
            "select count(*) from fct_orders": 0,
        },
    ),
    "one_customer": Shop(
        one_customer,
        customers=1,
        facts={"select value from rpt_kpis where kpi = 'repeat_rate'": 1},
    ),
    "two_customers": Shop(two_customers, customers=2),
    "few_customers": Shop(few_customers, customers=3),
    "all_anonymous": Shop(
        all_anonymous,
        facts={
            "select value from rpt_kpis where kpi = 'anonymous_revenue_share'": 1,
            "select count(*) from fct_returns where match_tier = 'anonymous'": 9,
        },
    ),
    "single_day": Shop(single_day, customers=40, clusters=OK),
    "nobody_leaves": Shop(nobody_leaves, customers=600, clusters=OK, lifetime_value=DEGENERATE),
    "everybody_leaves": Shop(
        everybody_leaves,
        customers=600,
        clusters=OK,
        lifetime_value=OK,
        facts={"select value from rpt_kpis where kpi = 'active_customers_90d'": 0},
    ),
    "all_quarantined": Shop(all_quarantined, facts={"select sum(records) from rpt_quarantine": 9}),
    "nothing_sold": Shop(
        nothing_sold, facts={"select sum(amount) from rpt_non_product_amounts": 270}
    ),
    "future_dates": Shop(
        future_dates,
        customers=3,
        facts={"select records from rpt_quarantine where reason = 'R_FUTURE_DATE'": 7},
    ),
    "ten_years": Shop(
        ten_years,
        customers=750,
        churn=OK,
        clusters=OK,
        lifetime_value=OK,
        facts={
            "select count(*) from dim_dates": 3651,
            "select count(distinct as_of_date) from fct_customer_snapshots": 121,
            "select max(value) > 0.95 from rpt_churn_metrics "
            "where metric = 'roc_auc' and population = 'all_known'": True,
        },
    ),
    "yen": Shop(
        yen,
        customers=150,
        clusters=OK,
        lifetime_value=DEGENERATE,
        facts={"select currency from build_info": "JPY"},
        rules={"currency": "JPY"},
    ),
    "one_huge_customer": Shop(one_huge_customer, customers=51, clusters=OK),
    "no_country": Shop(
        no_country,
        customers=30,
        clusters=OK,
        facts={"select count(country) from dim_customers": 0},
    ),
    "own_codes": Shop(
        own_codes,
        customers=25,
        clusters=OK,
        rules={"product_code_pattern": "^SKU-", "currency": "EUR"},
    ),
    "negative_lines": Shop(negative_lines, rules={"negative_lines_are_returns": True}),
    "silent_window": Shop(
        one_huge_customer,
        customers=51,
        clusters=OK,
        facts={"select count(*) from dim_customers where purchase_days = 0": 50},
        variables={"rfm_window_days": 1},
    ),
    "classic_one_line": Shop(one_line, customers=1, variables={"cleaning_policy": "classic"}),
    "classic_single_day": Shop(
        single_day, customers=40, clusters=OK, variables={"cleaning_policy": "classic"}
    ),
    "as_of_soon_after": Shop(few_customers, customers=3, variables={"as_of_date": "2014-11-20"}),
    "as_of_long_after": Shop(
        few_customers, variables={"as_of_date": "2024-01-01"}, refusal=OUTSIDE
    ),
    "as_of_before": Shop(few_customers, variables={"as_of_date": "2001-01-01"}, refusal=OUTSIDE),
    "unknown_codes": Shop(own_codes, refusal="SKU-0, 29, "),
    "unknown_returns": Shop(
        negative_lines, refusal="assert_stock_that_is_written_off_has_no_price"
    ),
}
# Those that tell most, for every run of the tests: nothing at all, customers without a
# difference, models that apply but have nobody to find, and names and figures of every kind. The
# others are built on demand.
QUICK = ("header_only", "everybody_stays")
