"""The tools of the Model Context Protocol server, over standard input and output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from customer_intelligence.agents import answers
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.reader import READ_ERRORS, reason_of

INSTRUCTIONS = """\
Figures about the customers of one shop, from its audited, published marts. Read-only.

- Say as of which day a figure holds (`version`), and repeat what stands under `cautions`.
- A prediction is no fact: name the model's status (`models`) and the interval under `evidence`.
  Where a status is not `ok`, give its explanation instead of the figure.
- What goes with churn need not cause it. Only `rpt_campaign_readout` measures an effect.
- The data are invoice lines: they hold no costs, margins, visits, advertising or ages. Say so
  instead of guessing.
- Customers with `may_be_contacted` false, `is_contact` false or `is_holdout` true are not to be
  written to: the last are the group that a campaign is compared with.
"""
READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

Names = Annotated[list[str], Field(max_length=20)]
Values = Annotated[dict[str, list[str]], Field(max_length=10)]


def make_server(data_dir: Path) -> MCPServer[Any]:
    """Return a server that answers from what is published in a data directory.

    Parameters
    ----------
    data_dir : Path
        Each call reads the version that is current then.
    """
    server: MCPServer[Any] = MCPServer(
        "customer-intelligence", instructions=INSTRUCTIONS, log_level="WARNING"
    )

    def tool(function: Callable[..., answers.Answer]) -> None:
        server.tool(annotations=READS)(function)

    @tool
    def about_the_data() -> answers.Answer:
        """Say what the marts were made of: days, lines, key figures, state of models."""
        return _asked(lambda: answers.about(data_dir))

    @tool
    def findings() -> answers.Answer:
        """Say what stands out in the data, in sentences with figures and intervals."""
        return _asked(lambda: answers.findings(data_dir))

    @tool
    def list_metrics() -> answers.Answer:
        """List the metrics, what they mean, and what each can be grouped by."""
        return _asked(lambda: answers.list_metrics(data_dir))

    @tool
    def query_metrics(
        metrics: Annotated[Names, Field(description="names that list_metrics gives")],
        by: Annotated[
            Names, Field(description="dimensions, or day, week, month, quarter, year")
        ] = [],  # noqa: B006
        where: Annotated[Values, Field(description="values of dimensions that count")] = {},  # noqa: B006
        since: Annotated[str | None, Field(description="first day, YYYY-MM-DD")] = None,
        until: Annotated[str | None, Field(description="last day, YYYY-MM-DD")] = None,
        order: Annotated[Names, Field(description="names to sort by; -name: largest first")] = [],  # noqa: B006
        limit: Annotated[int, Field(ge=1, le=answers.MOST_ROWS)] = 100,
    ) -> answers.Answer:
        """Give figures of metrics, grouped, filtered and sorted. Takes no SQL."""
        return _asked(
            lambda: answers.query_metrics(data_dir, metrics, by, where, since, until, order, limit)
        )

    @tool
    def segments() -> answers.Answer:
        """Describe the five segments: meaning, size, worth, risk, and what to do about each."""
        return _asked(lambda: answers.segments(data_dir))

    @tool
    def explain_customer(customer_id: str) -> answers.Answer:
        """Explain one customer: figures, segment, reasons of the churn probability, action."""
        return _asked(lambda: answers.explain_customer(data_dir, customer_id))

    @tool
    def what_changed() -> answers.Answer:
        """Compare key figures and segments with the version published before."""
        return _asked(lambda: answers.what_changed(data_dir))

    @tool
    def definition(name: str) -> answers.Answer:
        """Define what a table, column, metric or dimension of that name means."""
        return _asked(lambda: answers.definition(data_dir, name))

    return server


def serve(data_dir: Path) -> None:
    """Answer on standard input and output until the client goes."""
    make_server(data_dir).run("stdio")


def _asked(work: Callable[[], answers.Answer]) -> answers.Answer:
    """Return an answer, or the refusal as an agent can read it."""
    try:
        return work()
    except CustomerIntelligenceError as error:
        raise ToolError(str(error)) from error
    except READ_ERRORS as error:
        raise ToolError(
            f"E_DAMAGED: The published marts cannot be read: {reason_of(error)}"
        ) from error
