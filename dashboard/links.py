"""Deep links: apply the values that a page's address asks for, and report those that do not exist.

Streamlit applies the values that a control knows and silently drops the rest. `choose` draws every
control that the address keeps, and reads the address first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import wording
from streamlit.errors import StreamlitAPIException

MISSED = "link_missed"
# Why a value could not be chosen.
ABSENT = "which does not exist here"
HELD = "which has no figures of its own here"
BESIDE = "which cannot be shown beside another"
# At most this many letters of a value, and this many values, are repeated.
LETTERS = 60
VALUES = 5


@dataclass
class Missed:
    """Values that the address asked for in vain, and what is shown instead."""

    noun: str
    values: list[tuple[str, str]]
    shown: str = ""


def choose(
    control: Callable[..., Any],
    label: str,
    options: Sequence[Any],
    key: str,
    *,
    noun: str,
    everything: str = "",
    format_func: Callable[[Any], str] = str,
    elsewhere: Callable[[str], str | None] | None = None,
    **settings: Any,
) -> Any:
    """Draw a control that the address keeps, and return its choice.

    An address may name an option or its label, in any case, and several where the control takes
    several. `tell` says which of them do not exist.

    Parameters
    ----------
    control : function
        `st.multiselect`, or a control for one of several options.
    label, options, format_func, settings
        As the control takes them.
    key : str
        Name of the control, in the address too.
    noun : str
        What an option is, in the singular.
    everything : str
        What is shown when nothing is chosen.
    elsewhere : function, optional
        Returns the option that holds a value which is none itself, or none.
    """
    several = control is st.multiselect
    asked = st.query_params.get_all(key)
    found, missed = find(asked, options, format_func, elsewhere)
    if not several:
        missed += [(format_func(option), BESIDE) for option in found[1:]]
        found = found[:1]
    if missed:
        _missed()[key] = Missed(noun, missed)
    right = [format_func(option) for option in found]
    if asked and asked != right:
        correct(key, right)
    chosen = control(
        label,
        options,
        key=key,
        bind="query-params",
        format_func=format_func,
        on_change=forget,
        args=(key,),
        **settings,
    )
    if key in _missed():
        names = [format_func(option) for option in (chosen if several else [chosen])]
        _missed()[key].shown = ", ".join(names) or everything
    return chosen


def correct(key: str, values: Sequence[str]) -> None:
    """Put the valid values into the address, and run again.

    Where the control was drawn before, Streamlit keeps it and the address alike by itself.
    """
    try:
        if values:
            st.query_params[key] = values
        else:
            del st.query_params[key]
    except StreamlitAPIException:
        return
    st.rerun()


def find(
    asked: Sequence[str],
    options: Sequence[Any],
    format_func: Callable[[Any], str] = str,
    elsewhere: Callable[[str], str | None] | None = None,
) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return the options that values of an address stand for, and the values that are none.

    Returns
    -------
    found : list
        Options, each once, in the order asked for.
    missed : list of tuple
        A value that is no option, and why it could not be chosen.
    """
    known = {
        _folded(str(name)): option
        for option in reversed(options)
        for name in (format_func(option), option)
    }
    found, missed = [], []
    for value in dict.fromkeys(value for value in asked if value.strip()):
        option = known.get(_folded(value))
        if option is None:
            option = elsewhere(value) if elsewhere else None
            missed.append((value, ABSENT if option is None else HELD))
        if option is not None:
            found.append(option)
    return list(dict.fromkeys(found)), missed


def forget(key: str) -> None:
    """Drop the note on a control's address once somebody has changed the control."""
    _missed().pop(key, None)


def tell(*keys: str) -> None:
    """Show the values that the address asked for and that do not exist."""
    for key in keys:
        if key in _missed():
            st.info("  \n".join(_sentences(_missed()[key])))


def _missed() -> dict[str, Missed]:
    found: dict[str, Missed] = st.session_state.setdefault(MISSED, {})
    return found


def _folded(value: str) -> str:
    return " ".join(value.split()).casefold()


def _sentences(link: Missed) -> list[str]:
    values = {
        why: [value for value, its_why in link.values if its_why == why] for _, why in link.values
    }
    return [
        wording.as_markdown(
            f"The link asks for {link.noun} {_quoted(named)}, {why}. Shown: {link.shown}."
        )
        for why, named in values.items()
    ]


def _quoted(values: Sequence[str]) -> str:
    short = [
        f'"{text[:LETTERS]}…"' if len(text) > LETTERS else f'"{text}"'
        for text in (" ".join(value.split()) for value in values[:VALUES])
    ]
    more = len(values) - len(short)
    return ", ".join(short) + (f" and {wording.whole(more)} more" if more else "")
