"""Copies of the marts elsewhere: whole, of one version at a time, and known to an erasure."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
from faults.small_marts import TABLES, build, fill, tables_of
from postgres_server import PASSWORD, Server, running

from customer_intelligence.cli import commands
from customer_intelligence.cli.commands import main
from customer_intelligence.data_dir.layout import DATABASE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import ingest_file
from customer_intelligence.publication import destinations, folder
from customer_intelligence.publication import publish as publication
from customer_intelligence.publication.destinations import (
    DESTINATION_VARIABLE,
    Destination,
    copies_that_may_name_the_erased,
    publish_to,
)
from customer_intelligence.publication.postgres import owned, swap
from customer_intelligence.publication.publish import Table, next_number

VALUES = """
    select * from (values
        (1, 'plain', 1.25::decimal(38, 4), 0.1::double, date '2011-12-09', true,
            timestamp '2011-12-09 12:50:00.123456', 1::bigint),
        (2, 'tab' || chr(9) || 'line' || chr(10) || '\\.' || chr(10) || chr(13) || 'end \\N \\t',
            -99999999999999999999.9999, 'nan', date '0001-01-01', false,
            timestamp '1969-12-31 23:59:59', -9223372036854775808),
        (3, '', 0.0001, 'infinity', date '9999-12-31', null, null, 9223372036854775807),
        (4, 'it''s "quoted", 50% {} $1 é 注文 😀', 0, 1e-300, null, true,
            timestamp '2200-02-28 00:00:00', 0),
        (6, '\\', 1, 1, date '2000-02-29', true, timestamp '2000-02-29 00:00:00', 1),
        (5, null, null, null, null, null, null, null)
    ) as t(id, words, amount, share, day, is_so, moment, number)
