"""What must not reach the raw layer: plain customer ids if a key is set, and erased customers.

Rows are changed on their way from the source file to the raw layer, before anything is written. A
customer may be named in these columns:

* ``customer_id``: with a key, its pseudonym is stored; null for an erased customer.
* ``description`` and ``country``: a customer's id in the text is replaced as well, in any case, if
  it is distinctive.
* ``raw_record``, the source values of a quarantined record: with a key, columns that are no field
  are left out and the customer's id is replaced by the pseudonym; of a record that could not be
  split into fields only their lengths are kept. The whole record is withheld if a value in it
  names an erased customer.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from customer_intelligence.ingest.pseudonyms import (
    DISTINCTIVE_CHARS,
    hash_blocks,
    is_distinctive,
    plain_id,
    pseudonym,
    pseudonym_as_sql,
    same_id,
    same_id_as_sql,
    without_unseen,
)
from customer_intelligence.ingest.tombstones import WITHHELD, customer_hash
from customer_intelligence.quoting import literal

_CUTS = [re.compile(mark) for mark in (",", ";", "\t", r"\|", '"', '[,;\t|"\r\n]')]


_TRIMMED = "trim(customer_id)"
_IS_DISTINCTIVE = (
    f"length({_TRIMMED}) >= {DISTINCTIVE_CHARS} and regexp_matches({_TRIMMED}, '[^0-9]')"
)


_TEXTS = ("description", "country")


@dataclass(frozen=True)
class Privacy:
    """What must not reach the raw layer.

    Parameters
    ----------
    key : str or None
        Key of the pseudonyms; None to keep ids as they are.
    tombstones : dict or None
        As `read_tombstones` returns them.
    customers : sequence of str
        Names of the columns in ``raw_record`` that may hold the customer's id.
    fields : sequence of str
        Names of all columns in ``raw_record`` that are read into fields.
    nobody : sequence of str
        Ids that mean an unknown customer, by the shop's rules: pseudonyms would hide them.
    """

    key: str | None
    tombstones: Mapping[str, Any] | None
    customers: Sequence[str]
    fields: Sequence[str]
    nobody: Sequence[str] = ()

    @cached_property
    def _hashes(self) -> frozenset[str]:
        return frozenset(
            entry["hash"] for entry in (self.tombstones or {"customers": []})["customers"]
        )

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection the functions that `rows_query` needs."""
        if self._hashes:
            connection.create_function("names_erased", self.names_erased, ["VARCHAR"], "BOOLEAN")
        if self.key is not None:
            connection.create_function("redacted", self.redacted, ["VARCHAR"], "VARCHAR")

    def rows_query(
        self, connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]
    ) -> tuple[str, dict[str, object], int]:
        """Change a query of raw rows so that it gives only what may be written.

        Parameters
        ----------
        connection : DuckDBPyConnection
            Where the query runs; it is given a temporary table of the records to be erased.
        query : str
            As `raw_rows_query` writes it.
        parameters : mapping
            Of the query.

        Returns
        -------
        query : str
        parameters : dict
        erased : int
            Records that named a customer who was erased.
        """
        parameters = dict(parameters)
        if self.key is None and not self._hashes:
            return query, parameters, 0
        customer, raw_record, erased = "customer_id", "raw_record", 0
        shown, is_hidden, shared = "''", "true", same_id_as_sql("customer_id")
        if self.key is not None:
            inner, outer = hash_blocks(self.key)
            parameters |= {"inner": inner, "outer": outer}
            customer, raw_record = pseudonym_as_sql("customer_id"), "redacted(raw_record)"
            shown, shared = customer, pseudonym_as_sql(shared)
            if self.nobody:
                words = ", ".join(literal(word.strip().lower()) for word in self.nobody)
                is_somebody = f"lower({_TRIMMED}) not in ({words})"
                customer = f"case when {is_somebody} then {customer} end"
        if self._hashes:
            erased = self._find_erased(connection, query, parameters, customer, shared)
            is_erased = "record_number in (select record_number from erased)"
            if self.key is None:
                is_hidden = is_erased
            else:
                shown = f"case when {is_erased} then '' else {shown} end"
            customer = f"case when not {is_erased} then {customer} end"
            withheld = f"when {is_erased} then '{WITHHELD}'"
            raw_record = f"case when raw_record is null then null {withheld} else {raw_record} end"
        texts = ", ".join(_without_customer(name, is_hidden, shown) for name in _TEXTS)
        replaced = f"{customer} as customer_id, {texts}, {raw_record} as raw_record"
        return f"select * replace ({replaced}) from ({query})", parameters, erased  # noqa: S608  # nosec

    def _find_erased(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        parameters: Mapping[str, object],
        customer: str,
        shared: str,
    ) -> int:
        salt = bytes.fromhex((self.tombstones or {})["salt"])
        connection.execute(
            "create or replace temp table erased as "  # noqa: S608  # nosec
            f"select record_number from ({query}) "
            f"where sha256($salt || encode(trim({customer}))) in (select unnest($hashes)) "
            f"or sha256($salt || encode({shared})) in (select unnest($hashes)) "
            "or names_erased(raw_record)",
            {**parameters, "salt": salt, "hashes": sorted(self._hashes)},
        )
        counted = connection.execute("select count(*) from erased").fetchone()
        return counted[0] if counted else 0

    def names_erased(self, raw_record: str) -> bool:
        """Return whether a value of a raw record is the id of a customer who was erased."""
        salt = (self.tombstones or {})["salt"]
        return any(
            customer_hash(salt, name if self.key is None else pseudonym(self.key, name))
            in self._hashes
            for text in _possible_ids(json.loads(raw_record))
            for name in {text, same_id(text)}
        )

    def redacted(self, raw_record: str) -> str:
        """Return a raw record without the customer's id."""
        content = json.loads(raw_record)
        if isinstance(content, list):
            return _as_json(
                {"withheld": "no customer id", "characters": [len(v or "") for v in content]}
            )
        kept = {name: content[name] for name in content if name in self.fields}
        hidden: dict[str, str | None] = dict.fromkeys(self.customers)
        for column in self.customers:
            if not (customer := same_id(content[column] or "")):
                continue
            hidden[column] = pseudonym(str(self.key), customer)
            spelled = plain_id(content[column])
            if is_distinctive(customer):
                pattern = "|".join(map(re.escape, {spelled, customer}))
                kept = {
                    name: text and re.sub(pattern, str(hidden[column]), text, flags=re.IGNORECASE)
                    for name, text in kept.items()
                }
        return _as_json({**kept, **hidden})


def _without_customer(name: str, is_hidden: str, shown: str) -> str:
    """Write a text in SQL with something else in place of the customer's id, however spelled."""
    bare, customer = without_unseen(name), f"lower({_TRIMMED})"
    changed = f"regexp_replace({bare}, regexp_escape({_TRIMMED}), {shown}, 'gi')"
    return (
        f"case when not coalesce({_IS_DISTINCTIVE} and contains(lower({bare}), {customer}) "
        f"and {is_hidden}, false) then {name} "
        # What cannot be cut out of a text takes the text with it.
        f"when not contains(lower({changed}), {customer}) then nullif({changed}, '') end as {name}"
    )


def _possible_ids(content: Mapping[str, str | None] | Sequence[str | None]) -> set[str]:
    values: Iterable[str | None] = content.values() if isinstance(content, Mapping) else content
    texts = {value for value in values if value}
    if not isinstance(content, Mapping):
        texts |= {part for text in texts for cut in _CUTS for part in cut.split(text)}
    return {plain_id(text) for text in texts} - {""}


def _as_json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
