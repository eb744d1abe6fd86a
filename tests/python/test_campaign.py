"""The list of actions does what the playbook says, and a campaign measures what it did."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, ingested, run_dbt
from readout import newcombe, revenue_interval

from customer_intelligence import open_marts
from customer_intelligence.cli.commands import main
from customer_intelligence.erasure.forget import erase, verify
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import add_tombstone
from customer_intelligence.lists import campaign
from customer_intelligence.lists.export import export

SAMPLE = ROOT / "data" / "sample" / "raw"
RESPONSE = 0.5


@pytest.fixture(scope="module")
def customers(published_dir):
    with open_marts(published_dir) as marts:
        return marts.execute(
            "select *, (select as_of_date from build_info) - first_order_date as tenure_days "
            "from fct_customer_actions "
            "inner join dim_customers using (customer_id, churn_probability, value_at_risk) "
            "order by priority"
        ).df()


def test_every_customer_gets_the_action_that_the_definitions_name(customers):
    """Exclusive actions in order, with the assumptions of dbt_project.yml."""
    c = customers
    pays = 0.1 * 0.3 * c["value_at_risk"].astype(float) > 1.0
    is_at_risk_now = c["churn_risk"].isin(["medium", "high"])
    is_low = c["churn_risk"] == "low"
    is_first = (c["purchase_days"] == 1) & (c["tenure_days"] <= 60)
    rules = {
        "do_not_contact": c["may_be_contacted"].eq(False).fillna(False).astype(bool),
        "loyalty": (c["segment"] == "Champions") & is_low,
        "personal_contact": c["segment"].isin(["Champions", "Loyal Customers"]) & is_at_risk_now,
        "win_back": (c["segment"] == "At Risk") & pays,
        "second_order": is_first,
        "suppress": (c["segment"] == "Lost Customers") & (c["days_since_last_order"] >= 150),
        "service_check": c["return_rate"] > 0.3,
        "reminder": (c["segment"] == "Regular Customers") & is_at_risk_now & pays,
    }
    expected = np.select(list(rules.values()), list(rules), default="none")
    assert (c["action"].to_numpy() == expected).all()
    assert set(expected) >= {"loyalty", "win_back", "second_order", "suppress", "none"}


def test_customers_are_ranked_by_value_at_risk_not_by_risk(customers):
    values = customers["value_at_risk"].astype(float).to_numpy()
    assert (np.diff(values) <= 0).all()
    assert customers["churn_probability"].corr(customers["priority"]) > -0.9


def test_a_tenth_is_held_out_and_stays_so_whatever_the_action(customers):
    contacts = customers[customers["is_contact"]]
    share = contacts["is_holdout"].mean()
    margin = 3 * np.sqrt(0.1 * 0.9 / len(contacts))
    assert abs(share - 0.1) < margin
    by_hash = [
        int(hashlib.md5(f"{name}|standing".encode()).hexdigest()[:8], 16) / 2**32 < 0.1
        for name in contacts["customer_id"]
    ]
    assert (contacts["is_holdout"].to_numpy() == by_hash).all()
    assert not customers.loc[~customers["is_contact"], "is_holdout"].any()


def test_actions_add_up(published_dir, customers):
    with open_marts(published_dir) as marts:
        actions = marts.execute("select * from rpt_actions").df().set_index("action")
    groups = customers.groupby("action")
    sizes = groups.size()
    assert actions["customers"].to_dict() == sizes.reindex(actions.index, fill_value=0).to_dict()
    contacted = customers[~customers["is_holdout"]]
    assert sum(actions["offer_cost"]) == contacted["offer_cost"].sum()
    assert actions["value_at_risk"].sum() == pytest.approx(customers["value_at_risk"].sum())


def test_the_backtest_in_sql_is_that_of_pandas(published_dir):
    """Leavers count what they brought a year before, or as comparable stayers do afterwards."""
    with duckdb.connect(
        str(published_dir / "build" / "warehouse.duckdb"), read_only=True
    ) as database:
        known = database.execute("select * from ml.ml_action_backtest order by customer_id").df()
        found = database.execute(
            "select ranking, top_percent, lost_revenue_share from evidence.rpt_action_backtest"
        ).fetchall()
    left = known["has_churned"]
    of_stayers = known[~left].groupby("comparable_group")["net_revenue_after"].mean()
    lost = known["net_revenue_year_before"].fillna(known["comparable_group"].map(of_stayers))
    lost = lost.where(left, 0).astype(float)
    assert known.loc[left, "net_revenue_year_before"].notna().mean() > 0.2
    assert known.loc[left, "net_revenue_year_before"].isna().mean() > 0.2
    assert len(found) == 50
    for ranking, percent, share in found:
        order = known.sort_values([ranking, "customer_id"], ascending=[False, True]).index
        size = int(np.ceil(percent / 100 * len(order)))
        assert share == pytest.approx(lost[order[:size]].sum() / lost.sum(), abs=1e-6), ranking


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 10), (0.6075, 1.0000)),
    ],
)
def test_newcombe_as_published(counts, published):
    """Table II of the paper, examples a, b, d and g."""
    assert newcombe(*counts) == pytest.approx(published, abs=6e-5)


def sample_lines() -> pd.DataFrame:
    """The sample's lines with the headers that they were loaded with."""
    return duckdb.execute(
        """
        select
            invoice_no as "InvoiceNo",
            stock_code as "StockCode",
            description as "Description",
            quantity::integer as "Quantity",
            invoiced_at as "InvoiceDate",
            unit_price::double as "UnitPrice",
            customer_id as "CustomerID",
            country as "Country"
        from read_parquet(?)
        """,
        [str(SAMPLE / "*" / "invoice_lines.parquet")],
    ).df()