"""


class Shop:
    """A data directory whose versions are small marts of so many orders."""

    def __init__(self, place: Path) -> None:
        self.data_dir = place / "shop"
        self.connection = duckdb.connect()

    def publish(self, orders: int, *statements: str) -> str:
        """Publish a version; its name."""
        fill(self.connection, orders)
        for statement in statements:
            self.connection.execute(statement)
        tables = [
            Table(
                table.name,
                table.relation,
                f'What {table.name} is; it\'s "so".',
                {"order_id": "Who ordered."},
                keys=["order_id"] if table.name == "fct_orders" else [],
            )
            for table in tables_of(self.connection)
        ]
        number = next_number(self.data_dir)
        return publication.publish(self.connection, self.data_dir, build(number), tables)

    def rows(self, table: str) -> list[tuple]:
        with duckdb.connect(
            str(self.data_dir / "published" / "current" / DATABASE), read_only=True
        ) as marts:
            return marts.execute(f"from {table} order by all").fetchall()

    def erase_somebody(self) -> None:
        (self.data_dir / "raw").mkdir(exist_ok=True)
        somebody = {"hash": "x", "requested_at": "2026-01-01T00:00:00+00:00"}
        (self.data_dir / "raw" / "tombstones.json").write_text(
            json.dumps({"salt": "00", "customers": [somebody]})
        )


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    with found.connection:
        yield found


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "copies"


MART_COUNT = len(TABLES)
# With a table of odd values.
WITH_ODD = MART_COUNT + 1


def told(copied: int) -> str:
    """How a copy of the small marts ends of which so many tables were copied."""
    return f"{copied} of {MART_COUNT} tables copied, {MART_COUNT - copied} unchanged"


def refused(code: str, function, *arguments, **options) -> CustomerIntelligenceError:
    with pytest.raises(CustomerIntelligenceError) as refusal:
        function(*arguments, **options)
    assert refusal.value.code == code, refusal.value
    return refusal.value


def to(shop: Shop, place: Path | str, reader: str | None = None) -> str:
    return publish_to(shop.data_dir, Destination(str(place)), reader)


def copies(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name[0].isdigit())


# ---------- a folder


def test_a_folder_gets_every_table_and_a_manifest_that_says_what_they_are(shop, target):
    version = shop.publish(3, f"create or replace table marts.odd as {VALUES}")
    assert to(shop, target).endswith(
        f"has version {version} now: {WITH_ODD} tables in {target}/current"
    )
    manifest = json.loads((target / "current" / "manifest.json").read_text("utf-8"))
    assert manifest["version"] == version
    assert manifest["as_of_date"] == "2011-12-09"
    tables = {table["name"]: table for table in manifest["tables"]}
    assert len(tables) == WITH_ODD
    for table in tables.values():
        file = target / "current" / table["file"]
        found = duckdb.execute(f"from '{file}' order by all").fetchall()
        assert repr(found) == repr(shop.rows(f"marts.{table['name']}"))
        assert table["rows"] == len(found)
        assert table["bytes"] == file.stat().st_size
        types = duckdb.execute(f"describe from '{file}'").fetchall()
        assert [(column["name"], column["type"]) for column in table["columns"]] == [
            (name, kind) for name, kind, *_ in types
        ]
        stated = f"select decode(value) from parquet_kv_metadata('{file}')"
        assert duckdb.execute(stated).fetchall() == [(version,)]
    orders = tables["fct_orders"]
    assert (orders["keys"], orders["columns"][0]["description"]) == ([["order_id"]], "Who ordered.")
    # It holds customers: the owner says who else may enter.
    assert target.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o222 == 0 for path in (target / "current").rglob("*.parquet"))


def test_the_same_version_is_not_written_again_unless_its_files_were_changed(shop, target):
    shop.publish(3)
    to(shop, target)
    (before,) = copies(target)
    assert "already" in to(shop, target)
    assert copies(target) == [before]
    file = target / "current" / "marts" / "fct_orders.parquet"
    file.chmod(0o600)
    file.write_bytes(b"PAR1")
    assert "now" in to(shop, target)
    assert duckdb.execute(f"select count(*) from '{file}'").fetchall() == [(3,)]


def test_what_readers_were_sent_back_to_is_what_is_copied(shop, target):
    first = shop.publish(3)
    to(shop, target)
    shop.publish(4)
    to(shop, target)
    main(["rollback", first, f"--data-dir={shop.data_dir}"])
    to(shop, target)
    file = target / "current" / "marts" / "fct_orders.parquet"
    assert duckdb.execute(f"select count(*) from '{file}'").fetchall() == [(3,)]


def test_readers_of_a_folder_meet_one_version_and_older_ones_go_on(shop, target):
    shop.publish(1)
    to(shop, target)
    stop, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        # A link that is followed once leads to one version.
        with duckdb.connect() as own:
            while not stop.is_set():
                copy = (target / "current").resolve()
                version = json.loads((copy / "manifest.json").read_text())["version"]
                counts = {
                    own.execute(query.format(copy=copy)).fetchone()[0]
                    for query in (
                        "select count(*) from '{copy}/marts/fct_orders.parquet'",
                        "select rows_in from '{copy}/marts/build_info.parquet'",
                    )
                }
                seen.add(version)
                if len(counts) != 1:
                    wrong.append((version, counts))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for orders in range(2, 6):
        shop.publish(orders)
        to(shop, target)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(seen) > 1
    assert len(copies(target)) == 3


@pytest.mark.parametrize("step", ["create", "sync", "replace_durably", "link_durably"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_folder_that_is_not_finished_shows_what_it_showed(shop, target, monkeypatch, step, error):
    first = shop.publish(3)
    to(shop, target)
    shop.publish(4)
    with monkeypatch.context() as broken:

        def fail(*_: object, **__: object) -> None:
            raise error

        broken.setattr(folder.files, step, fail)
        # The note in the data directory is written first, by the same functions.
        broken.setattr(destinations, "_note", lambda *_: None)
        with pytest.raises((KeyboardInterrupt, CustomerIntelligenceError)) as stopped:
            to(shop, target)
    if not isinstance(error, KeyboardInterrupt):
        assert stopped.value.code == "E_CANNOT_WRITE"
    assert json.loads((target / "current" / "manifest.json").read_text())["version"] == first
    to(shop, target)
    assert json.loads((target / "current" / "manifest.json").read_text())["version"] != first
    assert {path.name for path in target.iterdir()} == {
        ".customer-intelligence",
        "current",
        *copies(target),
    }


def owner_of(shop: Shop) -> str:
    return json.loads((shop.data_dir / "destinations.json").read_text())["data_directory"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("shop", "E_OWN_FOLDER"),
        ("shop/published", "E_OWN_FOLDER"),
        ("shop/mine", "E_OWN_FOLDER"),
        ("linked", "E_OWN_FOLDER"),
        (".", "E_FOREIGN"),
        ("foreign", "E_FOREIGN"),
        ("planted", "E_FOREIGN"),
        ("file", "E_NOT_A_FOLDER"),
        ("fifo", "E_NOT_A_FOLDER"),
        ("none/there", "E_NO_FOLDER"),
        ("file/there", "E_NO_FOLDER"),
    ],
)
def test_a_folder_that_is_not_for_copies_is_refused_and_left_alone(shop, tmp_path, place, code):
    shop.publish(1)
    (tmp_path / "linked").symlink_to("shop/published")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "holiday.jpg").touch()
    (tmp_path / "planted" / "current").mkdir(parents=True)
    (tmp_path / "planted" / ".customer-intelligence").write_text(secrets.token_hex(8))
    (tmp_path / "file").write_text("kept")
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.rglob("*"))
    refused(code, to, shop, tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_the_marts_of_one_data_directory_never_replace_those_of_another(shop, target, tmp_path):
    """Else a build of the sample would, where the environment names the destination of a shop."""
    version = shop.publish(1)
    to(shop, target)
    other = Shop(tmp_path / "other")
    other.publish(2)
    refused("E_OTHER_SHOP", to, other, target)
    # Nothing of it is there, so its erasures have nothing to say of it.
    assert json.loads(_notes(other))["destinations"] == {}
    assert json.loads((target / "current" / "manifest.json").read_text())["version"] == version


def test_two_at_once_publish_one_after_the_other(shop, target):
    shop.publish(1)
    to(shop, target)
    with folder._held(target, owner_of(shop)):
        refused("E_LOCKED", to, shop, target)


def test_after_an_erasure_no_copy_is_made_or_kept_that_does_not_know_of_it(shop, target, tmp_path):
    for orders in (1, 2):
        shop.publish(orders)
        to(shop, target)
    elsewhere = tmp_path / "elsewhere"
    to(shop, elsewhere)
    assert copies_that_may_name_the_erased(shop.data_dir) == []
    shop.erase_somebody()
    refused("E_ERASED", to, shop, target)
    assert len(copies_that_may_name_the_erased(shop.data_dir)) == 2
    shop.publish(3)
    to(shop, target)
    assert len(copies(target)) == 1
    (told,) = copies_that_may_name_the_erased(shop.data_dir)
    assert told.startswith(f"{elsewhere} may hold a copy that names erased customers: ")


def test_a_destination_is_known_before_anything_is_copied_there(shop, target, monkeypatch):
    shop.publish(1)
    monkeypatch.setattr(folder, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        to(shop, target)
    shop.erase_somebody()
    assert len(copies_that_may_name_the_erased(shop.data_dir)) == 1


def test_a_damaged_list_of_destinations_is_no_empty_one(shop, target):
    shop.publish(1)
    to(shop, target)
    for damage in ("", "[]", '{"data_directory": 1, "destinations": {}}', "[" * 100_000):
        (shop.data_dir / "destinations.json").write_text(damage)
        refused("E_DESTINATIONS", copies_that_may_name_the_erased, shop.data_dir)
        refused("E_DESTINATIONS", to, shop, target)


def test_a_damaged_version_is_not_copied(shop, target):
    version = shop.publish(500)
    to(shop, target)
    shop.publish(20_000)
    file = shop.data_dir / "published" / "current" / DATABASE
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    for at in range(3 * 4096, len(content), 4096):
        content[at : at + 64] = bytes(64)
    file.write_bytes(content)
    error = refused("E_DAMAGED", to, shop, target)
    assert version in str(error)
    assert json.loads((target / "current" / "manifest.json").read_text())["version"] == version


# ---------- what is said on the command line and in the environment


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:{}@h/d",
        "postgres://u:{}@h:5432/d?sslmode=require",
        "POSTGRESQL://u:{}@h",
        "postgresql://u@h/d?password={}",
        "postgresql://u@h/d?sslmode=require&sslpassword={}",
    ],
)
@pytest.mark.parametrize("password", ["sesame", "se/s@me", "se:sa?me=1", "se%40same"])
def test_a_password_on_the_command_line_is_refused_and_never_shown(
    shop, capsys, monkeypatch, url, password
):
    if "?" in url.format("") and "password=" in url and "&" in password:
        pytest.skip("no such parameter")
    shop.publish(1)
    place = f"--data-dir={shop.data_dir}"
    assert main(["publish", f"--to={url.format(password)}", place]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("E_PASSWORD: ")
    assert DESTINATION_VARIABLE in err
    # In the environment it may be, and is not shown either.
    monkeypatch.setenv(DESTINATION_VARIABLE, url.format(password).replace("@h", "@127.0.0.1:1"))
    assert main(["publish", place]) == 2
    more = capsys.readouterr()
    for text in (out, err, more.out, more.err, _notes(shop)):
        assert password not in text
    assert more.err.startswith(("E_NO_CONNECTION: ", "E_DESTINATION: "))


def _notes(shop: Shop) -> str:
    return (shop.data_dir / "destinations.json").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--to=s3://bucket/marts"], "E_DESTINATION"),
        (["--to=mysql://u@h/d"], "E_DESTINATION"),
        (["--to=postgresql://[h/d"], "E_DESTINATION"),
        (["--to=copies", "--reader=ann"], "E_USAGE"),
        ([], "E_NO_DESTINATION"),
        (["--to="], "E_EMPTY_VALUE"),
    ],
)
def test_what_is_no_destination_is_refused(shop, capsys, monkeypatch, tmp_path, words, code):
    shop.publish(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DESTINATION_VARIABLE, raising=False)
    assert main(["publish", *words, f"--data-dir={shop.data_dir}"]) == 2
    assert capsys.readouterr().err.startswith(f"{code}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.fixture
def building(shop, monkeypatch) -> Callable[..., int]:
    """Return a function that runs a command whose build publishes four orders."""

    def run_dbt(*_: object) -> None:
        shop.publish(4)

    monkeypatch.setattr(commands, "run_dbt", run_dbt)
    return lambda *words: main([*words, f"--data-dir={shop.data_dir}"])


def test_a_build_publishes_to_the_destination_that_is_configured(
    shop, target, building, monkeypatch, capsys
):
    monkeypatch.setenv(DESTINATION_VARIABLE, str(target))
    assert building("build") == 0
    assert f"{target} has version" in capsys.readouterr().out
    assert duckdb.execute(
        f"select count(*) from '{target}/current/marts/fct_orders.parquet'"
    ).fetchall() == [(4,)]
    monkeypatch.setenv(DESTINATION_VARIABLE, "")
    shop.publish(5)
    assert building("build") == 0
    assert len(copies(target)) == 1


def test_a_destination_that_fails_leaves_what_the_build_published(
    shop, target, building, monkeypatch, capsys
):
    target.mkdir()
    (target / "holiday.jpg").touch()
    monkeypatch.setenv(DESTINATION_VARIABLE, str(target))
    assert building("build") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("E_FOREIGN: ")
    assert line.endswith(
        "What the build published here stays; `customer-intelligence publish` tries again."
    )
    assert len(shop.rows("marts.fct_orders")) == 4


def test_an_erasure_renews_the_configured_copy_and_names_the_others(
    shop, target, building, monkeypatch, capsys, tmp_path
):
    shop.publish(3)
    to(shop, target)
    to(shop, tmp_path / "mine")
    monkeypatch.setenv(DESTINATION_VARIABLE, str(target))
    (shop.data_dir / "raw").mkdir()
    lines = "invoice,stockcode,description,quantity,invoicedate,price,customer id\n"
    file = tmp_path / "lines.csv"
    file.write_text(f"{lines}1,a,b,1,2011-12-01 10:00:00,1.0,ada@canary.example\n")
    ingest_file(file, shop.data_dir)
    capsys.readouterr()
    building("forget", "ada@canary.example")
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{target} has version") for line in said)
    (told,) = (line for line in said if "may hold a copy" in line)
    assert told.startswith(f"{tmp_path / 'mine'} may hold")


# ---------- Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture
def database(server, monkeypatch) -> str:
    """A database without anything of an earlier test; PGPASSWORD is set."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with server.connect("postgres") as connection:
        for (schema,) in connection.execute(
            "select nspname from pg_namespace where nspname !~ '^pg_' "
            "and nspname not in ('information_schema', 'public')"
        ).fetchall():
            connection.execute(f"drop schema {schema} cascade")
        for role in ("ann", "bob", "cleo", "dora"):
            connection.execute(f"drop role if exists {role}")
    return "postgres"


