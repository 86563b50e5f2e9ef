"""Codes 1xx: the grammar."""

from .entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN100",
        "syntax error",
        "The statement is not complete, or something stands where the grammar has no place for it. The place "
        "shown is the first at which no legal statement could go on.",
        wrong="dim n = 4,\n",
        right="dim n = 4\n",
    ),
)
