"""Every preset reads the export that its platform documents, right to the penny.

The modules of ``exports`` make shops up and say what counts in them; nothing here knows a platform.
"""

import importlib
import os
import pkgutil
import random

import exports
import pytest
from conftest import build, one_more_build
from exports import assert_exact, expected
from ledger import BuiltLedger

from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.ingest.presets import PRESETS, matching_preset, preset_names
from customer_intelligence.ingest.recognise import read_header
from customer_intelligence.ingest.yaml_files import read_yaml

EXPORTS = [module.name for module in pkgutil.iter_modules(exports.__path__)]
# More where a whole proof is wanted.
SEEDS = range(1, 1 + int(os.environ.get("EXPORTS_OF_A_KIND", "1")))
NO_LINE = "R_NO_LINE"


def write(name, directory, seed=1):
    directory.mkdir()
    module = importlib.import_module(f"exports.{name}")
    return module.write(directory, random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_counts_to_the_penny(ledger, tmp_path, name, seed):
    truth = write(name, tmp_path / "export", seed)
    shop = ledger(truth.files, truth.mapping)
    assert_exact(shop, truth.lines)
    # Every record is read; what the preset knows to be no line is set apart.
    assert {reason for (reason,) in shop.rows("select reason from rpt_quarantine")} <= {NO_LINE}


@one_more_build
@pytest.mark.parametrize("name", EXPORTS)
def test_a_build_of_an_export_is_exact_for_every_customer(tmp_path, name):
    truth = write(name, tmp_path / "export", seed=7)
    data_dir = tmp_path / "data"
    said = None if truth.mapping is None else mapping_of(truth.mapping, "mapping.yml")
    for file in truth.files:
        ingest_file(file, data_dir, said)
    shop = BuiltLedger(build(data_dir))
    assert_exact(shop, truth.lines)
    customers = shop.rows(
        "select customer_id, days_since_last_order, purchase_days, net_revenue from dim_customers"
    )
    right = expected(truth.lines)
    # Who only gave back was never a customer of this shop.
    assert {customer: figures for customer, *figures in customers} == {
        customer: figures for customer, figures in right.items() if figures[1]
    }


@pytest.mark.parametrize("name", EXPORTS)
def test_a_header_leads_to_its_own_preset_and_to_no_other(tmp_path, name):
    truth = write(name, tmp_path / "export")
    headers = [read_header(file) for file in truth.files]
    taken = {matching_preset(header) for header in headers}
    assert taken == ({name} if truth.mapping is None else {None})
    fitting = {
        other
        for other in preset_names()
        for header in headers
        if {column.strip() for column in header} >= set(_header_of(other) or [None])
    }
    assert fitting <= {name}


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_is_allowed(name):
    mapping_of({**read_yaml(PRESETS / f"{name}.yml", "E_BAD_MAPPING"), "header": None}, name)


def _header_of(name):
    return read_yaml(PRESETS / f"{name}.yml", "E_BAD_MAPPING").get("header")
