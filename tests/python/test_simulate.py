"""The invented shop has the quirks of a real export, and its truth agrees with its lines."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from tools import simulate
from tools.simulate import Shop
from tools.simulate import __main__ as command

SMALL = Shop(customers=300, days=400)
PRODUCT = "regexp_matches(upper(trim(StockCode)), '^[0-9]{5}[A-Z]{0,2}$')"
ALL_COLUMNS = (
    "InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country"
)
PURCHASE = f"CustomerID is not null and InvoiceNo not like 'C%' and {PRODUCT}"

# Name of the quirk: a query whose rows show it.
QUIRKS = {
    "whole invoices without a customer": """
        select InvoiceNo from lines group by all having count(*) > 5 and count(CustomerID) = 0""",
    "null descriptions": "from lines where Description is null",
    "cancellations of a customer": f"""
        from lines where InvoiceNo like 'C%' and Quantity < 0 and CustomerID > 0 and {PRODUCT}""",
    "anonymous cancellations": f"""
        from lines where InvoiceNo like 'C%' and CustomerID is null and {PRODUCT}""",
    "bad debt at a negative price": "from lines where InvoiceNo like 'A%' and UnitPrice < 0",
    "write-offs": "from lines where Quantity < 0 and InvoiceNo not like 'C%' and UnitPrice = 0",
    "zero price of a customer": "from lines where UnitPrice = 0 and CustomerID is not null",
    "zero price without a customer": """
        from lines where UnitPrice = 0 and CustomerID is null and Quantity > 0""",
    "exact duplicates": f"""
        select {ALL_COLUMNS} from lines group by {ALL_COLUMNS} having count(*) > 1""",
    "codes that differ by case only": """
        select upper(StockCode) from lines group by all having count(distinct StockCode) > 1""",
    "two timestamps a minute apart": """
        select InvoiceNo from lines group by all
        having max(InvoiceDate) = min(InvoiceDate) + interval 1 minute""",
    "customers with two countries": """
        select CustomerID from lines where CustomerID is not null
        group by all having count(distinct Country) = 2""",
    "outer blanks": "from lines where Description <> trim(Description)",
    "codes with two descriptions": """
        select StockCode from lines where CustomerID > 0
        group by all having count(distinct trim(Description)) > 1""",
    "four-decimal price": "from lines where UnitPrice = 0.001",
    "void giant order": """
        from lines as bought join lines as back using (CustomerID, StockCode, UnitPrice)
        where bought.Quantity = 74215 and back.Quantity = -74215 and back.InvoiceNo like 'C%'
        and back.InvoiceDate = bought.InvoiceDate + interval 16 minutes""",
    "partial last month": """
        select max(InvoiceDate) as last_at from lines
        having last_at::date < last_day(last_at) - 7""",
    "left-censored customers": "from truth where is_left_censored and orders > 0",
    "order corrections": """
        from truth where void_orders > 0 and orders > 0""",
} | {
    f"non-product code {code}": f"from lines where StockCode = '{code}'"
    for code in (
        "POST", "DOT", "M", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "gift_0001_20",
        "PADS", "B", "DCGSSGIRL",
    )
}  # fmt: skip

# What must not be: a query that returns no row.
NEVER = {
    "a row out of time order": """
        select InvoiceDate < lag(InvoiceDate) over (order by file_row_number) as is_late
        from lines qualify is_late""",
    "an invoice number that does not ascend": """
        select regexp_extract(InvoiceNo, '[0-9]+')::bigint as number,
            number < lag(number) over (order by file_row_number) as is_late
        from lines qualify is_late""",
    "an invoice in two pieces": """
        select InvoiceNo from lines group by all
        having count(*) <> max(file_row_number) - min(file_row_number) + 1""",
    "an invoice of two customers": """
        select InvoiceNo from lines group by all
        having count(distinct coalesce(CustomerID, 0)) > 1 or count(distinct Country) > 1""",
    "trade on a Saturday, at Christmas or at night": """
        from lines where dayofweek(InvoiceDate) = 6 or strftime(InvoiceDate, '%m%d') >= '1224'
        or strftime(InvoiceDate, '%m%d') <= '0103' or hour(InvoiceDate) not between 5 and 19""",
    "a date outside the period": """
        from lines where InvoiceDate not between '2009-12-01' and '2011-12-10'""",
    "seconds": "from lines where second(InvoiceDate) <> 0",
    "a missing value": """
        from lines where InvoiceNo is null or StockCode is null or Quantity is null
        or InvoiceDate is null or UnitPrice is null or Country is null or Quantity = 0""",
    "a negative price other than bad debt": """
        from lines where UnitPrice < 0 and InvoiceNo not like 'A%'""",
    "a cancellation of a positive quantity": """
        from lines where InvoiceNo like 'C%' and Quantity > 0""",
    "a discount that is no single cancelled unit": """
        from lines where StockCode = 'D' and (InvoiceNo not like 'C%' or Quantity <> -1)""",
    "an unknown customer": "from lines anti join truth on CustomerID = customer_id "
    "where CustomerID is not null",
    "a purchase after the lifetime's end": f"""
        from lines join truth on CustomerID = customer_id
        where {PURCHASE} and InvoiceDate::date > lifetime_end_date""",
    "a new customer who buys before acquisition": f"""
        from lines join truth on CustomerID = customer_id
        where {PURCHASE} and InvoiceDate::date < acquired_date""",
    "a new customer without a first order": """
        from truth where not is_left_censored and first_order_at::date is distinct from
        acquired_date""",
    "a number of orders other than the lines show": f"""
        with bought as (
            select CustomerID as customer_id, count(distinct InvoiceNo) as n
            from lines where {PURCHASE} group by all
        )
        from truth left join bought using (customer_id)
        where orders + void_orders <> coalesce(n, 0)""",
    "a first or last order that the lines do not hold": f"""
        with bought as (
            select CustomerID as customer_id, min(InvoiceDate) as first_at,
            from lines join truth on CustomerID = customer_id
            where {PURCHASE} and void_orders = 0 group by all
        )
        from truth join bought using (customer_id)
        where first_at <> first_order_at or last_order_at < first_order_at""",
}


@pytest.fixture(scope="module")
def shop_db(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The default shop as tables ``lines`` (with ``file_row_number``) and ``truth``."""
    folder = tmp_path_factory.mktemp("shop")
    simulate.write_shop(Shop(), 7, folder / "shop.parquet", folder / "truth.parquet")
    size = sum(file.stat().st_size for file in folder.iterdir())
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.execute(
        "create table lines as from read_parquet(?, file_row_number = true)",
        [str(folder / "shop.parquet")],
    )
    connection.execute(
        "create table truth as from read_parquet(?)", [str(folder / "truth.parquet")]
    )
    connection.execute("create table size as select ? as bytes", [size])
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def all_lines(shop: Shop, seed: int, chunk_lines: int = simulate.CHUNK_LINES) -> pa.Table:
    plan = simulate.plan_shop(shop, seed)
    return pa.concat_tables(simulate.line_chunks(plan, chunk_lines)).combine_chunks()


