"""The cells of the library as other people wrote them, with our parameters: what a cell is held against beside
`references/cells.py`. Packages are imported when a check runs, so that the list is there without them."""

from . import authors, numeric, others, torch_layers, torchrecurrent  # each puts its checks on the list
from .register import CHECKS, Outside

__all__ = ["CHECKS", "Outside", "authors", "numeric", "others", "torch_layers", "torchrecurrent"]
