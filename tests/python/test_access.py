"""Who and what gets in or out: queries, visitors of the dashboard, texts, exports, files."""

from __future__ import annotations

import ast
import csv
import datetime as dt
import hashlib
import http.client
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from conftest import ROOT, publish_changed
from hypothesis import given
from hypothesis import strategies as st
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from customer_intelligence.cli.commands import main
from customer_intelligence.data_dir.files import link_durably
from customer_intelligence.data_dir.layout import DATABASE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.tombstones import add_tombstone
from customer_intelligence.lists.export import defuse, export, write_csv
from customer_intelligence.publication import reader as marts_module
from customer_intelligence.publication.reader import READER_CONFIG, current_version, open_marts

DASHBOARD = ROOT / "dashboard"
APP = DASHBOARD / "main.py"
PYTHON_FILES = [
    path
    for folder in ("src", "dashboard", "python_models")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SERVER_CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
# A frame that a query could find by its name.
secret_frame = pd.DataFrame({"secret": [1]})


@pytest.fixture(autouse=True)
def dashboard_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(DASHBOARD))


def published_file(data_dir: Path) -> Path:
    return data_dir / "published" / current_version(data_dir) / DATABASE


def all_files(*folders: Path) -> dict[str, str]:
    """Return the content of everything below the folders, as hashes by path."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- queries ---------------------------------------------------------------------------------

# What a query could try to read, write, change or reach; {here} is a directory with bait. Each
# works on a connection that is not locked down, which a test makes sure of.
PROBES = """
select * from read_csv('{here}/bait.csv')
select * from sniff_csv('{here}/bait.csv')
select * from read_text('/etc/passwd')
select * from read_blob('/etc/passwd')
select * from read_text('/proc/self/environ')
select * from read_parquet('{here}/bait.parquet')
select * from parquet_metadata('{here}/bait.parquet')
select * from read_json('{here}/bait.json')
select * from glob('/etc/*')
select * from '{here}/bait.csv'
select * from '{here}/bait.parquet'
select * from query('select * from read_text(''/etc/passwd'')')
from json_execute_serialized_sql(json_serialize_sql('from read_text(''/etc/passwd'')'))
copy dim_customers to '{here}/stolen.csv'
copy (select 1) to '{here}/stolen.parquet' (format parquet)
copy main._meta from '{here}/meta.csv'
explain analyze copy (select 1) to '{here}/stolen2.csv'
export database '{here}/stolen'
import database '{here}/bait'
pragma import_database('{here}/bait2')
attach '{here}/other.duckdb' as other
attach '{here}/new.duckdb' as new_one
attach ':memory:' as scratch
create table intruder (i integer)
create schema intruder_schema
create view intruder_view as select 1
create macro intruder_macro() as 1
create sequence intruder_sequence
create type intruder_type as enum ('a')
create index intruder_index on dim_customers (customer_id)
comment on table dim_customers is 'intruder'
insert into dim_customers select * from dim_customers limit 1
update dim_customers set country = 'intruder'
delete from dim_dates
truncate dim_products
alter table fct_returns rename to intruder_returns
drop table fct_orders
create secret intruder (type http, extra_http_headers map {{'a': 'b'}})
select * from duckdb_secrets()
set memory_limit = '100GB'
set threads = 64
set allowed_directories = ['/']
set allowed_paths = ['/etc/passwd']
set temp_directory = '{here}/spill'
set home_directory = '{here}'
set secret_directory = '{here}'
set extension_directory = '{here}'
set file_search_path = '/etc'
set python_enable_replacements = true
set python_scan_all_frames = true
set autoinstall_known_extensions = true
set autoload_known_extensions = true
set enable_profiling = 'json'
set log_query_path = '{here}/queries.sql'
pragma memory_limit = '100GB'
reset memory_limit
reset python_enable_replacements
reset temp_directory
reset autoinstall_known_extensions
select * from secret_frame
select * from query_table('secret_frame')
create temp table stolen_frame as select * from secret_frame
""".strip().splitlines()
# These need the network, a file that is not at hand, or more than this machine should give.
PROBES_WITHOUT_CONTROL = """
select * from '/etc/passwd'
select * from read_csv('http://127.0.0.1:9/bait.csv')
select * from 's3://bucket/bait.parquet'
attach 'http://127.0.0.1:9/other.duckdb' as other
attach '{here}/bait.sqlite' as lite (type sqlite)
install httpfs
force install sqlite
install h3 from community
update extensions
load httpfs
load '{here}/intruder.duckdb_extension'
select getenv('HOME')
set enable_external_access = true
set lock_configuration = false
set allow_unsigned_extensions = true
set allow_community_extensions = true
set custom_extension_repository = 'http://127.0.0.1:9'
set disabled_filesystems = ''
set profiling_output = '{here}/profile.json'
reset enable_external_access
reset lock_configuration
pragma enable_external_access
select * from pandas_scan(1)
select * from read_csv('/dev/stdin')
create temp table bomb as select hash(range) as a, hash(range + 1) as b from range(200000000)
""".strip().splitlines()


@pytest.fixture
def bait(tmp_path) -> Path:
    """A directory with files of every kind that a query could read."""
    here = tmp_path / "bait-for-queries"
    here.mkdir()
    with duckdb.connect(str(here / "other.duckdb")) as other:
        other.execute("create table t as select 1 as a")
        other.execute(f"copy t to '{here}/bait.csv'")
        other.execute(f"copy t to '{here}/bait.parquet'")
        other.execute(f"copy t to '{here}/bait.json'")
        other.execute(f"export database '{here}/bait'")
        other.execute("alter table t rename to u")
        other.execute(f"export database '{here}/bait2'")
    (here / "meta.csv").write_text("intruder,1,2026-01-01 00:00:00,2026-01-01,5,x,1,0,rules\n")
    return here


def gets_through(connection: duckdb.DuckDBPyConnection, probe: str, here: Path) -> bool:
    try:
        connection.execute(probe.format(here=here)).fetchmany(1)
    except duckdb.Error:
        return False
    return True


def test_what_the_probes_try_is_possible_without_the_lock(copy, bait):
    path = published_file(copy())
    refused = []
    for probe in PROBES:
        with duckdb.connect(str(path)) as plain:
            plain.execute("use marts")
            if not gets_through(plain, probe, bait):
                refused.append(probe)
    assert refused == []


@pytest.mark.parametrize("opened_by", ["open_marts", "dashboard"])
def test_no_query_reaches_anything_but_the_marts(copy, bait, opened_by, monkeypatch, capsys):
    data_dir = copy()
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(data_dir))
    if opened_by == "dashboard":
        import marts_reader

        marts_reader._connection.clear()
        connection = marts_reader._connection(current_version())
    else:
        connection = open_marts()
    settings = connection.execute("select name, value from duckdb_settings()").fetchall()
    before = all_files(bait, data_dir)
    probes = PROBES + PROBES_WITHOUT_CONTROL
    through = [probe for probe in probes if gets_through(connection, probe, bait)]
    with capsys.disabled():
        print(f"\n{opened_by}: {len(through)} of {len(probes)} probes got through")
    assert through == []
    assert all_files(bait, data_dir) == before
    assert connection.execute("select name, value from duckdb_settings()").fetchall() == settings
    assert connection.execute("select count(*) from fct_orders").fetchone()[0] > 0
    connection.close()


def test_a_query_log_is_written_nowhere(copy, bait):
    program = (
        "import sys\nfrom customer_intelligence import open_marts\n"
        "_, data_dir, path = sys.argv\nmarts = open_marts(data_dir)\n"
        "marts.execute(f\"call enable_logging(storage='file', "
        "storage_config={{'path': '{path}'}})\")\n"
        "marts.execute('select 1')\n"
    )
    data_dir, log = copy(), bait / "log"
    before = all_files(bait, data_dir)
    result = subprocess.run(
        [sys.executable, "-c", program, data_dir, log], capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "configuration has been locked" in result.stderr
    assert all_files(bait, data_dir) == before


@pytest.mark.parametrize(
    "target",
    ["../../build", "/etc", "a/b", "..", ".", "x" * 200, "1\n2", "{version}/", "./{version}",
     "{published}/{version}", "../published/{version}", "{version}/../{version}"],
)  # fmt: skip
def test_current_leads_to_a_version_beside_it_and_nowhere_else(copy, target):
    data_dir = copy()
    published, kept = data_dir / "published", current_version(data_dir)
    (published / "current").unlink()
    (published / "current").symlink_to(target.format(published=published, version=kept))
    with pytest.raises(CustomerIntelligenceError) as refused:
        open_marts(data_dir)
    assert refused.value.code == "E_DAMAGED"
    assert kept in refused.value.hint


@pytest.mark.parametrize("content", [None, b"", b"not a database", "half", "fifo", "directory"])
def test_a_damaged_version_is_refused_and_the_way_back_named(published_dir, tmp_path, content):
    earlier, damaged, later = (publish_changed(published_dir, tmp_path) for _ in range(3))
    link_durably(tmp_path / "published" / "current", damaged)
    path = tmp_path / "published" / damaged / DATABASE
    whole = path.read_bytes()
    path.unlink()
    if content == "fifo":
        os.mkfifo(path)
    elif content == "directory":
        path.mkdir()
    elif content is not None:
        path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    (tmp_path / "published" / later / DATABASE).write_bytes(whole[: len(whole) // 3])
    with pytest.raises(CustomerIntelligenceError) as refused:
        open_marts(tmp_path)
    assert refused.value.code == "E_DAMAGED"
    assert f"make rollback VERSION={earlier}" in refused.value.hint
    assert later not in refused.value.hint, "a damaged version is no way back"


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "link to a link"])
def test_current_that_is_no_link_to_a_version_is_refused(copy, kind):
    data_dir = copy()
    current = data_dir / "published" / "current"
    version = current_version(data_dir)
    current.unlink()
    if kind == "file":
        current.write_text(version)
    elif kind == "directory":
        current.mkdir()
    elif kind == "fifo":
        os.mkfifo(current)
    else:
        current.symlink_to("000001-20260101T000000Z-00000001")
        (data_dir / "published" / "000001-20260101T000000Z-00000001").symlink_to(version)
    with pytest.raises(CustomerIntelligenceError, match="E_DAMAGED"):
        open_marts(data_dir)


def test_damage_behind_the_opening_is_said_in_words(copy, tmp_path, capsys):
    """The catalogue is whole, the rows are not: the file opens, and cannot be read."""
    data_dir = copy()
    path = published_file(data_dir)
    content = bytearray(path.read_bytes())
    content[len(content) // 8 : -len(content) // 8] = bytes(len(content) // 8 * 6 + 8)
    path.write_bytes(content)
    assert main(
        ["export", "dim_customers", f"--out={tmp_path / 'x.csv'}", f"--data-dir={data_dir}"]
    )
    said = capsys.readouterr().err
    assert said.startswith("E_DAMAGED: ")
    assert "make build" in said
    assert not (tmp_path / "x.csv").exists()


def test_a_log_of_changes_beside_a_version_is_not_applied(copy):
    data_dir = copy()
    os.mkfifo(published_file(data_dir).with_name(f"{DATABASE}.wal"))
    with pytest.raises(CustomerIntelligenceError, match="E_DAMAGED"):
        open_marts(data_dir)


def test_a_version_pruned_while_it_is_opened_gives_way_to_the_next(copy, monkeypatch):
    data_dir = copy()
    version = current_version(data_dir)
    opened = []

    def open_and_note(folder, _open=marts_module.open_version):
        opened.append(folder.name)
        return _open(folder)

    answers = iter(["pruned-1", "pruned-2", version])
    monkeypatch.setattr(marts_module, "current_version", lambda data_dir: next(answers))
    monkeypatch.setattr(marts_module, "open_version", open_and_note)
    with open_marts(data_dir) as marts:
        assert marts.execute("select version from build_info").fetchone()
    assert opened == ["pruned-1", "pruned-2", version]


# --- visitors --------------------------------------------------------------------------------


@pytest.fixture
def app(copy, monkeypatch) -> AppTest:
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(copy()))
    return AppTest.from_file(str(APP), default_timeout=60)


@pytest.fixture
def server_address() -> Iterator[Callable[[str | None], None]]:
    """Return a function that sets the address which the server is told to listen on."""
    before = config.get_option("server.address")
    yield lambda address: config.set_option("server.address", address)
    config.set_option("server.address", before)


SIGN_IN = {
    "redirect_uri": "https://shop.example/oauth2callback",
    "cookie_secret": "0123456789abcdef" * 2,
    "client_id": "dashboard",
    "client_secret": "known to the provider",
    "server_metadata_url": "https://id.example/.well-known/openid-configuration",
    "allowed_emails": ["ann@shop.example", "*@office.example"],
}


def shown(app: AppTest) -> str:
    return "\n".join(str(e.value) for e in [*app.title, *app.text, *app.markdown, *app.caption])


def shows_data(app: AppTest) -> bool:
    return bool(app.metric or app.get("vega_lite_chart") or app.dataframe or app.multiselect)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_let_in(app, server_address, address):
    server_address(address)
    app.run()
    assert not app.exception
    assert shows_data(app)


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "shop.example", "unix:///s"]
)
def test_the_network_is_refused_without_a_sign_in(app, server_address, address, monkeypatch):
    monkeypatch.setattr("marts_reader.open_marts", lambda: pytest.fail("data were read"))
    server_address(address)
    app.run()
    assert not app.exception
    assert not shows_data(app)
    assert "no sign-in is configured" in shown(app)
    assert "docs/security.md" in shown(app)
    app.switch_page("views/churn.py").run()
    assert not shows_data(app)


def test_a_visitor_from_elsewhere_behind_a_local_proxy_is_refused(app, monkeypatch):
    import access

    assert not access.is_remote(None)
    assert access.is_remote("203.0.113.9")
    monkeypatch.setattr("access.is_remote", lambda visitor: True)
    app.run()
    assert not shows_data(app)
    assert "no sign-in is configured" in shown(app)


@pytest.fixture
def sign_in(app, monkeypatch) -> AppTest:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    app.secrets = {"auth": SIGN_IN}
    return app


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_sign_in_that_is_configured_is_asked_for_everywhere(sign_in, server_address, address):
    server_address(address)
    sign_in.run()
    assert not shows_data(sign_in)
    assert [button.label for button in sign_in.button] == ["Sign in"]


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        ({"email": "ann@shop.example"}, True),
        ({"email": "Ann@Shop.Example", "email_verified": True}, True),
        ({"email": "anyone@office.example"}, True),
        ({"email": "ann@shop.example", "email_verified": False}, False),
        ({"email": "bob@shop.example"}, False),
        ({"email": "ann@shop.example.evil.example"}, False),
        ({"email": "ann@shop.example@evil.example"}, False),
        ({"email": "x@evil.office.example"}, False),
        ({"email": ""}, False),
        ({}, False),
    ],
)
def test_only_people_on_the_list_see_data(sign_in, server_address, user, allowed):
    server_address("0.0.0.0")
    sign_in.user = {"is_logged_in": True, **user}
    sign_in.run()
    assert not sign_in.exception
    assert shows_data(sign_in) is allowed
    assert "Sign out" in [button.label for button in sign_in.button]


@pytest.mark.parametrize(
    "change",
    [
        *({key: ""} for key in SIGN_IN),
        {"cookie_secret": "short"},
        {"allowed_emails": "ann@shop.example"},
    ],
    ids=str,
)
def test_half_a_sign_in_lets_nobody_in(sign_in, change):
    sign_in.secrets = {"auth": {**SIGN_IN, **change}}
    sign_in.user = {"is_logged_in": True, "email": "ann@shop.example"}
    sign_in.run()
    assert not shows_data(sign_in)
    assert next(iter(change)) in shown(sign_in)


def test_secrets_that_cannot_be_read_let_nobody_in(app, tmp_path):
    before = config.get_option("secrets.files")
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth\nclient_id =")
    try:
        config.set_option("secrets.files", [str(broken)])
        app.run()
        assert not shows_data(app)
        assert "cannot be read" in shown(app)
    finally:
        config.set_option("secrets.files", before)


def test_a_sign_in_without_its_packages_lets_nobody_in(sign_in, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    sign_in.run()
    assert not shows_data(sign_in)
    assert "authlib" in shown(sign_in)


@pytest.mark.parametrize(
    "value",
    [
        "'; drop table dim_customers; --",
        "' or 1 = 1 --",
        "$segment",
        "<script>alert(1)</script>",
        "../../../etc/passwd",
        "%00",
        "\U0001f600" * 50,
        "x" * 100_000,
        ["Champions'", "\n", "{{7*7}}"] * 100,
    ],
    ids=range(9),
)
def test_what_the_address_says_is_a_filter_or_nothing(app, value):
    app.run()
    plain = shown(app)
    for key in ("segment", "risk", "country", "model", "page", "version"):
        app.query_params[key] = value
    app.run()
    assert not app.exception
    assert shown(app) == plain
    assert [box.value for box in app.multiselect] == [[], [], []]


def test_the_server_is_told_to_keep_to_itself():
    server, client = SERVER_CONFIG["server"], SERVER_CONFIG["client"]
    assert server["address"] == "127.0.0.1"
    assert set(server["allowedHosts"]) == {"localhost", "127.0.0.1"}
    assert server["enableCORS"]
    assert server["enableXsrfProtection"]
    assert not server["enableStaticServing"]
    assert not server["enableAgentApi"]
    assert server["fileWatcherType"] == "none"
    assert client["showErrorDetails"] == "none"
    assert not client["showErrorLinks"]
    assert client["allowedOrigins"] == []
    # From whatever folder it is started, and so for the sign-in.
    assert (DASHBOARD / ".streamlit").resolve() == ROOT / ".streamlit"
    # A download of Streamlit's own would not be defused.
    assert client["disableDataExport"]
    # All of these are options that this Streamlit knows.
    for section, options in SERVER_CONFIG.items():
        for name in options:
            # Themes nest: their options are known one level further down.
            if isinstance(options[name], dict):
                continue
            assert config.get_where_defined(f"{section}.{name}")


@contextmanager
def running_server(data_dir: Path, *options: str) -> Iterator[int]:
    """Run the dashboard as `make dashboard` does and give its port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    server = subprocess.Popen(
        [*command, f"--server.port={port}", "--server.headless=true", *options],
        cwd=ROOT,
        env={**os.environ, "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(900):
            try:
                if get(port, "/_stcore/health")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=10)


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def visit(port: int, host: str = "127.0.0.1", origin: str | None = None) -> bytes:
    """Open the dashboard as a browser does and return all it sends for the first page."""
    received = b""
    address = socket.create_connection(("127.0.0.1", port))
    with connect(
        f"ws://{host}:{port}/_stcore/stream",
        sock=address,
        origin=origin,
        subprotocols=["streamlit"],
        max_size=None,
    ) as session:
        ask = BackMsg()
        ask.rerun_script.query_string = ""
        session.send(ask.SerializeToString())
        while True:
            data = session.recv(timeout=60)
            received += data
            message = ForwardMsg()
            message.ParseFromString(data)
            if message.WhichOneof("type") == "script_finished":
                return received


def own_address() -> str | None:
    """Return an address of this machine that others could use, if there is one."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


def test_the_server_serves_this_machine_and_its_own_pages_only(copy):
    with running_server(copy()) as port:
        assert get(port, "/_stcore/health") == (200, b"ok")
        page = visit(port, origin=f"http://127.0.0.1:{port}")
        assert b"How are we doing?" in page
        assert b"vega" in page.lower()
        for host, origin in [("evil.example", None), ("127.0.0.1", "http://evil.example")]:
            with pytest.raises(InvalidStatus) as refused:
                visit(port, host, origin)
            assert refused.value.response.status_code == 403
        for path in [
            "/app/static/../app.py",
            "/../dashboard/app.py",
            "/..%2fdashboard/app.py",
            "/%2e%2e/%2e%2e/etc/passwd",
            "//etc/passwd",
            "/static/..%5c..%5capp.py",
            "/media/../../../etc/passwd",
            "/.streamlit/config.toml",
            "/.streamlit/secrets.toml",
            "/component/../../app.py",
        ]:
            body = get(port, path)[1]
            assert b"draw_sidebar" not in body, path
            assert b"root:" not in body, path
            assert b"allowedHosts" not in body, path
        assert get(port, "/_stcore/upload_file/a/b", method="PUT")[0] in (400, 403, 404)
        assert get(port, "/_stcore/agent/interact", method="POST")[0] in (403, 404, 405)
        outside = own_address()
        if outside:
            with pytest.raises(OSError):
                socket.create_connection((outside, port), timeout=2).close()


def test_a_server_on_every_address_shows_nothing(copy):
    with running_server(copy(), "--server.address=0.0.0.0") as port:
        page = visit(port)
    assert b"no sign-in is configured" in page
    for word in (b"How are we doing?", b"Champions", b"United Kingdom", b"vega"):
        assert word not in page


# --- texts -----------------------------------------------------------------------------------

HOSTILE = (
    '<script>fetch("//evil.example")</script><img src=x onerror=alert(1)>'
    "![x](//evil.example/a.png) [y](javascript:alert(1)) $x^2$ :material/home: :red[x] **b** `c`"
)
# What Markdown would make of it, where a text is taken for Markdown.
ACTIVE = re.compile(r"<(script|img)|!\[|\]\(|\$|:material|:red\[|\*\*b|`")
ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")


@pytest.fixture
def hostile(copy, monkeypatch) -> Path:
    """A publication whose every text of the shop's own is hostile."""
    bad = HOSTILE.replace("'", "''")
    columns = [
        ("dim_customers", "segment"),
        ("rpt_segments", "segment"),
        ("dim_customers", "country"),
        ("dim_customers", "customer_id"),
        ("dim_customers", "cluster_name"),
        ("rpt_cluster_profiles", "cluster_name"),
        ("rpt_cluster_products", "cluster_name"),
        ("rpt_cluster_products", "description"),
        ("fct_churn_reasons", "reason"),
        ("dim_products", "description"),
        ("rpt_first_products", "description"),
        ("rpt_product_cycles", "description"),
        ("fct_due_products", "description"),
    ]
    data_dir = copy(
        *(f"update {table} set {column} = '{bad}' || {column}" for table, column in columns),
        f"update rpt_segments set meaning = '{bad}', recommended_action = '{bad}'",
        f"update rpt_cluster_selection set chosen_reason = '{bad}' where is_chosen",
        f"update rpt_insights set finding = '{bad}'",
        f"update build_info set currency = '{bad}'",
        "insert into rpt_kpis select * replace ("
        f"'{bad}' as kpi, '{bad}' as unit) from rpt_kpis limit 1",
    )
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(data_dir))
    return data_dir


