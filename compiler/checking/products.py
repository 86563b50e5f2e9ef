"""Rules of products: of matrices and vectors, inner, outer, and by a pattern of letters."""

from __future__ import annotations

from ...spec.sizes import Size
from .rules import all_known, numeric, vector
from .site import Site, described
from .terms import Shape, Term, einsum, real, unknown
from .types import REAL

LETTERS = "ijklmnopqrstuvwxyzabcdefgh"
PRODUCTS = {(2, 1): "ij,j->i", (2, 2): "ij,jk->ik", (1, 2): "i,ij->j"}


def matmul(site: Site) -> Term:
    if not all_known(site) or not numeric(site, site.args):
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
    if not all_known(site) or not numeric(site, tuple(terms)):
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


def dot(site: Site) -> Term:
    if not all_known(site) or not numeric(site, site.args) or not all(vector(site, t) for t in site.args):
        return unknown(site.span)
    shape = site.shape(*site.args)
    if shape is None:
        return unknown(site.span)
    letters = LETTERS[: len(shape.shape)]
    return einsum(f"{letters},{letters}->{letters[:-1]}", site.args, shape.shape[:-1], site.span)


def outer(site: Site) -> Term:
    if not all_known(site) or not numeric(site, site.args):
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
