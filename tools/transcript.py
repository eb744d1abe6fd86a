"""The conversation with the server for agents that docs/agents.md shows.

    python -m tools.transcript [--data-dir DIR] docs/agents.md

A question stands in a block of JSON behind a comment; its answer follows, as the server gives it:

    <!-- asked: segments {} -->
    ...
    <!-- end asked -->

Long lists are cut, and what differs between two builds of the same data is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from mcp import Client

from customer_intelligence.agents.server import make_server
from customer_intelligence.cli.ending import ended

_ASKED = re.compile(
    r"(?P<begin><!-- asked: (?P<tool>\w+) (?P<arguments>\{.*?\}) -->\n)"
    r".*?(?P<end><!-- end asked -->)",
    re.DOTALL,
)
_SHOWN = 3


def filled(text: str, data_dir: Path) -> str:
    """Return the text with each answer as the server gives it now.

    Parameters
    ----------
    text : str
        Markdown.
    data_dir : Path
        Whose published marts are asked.

    Returns
    -------
    str
    """
    questions = [(asked["tool"], json.loads(asked["arguments"])) for asked in _ASKED.finditer(text)]
    answers = iter(asyncio.run(_ask(data_dir, questions)))

    def block(asked: re.Match[str]) -> str:
        question = f"{asked['tool']} {asked['arguments']}"
        return f"{asked['begin']}\n```json\n// {question}\n{next(answers)}\n```\n\n{asked['end']}"

    return _ASKED.sub(block, text)


async def _ask(data_dir: Path, questions: list[tuple[str, dict[str, Any]]]) -> list[str]:
    async with Client(make_server(data_dir)) as client:
        return [_shown(await client.call_tool(name, given)) for name, given in questions]


def _shown(result: Any) -> str:
    text: str = result.content[0].text
    if result.is_error:
        return text
    answer = json.loads(text)
    for varying in ("version", "built_at", "tests_passed"):
        answer["version"][varying] = "…"
    return json.dumps(_cut(answer), indent=2, ensure_ascii=False)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(part) for name, part in value.items() if part is not None}
    if isinstance(value, list) and len(value) > _SHOWN:
        return [*map(_cut, value[:_SHOWN]), f"… {len(value) - _SHOWN} more"]
    if isinstance(value, list):
        return [_cut(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    """Write the answers into the files named."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data-dir", required=True, type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    for file in given.files:
        file.write_text(filled(file.read_text("utf-8"), given.data_dir), "utf-8")


if __name__ == "__main__":
    sys.exit(ended(main))
