"""Sizes: integer polynomials in named dims, equal when their normal forms are."""

from __future__ import annotations

from collections.abc import Mapping

from .records import dataclass

Monomial = tuple[str, ...]  # dim names, sorted, with repetition: n*n*m is ("m", "n", "n")


@dataclass(frozen=True, slots=True)
class Size:
    """A polynomial in normal form: monomials sorted, coefficients not zero."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def of(value: int | str) -> Size:
        """The size of a literal or of a dim."""
        if isinstance(value, int):
            return _normal({(): value})
        return _normal({(value,): 1})

    def __add__(self, other: Size) -> Size:
        terms = dict(self.terms)
        for monomial, factor in other.terms:
            terms[monomial] = terms.get(monomial, 0) + factor
        return _normal(terms)

    def __neg__(self) -> Size:
        return _normal({monomial: -factor for monomial, factor in self.terms})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __mul__(self, other: Size) -> Size:
        terms: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                key = tuple(sorted(left + right))
                terms[key] = terms.get(key, 0) + a * b
        return _normal(terms)

    @property
    def literal(self) -> int | None:
        """The value when no dim occurs, else None."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] == ():
            return self.terms[0][1]
        return None

    @property
    def dims(self) -> frozenset[str]:
        return frozenset(name for monomial, _ in self.terms for name in monomial)

    def value(self, dims: Mapping[str, int]) -> int:
        """The number, given every dim's."""
        total = 0
        for monomial, factor in self.terms:
            for name in monomial:
                factor *= dims[name]
            total += factor
        return total

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """Dims replaced by sizes; dims not named stay."""
        total = Size.of(0)
        for monomial, factor in self.terms:
            product = Size.of(factor)
            for name in monomial:
                product = product * sizes.get(name, Size.of(name))
            total = total + product
        return total

    def __str__(self) -> str:
        """As a spec (and Python) writes it: ``4*hidden``, ``n + 2*m - 1``."""
        if not self.terms:
            return "0"
        text = ""
        for monomial, factor in sorted(self.terms, key=lambda term: (-len(term[0]), term[0])):
            sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
            factors = ([str(abs(factor))] if abs(factor) != 1 or not monomial else []) + list(monomial)
            text += sign + "*".join(factors)
        return text


def _normal(terms: Mapping[Monomial, int]) -> Size:
    return Size(tuple(sorted((m, f) for m, f in terms.items() if f)))