def silent_customers(lines: pd.DataFrame, assigned: pd.DataFrame, days: int) -> pd.Series:
    """Those of the assigned customers who buy nothing in the window, left alone."""
    start = pd.Timestamp(assigned["starts_on"].iloc[0])
    ahead = lines["InvoiceDate"].between(start, start + pd.Timedelta(days=days), inclusive="left")
    buyers = lines.loc[ahead & (lines["Quantity"] > 0), "CustomerID"]
    return ~assigned["customer_id"].isin(buyers)


def respond(lines: pd.DataFrame, assigned: pd.DataFrame, days: int) -> pd.DataFrame:
    """Orders of contacted customers who would not have bought: half of them now do."""
    start = pd.Timestamp(assigned["starts_on"].iloc[0])
    is_silent = silent_customers(lines, assigned, days)
    silent = assigned.loc[~assigned["is_holdout"] & is_silent, "customer_id"]
    won = silent[np.random.default_rng(3).random(len(silent)) < RESPONSE]
    return pd.DataFrame(
        {
            "InvoiceNo": [str(900_000 + n) for n in range(len(won))],
            "StockCode": "22423",
            "Description": "REGENCY CAKESTAND",
            "Quantity": 4,
            "InvoiceDate": [start + pd.Timedelta(days=n % days, hours=10) for n in range(len(won))],
            "UnitPrice": 12.5,
            "CustomerID": won.to_numpy(),
            "Country": "France",
        }
    )


@pytest.fixture(scope="module")
def started(as_of_dir, tmp_path_factory):
    """A campaign started 90 days before the sample ends, with a data directory and its contacts."""
    data_dir = shutil.copytree(
        as_of_dir, tmp_path_factory.mktemp("campaign") / "data", symlinks=True
    )
    out = tmp_path_factory.mktemp("contacts") / "contacts.csv"
    return data_dir, out, campaign.start(data_dir, out)


