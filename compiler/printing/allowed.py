"""A second look at a module's text, before anyone gets it: what is not on these lists is not written.

A spec is untrusted, and the printer might have a hole. So the finished text is parsed again, as Python will
parse it, and walked: every statement, name and function must be one that a module can need. The lists know
nothing of how the text was made. A new function of NumPy in an operator has to be added here.

Only functions that come with the compiler, and stand in the text letter for letter, are not looked at in every
module: a test holds them to the lists."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import cache
from typing import Any

from ...spec.records import dataclass

MODULES = {"numpy": "np"}  # what may be imported, and as what

# Arithmetic on arrays: nothing here reads or writes files, loads code, or calls what it is given.
NUMPY = frozenset(
    f"np.{name}"
    for name in """
    abs add add.at add.reduce add.reduceat all amax amin any arange argmax argmin argsort argwhere array
    array_equal asarray ascontiguousarray atleast_1d bincount bitwise_and bool_ broadcast_shapes broadcast_to
    ceil clip complex128 complex64 concatenate copy copyto cos count_nonzero cumprod cumsum diagonal diff
    divide divmod dot dtype e einsum empty empty_like equal errstate exp expand_dims expm1 eye finfo
    flatnonzero flip float32 float64 floor floor_divide full full_like generic greater greater_equal hstack iinfo
    indices inf int64 integer intp invert iscomplexobj isfinite isinf isnan less less_equal linalg.eigvals
    linalg.norm linalg.qr linspace log log1p log2 logical_and logical_not logical_or logical_xor matmul max
    maximum maximum.accumulate maximum.reduce mean min minimum moveaxis multiply multiply.accumulate multiply.reduce nan
    ndarray ndarray.dot ndim negative newaxis nonzero not_equal ones ones_like outer pad pi positive power prod
    put_along_axis random.Generator random.PCG64 random.Philox random.default_rng ravel reciprocal remainder
    repeat reshape result_type roll rollaxis round searchsorted shape sign sin sort split sqrt square squeeze
    stack subtract subtract.accumulate sum swapaxes take take_along_axis tanh tensordot tile transpose tril
    triu true_divide unique vstack where zeros zeros_like
    """.split()
)
# Attributes of arrays, generators, text, lists and dicts, and of the classes that modules have.
ATTRIBUTES = frozenset(
    """
    T all any append argmax argmin argsort astype at bit_generator clear clip copy cumsum dot dtype exponential
    extend fill flags flat get imag index insert integers is_integer item items itemsize join keys kind lower
    mask max mean min nbytes ndim nonzero normal partition permutation poisson pop prod random ravel real removeprefix
    removesuffix repeat reshape rpartition setdefault shape size sort split splitlines squeeze standard_normal
    startswith endswith strides strip sum swapaxes take tolist transpose type uniform update upper values
    writeable

    B _buffer _in_turn _kept_list _strips _views absent advance backwards base batch begun blocks buffer buffers
    call carried count dims directions drawing ended ending even expected few final fixed forwards frozen given
    gumbel inputs known last lengths log_prob logistic longest loss made nll number numbers one ones outputs own
    params past past_end prepared ragged rng state steps stop stream strips tape temperature top_k top_p total
    train weights whole workspace
    """.split()
)
BUILTINS = frozenset(
    """
    ArithmeticError Exception IndexError KeyError NotImplementedError OverflowError RuntimeError TypeError
    ValueError abs all any bool complex dict divmod enumerate filter float frozenset hasattr id int isinstance
    iter len list map max min next object pow range repr reversed round set setattr slice sorted str sum tuple type zip
    """.split()
)
# Statements and expressions within functions, besides those in CHECKED.
WITHIN = frozenset(
    getattr(ast, name)
    for name in """
    Assign AnnAssign AugAssign Return Expr YieldFrom If For While With Raise Try ExceptHandler Break Continue Pass
    arguments arg keyword withitem comprehension
    Name Subscript Slice Starred Compare BoolOp BinOp IfExp Lambda ListComp SetComp DictComp GeneratorExp
    JoinedStr FormattedValue Store
    Add Sub Mult Div FloorDiv Mod Pow MatMult BitAnd BitOr BitXor Invert Not UAdd And Or
    Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn
    """.split()
)
# Plain data: all that a table of the module's top, or the default of an argument, may be made of.
PLAIN = frozenset((ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.USub, ast.Load))
METHODS = ("__init__", "__reduce__", "__setitem__", "__delitem__", "__ior__")
FOLDERS = frozenset(name.rpartition(".")[0] for name in NUMPY) - {"np"}
EXCEPT = re.compile(r"type\(\w+\)\.__name__|room\.ctypes(\.data)?")  # a type's name, where an array lies
SETATTR = "setattr(self, name, value)"  # of drawn sequences: an attribute for each head
# The one statement that runs when a module is run by itself, after all others: to the letter, or not at all.
MAIN = """\
if __name__ == "__main__":
    import hashlib
    import sys

    if sys.argv[1:] != ["--selfcheck"]:
        print("usage: --selfcheck: whether this module is right on this machine", file=sys.stderr)
        sys.exit(2)
    print("numpy: " + np.__version__)
    checks = selfcheck(hashlib.sha256(SPEC.encode()).hexdigest())
    for name, holds, told in checks:
        print(name + ": " + {True: "ok", False: "FAILED", None: "not applicable"}[holds] + ", " + told)
    sys.exit(int(any(holds is False for _, holds, _ in checks)))