@pytest.mark.parametrize("quirk", QUIRKS)
def test_has_the_quirk(shop_db, quirk):
    assert one(shop_db, f"with rows_ as ({QUIRKS[quirk]}) select count(*) from rows_")[0] > 0


@pytest.mark.parametrize("fault", NEVER)
def test_never_has(shop_db, fault):
    assert one(shop_db, f"with rows_ as ({NEVER[fault]}) select count(*) from rows_")[0] == 0


def test_file_has_the_columns_and_types_of_online_retail(shop_db):
    columns = shop_db.execute("describe lines").fetchall()
    assert [column[:2] for column in columns[:8]] == [
        ("InvoiceNo", "VARCHAR"),
        ("StockCode", "VARCHAR"),
        ("Description", "VARCHAR"),
        ("Quantity", "INTEGER"),
        ("InvoiceDate", "TIMESTAMP"),
        ("UnitPrice", "DOUBLE"),
        ("CustomerID", "INTEGER"),
        ("Country", "VARCHAR"),
    ]


@pytest.mark.parametrize(
    ("fact", "low", "high", "query"),
    [
        ("bytes", 0, 1_500_000, "select bytes from size"),
        ("lines", 70_000, 110_000, "select count(*) from lines"),
        ("customers", 2_300, 2_500, "select count(distinct CustomerID) from lines"),
        ("anonymous", 0.2, 0.3, "select avg((CustomerID is null)::int) from lines"),
        ("UK", 0.86, 0.95, "select avg((country = 'United Kingdom')::int) from truth"),
        ("one order", 0.27, 0.4, "select avg((orders = 1)::int) from truth where orders > 0"),
        ("cancelled", 0.01, 0.04, "select avg((InvoiceNo like 'C%')::int) from lines"),
        (
            "duplicates",
            0.007,
            0.025,
            f"select 1 - (select count(*) from (select distinct {ALL_COLUMNS} from lines))"
            " / count(*) from lines",
        ),
        (
            "November against February",
            2,
            5,
            "select count(*) filter (month(InvoiceDate) = 11) / count(*) "
            "filter (month(InvoiceDate) = 2) from lines",
        ),
    ],
)
def test_share_is_like_a_real_shop(shop_db, fact, low, high, query):
    assert low < one(shop_db, query)[0] < high, fact


