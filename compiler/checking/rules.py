"""The rules of the functions: which arguments fit, and what the function then is in operators."""

from __future__ import annotations

from collections.abc import Callable

from ...spec.sizes import Size
from ..ir import attrs
from .site import Site, described, difference
from .terms import (
    Shape,
    Term,
    along_last,
    common,
    einsum,
    elementwise,
    expand,
    number,
    over_last,
    real,
    unknown,
)
from .types import BOOL, INT, REAL, UNKNOWN, Type

Rule = Callable[[Site], Term]

COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def _numeric(site: Site, terms: tuple[Term, ...]) -> bool:
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


def _all_known(site: Site) -> bool:
    return all(term.type.known for term in site.args)


# ------------------------------------------------------------------------------- elementwise


def arithmetic(build: Callable[..., Term]) -> Rule:
    """Operands are numbers of one shape, or scalars; ``build`` makes the result."""

    def rule(site: Site) -> Term:
        if not _numeric(site, site.args):
            return unknown(site.span)
        shape = site.shape(*site.args)
        if shape is None or not shape.known:
            return unknown(site.span)
        if not _all_known(site):
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


def compare(op: str) -> Rule:
    def rule(site: Site) -> Term:
        shape = site.shape(*site.args)
        if shape is None or not shape.known:
            return unknown(site.span)
        if not _all_known(site):
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
        if shape is None or not shape.known or not _all_known(site):
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
    if not _all_known(site):
        known = a.type if a.type.known else b.type if b.type.known else REAL
        return unknown(site.span, Type(known.kind, shape.shape, known.count, shape.origin))
    pair = _agree(site, a, b)
    if pair is None:
        return unknown(site.span)
    first = next((t for t in pair if t.type.kind == "token"), pair[0])
    found = elementwise("where", condition, *pair, kind=first.type.kind)
    type = Type(first.type.kind, found.shape, first.type.count, common((*pair, condition)).origin)
    return Term("where", found.args, type, site.span)


# -------------------------------------------------------------------------- the last feature size


def _vector(site: Site, term: Term, rank: int = 1) -> bool:
    if len(term.shape) >= rank:
        return True
    wanted = "a vector" if rank == 1 else "a matrix"
    site.fail("RNN307", f"`{site.name}` needs {wanted}, and {described(term)}", labels=site.labels([term]))
    return False


def _first_fits(site: Site, rank: int = 1) -> bool:
    return _all_known(site) and _numeric(site, site.args) and _vector(site, site.args[0], rank)


def reduction(build: Callable[[Term], Term]) -> Rule:
    """A function that takes the last size away."""
    return lambda site: build(real(site.args[0])) if _first_fits(site) else unknown(site.span)


def along(op: str, build: Callable[[Term], Term] | None) -> Rule:
    """A function along the last size that keeps the shape."""
    make = build or (lambda a: along_last(op, a))
    return lambda site: make(real(site.args[0])) if _first_fits(site) else unknown(site.span)


def dot(site: Site) -> Term:
    if not _all_known(site) or not _numeric(site, site.args) or not all(_vector(site, t) for t in site.args):
        return unknown(site.span)
    shape = site.shape(*site.args)
    if shape is None:
        return unknown(site.span)
    letters = LETTERS[: len(shape.shape)]
    return einsum(f"{letters},{letters}->{letters[:-1]}", site.args, shape.shape[:-1], site.span)


def concat(site: Site) -> Term:
    if not _all_known(site) or not _numeric(site, site.args) or not all(_vector(site, t) for t in site.args):
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
    if not _first_fits(site):
        return unknown(site.span)
    (term,), (start, size) = site.args, site.static
    last, beyond = term.shape[-1], (start + size - term.shape[-1]).literal
    if (start.literal or 0) < 0 or (size.literal or 0) < 0 or (beyond or 0) > 0:
        return site.fail(
            "RNN308",
            f"a slice of {size} from {start} is not inside the last size {last}",
            labels=site.labels([term]),
        )
    type = term.type.with_shape((*term.shape[:-1], size), term.type.origin)
    return Term("slice", (term,), type, site.span, attrs(start=start, size=size))


def roll(site: Site) -> Term:
    if not _first_fits(site):
        return unknown(site.span)
    return along_last("roll", site.args[0], shift=site.static[0])


def expand_last(site: Site) -> Term:
    (term,) = site.args
    return expand(term, (*term.shape, *site.static)) if term.type.known else unknown(site.span)


def transpose(site: Site) -> Term:
    if not _first_fits(site, 2):
        return unknown(site.span)
    (term,) = site.args
    *rest, a, b = term.shape
    return Term("transpose", (term,), term.type.with_shape((*rest, b, a), term.type.origin), site.span)


def outer(site: Site) -> Term:
    if not _all_known(site) or not _numeric(site, site.args):
        return unknown(site.span)
    a, b = site.args
    if len(a.shape) != 1 or len(b.shape) != 1:
        return site.fail(
            "RNN307",
            f"`outer` needs two vectors: {described(a)}, {described(b)}",
            labels=site.labels((a, b)),
            help='for more sizes write `einsum("hi,hj->hij", a, b)`',
        )
    return Term("outer", (real(a), real(b)), REAL.with_shape(a.shape + b.shape, a.type.origin), site.span)


# ------------------------------------------------------------------------------ tokens and rows