@pytest.fixture
def ask(server, database) -> Callable[..., list[tuple]]:
    def run(query: str, user: str = "shop") -> list[tuple]:
        with server.connect(database, user) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def url(server, database) -> str:
    return server.url(database)


def in_order(rows: list[tuple]) -> list[list[object]]:
    """Rows that can be compared: what is not a number is not even equal to itself."""
    told = [
        ["nan" if isinstance(value, float) and math.isnan(value) else value for value in row]
        for row in rows
    ]
    return sorted(told, key=lambda row: [(value is None, str(value)) for value in row])


def test_every_value_arrives_as_it_is(shop, url, ask):
    version = shop.publish(50, f"create or replace table marts.odd as {VALUES}")
    assert to(shop, url).endswith(
        f"has version {version} now: {WITH_ODD} of {WITH_ODD} tables copied, 0 unchanged"
    )
    for (name,) in ask("select table_name from customer_intelligence._meta_tables"):
        found = ask(f"select * from marts.{name}")
        assert in_order(found) == in_order(shop.rows(f"marts.{name}")), name
    ((exact,),) = ask("select amount::text from marts.odd where id = 2")
    assert exact == "-99999999999999999999.9999"
    types = dict(
        ask(
            "select column_name, data_type from information_schema.columns "
            "where table_name = 'odd' and table_schema = 'marts'"
        )
    )
    assert types == {
        "id": "integer",
        "words": "text",
        "amount": "numeric",
        "share": "double precision",
        "day": "date",
        "is_so": "boolean",
        "moment": "timestamp without time zone",
        "number": "bigint",
    }
    assert isinstance(exact, str)
    assert ask("select sum(amount) from marts.odd where id in (1, 3)") == [(Decimal("1.2501"),)]
    assert ask("select day from marts.odd where id = 1") == [(dt.date(2011, 12, 9),)]
    assert ask("select version, as_of_date from customer_intelligence._meta") == [
        (version, dt.date(2011, 12, 9))
    ]