@pytest.fixture(scope="module")
def readouts(started, tmp_path_factory):
    """The read-out of the same campaign in two worlds: it wins half of the silent, or nobody."""
    data_dir, _, begun = started
    lines = sample_lines()
    assigned = pd.read_parquet(begun.assignment)
    found = {}
    for world, answers in {
        "won": respond(lines, assigned, 90),
        "nothing": lines.iloc[:0],
    }.items():
        directory = tmp_path_factory.mktemp(world)
        file = directory / "lines.parquet"
        pd.concat([lines, answers]).to_parquet(file)
        ingested(file, directory)
        shutil.copytree(data_dir / "campaigns", directory / "campaigns")
        result = run_dbt(
            directory, "build", "--select", "+rpt_campaign_readout", "int_campaign_responses",
            "--exclude",
            "resource_type:test", "resource_type:unit_test",
            variables={"churn_horizon_days": 90},
        )  # fmt: skip
        assert result.returncode == 0, result.stdout[-3000:]
        with duckdb.connect(str(directory / "build" / "warehouse.duckdb"), read_only=True) as built:
            found[world] = built.execute(
                "select * from evidence.rpt_campaign_readout order by action"
            ).df()
            found[world].attrs["outcomes"] = built.execute(
                "select action, is_holdout, net_revenue::double as net_revenue "
                "from intermediate.int_campaign_outcomes"
            ).df()
            found[world].attrs["responses"] = built.execute(
                "select * from intermediate.int_campaign_responses order by action"
            ).df()
    return found, assigned, len(respond(lines, assigned, 90))


def test_a_campaign_measures_the_effect_that_it_had(readouts):
    """Against the same world without the campaign, the difference grew by what it won."""
    found, assigned, won = readouts
    contacted = assigned[~assigned["is_holdout"]]
    with_it, without = (found[world].set_index("action").loc["all"] for world in found)
    assert with_it["contacted_customers"] == len(contacted)
    assert with_it["held_out_customers"] == len(assigned) - len(contacted)
    grown = with_it["purchase_rate_difference"] - without["purchase_rate_difference"]
    assert won / len(contacted) > 0.15
    # An order that was void anyway counts as silence in SQL only.
    assert grown == pytest.approx(won / len(contacted), abs=0.01)
    assert with_it["status"] == "buys_more"
    # Each customer counts up to a limit, which the orders of 50 lie below and may move.
    assert with_it["revenue_limit"] > 50
    assert with_it["net_revenue_difference"] - without["net_revenue_difference"] == pytest.approx(
        50 * won / len(contacted), rel=0.05
    )
    assert with_it["measured_response_rate"] == pytest.approx(RESPONSE, abs=0.15)


def test_a_campaign_without_effect_claims_none(readouts):
    found, _, _ = readouts
    everything = found["nothing"].set_index("action").loc["all"]
    assert abs(everything["purchase_rate_difference"]) < 0.15
    assert everything["net_revenue_difference_low"] < 0 < everything["net_revenue_difference_high"]


def test_the_interval_holds_the_true_effect_nineteen_times_in_twenty(started):
    """Many holdouts are drawn from the same customers, whose answer either way is known."""
    _, _, begun = started
    assigned = pd.read_parquet(begun.assignment)
    rng = np.random.default_rng(11)
    buys = ~silent_customers(sample_lines(), assigned, 90).to_numpy()
    buys_if_contacted = buys | (rng.random(len(buys)) < 0.2)
    truth = buys_if_contacted.mean() - buys.mean()
    held = 0
    for _ in range(1_000):
        is_holdout = rng.random(len(buys)) < 0.3
        contacted = buys_if_contacted[~is_holdout]
        low, high = newcombe(
            contacted.sum(), len(contacted), buys[is_holdout].sum(), is_holdout.sum()
        )
        held += low <= truth <= high
    assert 0.935 <= held / 1_000 <= 0.995


def test_held_out_customers_do_alike_in_both_worlds(readouts):
    found, _, _ = readouts
    rates = [found[world]["held_out_purchase_rate"].tolist() for world in ("won", "nothing")]
    assert rates[0] == rates[1]


