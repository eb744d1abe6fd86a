"""check-data says what a build then says, on generated files of many shops, to the penny."""

from __future__ import annotations

import os
import random
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import dispositions
import duckdb
import pytest

from customer_intelligence import check_data
from customer_intelligence.data_dir.layout import BUILD, WORK_DATABASE
from customer_intelligence.ingest import ingest_file, read_mapping

# 1,000 in the fault harness.
FILES = int(os.environ.get("CHECKED_FILES", "15"))
HEADERS = (
    ("order id", "order date", "customer id", "sku", "quantity", "unit price"),
    ("Bestellnummer", "Bestelldatum", "Kundennummer", "Artikelnummer", "Menge", "Einzelpreis"),
    ("N° de commande", "Date de commande", "E-mail", "Référence", "Quantité", "Prix unitaire"),
    ("Nº pedido", "Fecha", "Correo", "SKU", "Cantidad", "Precio unitario"),
    ("ID do pedido", "Data", "Cliente", "SKU", "Quantidade", "Preço unitário"),
)
LEDGER = re.compile(
    r"^  (\S.*?)  +([\d,]+) +(-?[\d,]+\.\d\d|no amount.*?)  +counts in ", re.MULTILINE
)


def generated(path: Path, chance: random.Random) -> tuple[int, int, Decimal]:
    """Write a file; return its records, those that cannot be read, and the money of the rest."""
    header = list(chance.choice(HEADERS))
    comma = chance.random() < 0.3
    has_total = chance.random() < 0.5
    has_country = chance.random() < 0.5
    if has_total:
        header.append("line total")
    if has_country:
        header.append("country")
    lines, unreadable, money = [], 0, Decimal(0)
    for order in range(1, chance.randint(12, 40)):
        day = f"2025-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        who = chance.choice(["", *(f"c{n}@example.com" for n in range(1, 9))])
        for _ in range(chance.randint(1, 4)):
            units = chance.choice([1, 1, 2, 3, 6, -1, 0])
            price = Decimal(chance.randint(0, 9_999)) / 100
            code = chance.choice(["SKU1", "SKU2", "P-77", "SHIPPING", "DISCOUNT", "TEA"])
            price = -price if code == "DISCOUNT" else price
            total = units * price
            shown = [
                f"{amount:.2f}".replace(".", "," if comma else ".") for amount in (price, total)
            ]
            is_bad = chance.random() < 0.03
            cells = [f"R{order}", "someday" if is_bad else day, who, code, str(units), shown[0]]
            cells += [shown[1]] if has_total else []
            cells += [chance.choice(["France", "Spain", ""])] if has_country else []
            copies = 2 if chance.random() < 0.05 else 1
            lines += [";".join(cells)] * copies
            unreadable += copies * is_bad
            money += 0 if is_bad else copies * total
    path.write_text("\n".join([";".join(header), *lines]) + "\n", encoding="utf-8")
    return len(lines), unreadable, money


@pytest.mark.parametrize("seed", range(FILES))
def test_what_is_checked_is_what_is_built(seed, tmp_path):
    path, mapping, data_dir = tmp_path / "o.csv", tmp_path / "m.yml", tmp_path / "data"
    records, unreadable, money = generated(path, random.Random(seed))
    said: list[str] = []
    check_data.check(path, None, mapping, build=dispositions.run, show=said.append)
    told = {
        label: (int(lines.replace(",", "")), amount)
        for label, lines, amount in LEDGER.findall("\n".join(said))
    }

    result = ingest_file(path, data_dir, read_mapping(mapping))
    dispositions.run(data_dir)
    with duckdb.connect(str(data_dir / BUILD / WORK_DATABASE), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select label, lines, amount from evidence.rpt_line_dispositions"
        ).fetchall()
    built = {label: (lines, f"{amount:,.2f}") for label, lines, amount in rows}
    read = {label: one for label, one in told.items() if not label.startswith("quarantined")}
    assert read == built
    assert (result.records, result.quarantined) == (records, unreadable)
    assert sum(lines for _, lines, _ in rows) == records - unreadable
    cent = Decimal("0.01")
    assert sum(amount for *_, amount in rows).quantize(cent, ROUND_HALF_UP) == money
