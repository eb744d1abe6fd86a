"""The commands of `customer-intelligence`, defined with click.

A command imports what it needs when it runs, so `--help` is fast.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from customer_intelligence.cli import ending, notifying
from customer_intelligence.cli.asking import mcp, metrics
from customer_intelligence.cli.options import (
    ABOUT,
    COMPLETING,
    COMPLETION,
    NAME,
    STATUSES,
    Group,
    example,
    in_data_dir,
    in_project,
    out_option,
    with_vars,
)
from customer_intelligence.cli.project import (
    enter,
    find_data_dir,
    find_project,
    left_as_found,
    run_dbt,
)
from customer_intelligence.cli.publishing import publish, publish_as_configured, renew_copies
from customer_intelligence.data_dir.layout import (
    BUILD,
    DBT_LOGS,
    DBT_TARGET,
    PROJECT_VARIABLE,
    REPORT_FILE,
)
from customer_intelligence.errors import CustomerIntelligenceError

# The dispositions of the lines, and nothing downstream.
DISPOSITIONS = (
    *("build", "--quiet", "--no-write-json", "--select", "+rpt_line_dispositions"),
    *("--resource-type", "model", "--resource-type", "seed"),
)


@click.group(
    cls=Group,
    help=ABOUT,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{STATUSES}\n\n{COMPLETION}",
)
@click.version_option(package_name="customer-intelligence")
def cli() -> None:
    """Hold the commands together."""


@cli.command(epilog=example("build orders.csv --mapping=mapping.yml"))
@click.argument("file", required=False)
@click.option(
    "--mapping", metavar="NAME", help="A mapping.yml for FILE, or a preset such as shopify."
)
@click.option(
    "--notify",
    metavar="COMMAND",
    envvar=notifying.VARIABLE,
    help="Program that gets JSON if the build fails, something drifts, much money is set apart or "
    "a segment moves.",
)
@click.option(
    "--notify-share",
    type=click.FloatRange(min=0),
    default=notifying.MOVED_SHARE,
    show_default=True,
    help="By which share a segment must grow or shrink.",
)
@in_data_dir
@with_vars
@in_project
def build(
    file: str | None,
    mapping: str | None,
    notify: str | None,
    notify_share: float,
    data_dir: str | None,
    given_vars: str | None,
    project_dir: str | None,
) -> None:
    """Load FILE if given, then build, test and publish.

    FILE (Parquet, CSV or XLSX, or a directory of files that belong together) is added to the
    earlier loads. Without any load, the bundled sample is built. Readers see the new marts once
    every test has passed; until then they see the old ones. If CUSTOMER_INTELLIGENCE_PUBLISH_TO
    names a destination, they are published there as well (see `publish`).
    """
    if mapping is not None and file is None:
        raise click.UsageError("--mapping needs a FILE, and none is given.")
    project = find_project(project_dir)
    place = find_data_dir(data_dir, project)
    with notifying.notifying(notify, notify_share, place):
        if file is not None:
            from customer_intelligence.cli.loading import load_file

            load_file(file, place, mapping)
        _build(project, place, given_vars)
        publish_as_configured(place)


def _build(project: Path, data_dir: Path, given_vars: str | None) -> None:
    from customer_intelligence.variables import given_variables

    # Unit tests use their own rows and do not depend on the data: `make test` runs them.
    run_dbt(
        project,
        data_dir,
        *("build", "--exclude-resource-type", "unit_test"),
        *("--vars", given_variables(given_vars)),
    )
    from customer_intelligence.publication.summary import print_summary

    print_summary(data_dir)


@cli.command(epilog=example("shop --mapping=online_retail"))
@click.option(
    "--mapping", metavar="NAME", help="The mapping.yml or preset that the loads were read with."
)
@in_data_dir
def shop(mapping: str | None, data_dir: str | None) -> None:
    """Write shop.yml for loads without one.

    Loads of an earlier release contain their rules. For other loads, name the mapping.
    """
    from customer_intelligence.ingest.presets import find_mapping
    from customer_intelligence.ingest.shop import renew

    rules = None if mapping is None else find_mapping(mapping)
    print(f"written: {renew(find_data_dir(data_dir), rules)}")


@cli.command("check-data", epilog=example("check-data orders.csv --out=mapping.yml"))
@click.argument("file")
@click.option("--mapping", metavar="NAME", help="A mapping.yml, or the name of a preset.")
@out_option("Write the drafted mapping to this file.", required=False)
@in_data_dir
@in_project
def check_data(
    file: str, mapping: str | None, out: str | None, data_dir: str | None, project_dir: str | None
) -> None:
    """Report how FILE would be read, and draft a mapping.

    Nothing is loaded or built.
    """
    from customer_intelligence import check_data

    project = find_project(project_dir)
    os.environ[PROJECT_VARIABLE] = str(project)
    place = find_data_dir(data_dir, project)
    if out is not None:
        _check_output(out, place)

    def dispositions(scratch: Path) -> None:
        with left_as_found():
            run_dbt(project, scratch, *DISPOSITIONS)

    path, target = Path(file), None if out is None else Path(out)
    if not check_data.check(path, mapping, target, build=dispositions, data_dir=place):
        raise ending.NotSo(
            "E_UNREADABLE",
            f"More than half of the records of {file} cannot be read.",
            "The table above says why: correct the mapping, then check again.",
        )


@cli.command(epilog=example("dashboard"))
@in_data_dir
@in_project
def dashboard(data_dir: str | None, project_dir: str | None) -> None:
    """Show the published marts in the browser.

    Serves http://127.0.0.1:8501 until you press Ctrl-C.
    """
    _need_dashboard()
    project = find_project(project_dir)
    enter(project, find_data_dir(data_dir, project))
    sys.stdout.flush()
    words = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    os.execv(sys.executable, words)  # noqa: S606  # nosec  # this interpreter, words of our own


@cli.command(epilog=example("docs --out=docs.html"))
@out_option("Write the docs to one HTML file instead of serving them.", required=False)
@in_data_dir
@with_vars
@in_project
def docs(
    out: str | None, data_dir: str | None, given_vars: str | None, project_dir: str | None
) -> None:
    """Show lineage and definitions in the browser.

    Serves http://127.0.0.1:8080 until you press Ctrl-C.
    """
    import base64

    from customer_intelligence.data_dir.outputs import write_output
    from customer_intelligence.variables import given_variables

    project = find_project(project_dir)
    place = find_data_dir(data_dir, project)
    path = None if out is None else _check_output(out, place)
    static = [] if path is None else ["--static"]
    # One thread: with more, dbt closes a DuckDB 2.0 connection that another thread may still use.
    run_dbt(
        project,
        place,
        *("docs", "generate", "--threads", "1"),
        *static,
        "--vars",
        given_variables(given_vars),
    )
    if path is None:
        run_dbt(project, place, "docs", "serve", "--host", "127.0.0.1", "--no-browser")
        return
    # Embed the one picture that the page would load from beside itself.
    picture = base64.b64encode((project / "assets" / "pipeline.svg").read_bytes()).decode()
    page = (place / BUILD / DBT_TARGET / "static_index.html").read_text("utf-8")
    page = page.replace("assets/pipeline.svg", f"data:image/svg+xml;base64,{picture}")
    write_output(path, page, mode=0o644)
    print(f"docs: {out} ({path.stat().st_size / 1e6:.1f} MB)")


@cli.command(epilog=example("report --out=report.html"))
@out_option("The file to write.  [default: report.html in the data directory]", required=False)
@in_data_dir
@in_project
def report(out: str | None, data_dir: str | None, project_dir: str | None) -> None:
    """Write the dashboard as one HTML file, to send or print."""
    import logging

    from customer_intelligence.data_dir.outputs import write_output

    _need_dashboard()
    project = find_project(project_dir)
    place = find_data_dir(data_dir, project)
    path = _check_output(place / REPORT_FILE if out is None else out, place)
    # The dashboard's settings are those of the directory it runs in.
    enter(project, place)
    sys.path.insert(0, str(project / "dashboard"))
    # Streamlit warns that there is no server, which is intended here.
    logging.disable(logging.WARNING)
    write_output(path, importlib.import_module("report").report(place))
    print(f"report: {out or path} ({path.stat().st_size / 1e6:.1f} MB)")


@cli.command(epilog=example("data"))
@click.option("--url", help="Address of the archive.  [default: the UCI repository]")
@out_option("Parquet file to write.  [default: data/online_retail.parquet]", required=False)
def data(url: str | None, out: str | None) -> None:
    """Download UCI Online Retail and verify its content.

    It is a real shop: 541,909 lines, 23 MB.
    """
    from customer_intelligence.cli.download import URL, fetch

    path = find_project() / "data" / "online_retail.parquet" if out is None else Path(out)
    fetch(url or URL, path if out is None else _check_output(out, find_data_dir(None)))


cli.add_command(metrics)
cli.add_command(mcp)


@cli.command(epilog=example("doctor"))
@in_data_dir
def doctor(data_dir: str | None) -> None:
    """Say what a build finds here, and what to set.

    Memory, cores, disk and versions. Changes nothing.
    """
    from customer_intelligence.data_dir.doctor import findings
    from customer_intelligence.data_dir.layout import RAW
    from customer_intelligence.ingest.load import read_manifests

    place = find_data_dir(data_dir)
    manifests = read_manifests(place / RAW) if (place / RAW).is_dir() else []
    for subject, found in findings(place, manifests):
        print(f"{subject:<9} {found}")


@cli.command(epilog=example("versions"))
@in_data_dir
def versions(data_dir: str | None) -> None:
    """List the published versions; * marks what readers see."""
    _print_versions(find_data_dir(data_dir))


@cli.command(epilog=example("rollback 20111210T101112000000Z-1a2b3c4d"))
@click.argument("version")
@in_data_dir
def rollback(version: str, data_dir: str | None) -> None:
    """Show readers an earlier VERSION until the next build."""
    from customer_intelligence.publication.versions import roll_back

    place = find_data_dir(data_dir)
    roll_back(place, version)
    _print_versions(place)


def _print_versions(data_dir: Path) -> None:
    from customer_intelligence.publication.versions import list_versions

    for version in list_versions(data_dir):
        print(version)


cli.add_command(publish)


@cli.command(epilog=example("forget -- 12345"))
@click.argument("customer")
@in_data_dir
@with_vars
@in_project
def forget(
    customer: str, data_dir: str | None, given_vars: str | None, project_dir: str | None
) -> None:
    """Erase CUSTOMER everywhere, build again, and verify it.

    Removes the customer from loads, campaigns and earlier versions. The customer's lines stay as
    anonymous lines, so totals do not change. After an interruption, run the same command again.
    """
    import shutil

    from customer_intelligence.erasure.forget import erase, verify

    project = find_project(project_dir)
    place = find_data_dir(data_dir, project)
    print("\n".join(erase(place, customer).lines()), flush=True)
    for leftover in (project / DBT_TARGET, project / DBT_LOGS):
        shutil.rmtree(leftover, ignore_errors=True)
    _build(project, place, given_vars)
    found = verify(place, customer)
    print("\n".join(found.lines()), flush=True)
    renew_copies(place)
    if not found.is_clean:
        raise ending.NotSo(
            "E_STILL_NAMED",
            "The customer is still named, or may be, in the places above.",
            "Remove your own files there, and run the command again.",
        )


@cli.command(epilog=example("export dim_customers --out=customers.csv"))
@click.argument("mart")
@out_option("The CSV file to write.")
@in_data_dir
def export(mart: str, out: str, data_dir: str | None) -> None:
    """Write a MART as a CSV file, safe to open in a spreadsheet."""
    place = find_data_dir(data_dir)
    _check_output(out, place)
    from customer_intelligence.lists.export import export

    print(f"{export(mart, out, place):,} rows of {mart}: {out}")


@cli.command(epilog=example("audience 2011-06-30 2011-09-30 --movement=left --out=left.csv"))
@click.argument("from_date", metavar="FROM")
@click.argument("to_date", metavar="TO")
@out_option("The CSV file to write.")
@click.option("--segment", metavar="NAME", help="Only this segment.")
@click.option("--movement", metavar="NAME", help="Only this movement: entered, left or stayed.")
@in_data_dir
def audience(
    from_date: str,
    to_date: str,
    out: str,
    segment: str | None,
    movement: str | None,
    data_dir: str | None,
) -> None:
    """Write who entered, left and stayed in each segment.

    FROM and TO are the days of two snapshots: month ends and the as-of date.
    """
    place = find_data_dir(data_dir)
    _check_output(out, place)
    from customer_intelligence.lists.audience import write_audience

    count = write_audience(from_date, to_date, out, segment, movement, place)
    print(f"{count:,} rows from {from_date} to {to_date}: {out}")


@cli.command(epilog=example("campaign --actions=win_back,second_order --out=contacts.csv"))
@out_option("The CSV file of the contacts.")
@click.option(
    "--actions", metavar="NAMES", help="Names of actions.  [default: all contact actions]"
)
@click.option("--starts", metavar="DAY", help="First day on which orders count as an outcome.")
@in_data_dir
def campaign(out: str, actions: str | None, starts: str | None, data_dir: str | None) -> None:
    """Write the customers to contact, and record who is held out.

    Later builds compare the two groups and so measure the effect of the campaign. The command
    prints the smallest effect that they could detect.
    """
    import re

    place = find_data_dir(data_dir)
    path = _check_output(out, place)
    from customer_intelligence.lists.campaign import as_day, start

    started = start(
        place,
        path,
        actions=[name for name in re.split(r"[,\s]+", actions or "") if name],
        starts_on=as_day(starts),
    )
    print(
        f"{started.campaign} from {started.starts_on}: {started.contacts:,} customers to contact "
        f"in {out}, {started.held_out:,} held out; do not contact those by other means",
        *started.design.lines(),
        sep="\n",
    )


def _need_dashboard() -> None:
    if importlib.util.find_spec("streamlit") is None:
        raise ModuleNotFoundError(name="streamlit")


def _check_output(out: str | Path, data_dir: Path) -> Path:
    from customer_intelligence.data_dir.outputs import check_output

    check_output(out, data_dir)
    # Absolute, since some commands go into the project before they write.
    return Path(os.path.abspath(out))  # noqa: PTH100  # a link at the end is refused, not followed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; it raises nothing."""
    return ending.ended(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> object:
    if COMPLETING in os.environ:
        return cli.main(prog_name=NAME)
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Not `cli.main`, which handles an interrupt and a closed pipe in its own way.
    try:
        with left_as_found(), cli.make_context(NAME, words or ["--help"]) as context:
            return cli.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        path = where.command_path if where else NAME
        raise CustomerIntelligenceError(
            "E_USAGE", error.format_message(), f"`{path} --help` explains its arguments."
        ) from None