@pytest.mark.parametrize("view", sorted(path.name for path in (DASHBOARD / "views").glob("*.py")))
def test_hostile_texts_are_shown_as_texts(hostile, view):
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page(f"views/{view}").run()
    assert not app.exception
    assert shows_data(app)
    markdown = [
        *(e.value for e in [*app.title, *app.header, *app.subheader]),
        *(e.value for e in [*app.markdown, *app.caption, *app.info, *app.warning]),
        *(text for card in app.metric for text in (card.label, card.help or "")),
        *(
            text
            for box in [*app.multiselect, *app.selectbox]
            for text in (box.label, box.help or "")
        ),
        *(
            column.get("help") or ""
            for table in app.dataframe
            for column in json.loads(table.proto.columns).values()
        ),
    ]
    assert len(markdown) > 10
    assert [text for text in markdown if ACTIVE.search(ESCAPED.sub("", text))] == []
    assert not any(element.proto.allow_html for element in app.markdown)
    assert not app.get("html")
    assert not app.get("iframe")
    # The specifications of charts hold the texts, and nothing in them that loads or links.
    for chart in app.get("vega_lite_chart"):
        spec = re.sub(r'"(?:[^"\\]|\\.)*evil(?:[^"\\]|\\.)*"', '""', chart.proto.spec)
        assert not re.search(r'"(href|url|image)"', spec.replace('"$schema"', ""))