def _token(site: Site, term: Term, kinds: tuple[str, ...] = ("token",)) -> bool:
    if term.type.kind in kinds:
        return True
    wanted = " or ".join(f"{'an' if kind == 'int' else 'a'} {kind}" for kind in kinds)
    site.fail("RNN308", f"`{site.name}` needs {wanted}, and {described(term)}", labels=site.labels([term]))
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
    if not _all_known(site):
        return unknown(site.span)
    table, key = site.args
    if not _numeric(site, (table,)) or not _vector(site, table) or not _token(site, key, ("token", "int")):
        return unknown(site.span)
    if not _count_fits(site, key, table.shape[-1], table):
        return unknown(site.span)
    if key.shape not in ((), table.shape[:-1]):
        return site.fail(
            "RNN303",
            f"`pick` needs an index for each row: {described(table)}, {described(key)}",
            labels=site.labels((table, key)),
        )
    type = table.type.with_shape(table.shape[:-1], table.type.origin)
    return Term("pick", (table, expand(key, table.shape[:-1])), type, site.span)


def row(site: Site) -> Term:
    if not _all_known(site):
        return unknown(site.span)
    table, key = site.args
    if not _vector(site, table) or not _token(site, key) or not _count_fits(site, key, table.shape[0], table):
        return unknown(site.span)
    type = table.type.with_shape(key.shape + table.shape[1:], table.type.origin)
    return Term("take", (table, key), type, site.span)


# ------------------------------------------------------------------------------------- products

LETTERS = "ijklmnopqrstuvw"
PRODUCTS = {(2, 1): "ij,j->i", (2, 2): "ij,jk->ik", (1, 2): "i,ij->j"}


def matmul(site: Site) -> Term:
    if not _all_known(site) or not _numeric(site, site.args):
        return unknown(site.span)
    a, b = site.args
    spec = PRODUCTS.get((len(a.shape), len(b.shape)))
    if spec is None:
        return _wrong_ranks(site, a, b)
    if a.shape[-1] != b.shape[0]:
        return site.fail(
            "RNN302",
            f"matrix product does not fit: {described(a)}, {described(b)}; "
            f"`{a.shape[-1]}` (last of the left) is not `{b.shape[0]}` (first of the right)",
            labels=site.labels((a, b)),
            help=_product_help(a, b),
        )
    return einsum(spec, (a, b), a.shape[:-1] + b.shape[1:], site.span)


def _product_help(a: Term, b: Term) -> str:
    if len(a.shape) == 2 and a.shape[0] == b.shape[0]:
        return "the sizes fit the other way round: `transpose(…)` the matrix, or declare it `[out, in]`"
    return "a matrix is declared `[out, in]`: its last size is the vector's"


def _wrong_ranks(site: Site, a: Term, b: Term) -> Term:
    ranks = (len(a.shape), len(b.shape))
    if 0 in ranks:
        help = "a product with a scalar is written `*`"
    elif ranks == (1, 1):
        help = "the inner product of two vectors is `dot(a, b)`, the outer one `outer(a, b)`"
    else:
        help = 'for more sizes write `einsum("hij,hj->hi", A, b)`'
    return site.fail(
        "RNN302",
        f"`@` multiplies a matrix and a vector or two matrices: {described(a)}, {described(b)}",
        labels=site.labels((a, b)),
        help=help,
    )


def einsum_pattern(site: Site) -> Term:
    """``einsum("hij,hj->hi", A, b)``: a letter stands for one size."""
    pattern, *terms = site.args
    if not _all_known(site) or not _numeric(site, tuple(terms)):
        return unknown(site.span)
    text = str(dict(pattern.attrs).get("text", ""))
    inputs, arrow, result = "".join(text.split()).partition("->")
    parts = inputs.split(",")
    if not arrow or not all(_distinct(part) for part in (*parts, result)):
        return site.fail("RNN310", f'"{text}" is not a pattern such as "ij,j->i", a letter once in each part')
    if len(parts) != len(terms):
        return site.fail("RNN310", f'"{text}" is for {len(parts)} operands, {len(terms)} found')
    sizes: dict[str, tuple[Size, Term]] = {}
    for part, term in zip(parts, terms, strict=True):
        if not _letters_fit(site, text, part, term, sizes):
            return unknown(site.span)
    if not set(result) <= sizes.keys():
        missing = min(set(result) - sizes.keys())
        return site.fail("RNN310", f'"{text}": `{missing}` stands after the arrow and not before it')
    return einsum(f"{inputs}->{result}", tuple(terms), _shape(result, sizes), site.span)


def _distinct(part: str) -> bool:
    return all(c.isascii() and c.isalpha() for c in part) and len(set(part)) == len(part)


def _shape(letters: str, sizes: dict[str, tuple[Size, Term]]) -> Shape:
    return tuple(sizes[letter][0] for letter in letters)


def _letters_fit(site: Site, text: str, part: str, term: Term, sizes: dict[str, tuple[Size, Term]]) -> bool:
    if len(part) != len(term.shape):
        site.fail(
            "RNN310",
            f'"{text}": `{part}` has {len(part)} letters, and {described(term)}',
            labels=site.labels([term]),
        )
        return False
    for letter, size in zip(part, term.shape, strict=True):
        known, other = sizes.setdefault(letter, (size, term))
        if known != size:
            site.fail(
                "RNN310",
                f'"{text}": `{letter}` is `{known}` in {described(other)} and `{size}` in {described(term)}',
                labels=site.labels((other, term)),
            )
            return False
    return True


__all__ = ["BOOL", "INT", "REAL", "Rule", "difference", "number"]
