"""The rules of the functions: which arguments fit, and what the function then is in operators."""

from __future__ import annotations

from collections.abc import Callable

from ...spec.sizes import Size
from ..ir import attrs
from .numbers import FOLDED
from .site import Site, described
from .terms import (
    Term,
    along_last,
    common,
    elementwise,
    expand,
    over_last,
    real,
    unknown,
)
from .types import BOOL, REAL, UNKNOWN, Type

Rule = Callable[[Site], Term]

ALONG = ("sum", "mean", "max", "logsumexp", "softmax")  # which there are along an axis, too
COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def numeric(site: Site, terms: tuple[Term, ...]) -> bool:
    """Whether all can be reckoned with: tokens cannot."""
    for term in terms:
        if term.type.kind == "token":
            site.fail(
                "RNN305",
                f"`{site.name.rstrip('_')}` reckons with numbers, and {described(term)}",
                labels=site.labels([term]),
                help="a token is compared, indexes a table (`E[k]`), or becomes a vector by `onehot(k)`",
            )
            return False
    return True


def all_known(site: Site) -> bool:
    return all(term.type.known for term in site.args)


# ------------------------------------------------------------------------------- elementwise


def arithmetic(build: Callable[..., Term]) -> Rule:
    """Operands are numbers of one shape, or scalars; ``build`` makes the result."""

    def rule(site: Site) -> Term:
        if not numeric(site, site.args):
            return unknown(site.span)
        shape = site.shape(*site.args)
        if shape is None or not shape.known:
            return unknown(site.span)
        if not all_known(site):
            return unknown(site.span, Type("real", shape.shape, None, shape.origin))
        return build(*site.args)

    return rule


def numbers(op: str) -> Callable[..., Term]:
    """An operator that keeps whole numbers whole."""

    def build(*terms: Term) -> Term:
        if all(term.type.kind == "int" for term in terms):
            return elementwise(op, *terms, kind="int")
        return elementwise(op, *map(real, terms))

    return build


def reals(op: str) -> Callable[..., Term]:
    return lambda *terms: elementwise(op, *map(real, terms))


def extremum(name: str) -> Rule:
    """``max(a, b)`` place by place, ``max(a)`` over the last size."""
    pairs = arithmetic(numbers(f"{name}imum"))
    single = reduction(lambda a: over_last(name, a))
    return lambda site: pairs(site) if len(site.args) == 2 else single(site)


def stop_gradient(site: Site) -> Term:
    """Of what is not real, which has no gradient, the value itself."""
    (term,) = site.args
    return elementwise("stop_gradient", term) if term.type.kind == "real" else term


def _agree(site: Site, a: Term, b: Term) -> tuple[Term, Term] | None:
    """Two terms as one kind: tokens of one count (or a token and a whole number), bools, ints, else reals."""
    kinds = {a.type.kind, b.type.kind}
    if "token" not in kinds:
        return (a, b) if len(kinds) == 1 else (real(a), real(b))
    token, other = (a, b) if a.type.kind == "token" else (b, a)
    if other.type.kind == "int" or other.type.count == token.type.count:
        return a, b
    site.fail(
        "RNN305",
        f"{described(a)} and {described(b)}: they are not of one kind",
        labels=site.labels((a, b)),
        help="a token goes with a token of the same count, or with a whole number",
    )
    return None


def told(term: Term) -> float | None:
    """The value of a term of numbers alone."""
    if term.op == "number":
        value = dict(term.attrs)["value"]
        return value if isinstance(value, float | int) else None
    values = [value for arg in term.args if (value := told(arg)) is not None]
    known = term.op in FOLDED and len(values) == len(term.args)
    return FOLDED[term.op](*values) if known else None


def _is_symbol(site: Site, term: Term, count: Size) -> bool:
    """Whether what stands in the place of a token is one of its symbols: a number that is written, in range."""
    if term.type.kind != "int":
        return True
    place, most = told(term), site.value(count)
    if place is None:
        site.fail(
            "RNN305",
            f"{described(term)}, which may be any number, and not one of token({count})",
            labels=site.labels([term]),
            help="beside a token stands a token of the same count, or a number that is written",
        )
        return False
    if most is None or 0 <= place < most:
        return True
    said = f"there is no token {place:g} of {count}{site.values(count)}"
    site.fail("RNN305", said, labels=site.labels([term]), help="tokens are counted from 0")
    return False


def compare(op: str) -> Rule:
    def rule(site: Site) -> Term:
        shape = site.shape(*site.args)
        if shape is None or not shape.known:
            return unknown(site.span)
        if not all_known(site):
            return unknown(site.span, BOOL.with_shape(shape.shape, shape.origin))
        pair = _agree(site, *site.args)
        return unknown(site.span) if pair is None else elementwise(op, *pair, kind="bool")

    return rule