def test_orders_are_poisson_around_their_expectation(shop_db):
    # The first order of a new customer is certain, all others are counts with a known mean.
    row = shop_db.execute(
        "select orders - (not is_left_censored)::int, expected_orders - (not is_left_censored)::int"
        " from truth"
    ).fetchnumpy()
    count, mean = (np.asarray(values, float) for values in row.values())
    assert abs(count.sum() - mean.sum()) < 3 * np.sqrt(mean.sum())
    busy = mean > 1  # below, the squared deviations are too skewed for a simple bound
    dispersion = ((count - mean)[busy] ** 2 / mean[busy]).mean()
    assert dispersion == pytest.approx(1, abs=4 * np.sqrt(2.5 / busy.sum()))


def test_as_many_customers_leave_as_their_dropout_rates_say(shop_db):
    # Alive at the end with probability exp(-rate * weeks until the last day of the file).
    row = shop_db.execute(
        "select (lifetime_end_date is not null)::int, 1 - exp(-dropout_rate_per_week *"
        " (date '2011-12-09' - greatest(acquired_date, date '2009-12-01')) / 7) from truth"
    ).fetchnumpy()
    left, probability = (np.asarray(values, float) for values in row.values())
    spread = np.sqrt((probability * (1 - probability)).sum())
    assert abs(left.sum() - probability.sum()) < 3 * spread


def test_left_censored_customers_are_the_survivors_of_a_constant_stream():
    # Worked the long way: acquire everybody, let them leave, keep who is alive at the start.
    shop = Shop(customers=100_000)
    drawn = simulate.draw_customers(shop, np.random.default_rng(1))
    is_early = drawn["acquired_day"] < 0
    rng = np.random.default_rng(2)
    weeks = rng.uniform(-shop.earlier_weeks, shop.days / 7, 400_000)
    dropout = rng.gamma(shop.dropout_shape, 1 / shop.dropout_scale, len(weeks))
    survives = rng.exponential(1, len(weeks)) > -weeks * dropout
    early = survives & (weeks < 0)
    assert is_early.mean() == pytest.approx(early.sum() / survives.sum(), abs=0.01)
    for share in (0.25, 0.5, 0.75):
        age = np.quantile(-drawn["acquired_day"][is_early] / 7, share)
        assert age == pytest.approx(np.quantile(-weeks[early], share), rel=0.02)
        rate = np.quantile(drawn["dropout_rate_per_week"][is_early], share)
        assert rate == pytest.approx(np.quantile(dropout[early], share), rel=0.05)


def test_duplicate_share_adds_exact_copies():
    def surplus(duplicate_share: float) -> float:
        lines = all_lines(replace(SMALL, duplicate_share=duplicate_share), 3)
        return 1 - lines.group_by(lines.column_names).aggregate([]).num_rows / lines.num_rows

    # A first line cannot be a copy, and no two copies follow each other.
    assert 0.08 < surplus(0.2) - surplus(0.0) < 0.2


