"""Specs that were once compiled wrongly, each as small as it goes: all that must hold of any spec holds."""

from __future__ import annotations

import pytest
from oracles import Subject

SPECS = {
    "a parameter and an input that nothing reads": """
axis t = 1..T
param w : real
input x[t] : real, z[t] : real
output h
h[t] = 2 * x[t]
""",
    "a token that only goes round": """
dim n = 3
axis t = 1..T
input x[t] : real
output h
k[t] : token(n) = k[t-1]
h[t] = where(k[t] == 1, x[t], 0.5)
""",
}


@pytest.mark.parametrize("name", SPECS)
def test_holds_now(name: str) -> None:
    Subject(SPECS[name]).check()
