"""Nobody who refused is contacted: what says so, and every place that could list them."""

import csv
import os
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT
from test_start import started

from customer_intelligence import open_marts
from customer_intelligence.data_dir.layout import DO_NOT_CONTACT_FILE, OWN_NAMES
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file
from customer_intelligence.ingest.do_not_contact import erase, listed_ids, not_listed
from customer_intelligence.ingest.pseudonyms import KEY_VARIABLE, pseudonym
from customer_intelligence.lists import campaign
from customer_intelligence.lists.audience import write_audience
from customer_intelligence.lists.export import export

KEY = "k" * 40
LINES = (
    "order_id,order_date,customer_id,sku,qty,price,{column}\n"
    "1,2024-01-05,Ann@X.com,X,1,2.50,yes\n"
    "2,2024-01-06,0017,X,1,2.50,no\n"
    "3,2024-01-07,17,X,1,2.50,\n"
)


def write(data_dir: Path, content: str | bytes) -> Path:
    data_dir.mkdir(exist_ok=True)
    path = data_dir / DO_NOT_CONTACT_FILE
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return data_dir


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("customer_id\na\n 17.0 \n", ["17", "a"]),
        ("a\nb\n", ["a", "b"]),
        ("Customer ID\r\nAnn@X.com\r\n\r\n", ["ann@x.com"]),
        ("\ufeff'+49 170\n", ["'+49 170", "+49 170"]),
        ("customer_id\na\n".encode("utf-16"), ["a"]),
        ('"a,b"\n', ["a,b"]),
        ("", []),
    ],
)
def test_the_file_is_read_as_people_write_it(tmp_path, content, found):
    assert listed_ids(write(tmp_path, content)) == found


@pytest.mark.parametrize(
    "content", ["a,b\nc,d\n", "a;b\x00\n", b"\xff\xfe\xff", b"a\xe9\n", '"a\n']
)
def test_a_file_that_cannot_be_read_stops_every_list(tmp_path, content):
    with pytest.raises(CustomerIntelligenceError, match="E_DO_NOT_CONTACT"):
        not_listed("customer_id", write(tmp_path, content))


def test_a_link_or_a_pipe_in_its_place_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / DO_NOT_CONTACT_FILE)
    with pytest.raises(CustomerIntelligenceError, match="E_DO_NOT_CONTACT"):
        listed_ids(tmp_path)
    (tmp_path / DO_NOT_CONTACT_FILE).unlink()
    (tmp_path / DO_NOT_CONTACT_FILE).symlink_to(tmp_path / "nowhere")
    with pytest.raises(CustomerIntelligenceError, match="E_DO_NOT_CONTACT"):
        listed_ids(tmp_path)


def test_no_list_takes_the_place_of_the_file():
    assert DO_NOT_CONTACT_FILE in OWN_NAMES


def test_who_is_erased_leaves_the_file_too(tmp_path):
    erase(write(tmp_path, "customer_id\nAnn@X.com\nbob\n"), {"ann@x.com"})
    assert (tmp_path / DO_NOT_CONTACT_FILE).read_text() == "customer_id\nbob\n"


def loaded(tmp_path: Path, column: str = "Marketing_Consent", **mapping: object) -> Path:
    file = tmp_path / "lines.csv"
    file.write_text(LINES.format(column=column))
    ingest_file(file, tmp_path / "data", SourceMapping(**mapping))
    return tmp_path / "data"


def staged(data_dir: Path, query: str) -> list[tuple]:
    with duckdb.connect() as connection:
        started(data_dir, connection)
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("column", "mapping"),
    [
        ("Accepts Marketing", {}),
        ("opt-in", {}),
        ("Werbung erlaubt", {"columns": {"consent": "Werbung erlaubt"}}),
    ],
)
def test_the_word_of_consent_is_kept_as_it_stands(tmp_path, column, mapping):
    words = staged(
        loaded(tmp_path, column, **mapping),
        "select customer_id, consent from raw.invoice_lines order by record_number",
    )
    assert words == [("ann@x.com", "yes"), ("0017", "no"), ("17", None)]


