"""What commands share: their options, what `--help` adds to them, and how they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from customer_intelligence.errors import CustomerIntelligenceError

NAME = "customer-intelligence"
ABOUT = f"""Turn a shop's invoice lines into audited customer marts, and read them.

\b
Start with:
  {NAME} build                  build the bundled sample
  {NAME} check-data orders.csv  report how your own file would be read
  {NAME} build orders.csv       build your own marts
  {NAME} dashboard              show the marts"""
STATUSES = """\b
Exit status:
  0    done
  1    the check failed, for example a test
  2    refused; the last line gives a code, what is wrong and what to do
  130  interrupted"""
COMPLETING = "_CUSTOMER_INTELLIGENCE_COMPLETE"
COMPLETION = f"""\b
Completion, in bash:
  eval "$({COMPLETING}=bash_source {NAME})\""""


class Command(click.Command):
    """A command that refuses empty values, such as a script's unset variable."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, unless a value is empty."""
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            if isinstance(value, str) and not value.strip():
                is_option = parameter.param_type_name == "option"
                name = parameter.opts[0] if is_option else parameter.human_readable_name
                raise CustomerIntelligenceError(
                    "E_EMPTY_VALUE",
                    f"{name} is empty.",
                    "Give it a value, or omit it if it is optional.",
                )
        return super().invoke(ctx)


class Group(click.Group):
    """Commands in the order in which a person needs them."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return their names, in the order of their definition."""
        return list(self.commands)


def example(*lines: str) -> str:
    """Return the last paragraph of a command's help."""
    return "\b\nExample:\n" + "\n".join(f"  {NAME} {line}" for line in lines)


def in_data_dir(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command have a data directory named."""
    return click.option(
        "--data-dir",
        metavar="DIR",
        help="Directory of loads and published versions.  [default: data/local of the project]",
    )(command)


def in_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command have a project named."""
    return click.option(
        "--project-dir",
        metavar="DIR",
        help="The dbt project.  [default: the nearest parent project, else the checkout]",
    )(command)


def with_vars(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command have dbt vars."""
    return click.option(
        "--vars",
        "given_vars",
        metavar="YAML",
        help="dbt vars of this run, such as '{as_of_date: 2011-09-10}'.",
    )(command)


def out_option(what: str, *, required: bool = True) -> Callable[..., Any]:
    """Let a command have a file named that it writes."""
    return click.option("--out", metavar="FILE", required=required, help=what)