def _booleans(site: Site, terms: tuple[Term, ...]) -> bool:
    for term in terms:
        if term.type.known and term.type.kind != "bool":
            site.fail(
                "RNN305",
                f"`{site.name.rstrip('_')}` needs true or false, and {described(term)}",
                labels=site.labels([term]),
                help="compare it: `… > 0`, `… == 1`",
            )
            return False
    return True


def logic(op: str) -> Rule:
    def rule(site: Site) -> Term:
        if not _booleans(site, site.args):
            return unknown(site.span)
        shape = site.shape(*site.args)
        if shape is None or not shape.known or not all_known(site):
            return unknown(
                site.span, BOOL.with_shape(shape.shape, shape.origin) if shape and shape.known else UNKNOWN
            )
        return elementwise(op, *site.args, kind="bool")

    return rule


def where(site: Site) -> Term:
    condition, a, b = site.args
    if not _booleans(site, (condition,)):
        return unknown(site.span)
    shape = site.shape(condition, a, b) if condition.shape else site.shape(a, b)
    if shape is None or not shape.known:
        return unknown(site.span)
    if not all_known(site):
        known = a.type if a.type.known else b.type if b.type.known else REAL
        return unknown(site.span, Type(known.kind, shape.shape, known.count, shape.origin))
    pair = _agree(site, a, b)
    if pair is None:
        return unknown(site.span)
    first = next((t for t in pair if t.type.kind == "token"), pair[0])
    found = elementwise("where", condition, *pair, kind=first.type.kind)
    type = Type(first.type.kind, found.shape, first.type.count, common((*pair, condition)).origin)
    if type.count is not None and not all(_is_symbol(site, term, type.count) for term in pair):
        return unknown(site.span, type)
    return Term("where", found.args, type, site.span)


# -------------------------------------------------------------------------- the last feature size


def vector(site: Site, term: Term, rank: int = 1) -> bool:
    if len(term.shape) >= rank:
        return True
    wanted = "a vector" if rank == 1 else "a matrix"
    help = (
        f"it goes over the last size; along an axis s it is `{site.name}[s](…)`" if site.name in ALONG else ""
    )
    message = f"`{site.name}` needs {wanted}, and {described(term)}"
    site.fail("RNN307", message, labels=site.labels([term]), help=help)
    return False


def first_fits(site: Site, rank: int = 1) -> bool:
    return all_known(site) and numeric(site, site.args) and vector(site, site.args[0], rank)


def reduction(build: Callable[[Term], Term]) -> Rule:
    """A function that takes the last size away."""
    return lambda site: build(real(site.args[0])) if first_fits(site) else unknown(site.span)


def along(op: str, build: Callable[[Term], Term] | None) -> Rule:
    """A function along the last size that keeps the shape."""
    make = build or (lambda a: along_last(op, a))
    return lambda site: make(real(site.args[0])) if first_fits(site) else unknown(site.span)


def concat(site: Site) -> Term:
    if not all_known(site) or not numeric(site, site.args) or not all(vector(site, t) for t in site.args):
        return unknown(site.span)
    first, total = site.args[0], Size.of(0)
    for term in site.args:
        if term.shape[:-1] != first.shape[:-1]:
            return site.fail(
                "RNN303",
                f"`concat` joins last sizes, the others must agree: {described(first)}, {described(term)}",
                labels=site.labels((first, term)),
            )
        total = total + term.shape[-1]
    type = REAL.with_shape((*first.shape[:-1], total), first.type.origin)
    return Term("concat", tuple(map(real, site.args)), type, site.span)


def slice(site: Site) -> Term:  # noqa: A001
    if not first_fits(site):
        return unknown(site.span)
    (term,), (start, size) = site.args, site.static
    last = term.shape[-1]
    if any((site.value(part) or 0) < 0 for part in (start, size, last - start - size)):
        return site.fail(
            "RNN308",
            f"a slice of {size} from {start} is not inside the last size {last}{site.values(start, size, last)}",
            labels=site.labels([term]),
        )
    type = term.type.with_shape((*term.shape[:-1], size), term.type.origin)
    return Term("slice", (term,), type, site.span, attrs(start=start, size=size))


def roll(site: Site) -> Term:
    if not first_fits(site):
        return unknown(site.span)
    return along_last("roll", site.args[0], shift=site.static[0])


def expand_last(site: Site) -> Term:
    (term,) = site.args
    return expand(term, (*term.shape, *site.static)) if term.type.known else unknown(site.span)


def transpose(site: Site) -> Term:
    if not first_fits(site, 2):
        return unknown(site.span)
    (term,) = site.args
    *rest, a, b = term.shape
    return Term("transpose", (term,), term.type.with_shape((*rest, b, a), term.type.origin), site.span)
