"""The lists of published tables in README and docs/evidence.md, from the models' descriptions.

    python -m tools.model_tables

A description says `One row per …` and ends in `For example: …?`. The questions are written anew;
what one row is stays as it was shortened for the list. A new table comes last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
# Which layers a document lists.
DOCUMENTS = {"README.md": ("marts", "findings"), "docs/evidence.md": ("evidence",)}
_ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| [^|]+\? \|\n", re.MULTILINE)


def descriptions(root: Path, document: str) -> dict[str, str]:
    """Return the descriptions of the published models that a document lists.

    Parameters
    ----------
    root : Path
        The project.
    document : str
        Key of ``DOCUMENTS``.

    Returns
    -------
    dict of str to str
    """
    files = [
        file
        for layer in DOCUMENTS[document]
        for file in sorted((root / "models" / layer).rglob("_*__models.yml"))
    ]
    return {
        model["name"]: " ".join(model["description"].split())
        for file in files
        for model in yaml.safe_load(file.read_text("utf-8"))["models"]
        if not model["name"].startswith("int_")
    }


def filled(text: str, described: Mapping[str, str]) -> str:
    r"""Return a document with its list as the descriptions are now.

    Parameters
    ----------
    text : str
        Markdown with one such list.
    described : mapping of str to str
        Of ``descriptions``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Naming the model whose description lacks a part.

    Examples
    --------
    >>> row = "| `dim_dates` | day | Is it whole? |\n"
    >>> print(filled(row, {"dim_dates": "One row per day. For example: Did we trade?"}), end="")
    | `dim_dates` | day | Did we trade? |
    """
    rows = list(_ROW.finditer(text))
    grains = {row[1]: row[2] for row in rows}
    lines = []
    for name in [*grains, *(name for name in described if name not in grains)]:
        if name not in described:
            continue
        found = re.fullmatch(
            r"(?:.*?One row per ([^.,:(]+))?.*For example: (.+\?)", described[name], re.DOTALL
        )
        if found is None or not (grains.get(name) or found[1]):
            raise ValueError(
                f"the description of {name} must begin with 'One row per …' and end in "
                "'For example: …?'"
            )
        lines.append(f"| `{name}` | {grains.get(name) or found[1]} | {found[2]} |\n")
    return text[: rows[0].start()] + "".join(lines) + text[rows[-1].end() :]


def main() -> None:
    """Write the lists of both documents."""
    for name in DOCUMENTS:
        file = ROOT / name
        file.write_text(filled(file.read_text("utf-8"), descriptions(ROOT, name)), "utf-8")


if __name__ == "__main__":
    main()
