"""A shop's rules are data: checked when they are read, in one place, and never part of SQL."""

from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from customer_intelligence.cli.commands import main
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file
from customer_intelligence.ingest import load as loads
from customer_intelligence.ingest import shop as shops
from customer_intelligence.ingest.presets import preset, preset_names
from customer_intelligence.ingest.rules import (
    DEFAULTS,
    KEYS,
    check_rules,
    code_rules,
    differences,
)
from customer_intelligence.ingest.shop import read_shop, renew
from customer_intelligence.variables import VARIABLES, check_variables

HEADER = "order_id,order_date,customer_id,sku,qty,price"


def orders(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *(lines or ["1,2024-01-05,a,X,1,2.50"])]) + "\n")
    return path


def written(data_dir: Path, text: str) -> Path:
    data_dir.mkdir(exist_ok=True)
    (data_dir / "shop.yml").write_text(text)
    return data_dir


# ---------------------------------------------------------------- what a rule may be


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("currency: pounds", "currency does not allow 'pounds'"),
        ("currency: 5", "currency does not allow 5"),
        ("product_code_pattern: '['", "product_code_pattern does not allow '['"),
        ("product_code_pattern: '(?<=a)b'", "product_code_pattern does not allow"),
        ("product_code_pattern: '(((x{1000}){1000}){1000})'", "product_code_pattern does not"),
        ("product_code_pattern: ''", "product_code_pattern does not allow ''"),
        (f"product_code_pattern: {'a' * 501}", "at most 500 signs"),
        ("product_code_pattern: [a]", "product_code_pattern does not allow ['a']"),
        ("product_code_pattern: 5", "product_code_pattern does not allow 5"),
        ("cancellation_prefix: ' C'", "cancellation_prefix does not allow ' C'"),
        ("cancellation_prefix: ''", "cancellation_prefix does not allow ''"),
        ("adjustment_prefix: true", "adjustment_prefix does not allow True"),
        (f"adjustment_prefix: {'A' * 21}", "adjustment_prefix does not allow"),
        ("negative_lines_are_returns: 1", "Write true or false"),
        ("negative_lines_are_returns:", "Write true or false"),
        ("copies: forget", "Write count or drop"),
        ("invoice_numbers: monthly", "Write lasting or restart"),
        ("far_off_dates: true", "Write set_apart or count"),
        ("codes: {POST: postage}", "codes.POST does not allow 'postage'"),
        ("codes: {POST: [shipping]}", "codes.POST does not allow ['shipping']"),
        ("codes: {' ': shipping}", "A code has 1 to 200 signs"),
        ("codes: [POST]", "codes does not allow ['POST']"),
        ("code_patterns: {shipping: '('}", "code_patterns.shipping does not allow '('"),
        ("code_patterns: {shipping: }", "code_patterns.shipping does not allow None"),
        ("code_patterns: {'^SHIP': shipping}", "code_patterns does not allow '^SHIP'"),
        ("description_patterns: {gift_voucher: '('}", "description_patterns.gift_voucher does not"),
        ("nobody: 0", "nobody does not allow"),
        ("nobody: [' ']", "A word has 1 to 200 signs"),
        ("nobody: [[a]]", "nobody does not allow ['a']"),
        ("statuses: {paid: [x]}", "statuses does not allow 'paid'"),
        ("statuses: [paid]", "statuses does not allow ['paid']"),
        ("statuses: {counts: paid}", "statuses.counts does not allow 'paid'"),
        ("statuses: {counts: [on-hold], test: [wc-On_Hold]}", "A word has one meaning"),
        ("as_of_date: 2024-01-01", "Keys are: currency, cancellation_prefix"),
        ("5: 6", "a key does not allow '5'"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_when_it_is_read(tmp_path, text, words):
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_SHOP") as refusal:
        read_shop(written(tmp_path, text))
    assert words in str(refusal.value)
    assert "shop.yml" in str(refusal.value)
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_MAPPING"):
        SourceMapping(rules=yaml.load(text, yaml.BaseLoader) | {"unknown": 1})


def test_text_of_sql_is_a_pattern_like_any_other(tmp_path):
    """It compiles or not, and is never run; an honest quote may stand in a pattern."""
    text = "' || (select content from read_text('/etc/hostname')) || '"
    for pattern in (text, "^[^']+$", "SKU-"):
        rules = {"product_code_pattern": pattern}
        assert read_shop(written(tmp_path, shops.shop_text(rules))) == rules


def test_what_is_written_is_what_is_read(tmp_path):
    """Codes and prefixes that YAML would take for something else stay text."""
    rules = check_rules(
        {
            "currency": "EUR",
            "cancellation_prefix": 9,
            "codes": {"NO": "shipping", "007": "fee", "1e5": "tip", "null": "tax", "A: #b": "fee"},
            "code_patterns": {"discount": "^'\"%\\d{1,3}$", "shipping": "ä" * 500},
            "description_patterns": {"gift_voucher": "^Gift"},
            "nobody": [0, "Guest"],
            "statuses": {"counts": ["paid", 3], "test": ["(for testing) Bogus Gateway"]},
        },
        "here",
        "E_BAD_SHOP",
    )
    assert rules["cancellation_prefix"] == "9"
    assert (rules["nobody"], rules["statuses"]["counts"]) == (["0", "Guest"], ["paid", "3"])
    assert read_shop(written(tmp_path, shops.shop_text(rules))) == rules
    assert read_shop(written(tmp_path, shops.shop_text({}))) == {}


def test_rules_are_tried_by_code_then_by_pattern_and_the_last_holds_for_all():
    assert code_rules({}) == [(None, "", "product")]
    assert code_rules(
        {
            "codes": {"POST": "shipping"},
            "code_patterns": {"fee": "^FEE"},
            "product_code_pattern": "^SKU",
        }
    ) == [
        ("POST", None, "shipping"),
        (None, "^FEE", "fee"),
        (None, "^SKU", "product"),
        (None, "", "unclassified"),
    ]


def test_no_rule_belongs_to_one_data_set_by_default():
    assert list(DEFAULTS) == list(KEYS)
    assert DEFAULTS == {
        "currency": None,
        "cancellation_prefix": None,
        "adjustment_prefix": None,
        "negative_lines_are_returns": True,
        "copies": "count",
        "invoice_numbers": "lasting",
        "far_off_dates": "set_apart",
        "product_code_pattern": None,
        "codes": {},
        "code_patterns": {},
        "description_patterns": {},
        "nobody": [],
        "statuses": {},
    }


def test_both_presets_and_the_sample_are_of_one_shop():
    first, second = preset("online_retail"), preset("online_retail_ii")
    assert first.rules == second.rules
    assert read_shop(ROOT / "data" / "sample") == shops.stated_rules(first, first.currency)
    assert [name for name in preset_names() if preset(name).rules.get("cancellation_prefix")] == [
        "online_retail",
        "online_retail_ii",
    ]


# ---------------------------------------------------------------- shop.yml and the loads


def test_the_first_load_writes_the_rules_and_no_later_one_changes_them(tmp_path, caplog):
    data_dir = tmp_path / "data"
    first = SourceMapping(currency="EUR", rules={"product_code_pattern": "^X", "copies": "drop"})
    ingest_file(orders(tmp_path / "a.csv"), data_dir, first)
    assert read_shop(data_dir) == {
        "currency": "EUR",
        "copies": "drop",
        "product_code_pattern": "^X",
    }
    before = (data_dir / "shop.yml").read_bytes()
    other = SourceMapping(currency="EUR", rules={"product_code_pattern": "^Y", "copies": "drop"})
    with caplog.at_level("INFO"):
        again = ingest_file(orders(tmp_path / "a.csv"), data_dir, other)
        ingest_file(orders(tmp_path / "b.csv", "2,2024-01-06,a,X,1,2.50"), data_dir, other)
        ingest_file(orders(tmp_path / "c.csv", "3,2024-01-06,a,X,1,2.50"), data_dir, first)
        ingest_file(orders(tmp_path / "d.csv", "4,2024-01-06,a,X,1,2.50"), data_dir)
    assert again.first_source_file == "a.csv"
    said = [record.getMessage() for record in caplog.records if "other rules" in record.message]
    assert said == [
        f"{name} has a mapping with other rules, and shop.yml counts: "
        "product_code_pattern is '^Y' there and '^X' in shop.yml"
        for name in ("a.csv", "b.csv")
    ]
    with pytest.raises(CustomerIntelligenceError, match="E_MIXED_CURRENCIES"):
        ingest_file(
            orders(tmp_path / "e.csv", "5,2024-01-06,a,X,1,2.50"),
            data_dir,
            SourceMapping(currency="USD"),
        )
    assert (data_dir / "shop.yml").read_bytes() == before
    assert len(loads.read_manifests(data_dir / "raw")) == 4
    assert not any("currency" in manifest for manifest in loads.read_manifests(data_dir / "raw"))


def test_rules_that_a_person_wrote_before_the_first_load_stay(tmp_path):
    data_dir = written(tmp_path / "data", "currency: USD\n")
    ingest_file(orders(tmp_path / "a.csv"), data_dir, SourceMapping(rules={"copies": "drop"}))
    assert (data_dir / "shop.yml").read_text() == "currency: USD\n"


def test_differences_are_told_key_by_key():
    rules = {"codes": {"POST": "shipping", "FEE": "fee"}, "cancellation_prefix": "C"}
    assert differences({"codes": {"POST": "shipping"}, "cancellation_prefix": "C"}, rules) == []
    assert differences({"codes": {"POST": "fee", "TIP": "tip"}, "copies": "drop"}, rules) == [
        "codes.POST is 'fee' there and 'shipping' in shop.yml",
        "codes.TIP is 'tip' there and None in shop.yml",
        "copies is 'drop' there and 'count' in shop.yml",
    ]


@pytest.mark.parametrize("step", ["replace", "settle_shop"])
def test_a_killed_first_load_leaves_neither_rules_nor_rows_or_both(tmp_path, monkeypatch, step):
    class Kill(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Kill

    data_dir = tmp_path / "data"
    mapping = SourceMapping(currency="EUR")
    with monkeypatch.context() as patch:
        if step == "replace":
            patch.setattr(Path, "replace", killed)
        else:
            settle = loads.settle_shop
            calls = []

            def second_call_is_killed(directory: Path) -> None:
                calls.append(directory)
                if len(calls) > 1:
                    raise Kill
                settle(directory)

            patch.setattr(loads, "settle_shop", second_call_is_killed)
        with pytest.raises(Kill):
            ingest_file(orders(tmp_path / "a.csv"), data_dir, mapping)
    with loads.open_raw(data_dir) as raw:
        manifests, rules = loads.read_manifests(raw), read_shop(data_dir)
    if step == "replace":
        assert (manifests, rules) == ([], None)
    else:
        assert (len(manifests), rules) == (1, {"currency": "EUR"})
    assert not list(data_dir.glob("raw/*/shop.yml"))


def test_loads_without_rules_are_refused_with_the_command_that_writes_them(tmp_path, capsys):
    data_dir = tmp_path / "data"
    ingest_file(orders(tmp_path / "a.csv"), data_dir, SourceMapping(currency="EUR"))
    (data_dir / "shop.yml").unlink()
    with pytest.raises(CustomerIntelligenceError, match="E_NO_SHOP") as refusal:
        ingest_file(orders(tmp_path / "b.csv", "2,2024-01-06,a,X,1,1"), data_dir)
    assert f"customer-intelligence shop --data-dir {data_dir} --mapping" in str(refusal.value)
    # What they mean cannot be told from loads that never said so.
    assert main(["shop", "--data-dir", str(data_dir)]) == 2
    assert "E_NO_SHOP" in capsys.readouterr().err
    assert main(["shop", "--data-dir", str(data_dir), "--mapping", "online_retail"]) == 0
    assert read_shop(data_dir)["cancellation_prefix"] == "C"
    assert main(["shop", "--data-dir", str(data_dir), "--mapping", "shopify"]) == 2
    assert "E_SHOP_EXISTS" in capsys.readouterr().err


def test_a_directory_of_before_keeps_the_rules_it_was_built_with(tmp_path):
    data_dir = tmp_path / "data"
    ingest_file(orders(tmp_path / "a.csv"), data_dir, SourceMapping())
    (data_dir / "shop.yml").unlink()
    (manifest,) = (data_dir / "raw").glob("*/load.json")
    text = manifest.read_text().replace('"pseudonym_key"', '"currency": "EUR",\n  "pseudonym_key"')
    manifest.write_text(text)
    former = data_dir / "raw" / "vars.json"
    former.write_text('{"product_code_pattern": ".*", "cancellation_prefix": null}')
    renew(data_dir, None)
    assert read_shop(data_dir) == {
        "currency": "EUR",
        "cancellation_prefix": None,
        "adjustment_prefix": "A",
        "negative_lines_are_returns": False,
        "copies": "drop",
    }
    assert not former.exists()


# ---------------------------------------------------------------- vars


def project_vars() -> dict[str, object]:
    return yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]


def test_the_vars_that_are_accepted_are_those_of_the_project():
    assert sorted(VARIABLES) == sorted(project_vars())
    documented = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [name for name in VARIABLES if f"`{name}`" not in documented] == []
    check_variables(project_vars(), VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("as_of_date", "2011-02-30"),
        ("as_of_date", "2011-09-10' or true --"),
        ("as_of_date", 20110910),
        ("cleaning_policy", "tidy"),
        ("cleaning_policy", ["net"]),
        ("rfm_window_days", 0),
        ("rfm_window_days", True),
        ("rfm_window_days", 1.5),
        ("offer_cost", "1"),
        ("offer_cost", "1 + (select 1)"),
        ("offer_cost", float("nan")),
        ("offer_cost", -1),
        ("offer_margin", 2),
        ("holdout_share", None),
        ("campaign", "a'b"),
        ("campaign", "a\n"),
        ("churn_scoring_model", "xgb'"),
        ("churn_features", ["orders", "orders"]),
        ("churn_features", ["orders)"]),
        ("churn_features", "orders"),
        ("clv_dropout_model", "pareto"),
        ("random_seed", 2**32),
        ("publish_empty", "yes"),
        ("raw_relation", "a\nb"),
        ("raw_relation", ""),
        ("bootstrap_resamples", 10**9),
    ],
)
def test_a_var_is_of_its_type_and_within_its_bounds(name, value):
    with pytest.raises(CustomerIntelligenceError, match=f"E_BAD_VARS: The var {name} is"):
        check_variables({**project_vars(), name: value}, [name])


@pytest.mark.parametrize("name", ["clusterk", "currency", "product_code_pattern"])
def test_an_unknown_var_is_refused_and_rules_are_none(name):
    with pytest.raises(CustomerIntelligenceError, match=r"Unknown var .*shop\.yml"):
        check_variables(project_vars(), [name])
