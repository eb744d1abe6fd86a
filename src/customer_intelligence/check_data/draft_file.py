"""The drafted mapping as a file: its keys, their reasons, and whether it may be replaced."""

import hashlib
from pathlib import Path

import yaml

from customer_intelligence.check_data.draft import Draft
from customer_intelligence.data_dir.files import printable
from customer_intelligence.errors import CustomerIntelligenceError

MARK = "# Drafted by check-data, "


def draft_text(draft: Draft, path: Path) -> str:
    """Return the text of a drafted mapping.yml, with the reason of every column."""
    body = f"# From {path.name!a}. Correct what is wrong; docs/your-data.md lists all keys.\n"
    body += "".join(f"# {printable(note)}.\n" for note in draft.notes)
    content = dict(draft.content)
    columns = content.pop("columns", {})
    if columns:
        body += "columns:\n"
    for field, column in columns.items():
        body += f"  {_line({field: column})}{_reason(draft, field)}\n"
    unused = {name: one for name, one in draft.proposals.items() if name not in columns}
    for field, one in unused.items():
        body += f"  # {printable(_line({field: one.columns[0]}))}{_reason(draft, field)}\n"
    if content:
        body += yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return f"{MARK}{_digest(body)}; while this line holds, check-data may replace the file.\n{body}"


def _line(content: dict[str, object]) -> str:
    text = yaml.safe_dump(content, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.strip()[1:-1]


def _reason(draft: Draft, field: str) -> str:
    proposal = draft.proposals.get(field)
    if proposal is None:
        return ""
    return printable(f"  # {': '.join([proposal.verdict, '; '.join(proposal.reasons)])}")


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def check_out(out: Path) -> None:
    """Refuse to replace anything but an unchanged draft.

    Raises
    ------
    CustomerIntelligenceError
        E_EXISTS.
    """
    try:
        text = out.read_text(encoding="utf-8") if out.is_file() else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    mark, _, body = text.partition("\n")
    is_own = mark.startswith(MARK + _digest(body))
    if (out.exists() or out.is_symlink()) and not is_own:
        raise CustomerIntelligenceError(
            "E_EXISTS",
            f"{out} is there already, and is no unchanged draft of check-data.",
            f"Check with it (MAPPING={out}), remove it, or name another OUT.",
        )