def test_markdown_shows_a_text_as_it_is():
    import wording

    assert wording.as_markdown("US$ 5*") == r"US\$ 5\*"
    assert wording.as_markdown("Österreich £") == "Österreich £"


@pytest.mark.parametrize("path", sorted(DASHBOARD.rglob("*.py")), ids=lambda path: path.name)
def test_no_page_draws_html_or_calls_an_outside_host(path):
    text = path.read_text(encoding="utf-8")
    for word in ("unsafe_allow_html", "unsafe_allow_javascript", "st.html", "components", "iframe"):
        assert word not in text
    assert ":material/" not in text
    assert "://" not in text


# --- exports ---------------------------------------------------------------------------------

DANGEROUS = "=+-@\t\r\n＝＋－＠﹦﹢﹣﹫"
TEXTS = st.text(
    st.one_of(
        st.sampled_from(DANGEROUS + " '\";,|\u00a0\u200b\ufeff\x07A1"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)


def written(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/C calc'!A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1",
        '  "\u00a0=1', "＝1", "＋1", "－1", "＠a", "\u200b=1", "\ufeff=1", "-", "=", "- 5 %",
        # A sign with anything behind it that can be more than a number.
        "+A1", "-A1", "+SUM(1)", "-2+3+cmd|'/C calc'!A0", "+1+1", "-1*2", "+49 170 x", "+1=1",
        "++1", "+-1", "+(A1)", "-@1", "+", "+()", "+1\t=1", "+1e5e5", "+1;", "-1&A1", "+1%", "+1!a",
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert defuse(text)[0] == "'"
    assert defuse(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    "text",
    [
        "", "12346", "a-b", "SET OF 3, -5 %", "a=b", "0", " x", "é", "'x", "ann+shop@x.com",
        # Numbers, and telephone numbers as people write them.
        "+1", "-5", "-1,234.50", "+1e5", "-1.5E-7", "+491700000000", "+49 170 1234567",
        "+49 (0)170 / 12 34-567", "+1 (415) 555-0100", "+1.415.555.0100", "+(49) 170", " +49 170",
        "+49\u00a0170\u202f123", "004917012345",
    ],
)  # fmt: skip
def test_other_texts_are_left_alone(text):
    assert defuse(text) == text


def test_a_number_that_something_follows_is_none():
    assert defuse("+1;cmd|'/C calc'!A0") == "'+1;cmd|'/C calc'!A0"
    assert defuse("tel;+49 170") == "tel;'+49 170"


def test_a_list_of_ids_reads_back_as_the_ids(copy, tmp_path):
    ids = ["+491700000000", "+1 (415) 555-0100", "ann+shop@x.com", "007", "-12", "=7*7", "@ann"]
    data_dir = copy(
        "delete from dim_customers where customer_id not in "
        f"(select customer_id from dim_customers order by customer_id limit {len(ids)})",
        f"update dim_customers as d set customer_id = n.name from (select customer_id as id, {ids}"
        "[row_number() over (order by customer_id)] as name from dim_customers) as n "
        "where d.customer_id = n.id",
    )
    out = tmp_path / "customers.csv"
    assert export("dim_customers", out, data_dir) == len(ids)
    header, *rows = written(out)
    found = {row[header.index("customer_id")] for row in rows}
    assert found == {*ids[:5], "'=7*7", "'@ann"}


def test_a_list_leaves_out_who_was_erased_after_the_marts_were_built(copy, tmp_path):
    data_dir = copy()
    with open_marts(data_dir) as marts:
        (gone, kept), *_ = marts.execute(
            "select min(customer_id), max(customer_id) from dim_customers"
        ).fetchall()
    (data_dir / "raw").mkdir()
    add_tombstone(data_dir / "raw", gone, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    for mart in ("dim_customers", "fct_orders", "fct_customer_actions"):
        export(mart, tmp_path / "out.csv", data_dir)
        header, *rows = written(tmp_path / "out.csv")
        found = {row[header.index("customer_id")] for row in rows}
        assert kept in found or mart == "fct_customer_actions"
        assert found
        assert gone not in found
    (data_dir / "raw" / "tombstones.json").write_text("{")
    with pytest.raises(CustomerIntelligenceError, match="E_TOMBSTONES"):
        export("dim_customers", tmp_path / "out.csv", data_dir)
    assert written(tmp_path / "out.csv")[0] == header


def test_a_link_in_the_place_of_an_export_is_refused(tmp_path):
    kept, out = tmp_path / "kept", tmp_path / "out.csv"
    kept.write_text("kept")
    out.symlink_to(kept)
    with pytest.raises(CustomerIntelligenceError, match="E_NOT_A_FILE"):
        write_csv(out, ["a"], [["1"]], [True])
    assert kept.read_text() == "kept"
    assert out.is_symlink()


@given(TEXTS)
def test_no_cell_starts_a_formula_and_every_text_comes_back(text):
    cell = defuse(text)
    # A spreadsheet may split a line at its own separators, and drops blanks and quotes.
    if re.fullmatch(r"[\s\d().,/+eE-]*\d[\s\d().,/+eE-]*", cell) and cell == text:
        # Nothing stands there that could be more than a sum.
        assert not re.search(r"[;\t\r\n]\s*[+-]|[eE][^\d+-]", cell)
        return
    for part in re.split(r"[;\t\r\n]", cell):
        assert not re.match(rf"[\s\"\x00-\x1f\u200b-\u200f\ufeff]*[{re.escape(DANGEROUS)}]", part)
    assert not cell or cell[0] not in DANGEROUS
    kept, put = iter(text), 0
    current = next(kept, None)
    for character in cell:
        if character == current:
            current = next(kept, None)
        else:
            assert character == "'"
            put += 1
    assert current is None
    assert put == len(cell) - len(text)
    if not re.search(r"[;\t\r\n]", text):
        assert text in (cell, cell.removeprefix("'"))


@given(st.lists(st.tuples(TEXTS, st.integers() | st.none()), max_size=4))
def test_a_file_holds_what_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("export") / "out.csv"
    cells = [(text, None if number is None else str(number)) for text, number in rows]
    assert write_csv(path, ["-name", "amount"], cells, [True, False]) == len(rows)
    header, *found = written(path)
    assert header == ["'-name", "amount"]
    assert found == [[defuse(text), number or ""] for text, number in cells]


def test_an_exported_mart_is_the_mart(copy, tmp_path):
    data_dir = copy(
        "update dim_customers set country = '=HYPERLINK(\"http://evil.example\")' "
        "where country = 'Germany'",
        "update dim_customers set net_revenue = -5 where customer_id in "
        "(select max(customer_id) from dim_customers)",
        "update dim_customers set cluster_name = null",
    )
    out = tmp_path / "customers.csv"
    count = export("dim_customers", out, data_dir)
    header, *rows = written(out)
    with open_marts(data_dir) as marts:
        expected = marts.execute(
            "select columns(*)::varchar from dim_customers order by customer_id"
        ).fetchall()
        names = [column[0] for column in marts.description]
    assert header == names
    assert count == len(rows) == len(expected)
    country, money = names.index("country"), names.index("net_revenue")
    for row, source in zip(rows, expected, strict=True):
        assert [cell.removeprefix("'") for cell in row] == [cell or "" for cell in source]
    assert {row[country][:2] for row in rows if "HYPERLINK" in row[country]} == {"'="}
    assert rows[-1][money] == "-5.0000"
    again = tmp_path / "again.csv"
    export("dim_customers", again, data_dir)
    assert again.read_bytes() == out.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) & 0o077 == 0


def test_every_mart_can_be_exported(copy, tmp_path):
    data_dir = copy()
    with open_marts(data_dir) as marts:
        rows = dict(marts.execute("select table_name, row_count from _meta_tables").fetchall())
    for mart, count in rows.items():
        assert export(mart, tmp_path / f"{mart}.csv", data_dir) == count


@pytest.mark.parametrize(
    ("mart", "out", "code"),
    [
        ("no_such_mart", "out.csv", "E_UNKNOWN_MART"),
        ("_meta", "out.csv", "E_UNKNOWN_MART"),
        ('rpt_kpis" union select 1 --', "out.csv", "E_UNKNOWN_MART"),
        ("read_text('/etc/passwd')", "out.csv", "E_UNKNOWN_MART"),
        ("rpt_kpis", ".", "E_NOT_A_FILE"),
        ("rpt_kpis", "no/such/directory/out.csv", "E_NO_FOLDER"),
        ("rpt_kpis", "{data_dir}/published/out.csv", "E_OWN_FOLDER"),
        ("rpt_kpis", "{data_dir}/campaigns", "E_OWN_FOLDER"),
        ("rpt_kpis", "{data_dir}/shop.yml", "E_OWN_FOLDER"),
    ],
)
def test_an_export_that_is_refused_changes_nothing(copy, tmp_path, capsys, mart, out, code):
    data_dir = copy()
    here = tmp_path / "here"
    here.mkdir()
    (here / "kept.csv").write_text("kept")
    before = all_files(tmp_path)
    target = here / out.format(data_dir=data_dir)
    assert main(["export", mart, "--out", str(target), "--data-dir", str(data_dir)]) == 2
    assert capsys.readouterr().err.startswith(f"{code}: ")
    assert all_files(tmp_path) == before


def test_an_export_to_no_file_says_what_is_missing(copy, capsys):
    """`make export OUT=$OUT` where OUT is not set."""
    assert main(["export", "rpt_kpis", "--out", "", "--data-dir", str(copy())]) == 2
    assert capsys.readouterr().err.startswith("E_EMPTY_VALUE: --out ")


def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("kept")

    def rows() -> Iterator[list[str]]:
        yield ["1"]
        raise OSError(28, "No space left on device")

    with pytest.raises(CustomerIntelligenceError, match="E_CANNOT_WRITE"):
        write_csv(out, ["a"], rows(), [True])
    assert out.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [out]


# --- files -----------------------------------------------------------------------------------


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node
            elif isinstance(function, ast.Name):
                yield function.id, node


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: path.stem)
def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert not imported & {
        *("pickle", "cPickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"),
        *("requests", "urllib3", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib"),
    }
    for name, call in calls(tree):
        assert name not in {"eval", "exec", "read_pickle", "to_pickle", "system", "popen"}
        assert not (name == "compile" and isinstance(call.func, ast.Name))
        assert not (name == "load" and ast.unparse(call.func) == "yaml.load")
        for keyword in call.keywords:
            given_true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            assert not (keyword.arg in {"allow_pickle", "shell"} and given_true)


def test_nothing_reports_to_anybody():
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False
    assert SERVER_CONFIG["browser"]["gatherUsageStats"] is False
    assert SERVER_CONFIG["server"]["showEmailPrompt"] is False
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text(encoding="utf-8"))
    targets = profile["customer_intelligence"]["outputs"].values()
    builds = [target["config_options"] for target in targets if target["type"] == "duckdb"]
    assert len(builds) == 2
    for option in ("autoload_known_extensions", "autoinstall_known_extensions"):
        assert READER_CONFIG[option] == "false"
        assert all(build[option] is False for build in builds)


def test_no_file_of_the_project_holds_a_secret():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    secret = re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{30}"
        rb"|\bxox[abprs]-[0-9A-Za-z-]{10}|\bsk-[0-9A-Za-z]{20}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}"
        rb"|(?i:(password|passwd|secret|token|api_?key)\s*[=:]\s*[\"'][0-9A-Za-z+/_-]{16,}[\"'])"
    )
    # The sign-in of this file's own tests is made up.
    files = [ROOT / name for name in listed if name != "tests/python/test_access.py"]
    assert len(files) > 100
    assert [str(p) for p in files if p.is_file() and secret.search(p.read_bytes())] == []
    assert not any(Path(name).name in {"secrets.toml", ".env"} for name in listed)
