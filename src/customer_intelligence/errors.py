"""An error that a person can act on: a code, what is wrong and where, and what to do about it.

The words stand where an error is raised: search for its code.
"""


class CustomerIntelligenceError(Exception):
    """An expected refusal, shown without a traceback.

    Parameters
    ----------
    code : str
        Stable name such as ``E_MISSING_COLUMNS``, for scripts and tests.
    what : str
        What is wrong and where, as whole sentences.
    hint : str
        What to do about it, as whole sentences.
    """

    def __init__(self, code: str, what: str, hint: str) -> None:
        super().__init__(code, what, hint)
        self.code = code
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.code}: {self.what} {self.hint}".rstrip()