"""
GAP = "\n\n\n"  # between what stands at a module's top
CODING = re.compile(r"coding[:=]")  # of PEP 263: in the first two lines it says how the file is to be read


class NotAllowed(Exception):
    """A module that would hold something no module needs: a mistake of the compiler, or an attack on it."""


def check_allowed(text: str, own: Mapping[str, str] | None = None) -> None:
    """NotAllowed when the text is not what a printed module may be. ``own`` maps the texts of functions that come with
    the compiler to their names."""
    strange = re.search(r"[^\n\x20-\x7e]", text)
    if strange:
        raise NotAllowed(f"the module would hold the character {strange.group()!a}")
    if any(CODING.search(line) for line in text.split("\n")[:2]):
        raise NotAllowed("the module would say how its bytes are to be read")
    parts, known = _parts(text, own or {})
    statements = [statement for line, part in parts for statement in _parsed(line, part)]
    known |= {name for statement in statements for name in _defined(statement)}
    last = statements[-1] if statements else None
    if isinstance(last, ast.If) and ast.unparse(last) == ast.unparse(ast.parse(MAIN)):
        statements.pop()
    for place, statement in enumerate(statements):
        _top(statement, place, known)


def _parts(text: str, own: Mapping[str, str]) -> tuple[list[tuple[int, str]], set[str]]:
    """What stands between the functions of ``own``, each with how many lines are before it; their names."""
    parts: list[tuple[int, list[str]]] = [(0, [])]
    names, line = set[str](), 0
    for block in text.split(GAP):
        line += block.count("\n") + len(GAP)
        name = own.get(block)
        if name is None:
            parts[-1][1].append(block)
        else:
            names.add(name)
            parts.append((line, []))
    return [(line, GAP.join(blocks)) for line, blocks in parts], names


def _parsed(line: int, part: str) -> list[ast.stmt]:
    """The statements of a part. Parsed by itself it must be whole: a string, a bracket or a line that went on in the
    function behind it is an error here, so that this function is one in the whole text too."""
    try:
        return ast.parse("\n" * line + part).body if part else []
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotAllowed(f"the module would not be Python: {error}") from None


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of the module's top gives a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
    elif isinstance(statement, ast.ImportFrom):
        yield from (item.asname or item.name for item in statement.names)


def _top(statement: ast.stmt, place: int, known: set[str]) -> None:
    """Definitions and tables, the import of NumPy, the docstring: nothing that computes."""
    match statement:
        case ast.Expr(ast.Constant(str())) if place == 0:
            return
        case ast.Import([ast.alias(name, alias)]) if MODULES.get(name) == (alias or name):
            return
        case ast.ImportFrom("numpy", names, 0):
            for item in names:
                _own_name(item.asname or item.name, statement)
                if item.asname or f"np.{item.name}" not in NUMPY:
                    _refuse(statement, f"`np.{item.name}`")
        case ast.Assign(targets, value):
            for name in _defined(statement):
                _own_name(name, statement)
            if any(isinstance(target, ast.Subscript | ast.Attribute) for target in targets):
                _refuse(statement, "an assignment into something")
            _constant(value)
        case ast.FunctionDef():
            _Function(known).check(statement)
        case ast.ClassDef(name, [] | [ast.Name("dict")], [], [ast.Expr(ast.Constant(str())), *methods], []):
            _own_name(name, statement)
            for method in methods:
                if isinstance(method, ast.FunctionDef):
                    _Function(known, method=True).check(method)
                else:
                    _refuse(method, f"{type(method).__name__} in a class")
        case _:
            _refuse(statement, f"{type(statement).__name__} at its top")


def _constant(value: ast.expr) -> None:
    """Plain data, or the type of arrays."""
    if isinstance(value, ast.Attribute) and ast.unparse(value) == "np.ndarray":
        return
    for node in ast.walk(value):
        if type(node) not in PLAIN:
            _refuse(value, "something computed at its top")


def _own_name(name: str, node: ast.AST) -> None:
    """A name that the module gives to something of its own."""
    if name.startswith("__") or name in BUILTINS or name in MODULES.values():
        _refuse(node, f"something called `{name}`")


def _refuse(node: ast.AST, what: str) -> None:
    line = getattr(node, "lineno", 0)
    raise NotAllowed(
        f"the module would hold {what} (line {line}), which is not on the list of what modules need"
    )


@dataclass(slots=True)
class _Function:
    """The walk over one function. ``known``: names of the module."""

    known: set[str]
    method: bool = False
    inside: set[int] = field(default_factory=set)  # nodes of which an attribute is taken

    def check(self, function: ast.FunctionDef) -> None:
        if not (self.method and function.name in METHODS):
            _own_name(function.name, function)
        nodes = _by_kind(function)
        for kind, (first, *_) in nodes.items():
            if not (kind in CHECKED or kind in PLAIN or kind in WITHIN):
                _refuse(first, kind.__name__)
        own = {node.id for node in nodes[ast.Name] if isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in nodes[ast.arg]}
        own |= {node.name for node in nodes[ast.FunctionDef] if node is not function}
        own |= {node.name for node in nodes[ast.ExceptHandler] if node.name}
        for name in own:
            _own_name(name, function)
        known = self.known | own | BUILTINS
        self.inside = {id(node.value) for node in nodes[ast.Attribute]}
        for node in nodes[ast.Name]:
            if node.id not in known and not (node.id == "np" and id(node) in self.inside):
                _refuse(node, f"`{node.id}`")
        for kind, look in CHECKED.items():
            for node in nodes[kind]:
                look(self, node)

    def attribute(self, node: ast.Attribute) -> None:
        path = _path(node)
        if path is None or not path.startswith("np."):
            if node.attr not in ATTRIBUTES and not EXCEPT.fullmatch(ast.unparse(node)):
                _refuse(node, f"`.{node.attr}`")
        elif not isinstance(node.ctx, ast.Load):
            _refuse(node, f"an assignment to `{path}`")
        elif path not in NUMPY and not (id(node) in self.inside and path in FOLDERS):
            _refuse(node, f"`{path}`")

    def call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name | ast.Attribute):
            _refuse(node, "a call of something computed")
        if isinstance(node.func, ast.Name) and node.func.id == "setattr" and ast.unparse(node) != SETATTR:
            _refuse(node, "an attribute set by name")

    def function(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            _refuse(node, "a decorator")
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                _constant(default)


# What is looked at more closely, by the type of the node.
CHECKED: dict[type, Callable[..., None]] = {
    ast.Attribute: _Function.attribute,
    ast.Call: _Function.call,
    ast.FunctionDef: _Function.function,
}


LEAVES = frozenset(
    (ast.Name, ast.Constant)
)  # most nodes are such; a name that is deleted stands in a `Delete`
WORDS = frozenset("ctx attr id arg kind type_comment".split())  # fields that hold no nodes, but for `ctx`


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """The fields of a type of nodes that may hold nodes."""
    return () if kind in LEAVES else tuple(name for name in kind._fields if name not in WORDS)


def _by_kind(tree: ast.AST) -> dict[type, list[Any]]:
    """All nodes of a tree, by their type, but for how names are used (`ctx`). `ast.walk` takes four times as long,
    and a module has ten thousand."""
    found: dict[type, list[Any]] = defaultdict(list)
    work = [tree]
    for node in work:
        kind: Any = type(node)
        found[kind].append(node)
        for name in _fields(kind):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                work.append(value)
            elif isinstance(value, list):
                work += [item for item in value if isinstance(item, ast.AST)]
    return found


def _path(node: ast.expr) -> str | None:
    """``np.random.default_rng`` of names with dots between them; None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _path(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None