def test_file_stays_in_time_order_when_most_invoices_have_two_timestamps():
    lines = all_lines(replace(SMALL, customers=3_000, two_times_share=0.9), 3)
    at = np.array(lines["InvoiceDate"])
    assert (at[1:] >= at[:-1]).all()


def test_order_values_agree_with_the_truth(shop_db):
    ratio, correlation = one(
        shop_db,
        f"""
        with bought as (
            select CustomerID as customer_id, InvoiceNo, sum(Quantity * UnitPrice) as amount
            from (select distinct {ALL_COLUMNS} from lines)
            where {PURCHASE} and Quantity < 70000 group by all
        )
        select sum(amount) / sum(mean_order_value), corr(amount, mean_order_value)
        from bought join truth using (customer_id)
        """,
    )
    assert ratio == pytest.approx(1, abs=0.03)
    assert correlation > 0.5


def test_returns_follow_the_customers_return_probability():
    plan = simulate.plan_shop(Shop(), 7)
    events, customers = plan.events, plan.customers
    returns = events[(events["kind"] == simulate.RETURN) & (events["customer"] >= 0)]
    expected = customers["orders"] @ customers["return_probability"]
    # Some of the last month's orders are returned after the end of the file.
    assert 0.85 < len(returns) / expected < 1.05


def test_returned_lines_are_exact_partial_cheaper_or_unknown(shop_db):
    shares = one(
        shop_db,
        f"""
        with unique_lines as (select distinct {ALL_COLUMNS} from lines),
        matched as (
            select
                back.*,
                bool_or(bought.Quantity = -back.Quantity and bought.UnitPrice = back.UnitPrice)
                    as is_exact,
                bool_or(bought.Quantity > -back.Quantity and bought.UnitPrice = back.UnitPrice)
                    as is_part,
                bool_or(bought.UnitPrice > back.UnitPrice) as is_cheaper,
                count(bought.InvoiceNo) = 0 as is_unknown
            from unique_lines as back left join unique_lines as bought
                on bought.CustomerID = back.CustomerID
                and upper(bought.StockCode) = upper(back.StockCode)
                and bought.InvoiceDate <= back.InvoiceDate and bought.Quantity > 0
            where back.InvoiceNo like 'C%' and back.CustomerID > 0
                and regexp_matches(upper(back.StockCode), '^[0-9]{{5}}[A-Z]{{0,2}}$')
            group by all
        )
        select
            avg(is_exact::int) filter (not is_unknown),
            avg((not is_exact and is_part)::int) filter (not is_unknown),
            avg((not is_exact and not is_part and is_cheaper)::int) filter (not is_unknown),
            avg(is_unknown::int),
            avg((is_exact or is_part or is_cheaper or is_unknown)::int)
        from matched
        """,
    )
    exact, part, cheaper, unknown, explained = shares
    assert 0.2 < exact < 0.55
    assert 0.35 < part < 0.75
    assert 0.01 < cheaper < 0.1
    assert 0.05 < unknown < 0.2
    # Goods bought before the start may by chance have been bought again at another quantity.
    assert explained > 0.99


def test_corrections_reverse_every_line_of_the_wrong_order():
    plan = simulate.plan_shop(SMALL, 3)
    events = plan.events
    corrected = 0
    for at in np.flatnonzero(events["kind"] == simulate.REVERSAL):
        twin = np.flatnonzero(
            (events["kind"] == simulate.SALE) & (events["content"] == events["content"][at])
        )
        if not len(twin):
            continue  # goods bought before the start
        corrected += 1
        wrong = simulate.make_lines(plan, twin[0], twin[0] + 1)
        back = simulate.make_lines(plan, at, at + 1)
        assert back["StockCode"] == wrong["StockCode"]
        assert back["UnitPrice"] == wrong["UnitPrice"]
        assert back["Quantity"].to_pylist() == [-n for n in wrong["Quantity"].to_pylist()]
        assert back["InvoiceDate"][0].as_py().date() == wrong["InvoiceDate"][0].as_py().date()
    assert corrected == plan.customers["void_orders"].sum() - 1  # the giant order is the last