def test_keys_and_descriptions_come_along(shop, url, ask):
    shop.publish(3)
    to(shop, url)
    keys = (
        "select contype::text, pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = 'marts.fct_orders'::regclass"
    )
    assert ask(keys) == [("p", "PRIMARY KEY (order_id)")]
    assert ask("select obj_description('marts.fct_orders'::regclass)") == [
        ('What fct_orders is; it\'s "so".\n\nKey: order_id.',)
    ]
    assert ask("select col_description('marts.fct_orders'::regclass, 1)") == [("Who ordered.",)]


def test_a_key_that_may_be_empty_is_unique_and_not_primary(shop, url, ask):
    shop.publish(3, "update marts.fct_orders set order_id = null where order_id = 1")
    to(shop, url)
    keys = "select contype::text from pg_constraint where conrelid = 'marts.fct_orders'::regclass"
    assert ask(keys) == [("u",)]


def test_what_did_not_change_is_not_copied_again(shop, url, ask):
    shop.publish(3)
    to(shop, url)
    relations = "select relname, oid from pg_class where relnamespace = 'marts'::regnamespace"
    before = dict(ask(relations))
    assert "already" in to(shop, url)
    shop.publish(3)
    # The version that build_info states is another one.
    assert to(shop, url).endswith(told(1))
    after = dict(ask(relations))
    assert {name for name in before if before[name] != after[name]} == {"build_info"}
    shop.publish(3, "update marts.fct_orders set words = 'x' where order_id = 1")
    assert to(shop, url).endswith(told(2))
    # What somebody changed there is set right.
    ask("delete from marts.rpt_segments")
    ask("drop table marts.rpt_loads")
    assert to(shop, url).endswith(told(2))
    assert ask("select count(*) from marts.rpt_segments") == [(1,)]