def test_the_intervals_in_sql_are_those_of_the_paper(readouts):
    found, _, _ = readouts
    compared = 0
    for row in found["won"].itertuples():
        counts = (
            round(row.contacted_purchase_rate * row.contacted_customers),
            row.contacted_customers,
            round(row.held_out_purchase_rate * row.held_out_customers),
            row.held_out_customers,
        )
        assert newcombe(*counts) == pytest.approx(
            (row.purchase_rate_difference_low, row.purchase_rate_difference_high), abs=1e-9
        )
        compared += 1
    assert compared >= 3


def test_the_interval_of_revenue_in_sql_is_that_of_numpy(readouts):
    found, _, _ = readouts
    outcomes = found["won"].attrs["outcomes"]
    for row in found["won"].itertuples():
        chosen = outcomes if row.action == "all" else outcomes[outcomes["action"] == row.action]
        groups = [
            chosen.loc[chosen["is_holdout"] == held, "net_revenue"].to_numpy()
            for held in (False, True)
        ]
        assert revenue_interval(*groups) == pytest.approx(
            (float(row.net_revenue_difference_low), float(row.net_revenue_difference_high)),
            abs=0.001,
        ), row.action


def test_the_response_that_the_list_goes_by_is_the_one_that_customers_had(readouts):
    """Half of the silent were won in one world, nobody in the other."""
    found, _, _ = readouts
    for world, truth in (("won", RESPONSE), ("nothing", 0.0)):
        responses = found[world].attrs["responses"]
        assert len(responses) >= 3
        held = responses["response_rate_low"].le(truth) & responses["response_rate_high"].ge(truth)
        assert held.mean() > 0.7, world
        weights = responses["held_out_customers"] / responses["held_out_customers"].sum()
        assert (responses["response_rate"] * weights).sum() == pytest.approx(truth, abs=0.15)


def test_contacts_are_all_but_those_held_out(started):
    _, out, begun = started
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assigned = pd.read_parquet(begun.assignment)
    assert {row["customer_id"] for row in rows} == set(
        assigned.loc[~assigned["is_holdout"], "customer_id"]
    )
    assert (begun.contacts, begun.held_out) == (len(rows), assigned["is_holdout"].sum())
    priorities = [int(row["priority"]) for row in rows]
    assert priorities == sorted(priorities)
    assert {row["action"] for row in rows} <= set(assigned["action"])


def test_starting_a_campaign_twice_changes_nothing(started):
    data_dir, out, begun = started
    before = out.read_bytes(), begun.assignment.read_bytes()
    assert campaign.start(data_dir, out) == begun
    assert (out.read_bytes(), begun.assignment.read_bytes()) == before
    assert sorted(path.name for path in begun.assignment.parent.iterdir()) == [
        begun.assignment.name
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"actions": ["suppress"]}, "E_UNKNOWN_ACTION"),
        ({"actions": ["win_back"]}, "E_CAMPAIGN_EXISTS"),
        ({"starts_on": dt.date(2009, 12, 1)}, "E_STARTS_TOO_EARLY"),
    ],
)
def test_what_cannot_be_started_is_refused_and_writes_nothing(started, tmp_path, options, code):
    data_dir, _, begun = started
    before = begun.assignment.read_bytes()
    out = tmp_path / "contacts.csv"
    with pytest.raises(CustomerIntelligenceError, match=code):
        campaign.start(data_dir, out, **options)
    assert not out.exists()
    assert begun.assignment.read_bytes() == before


def test_contacts_and_exports_keep_out_of_the_folder_of_assignments(started):
    data_dir, _, begun = started
    inside = begun.assignment.parent / "contacts.csv"
    for write in (
        lambda: campaign.start(data_dir, inside),
        lambda: export("rpt_actions", inside, data_dir),
    ):
        with pytest.raises(CustomerIntelligenceError, match="E_OWN_FOLDER"):
            write()


