"""Text that can be broken over lines inside brackets, and the breaking of it.

A `Doc` is text with `Group`s in it; a group is a bracket with items, and an item is a chain of terms
(``a``, ``+ b``, ``- c``). A group is written on one line if that is short enough and has no comments; else
each of its items begins a line, and so do the terms of an item that is too long itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from .records import dataclass

WIDTH = 100
INDENT = 2
COMMENT_COLUMN = 60  # comments of neighbouring lines are aligned up to here


@dataclass(slots=True)
class Line:
    """A line of output; ``comment`` stands at its end, or alone when there is no text."""

    indent: int
    text: str
    comment: str = ""

    @property
    def code(self) -> str:
        return " " * self.indent + self.text


@dataclass(slots=True)
class Notes:
    """Comments after a piece of text: one on the same line, others on their own lines below."""

    beside: str = ""
    below: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.beside or self.below)


@dataclass(slots=True)
class Term:
    """One operand of a chain; ``prefix`` is its operator (``"+ "``), or a keyword (``"bias = "``)."""

    prefix: str
    doc: Doc
    notes: Notes = field(default_factory=Notes)


@dataclass(slots=True, eq=False)
class Group:
    """A bracket. A ``soft`` one is written only when broken."""

    opening: str
    items: list[list[Term]]
    closing: str
    separator: str = ", "
    soft: bool = False
    notes: Notes = field(default_factory=Notes)  # after the opening bracket


Doc = list["str | Group"]


def flat(doc: Doc) -> str:
    """All on one line, comments left out."""
    return "".join(piece if isinstance(piece, str) else _flat_group(piece) for piece in doc)


def lines(doc: Doc, indent: int) -> list[Line]:
    """As few lines as the width and the comments allow."""
    groups = [piece for piece in doc if isinstance(piece, Group)]
    broken = [group for group in groups if _has_comments(group)]
    spare = sorted((group for group in groups if group not in broken), key=lambda g: len(_flat_group(g)))
    found = _break(doc, broken, indent)
    while spare and any(len(line.code) > WIDTH for line in found):
        broken.append(spare.pop())
        found = _break(doc, broken, indent)
    return found


def _break(doc: Doc, broken: list[Group], indent: int) -> list[Line]:
    """The lines of a doc of which these groups are broken."""
    found = [Line(indent, "")]
    for piece in doc:
        if isinstance(piece, str):
            found[-1].text += piece
        elif piece not in broken:
            found[-1].text += _flat_group(piece)
        else:
            found[-1].text += piece.opening
            _add(found, piece.notes, indent + INDENT)
            for item in piece.items:
                last = item is piece.items[-1]
                found += _item(item, indent + INDENT, "" if last else piece.separator.strip())
            found.append(Line(indent, piece.closing))
    return found


def _item(item: list[Term], indent: int, ending: str) -> list[Line]:
    """The lines of an item: one, or one and more for each term."""
    whole = Line(indent, "".join(term.prefix + flat(term.doc) for term in item) + ending)
    early = any(term.notes for term in item[:-1]) or any(_has_inner_comments(term) for term in item)
    if not early and len(whole.code) <= WIDTH:
        return _add([whole], item[-1].notes, indent)
    found: list[Line] = []
    for term in item:
        found += lines([term.prefix.lstrip(), *term.doc], indent)
        found[-1].text += ending if term is item[-1] else ""
        _add(found, term.notes, indent)
    return found


def _add(found: list[Line], notes: Notes, indent: int) -> list[Line]:
    """Comments put at the end of the last line, and below it."""
    found[-1].comment = notes.beside
    found += [Line(indent, "", comment) for comment in notes.below]
    return found


def text(found: Iterable[Line]) -> str:
    """The lines as text, comments of neighbouring lines aligned."""
    runs: list[list[Line]] = []
    for line in found:
        if runs and _belong(runs[-1][-1], line):
            runs[-1].append(line)
        else:
            runs.append([line])
    return "".join(_aligned(run) for run in runs)


def _belong(above: Line, below: Line) -> bool:
    """Whether the comments of two lines are aligned: of two statements, or two items of one bracket."""
    both = above.text and above.comment and below.text and below.comment
    return bool(both) and above.indent == below.indent and not {above.text[0], below.text[0]} & set(")]}")


def _aligned(run: list[Line]) -> str:
    column = max((len(line.code) for line in run if len(line.code) <= COMMENT_COLUMN), default=0)
    codes = (f"{line.code:<{column}}  " if line.text and line.comment else line.code for line in run)
    return "".join(f"{code}{line.comment}".rstrip() + "\n" for code, line in zip(codes, run, strict=True))


def _flat_group(group: Group) -> str:
    items = ("".join(term.prefix + flat(term.doc) for term in item) for item in group.items)
    inside = group.separator.join(items)
    return inside if group.soft else group.opening + inside + group.closing


def _has_comments(group: Group) -> bool:
    terms = [term for item in group.items for term in item]
    return bool(group.notes) or any(term.notes or _has_inner_comments(term) for term in terms)


def _has_inner_comments(term: Term) -> bool:
    return any(isinstance(piece, Group) and _has_comments(piece) for piece in term.doc)
