"""Mappings that come with the package, by name or by the header of a file."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.mapping import SourceMapping, mapping_of, read_mapping
from customer_intelligence.ingest.yaml_files import read_yaml

PRESETS = Path(__file__).parent / "presets"


def find_mapping(name: str) -> SourceMapping:
    """Return the preset with this name, or read the mapping file with this name.

    Parameters
    ----------
    name : str
        A preset of `preset_names`, or the path of a file.

    Raises
    ------
    CustomerIntelligenceError
        As `read_mapping` does.
    """
    if name in preset_names():
        return preset(name)
    path = Path(name)
    if not path.exists():
        raise CustomerIntelligenceError(
            "E_NOT_FOUND",
            f"The mapping {path.resolve()} does not exist.",
            f"Check its name, name a preset ({', '.join(preset_names())}), or leave it out.",
        )
    return read_mapping(path)


def preset_names() -> list[str]:
    """Return the names of the mappings that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yml"))


def preset(name: str) -> SourceMapping:
    """Return a mapping that comes with the package."""
    return mapping_of({**_content(name), "header": None}, f"{name}.yml")


def matching_preset(header: Sequence[str]) -> str | None:
    """Return the name of the preset whose ``header`` is part of a file's header.

    The names must be spelled as the preset spells them: names such as invoice_no are anybody's,
    and the rules of one shop must not reach another.
    """
    # Some programs mark the columns that have to be filled.
    names = {column.strip().removeprefix("*") for column in header}
    for name in preset_names():
        if names.issuperset(_content(name)["header"]):
            return name
    return None


@functools.cache
def _content(name: str) -> dict[str, Any]:
    return read_yaml(PRESETS / f"{name}.yml", "E_BAD_MAPPING")
