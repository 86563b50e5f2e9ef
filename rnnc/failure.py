"""What goes wrong for reasons outside any spec: wrong usage, unreadable files, unfit data."""

from __future__ import annotations

FINE, WRONG, USAGE, INTERRUPTED, INTERNAL = 0, 1, 2, 130, 70


class Failure(Exception):
    """Ends a command with one line on standard error and this exit status."""

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status


def reason(error: OSError) -> str:
    """``lstm.rnn: no such file or directory``."""
    text = (error.strerror or str(error)).lower()
    return text if error.filename is None else f"{error.filename or repr(error.filename)}: {text}"
