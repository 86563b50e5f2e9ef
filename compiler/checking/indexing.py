"""Rules of what is taken by a token or a whole number: rows, components, one-hot vectors."""

from __future__ import annotations

from ...spec.sizes import Size
from ...spec.source import Span
from ..ir import attrs
from .rules import all_known, numeric, told, vector
from .site import Site, brief, described
from .terms import Term, elementwise, expand, number, real, unknown, zero
from .types import INT, REAL


def _token(site: Site, term: Term, kinds: tuple[str, ...] = ("token",)) -> bool:
    if term.type.kind in kinds:
        return True
    help = ""
    if site.name == "[ ]" and term.type.kind == "int":
        help = f"a component of a vector is `pick({brief(site.args[0].span)}, {brief(term.span)})`"
    wanted = " or ".join(f"{'an' if kind == 'int' else 'a'} {kind}" for kind in kinds)
    site.fail(
        "RNN308",
        f"`{site.name}` needs {wanted}, and {described(term)}",
        labels=site.labels([term]),
        help=help,
    )
    return False


def _count_fits(site: Site, key: Term, size: Size, table: Term) -> bool:
    if key.type.kind != "token" or key.type.count == size:
        return True
    site.fail(
        "RNN308",
        f"{described(key)}, and {described(table)}: `{key.type.count}` is not `{size}`",
        labels=site.labels((key, table)),
        help="the number of rows is the number of tokens, by name",
    )
    return False


def onehot(site: Site) -> Term:
    (key,) = site.args
    if not key.type.known or not _token(site, key) or key.type.count is None:
        return unknown(site.span)
    type = REAL.with_shape((*key.shape, key.type.count), key.type.origin)
    return Term("onehot", (key,), type, site.span, attrs(size=key.type.count))


def pick(site: Site) -> Term:
    if not all_known(site):
        return unknown(site.span)
    table, key = site.args
    if not numeric(site, (table,)) or not vector(site, table) or not _token(site, key, ("token", "int")):
        return unknown(site.span)
    if not _count_fits(site, key, table.shape[-1], table):
        return unknown(site.span)
    last, place = site.value(table.shape[-1]), told(key)
    if last is not None and place is not None and not 0 <= place < last:
        return site.fail(
            "RNN308",
            f"there is no component {place:g} of the last size {table.shape[-1]}{site.values(table.shape[-1])}",
            labels=site.labels([table]),
            help="components are counted from 0",
        )
    if key.shape not in ((), table.shape[:-1]):
        return site.fail(
            "RNN303",
            f"`pick` needs an index for each row: {described(table)}, {described(key)}",
            labels=site.labels((table, key)),
        )
    if place is not None or key.type.kind == "token":
        return _picked(table, key if place is None else number(place, key.span, key.type), site.span)
    return _picked_or_0(table, key, site.span)


def _picked(table: Term, key: Term, span: Span) -> Term:
    type = table.type.with_shape(table.shape[:-1], table.type.origin)
    return Term("pick", (table, expand(key, table.shape[:-1])), type, span)


def _picked_or_0(table: Term, key: Term, span: Span) -> Term:
    """0 where there is no such component: a whole number may be any, past a sequence's end above all."""
    size = Term("dim", (), REAL, key.span, attrs(size=table.shape[-1]))
    low = elementwise("ge", real(key), number(0.0, key.span), kind="bool")
    there = elementwise("and", low, elementwise("lt", real(key), size, kind="bool"), kind="bool")
    inside = elementwise("where", there, key, number(0.0, key.span, INT), kind="int")
    found = _picked(table, inside, span)
    args = elementwise("where", there, found, zero(found.type, span), kind=found.type.kind).args
    return Term("where", args, found.type, span)


def row(site: Site) -> Term:
    if not all_known(site):
        return unknown(site.span)
    table, key = site.args
    if not vector(site, table) or not _token(site, key) or not _count_fits(site, key, table.shape[0], table):
        return unknown(site.span)
    type = table.type.with_shape(key.shape + table.shape[1:], table.type.origin)
    return Term("take", (table, key), type, site.span)