@pytest.mark.parametrize("name", ["Unsubscribed", "opt_out", "Do not contact", "désabonné"])
def test_a_column_of_refusals_is_no_consent(name):
    with pytest.raises(CustomerIntelligenceError, match=r"E_BAD_MAPPING.*refusal"):
        SourceMapping(columns={"consent": name})


def test_those_who_are_listed_are_known_as_the_lines_spell_them(tmp_path):
    data_dir = write(loaded(tmp_path), "customer_id\nann@x.com\n17.0\nnobody\n")
    found = staged(data_dir, "select customer_id from raw.do_not_contact order by customer_id")
    assert found == [("17",), ("ann@x.com",)]


def test_those_who_are_listed_are_known_by_their_pseudonyms(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    data_dir = write(loaded(tmp_path), "0017\n" + pseudonym(KEY, "17") + "\n")
    found = staged(data_dir, "select customer_id from raw.do_not_contact")
    assert {name for (name,) in found} == {pseudonym(KEY, "0017"), pseudonym(KEY, "17")}
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(CustomerIntelligenceError, match="E_OTHER_KEY"):
        staged(data_dir, "select 1")


def test_no_word_stands_for_both_yes_and_no_in_any_language():
    with (ROOT / "seeds" / "consent_words.csv").open(encoding="utf-8") as file:
        words = [row["consent_word"] for row in csv.DictReader(file)]
    assert len(words) == len(set(words))
    assert all(word == word.lower() and "_" not in word and "-" not in word for word in words)


def names_in(path: Path) -> set[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["customer_id"] for row in csv.DictReader(file)}


def lists_of(data_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return whom every list names that the project can write or show."""
    campaign.start(data_dir, folder / "contacts.csv")
    (assignment,) = (data_dir / "campaigns").glob("*.parquet")
    with open_marts(data_dir) as marts:
        days = [
            str(day)
            for (day,) in marts.execute(
                "select distinct as_of_date from fct_customer_snapshots order by as_of_date"
            ).fetchall()
        ]
    write_audience(days[-3], days[-1], folder / "audience.csv", data_dir=data_dir)
    export("fct_customer_actions", folder / "actions.csv", data_dir)
    with (folder / "actions.csv").open(encoding="utf-8-sig", newline="") as file:
        contacts = {
            row["customer_id"] for row in csv.DictReader(file) if row["is_contact"] == "true"
        }
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(data_dir))
    monkeypatch.syspath_prepend(str(ROOT / "dashboard"))
    import marts_reader
    from queries import customers, products

    marts_reader.follow_publication()
    download = customers.ranked_later([])()
    due = [products.due_later(code)()["customer_id"] for code in products.choices()]
    return {
        "contacts": names_in(folder / "contacts.csv"),
        "assignment": {
            name
            for (name,) in duckdb.execute(
                "select customer_id from read_parquet(?)", [str(assignment)]
            ).fetchall()
        },
        "audience": names_in(folder / "audience.csv"),
        "actions": contacts,
        "page": set(customers.ranked([])["customer_id"]),
        "download": set(download["customer_id"]),
        "due": set().union(*due),
    }


def test_no_list_names_who_refused(copy, tmp_path, monkeypatch):
    """Five refused before the build, and five are listed after it, in another spelling."""
    data_dir = copy()
    with open_marts(data_dir) as marts:
        top = [
            name
            for (name,) in marts.execute(
                "select customer_id from fct_customer_actions where is_contact "
                "order by priority limit 10"
            ).fetchall()
        ]
    before, after = top[:5], top[5:]
    refused = ", ".join(f"'{name}'" for name in before)
    data_dir = copy(
        f"update dim_customers set may_be_contacted = false, contact_refusal = 'consent' "
        f"where customer_id in ({refused})",
        "update fct_customer_actions set action = 'do_not_contact', is_contact = false, "
        f"is_holdout = false where customer_id in ({refused})",
    )
    write(data_dir, "customer_id\n" + "".join(f" {name}.0 \n" for name in after))
    (tmp_path / "lists").mkdir()
    lists = lists_of(data_dir, tmp_path / "lists", monkeypatch)
    assert all(len(names) > 20 for names in lists.values())
    leaks = {place: names & {*top} for place, names in lists.items() if names & {*top}}
    assert leaks == {}
