"""The commands that ask the published marts: `metrics` for people, `mcp` for agents."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from customer_intelligence.cli.options import Command, example, in_data_dir, out_option
from customer_intelligence.cli.project import find_data_dir

if TYPE_CHECKING:
    from customer_intelligence.metrics import Metrics

# As `metrics.output` writes them.
FORMATS = ("table", "csv", "json", "parquet")


@click.command(
    cls=Command, epilog=example("metrics orders,net_revenue --by=month --order=-orders --limit=3")
)
@click.argument("names", metavar="[METRICS]...", nargs=-1)
@click.option("--by", metavar="NAMES", help="Dimensions or periods, such as segment or month.")
@click.option(
    "--where", metavar="NAME=VALUE", multiple=True, help="Count only this; repeat for more values."
)
@click.option("--since", metavar="DAY", help="First day that counts, as YYYY-MM-DD.")
@click.option("--until", metavar="DAY", help="Last day that counts.")
@click.option("--order", metavar="NAMES", help="Sort by these; -NAME sorts the largest first.")
@click.option("--limit", type=int, metavar="ROWS", help="Show so many rows at most.")
@click.option(
    "--format",
    "as_format",
    type=click.Choice(FORMATS),
    help="How to write the figures.  [default: as the name of --out ends, else table]",
)
@out_option("Write to this file instead of the screen.", required=False)
@click.option("--explain", is_flag=True, help="Show the SQL instead of running it.")
@in_data_dir
def metrics(
    data_dir: str | None,
    names: tuple[str, ...],
    by: str | None,
    where: tuple[str, ...],
    since: str | None,
    until: str | None,
    order: str | None,
    limit: int | None,
    as_format: str | None,
    out: str | None,
    explain: bool,
) -> None:
    """Query METRICS of the published marts.

    Without METRICS, lists them and what each can be grouped by. Every metric counts by the day on
    which it happened.
    """
    from customer_intelligence.data_dir.outputs import check_output, written
    from customer_intelligence.metrics import Metrics, Query
    from customer_intelligence.metrics.output import WRITERS
    from customer_intelligence.publication.reader import reading

    place = find_data_dir(data_dir)
    if out is not None:
        check_output(out, place)
    written_as = as_format or _format_of(out)
    if written_as == "parquet" and out is None and not explain:
        raise click.UsageError("--format=parquet needs --out=FILE.")
    query = Query(
        metrics=_words(" ".join(names)),
        by=_words(by),
        where=_values(where),
        since=_day("--since", since),
        until=_day("--until", until),
        order=_words(order),
        limit=limit,
    )
    with reading(place) as marts:
        asked = Metrics(marts)
        if not query.metrics:
            _list(asked)
            return
        if explain:
            text, parameters = asked.sql(query)
            print(text, *(f"-- ${name} = {value}" for name, value in parameters.items()), sep="\n")
            return
        figures = WRITERS[written_as](asked.answer(query))
    if out is None:
        print(figures.decode().rstrip("\r\n"))
        return
    with written(out) as file:
        file.write(figures + (b"\n" if written_as in ("table", "json") else b""))
    print(f"{written_as}: {out}", file=sys.stderr)


@click.command(cls=Command, epilog=example("mcp --data-dir=data/local"))
@in_data_dir
def mcp(data_dir: str | None) -> None:
    """Answer agents over the Model Context Protocol.

    Speaks on standard input and output, for a client that starts it. Reads the published marts
    only; takes no SQL.
    """
    from customer_intelligence.agents.server import serve

    serve(find_data_dir(data_dir))


def _list(metrics: Metrics) -> None:
    groups: dict[tuple[str, ...], list[str]] = {}
    for metric in metrics.known():
        groups.setdefault(metric.dimensions, []).append(f"  {metric.name:<32} {metric.definition}")
    for dimensions, lines in groups.items():
        print(f"By {', '.join(dimensions)}:", *lines, "", sep="\n")


def _words(text: str | None) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text or "") if word]


def _values(where: Sequence[str]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for condition in where:
        name, sign, value = condition.partition("=")
        if not sign or not name.strip():
            raise click.UsageError(f"--where={condition} is not of the form NAME=VALUE.")
        values.setdefault(name.strip(), []).append(value.strip())
    return values


def _day(option: str, text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise click.UsageError(f"{option}={text} is no day. Write it as YYYY-MM-DD.") from None


def _format_of(out: str | None) -> str:
    ending = Path(out or "").suffix.removeprefix(".")
    return ending if ending in FORMATS else FORMATS[0]
