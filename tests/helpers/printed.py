"""What a command prints, as its user reads it."""
from __future__ import annotations


def paragraph(text: str) -> str:
    """The text, which must be one paragraph, as one line: commands break lines at their terminal's width."""
    assert text.endswith("\n") and "\n\n" not in text.strip("\n") and "Traceback" not in text
    return words(text)


def words(text: str) -> str:
    """The text in one line, however many paragraphs it has."""
    return " ".join(text.split())
