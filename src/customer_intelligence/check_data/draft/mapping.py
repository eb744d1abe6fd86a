"""Draft a mapping for a file without one.

A column is a field by three kinds of evidence: its name (`names`, words in five languages), its
values, and arithmetic between columns (quantity times price is the total). What is drafted is a
proposal for a person to read, with its reasons and a verdict: ``ok``, ``likely`` or ``look here``.
Nothing here is used by a load unless it stands in a mapping file.
"""

from collections.abc import Sequence

from customer_intelligence.check_data.draft.choosing import (
    LIKELY,
    PROPOSED,
    Draft,
    Proposal,
    Work,
    categories,
)
from customer_intelligence.check_data.draft.column import Column
from customer_intelligence.check_data.draft.content import draft_dates, drafted, identity_notes
from customer_intelligence.check_data.draft.evidence import EVIDENCE
from customer_intelligence.check_data.draft.money import choose_money
from customer_intelligence.ingest import names

LEAST_OF_PHONE = 3


def draft_mapping(columns: Sequence[Column]) -> Draft:
    """Propose which column is which field, and how its values are written.

    Parameters
    ----------
    columns : sequence of Column
        Of the file, with names that no other column has.

    Examples
    --------
    >>> columns = [Column("Bestellnr", ["7", "7", "8"]), Column("Kunde", ["a", "a", "b"])]
    >>> draft_mapping(columns).content["columns"]
    {'invoice_no': 'Bestellnr', 'customer_id': 'Kunde'}
    """
    work = Work([column for column in columns if column.filled])
    date = work.choose("invoice_date") or _choose_only_date(work)
    invoice = work.choose("invoice_no")
    customer = work.choose("customer_id")
    work.choose("currency")
    work.choose("cancelled")
    work.choose("status")
    work.choose("consent")
    quantity = work.choose("quantity")
    choose_money(work, quantity, invoice)
    work.choose("stock_code")
    _choose_description(work)
    work.choose("country")
    _add_fallbacks(work)
    draft = drafted(work)
    if customer is not None and invoice is not None:
        draft.notes += identity_notes(customer, invoice)
    if date is not None:
        draft_dates(draft, date)
    return draft


def _choose_only_date(work: Work) -> Column | None:
    dated = [column for column in work.columns if column.date_format not in (None, "%Y%m%d")]
    if len(dated) != 1 or names.said(dated[0].name).meanings & {"later", "refund"}:
        return None
    work.chosen["invoice_date"] = dated[0]
    why = "no other column holds dates"
    is_shipped = "shipping" in names.said(dated[0].name).meanings
    verdict = "look here" if is_shipped else "likely"
    work.proposals["invoice_date"] = Proposal([dated[0].name], verdict, [why])
    return dated[0]


def _choose_description(work: Work) -> None:
    work.choose("description")
    if "description" not in work.chosen:
        code = work.chosen.get("stock_code")
        is_text = code is not None and names.points("description", code.name) >= PROPOSED
        if code is not None and not code.is_number and is_text:
            work.chosen["description"] = code
            work.proposals["description"] = Proposal(
                [code.name], "likely", ["it names the product"]
            )
    _choose_last_resorts(work)
    if "stock_code" not in work.chosen and "description" in work.chosen:
        named = work.chosen["description"]
        work.chosen["stock_code"] = named
        why = "there is no product code: the product's name stands for it"
        work.proposals["stock_code"] = Proposal([named.name], "likely", [why])
        work.notes.append(why)


def _choose_last_resorts(work: Work) -> None:
    """As a last resort take a group as the product, and a bare name as the customer."""
    groups = categories(work)
    if groups and "quantity" in work.chosen and "description" not in work.chosen:
        work.chosen["description"] = groups[0]
        work.proposals["description"] = Proposal(
            [groups[0].name], "look here", ["it groups products, and nothing else names them"]
        )
    _choose_any_customer(work)
    _choose_any_number(work)


def _choose_any_customer(work: Work) -> None:
    """As a last resort take a telephone, a bare name or the recipient as the customer."""
    if "customer_id" in work.chosen:
        return
    phones = work.ranked("customer_id", LEAST_OF_PHONE)
    places = any(names.said(one.name).meanings & {"address", "place"} for one in work.columns)
    texts = [
        (column, names.said(column.name))
        for column in work.columns
        if column not in work.chosen.values() and not column.is_number
    ]
    bare = [column for column, said in texts if said == names.Said(frozenset({"name"}), 0)]
    received = [column for column, said in texts if said.meanings == {"shipping", "name"}]
    if not (places and "description" in work.chosen):
        bare = received = []
    for columns, reason in (
        ([one.column for one in phones], "nothing else says who bought"),
        (bare, "it is a name, and addresses stand beside it"),
        (received, "nothing but who receives says who bought"),
    ):
        if columns:
            work.chosen["customer_id"] = columns[0]
            work.proposals["customer_id"] = Proposal([columns[0].name], "look here", [reason])
            return


def _choose_any_number(work: Work) -> None:
    """As a last resort take a bare reference or number as the order number."""
    if "invoice_no" in work.chosen or "description" not in work.chosen:
        return
    for column in work.columns:
        said = names.said(column.name)
        is_bare = said in (names.Said(frozenset({one}), 0) for one in ("ref", "number"))
        # What counts the rows says nothing of orders.
        counts = [str(at) for at in range(1, len(column.rows) + 1)] == list(column.rows)
        if is_bare and not counts and column not in work.chosen.values():
            if EVIDENCE["invoice_no"](column) is not None:
                work.chosen["invoice_no"] = column
                work.proposals["invoice_no"] = Proposal(
                    [column.name], "look here", ["nothing else numbers the orders"]
                )
            return


def _add_fallbacks(work: Work) -> None:
    """Name the columns that fill in where a field's own column is blank."""
    taken = {column.name for column in work.chosen.values()}
    for name in ("customer_id", "country"):
        column = work.chosen.get(name)
        if column is None:
            continue
        for other in work.columns:
            extra = EVIDENCE[name](other)
            if (
                other.name not in taken
                and extra is not None
                and names.points(name, other.name) >= 3
                and _is_stand_in(name, column, other)
            ):
                work.proposals[name].columns.append(other.name)
                break
    code, text = work.chosen.get("stock_code"), work.chosen.get("description")
    if code is not None and code is not text:
        codes = [one.column for one in work.ranked("stock_code") if one.score >= LIKELY]
        for other in [*codes, *([text] if text is not None else [])]:
            if any(not one and two for one, two in zip(code.rows, other.rows, strict=True)):
                work.proposals["stock_code"].columns.append(other.name)
                break


def _is_stand_in(name: str, column: Column, other: Column) -> bool:
    """Return whether another column is of the same kind, and filled where the first is blank."""
    if name == "country":
        return any(not one and two for one, two in zip(column.rows, other.rows, strict=True))
    kinds = [names.said(one.name).meanings for one in (column, other)]
    if not ("email" in kinds[0] or column.is_email) or not {"email", "phone"} & kinds[1]:
        return False
    if "shipping" in kinds[1]:
        return False
    return any(not one and two for one, two in zip(column.rows, other.rows, strict=True))
