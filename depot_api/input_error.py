"""An input that breaks a rule, as values: programs and logs get its English sentence, pages the reader's language."""

from __future__ import annotations

from dashboards.staff import input_error_text


class InputError(ValueError):
    """``code``: of ``dashboards/staff/input_errors.py``; ``values``: what its sentences name (field, value, bound)."""

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(input_error_text(code, "en", **values))
        self.code, self.values = code, values

    def text(self, lang: str) -> str:
        """What is wrong, in the reader's language; plain text, pages escape it."""
        return input_error_text(self.code, lang, **self.values)