def test_churn_can_be_predicted_in_part(shop_db):
    days, is_silent = (
        np.asarray(values)
        for values in shop_db.execute(
            f"""
            select date '2011-09-10' - max(InvoiceDate::date) filter (InvoiceDate < '2011-09-10')
                as days, count(*) filter (InvoiceDate >= '2011-09-10') = 0 as is_silent
            from lines where {PURCHASE} group by CustomerID having days is not null
            """
        )
        .fetchnumpy()
        .values()
    )
    assert 0.65 < roc_auc_score(is_silent, days) < 0.8


def test_lines_of_one_range_sell_together():
    def share_of_neighbours_in_one_range(range_share: float) -> float:
        plan = simulate.plan_shop(replace(SMALL, range_share=range_share), 3)
        lines = pa.concat_tables(simulate.line_chunks(plan))
        codes = {code: i for i, code in enumerate(plan.catalogue.codes[: SMALL.products].tolist())}
        product = np.array([codes.get(code.upper(), -1) for code in lines["StockCode"].to_pylist()])
        invoice = np.array(lines["InvoiceNo"].to_pylist())
        start = plan.catalogue.range_bounds[product, 0]
        pairs = (product[1:] >= 0) & (product[:-1] >= 0) & (invoice[1:] == invoice[:-1])
        return (start[1:] == start[:-1])[pairs].mean()

    assert share_of_neighbours_in_one_range(0.6) > 3 * share_of_neighbours_in_one_range(0.0)


def test_same_seed_writes_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        simulate.write_shop(SMALL, 5, tmp_path / name, tmp_path / f"{name}_truth")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a_truth").read_bytes() == (tmp_path / "b_truth").read_bytes()


def test_another_seed_gives_another_shop():
    assert not all_lines(SMALL, 5).equals(all_lines(SMALL, 6))


@pytest.mark.parametrize("chunk_lines", [1, 777])
def test_chunks_do_not_alter_the_lines(chunk_lines):
    shop = replace(SMALL, customers=60)
    assert all_lines(shop, 5, chunk_lines).equals(all_lines(shop, 5))


def test_lines_scale_the_number_of_customers():
    shop = simulate.shop_of_lines(Shop(), 150_000, 7)
    assert shop.customers > Shop().customers
    assert all_lines(shop, 8).num_rows == pytest.approx(150_000, rel=0.05)


def test_hash_is_splitmix64():
    # The first two numbers of the published generator for the seed 1234567.
    key = np.array([1_234_567], np.uint64)
    assert simulate.child(key, 0)[0] == 6_457_827_717_110_365_317
    assert simulate.child(key, 1)[0] == 3_203_168_211_198_807_973


def test_calendar_has_a_mean_weight_of_one_in_an_ordinary_week():
    weight, bump = simulate.calendar(Shop(start=date(2010, 3, 1), days=280))
    assert weight[:7].mean() == pytest.approx(1)
    assert weight[5] == 0  # 2010-03-06 was a Saturday
    assert bump.argmax() == 318 - 60  # 1 March is day 60


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("customers", 0),
        ("days", 59),
        ("anonymous_share", 1.0),
        ("rate_scale", float("nan")),
        ("products", 10**6),
        ("dropout_shape", 1.0),
    ],
)
def test_parameter_out_of_range_is_refused_by_name(parameter, value):
    with pytest.raises(ValueError, match=parameter):
        replace(Shop(), **{parameter: value})


def test_shop_in_which_nobody_orders_is_refused():
    with pytest.raises(ValueError, match="customers"):
        simulate.plan_shop(Shop(customers=1, rate_scale=1e9, earlier_weeks=1e6), 1)


def test_command_line_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out, truth = tmp_path / "shop.parquet", tmp_path / "truth.parquet"
    options = ["--customers", "50", "--start", "2020-01-01", "--days", "90", "--seed", "1"]
    assert command.main([*options, "--out", str(out), "--truth", str(truth)]) == 0
    assert out.exists() and truth.exists()
    assert "50 customers -> shop.parquet" in capsys.readouterr().out


def test_command_line_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--out", str(tmp_path / "a"), "--truth", str(tmp_path / "b")]
    with pytest.raises(SystemExit) as stop:
        command.main(["--days", "3", *files])
    assert stop.value.code == 2
    assert "days must be at least 60" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