def test_the_command_line_says_who_is_held_out(started, tmp_path, capsys):
    data_dir, _, begun = started
    out = tmp_path / "contacts.csv"
    command = ["campaign", "--out", str(out), "--data-dir", str(data_dir)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"{begun.contacts:,} customers to contact" in said
    assert f"{begun.held_out:,} held out" in said
    assert "smallest detectable effect: " in said
    assert "power at the assumed response" in said
    assert main([*command, "--starts", "soon"]) == 2
    assert "E_NOT_A_DAY" in capsys.readouterr().err


def test_a_forgotten_customer_leaves_the_assignments_too(started, tmp_path):
    data_dir, _, begun = started
    directory = tmp_path / "data"
    (directory / "build").mkdir(parents=True)
    assigned = pd.read_parquet(begun.assignment)
    customer = assigned["customer_id"].iloc[0]
    lines = sample_lines()
    file = tmp_path / "lines.parquet"
    lines[lines["CustomerID"] == customer].to_parquet(file)
    ingested(file, directory)
    shutil.copytree(data_dir / "campaigns", directory / "campaigns")
    # One that was set aside is no less theirs.
    shutil.copytree(data_dir / "campaigns", directory / "campaigns" / "before-the-first-load")
    assert any("campaigns" in place for place in verify(directory, customer).named)
    assert erase(directory, customer).campaigns == 2
    assert verify(directory, customer).is_clean
    for folder in ("campaigns", "campaigns/before-the-first-load"):
        kept = pd.read_parquet(directory / folder / begun.assignment.name)
        assert len(kept) == len(assigned) - 1
        assert customer not in set(kept["customer_id"])


def test_who_was_erased_is_in_no_new_campaign(copy, tmp_path):
    data_dir, out = copy(), tmp_path / "contacts.csv"
    with open_marts(data_dir) as marts:
        contacts = marts.execute(
            "select is_holdout, min(customer_id) from fct_customer_actions where is_contact "
            "group by is_holdout"
        ).fetchall()
    assert len(contacts) == 2
    gone = {name for _, name in contacts}
    (data_dir / "raw").mkdir()
    for name in gone:
        add_tombstone(data_dir / "raw", name, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    begun = campaign.start(data_dir, out)
    assigned = pd.read_parquet(begun.assignment)
    assert not gone & set(assigned["customer_id"])
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert not gone & {row["customer_id"] for row in csv.DictReader(file)}
    assert begun.contacts + begun.held_out == len(assigned)


def test_a_campaign_whose_list_cannot_be_written_was_not_started(copy, tmp_path):
    data_dir = copy()
    with pytest.raises(CustomerIntelligenceError, match="E_NO_FOLDER"):
        campaign.start(data_dir, tmp_path / "no" / "contacts.csv")
    assert not list((data_dir / "campaigns").glob("*"))


def test_an_assignment_follows_no_link_and_a_damaged_one_is_refused(copy, tmp_path):
    data_dir, out = copy(), tmp_path / "contacts.csv"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (data_dir / "campaigns").symlink_to(elsewhere)
    with pytest.raises(CustomerIntelligenceError, match="E_DATA_DIR"):
        campaign.start(data_dir, out)
    assert not list(elsewhere.iterdir())
    (data_dir / "campaigns").unlink()
    assignment = campaign.start(data_dir, out).assignment
    whole = assignment.read_bytes()
    kept = elsewhere / "kept.parquet"
    kept.write_bytes(whole)
    for put in (
        lambda: assignment.symlink_to(kept),
        lambda: assignment.symlink_to("gone"),
        lambda: assignment.write_bytes(whole[:-9]),
        lambda: assignment.mkdir(),
    ):
        assignment.unlink(missing_ok=True)
        put()
        with pytest.raises(CustomerIntelligenceError, match="E_DATA_DIR"):
            campaign.start(data_dir, out)
    assert kept.read_bytes() == whole


def test_money_of_an_offer_is_exact(customers):
    row = customers[customers["action"] == "win_back"].iloc[0]
    gain = 0.03 * float(row["value_at_risk"]) - 1
    assert float(row["expected_gain"]) == pytest.approx(gain, abs=0.0001)
    assert row["break_even_response"] == pytest.approx(1 / (0.3 * float(row["value_at_risk"])))