def test_a_table_that_is_published_no_more_goes(shop, url, ask):
    shop.publish(3, "create or replace table marts.extra as select 1 as one")
    to(shop, url)
    shop.publish(3, "drop table marts.extra")
    to(shop, url)
    assert ask("select to_regclass('marts.extra')::text") == [(None,)]


def test_a_reader_may_read_everything_that_comes_and_write_nothing(shop, url, ask):
    shop.publish(3)
    to(shop, url)
    refused("E_NO_ROLE", to, shop, url, "nobody_there")
    ask(f"create role ann login password '{PASSWORD}'")
    ask(f"create role bob login password '{PASSWORD}'")
    to(shop, url, "ann")
    ask("grant usage on schema marts to bob; grant select on marts.fct_orders to bob")
    for orders in (4, 5):
        shop.publish(orders, "create or replace table marts.later as select 1 as one")
        to(shop, url)
        for table in ("marts.fct_orders", "marts.later", "customer_intelligence._meta"):
            assert ask(f"select count(*) > 0 from {table}", "ann") == [(True,)]
        assert ask("select count(*) from marts.fct_orders", "bob") == [(orders,)]
    for statement in (
        "delete from marts.fct_orders",
        "create table marts.mine (a int)",
        "drop table marts.fct_orders",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(statement, "ann")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask("select count(*) from marts.later", "bob")


def test_a_text_with_a_nul_is_refused_and_nothing_changes(shop, url, ask):
    version = shop.publish(3)
    to(shop, url)
    shop.publish(4, "update marts.fct_orders set words = 'a' || chr(0) where order_id = 2")
    assert "marts.fct_orders" in str(refused("E_CHARACTER", to, shop, url))
    assert ask("select version from customer_intelligence._meta") == [(version,)]
    assert ask("select count(*) from marts.fct_orders") == [(3,)]


def test_a_type_that_the_database_has_not_is_refused(shop, url):
    shop.publish(3, "create or replace table marts.odd as select [1, 2] as numbers")
    assert "marts.odd.numbers" in str(refused("E_TYPE", to, shop, url))


STATED = (
    "select version_number::int from customer_intelligence._meta",
    "select count(*) from marts.fct_orders",
    "select rows_in from marts.build_info",
    "select lines::int from marts.rpt_line_dispositions",
)


@pytest.mark.parametrize("level", ["READ_COMMITTED", "REPEATABLE_READ"])
def test_transactions_of_readers_meet_one_version(server, database, shop, url, level):
    """However many tables they read, in which order, and whenever they began."""
    shop.publish(1)
    to(shop, url)
    stop, seen, wrong = threading.Event(), set(), []

    def read(queries: Sequence[str]) -> None:
        with server.connect(database) as connection:
            connection.autocommit = False
            connection.isolation_level = psycopg.IsolationLevel[level]
            while not stop.is_set():
                try:
                    # The snapshot is of before the tables are touched.
                    connection.execute("select 1")
                    found = set()
                    for query in queries:
                        time.sleep(0.02)
                        found.update(connection.execute(query).fetchall())
                    connection.commit()
                    time.sleep(0.05)
                except psycopg.Error as error:
                    wrong.append(error)
                    return
                seen.update(found)
                if len(found) != 1:
                    wrong.append(found)

    # Against each other, so that locks taken in any order would be a deadlock.
    threads = [threading.Thread(target=read, args=[each]) for each in (STATED, STATED[::-1])]
    for thread in threads:
        thread.start()
    for orders in range(2, 7):
        shop.publish(orders)
        to(shop, url)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(seen) > 1


def test_a_transaction_that_stays_open_is_named_and_not_broken(
    server, database, shop, url, monkeypatch
):
    shop.publish(3)
    to(shop, url)
    shop.publish(4)
    monkeypatch.setattr(swap, "SWAP_SECONDS", 1.0)
    with server.connect(database) as reader, reader.transaction():
        count = "select count(*) from marts.fct_orders"
        assert reader.execute(count).fetchall() == [(3,)]
        error = refused("E_IN_USE", to, shop, url)
        assert f"pid {reader.info.backend_pid}" in str(error)
        # The other tables answer it as before, and at once.
        assert reader.execute("select lines from marts.rpt_line_dispositions").fetchall() == [(3,)]
    to(shop, url)
    with server.connect(database) as reader:
        assert reader.execute(count).fetchall() == [(4,)]


def test_views_of_others_stay_and_read_what_comes(server, database, shop, url, ask):
    """Whoever owns them: an analyst who may only read makes most of them."""
    shop.publish(3)
    ask(f"create role cleo login password '{PASSWORD}'; create schema team authorization cleo")
    to(shop, url, "cleo")
    ask(
        "create view team.orders as select order_id, words from marts.fct_orders;"
        "create view team.count as select count(*) from team.orders;"
        "create materialized view team.kept as select * from marts.fct_orders",
        "cleo",
    )
    before = ask("select 'marts.fct_orders'::regclass::oid")
    shop.publish(5)
    with server.connect(database) as reader:
        reader.autocommit = False
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        assert to(shop, url).endswith(told(4))
        # Filled again in its place, and frozen: an older snapshot meets no empty table.
        assert reader.execute("select count(*) from team.orders").fetchall() == [(5,)]
    assert ask("select 'marts.fct_orders'::regclass::oid") == before
    assert ask("select count from team.count", "cleo") == [(5,)]
    assert ask("select count(*) from team.kept") == [(3,)]
    ask("refresh materialized view team.kept", "cleo")
    assert ask("select count(*) from team.kept") == [(5,)]
    assert ask("select col_description('marts.fct_orders'::regclass, 1)") == [("Who ordered.",)]


def test_what_others_have_added_to_a_table_goes_on(shop, url, ask):
    """A policy that went with the old table would show everybody all of the new one."""
    shop.publish(3)
    ask(f"create role cleo login password '{PASSWORD}'")
    to(shop, url, "cleo")
    ask(
        "alter table marts.fct_orders enable row level security;"
        "create policy first on marts.fct_orders for select using (order_id = 0);"
        "create index mine on marts.rpt_kpis (value);"
        "grant select (lines) on marts.rpt_line_dispositions to public;"
        "create schema team; grant usage on schema team to cleo;"
        "create view team.version as select version_number from customer_intelligence._meta;"
        "grant select on team.version to cleo"
    )
    for orders in (5, 6):
        shop.publish(orders)
        to(shop, url)
        assert ask("select count(*) from marts.fct_orders", "cleo") == [(1,)]
        assert ask("select count(*) from marts.fct_orders") == [(orders,)]
        assert ask("select to_regclass('marts.mine')::text") == [("marts.mine",)]
        assert ask("select lines from marts.rpt_line_dispositions", "cleo") == [(orders,)]
        assert ask(
            "select count(*) from pg_attribute where attacl is not null "
            "and attrelid = 'marts.rpt_line_dispositions'::regclass"
        ) == [(1,)]
        assert ask("select version_number from team.version", "cleo") == [(orders - 3,)]
    shop.publish(7, "alter table marts.fct_orders rename words to letters")
    refused("E_IN_THE_WAY", to, shop, url)
    assert ask("select count(*) from marts.fct_orders", "cleo") == [(1,)]


def test_what_would_be_lost_with_an_old_table_stops_the_publication(shop, url, ask):
    shop.publish(3)
    to(shop, url)
    ask("create schema team; create view team.orders as select words from marts.fct_orders")
    # A column is gone that a view reads.
    shop.publish(6, "alter table marts.fct_orders rename words to letters")
    assert "team.orders" in str(refused("E_IN_THE_WAY", to, shop, url))
    assert ask("select count(*) from team.orders") == [(3,)]
    ask("drop view team.orders")
    to(shop, url)
    ask(
        "create table team.called (order_id bigint references marts.fct_orders);"
        "insert into team.called select 1"
    )
    shop.publish(7, "alter table marts.fct_orders rename words to letters")
    assert "team.called" in str(refused("E_IN_THE_WAY", to, shop, url))
    assert ask("select count(*) from marts.fct_orders") == [(6,)]


def test_marts_of_an_earlier_release_are_published_anew_first(shop, target):
    shop.publish(3)
    file = shop.data_dir / "published" / "current" / DATABASE
    file.chmod(0o600)
    with duckdb.connect(str(file)) as old:
        old.execute("alter table main._meta drop erasures_known")
    assert "make build" in str(refused("E_OLD_MARTS", to, shop, target))


@pytest.mark.parametrize(
    "foreign",
    [
        "create schema marts; create table marts.fct_orders (a int)",
        "create schema evidence; create view evidence.x as select 1",
        "create schema customer_intelligence; create table customer_intelligence._meta (a int)",
    ],
)
def test_a_database_that_holds_something_else_is_refused_and_left_alone(shop, url, ask, foreign):
    shop.publish(3)
    ask(foreign)
    refused("E_FOREIGN", to, shop, url)
    schemas = "select count(*) from pg_namespace where nspname like 'customer_intelligence_%'"
    assert ask(schemas) == [(0,)]


def test_tables_of_others_beside_the_marts_stay(shop, url, ask):
    ask("create schema marts")
    shop.publish(3)
    to(shop, url)
    ask("create table marts.mine as select 1 as one; create table marts.next as select 2 as two")
    shop.publish(4)
    to(shop, url)
    assert ask("select one from marts.mine") == [(1,)]
    shop.publish(5, "create or replace table marts.next as select 3 as three")
    assert "marts.next" in str(refused("E_FOREIGN", to, shop, url))
    assert ask("select two from marts.next") == [(2,)]


def test_a_database_belongs_to_one_data_directory(shop, url, ask, tmp_path):
    version = shop.publish(3)
    to(shop, url)
    other = Shop(tmp_path / "other")
    other.publish(4)
    refused("E_OTHER_SHOP", to, other, url)
    assert ask("select version from customer_intelligence._meta") == [(version,)]


def test_two_at_once_publish_to_a_database_one_after_the_other(
    server, database, shop, url, monkeypatch
):
    shop.publish(3)
    monkeypatch.setattr(owned, "LOCK_SECONDS", 0.1)
    with server.connect(database) as other:
        other.execute("select pg_advisory_lock(hashtext(%s), 0)", [owned.OWN])
        refused("E_LOCKED", to, shop, url)


def test_who_may_not_make_schemas_is_told(server, database, shop, ask):
    shop.publish(3)
    ask(f"create role dora login password '{PASSWORD}'")
    refused("E_NOT_ALLOWED", to, shop, server.url(database, "dora"))


def test_a_wrong_password_is_told_and_neither_shown(server, database, shop, monkeypatch, capsys):
    shop.publish(3)
    monkeypatch.setenv("PGPASSWORD", "sesame")
    words = ["publish", f"--to={server.url(database)}", f"--data-dir={shop.data_dir}"]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("E_NO_CONNECTION: ")
    assert "sesame" not in err
    # The whole URL in the environment, its signs written as a URL writes them.
    monkeypatch.delenv("PGPASSWORD")
    whole = server.url(database).replace("@", ":p%40ss%3Aw%2Frd@", 1)
    monkeypatch.setenv(DESTINATION_VARIABLE, whole)
    assert main(["publish", f"--data-dir={shop.data_dir}"]) == 0
    assert "p%40ss" not in capsys.readouterr().out + _notes(shop)


KILLED = """
import sys
from customer_intelligence.cli.commands import main
sys.exit(main(["publish", f"--data-dir={sys.argv[1]}", f"--to={sys.argv[2]}"]))
"""
OTHER_SESSIONS = (
    "select count(*) from pg_stat_activity "
    "where backend_type = 'client backend' and pid <> pg_backend_pid()"
)


@pytest.mark.parametrize("kind", ["folder", "postgres"])
def test_a_kill_at_any_time_shows_one_version_or_the_other_and_a_rerun_heals(
    server, database, shop, target, url, ask, kind
):
    place = url if kind == "postgres" else str(target)

    def seen() -> tuple[str, int, int]:
        if kind == "postgres":
            ((version, rows, orders),) = ask(
                "select version, rows_in, (select count(*) from marts.fct_orders) "
                "from marts.build_info"
            )
            assert ask("select version from customer_intelligence._meta") == [(version,)]
        else:
            manifest = json.loads((target / "current" / "manifest.json").read_text())
            version = manifest["version"]
            marts = (target / "current").resolve() / "marts"
            ((rows, orders),) = duckdb.execute(
                f"select rows_in, (select count(*) from '{marts}/fct_orders.parquet') "
                f"from '{marts}/build_info.parquet'"
            ).fetchall()
        return version, rows, orders

    def started() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", KILLED, str(shop.data_dir), place]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    before = shop.publish(100_000)
    began = time.monotonic()
    assert started().wait() == 0
    took = time.monotonic() - began
    ended = {"killed": 0, "done": 0}
    for number, share in enumerate((0.5, 0.65, 0.8, 0.95), start=1):
        after = shop.publish(100_000 + number)
        with started() as process:
            time.sleep(took * share)
            process.send_signal(signal.SIGKILL)
        ended["killed" if process.returncode == -signal.SIGKILL else "done"] += 1
        # A server may go on for a while with what a killed client has begun.
        while kind == "postgres" and ask(OTHER_SESSIONS) != [(0,)]:
            time.sleep(0.05)
        version, rows, orders = seen()
        assert version in (before, after)
        assert rows == orders
        to(shop, place)
        before = after
        assert seen() == (after, 100_000 + number, 100_000 + number)
    assert ended["killed"] > 0
    if kind == "postgres":
        ghosts = "select count(*) from pg_namespace where nspname like 'customer_intelligence_%'"
        assert ask(ghosts) == [(0,)]
    else:
        assert not [path for path in target.iterdir() if path.name.startswith(".building")]
