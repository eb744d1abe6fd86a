"""The rules of a data directory's shop: ``<data dir>/shop.yml``, and how it is written.

The first load writes it, from its preset or mapping. Later loads do not change it; people do.
``customer-intelligence shop`` writes it for loads without one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import FORMER_RULES_FILE, SHOP_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.presets import preset
from customer_intelligence.ingest.rules import check_rules, differences
from customer_intelligence.ingest.yaml_files import read_yaml

# Until shop.yml there was, what mappings said lay in `vars.json`, and all else was as in Online
# Retail.
FORMER_RULES = "online_retail"
_COMMAND = "customer-intelligence shop"
_HEAD = """\
# The rules of this shop: what its codes, invoice numbers and signs mean, and its currency.
# Change them by hand: the next build follows them, without loading anything again.
# Keys: docs/your-data.md.
"""


def read_shop(data_dir: Path) -> dict[str, Any] | None:
    """Return the rules that are stated, or None where there is no ``shop.yml``.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_SHOP when it cannot be read or says something that is not allowed.
    """
    path = data_dir / SHOP_FILE
    try:
        content = read_yaml(path, "E_BAD_SHOP")
    except CustomerIntelligenceError as error:
        if error.code == "E_NOT_FOUND":
            return None
        raise
    return check_rules(content, str(path), "E_BAD_SHOP")


def shop_of_loads(data_dir: Path) -> dict[str, Any]:
    """Return the rules of a data directory that has loads.

    Raises
    ------
    CustomerIntelligenceError
        E_NO_SHOP when there is no ``shop.yml``, with the command that writes it; E_BAD_SHOP.
    """
    rules = read_shop(data_dir)
    if rules is None:
        raise CustomerIntelligenceError(
            "E_NO_SHOP",
            f"{data_dir} holds loads, and no {SHOP_FILE} that says what they mean.",
            f"Put it back, or write it: `{_COMMAND} --data-dir {data_dir} --mapping NAME`, with "
            "the preset or mapping file of the loads (without --mapping where the loads were made "
            "before there was such a file).",
        )
    return rules


def stated_rules(mapping: SourceMapping, currency: str | None) -> dict[str, Any]:
    """Return the shop's rules that a mapping states; `currency` comes from the file."""
    named = {} if currency is None else {"currency": currency}
    return {**named, **mapping.rules}


def shop_text(stated: Mapping[str, Any]) -> str:
    """Return the text of a ``shop.yml``."""
    if not stated:
        return _HEAD
    lines = yaml.safe_dump(dict(stated), sort_keys=False, allow_unicode=True, width=10**6)
    return f"{_HEAD}{lines}"


def compare(name: str, stated: Mapping[str, Any], rules: Mapping[str, Any]) -> list[str]:
    """Return notes on a file whose mapping differs from the shop's rules.

    Raises
    ------
    CustomerIntelligenceError
        E_MIXED_CURRENCIES when the file is in another currency than the shop.
    """
    currency, known = stated.get("currency"), rules.get("currency")
    if None not in (currency, known) and currency != known:
        raise CustomerIntelligenceError(
            "E_MIXED_CURRENCIES",
            f"{name} is in {currency} and the shop in {known} ({SHOP_FILE}); amounts are summed "
            "as they stand.",
            "Name another DATA_DIR, or correct the currency if it is wrong.",
        )
    found = differences(stated, rules)
    if not found:
        return []
    return [f"has a mapping with other rules, and {SHOP_FILE} counts: {'; '.join(found)}"]


def renew(data_dir: Path, mapping: SourceMapping | None) -> Path:
    """Write the ``shop.yml`` of a directory whose loads have none.

    Parameters
    ----------
    data_dir : Path
    mapping : SourceMapping, optional
        Whose rules to write. Without it, those that the loads were built with before there was
        such a file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CustomerIntelligenceError
        E_SHOP_EXISTS when there is one, E_NO_SHOP when its rules are not known.
    """
    path = data_dir / SHOP_FILE
    with load.open_raw(data_dir) as raw:
        if os.path.lexists(path):
            raise CustomerIntelligenceError(
                "E_SHOP_EXISTS", f"There is a {path}.", "Change it by hand."
            )
        stated = _former_rules(raw) if mapping is None else stated_rules(mapping, mapping.currency)
        checked = check_rules(stated, str(path), "E_BAD_SHOP")
        files.write_atomically(path, shop_text(checked))
        (raw / FORMER_RULES_FILE).unlink(missing_ok=True)
    return path


def _former_rules(raw: Path) -> dict[str, Any]:
    """Return the rules of loads that were made before there was a ``shop.yml``."""
    manifests = load.read_manifests(raw)
    if not manifests or any("currency" not in manifest for manifest in manifests):
        raise CustomerIntelligenceError(
            "E_NO_SHOP",
            f"The loads of {raw} do not tell their rules.",
            "Name the preset or mapping file they were read with: --mapping NAME.",
        )
    before = preset(FORMER_RULES)
    stated = stated_rules(before, before.currency)
    for manifest in manifests:
        if manifest["currency"] is not None:
            stated["currency"] = manifest["currency"]
    path = raw / FORMER_RULES_FILE
    if path.exists():
        try:
            stated |= json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise CustomerIntelligenceError(
                "E_NO_SHOP",
                f"{path} cannot be read: {error}.",
                "Name the preset or mapping file of the loads: --mapping NAME.",
            ) from error
    # Every code was merchandise by this pattern, and needed no class.
    if stated.get("product_code_pattern") == ".*":
        del stated["product_code_pattern"], stated["codes"]
    return stated
