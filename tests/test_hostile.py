"""Hostile specs: nothing of them runs, each gets its code, and the second look at the module holds alone.

Every file of `tests/hostile/` begins with the code that it must get, or with `legal`: then it compiles, and
its module does nothing but arithmetic."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rnnc
from compiled import EXAMPLES
from rnnc import __main__ as command_line
from rnnc import api
from rnnc.compiler.driver import Options, compile_source
from rnnc.compiler.printing import allowed, naming, page
from rnnc.compiler.printing.allowed import NotAllowed, check_allowed
from rnnc.spec import layout, lexical
from rnnc.spec.diagnostics import SpecError
from rnnc.spec.source import Source

CORPUS = Path(__file__).parent / "hostile"
PRINTING = Path(allowed.__file__).parent
FILES = sorted(CORPUS.glob("*/*.rnn"))
SECONDS = 3.0  # of processor time; the machine may be busy


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_gets_its_code(path: Path) -> None:
    wanted = path.stem.partition("_")[0]
    began = time.process_time()
    try:
        api.compile_file(path, Options())
        found = "legal"
    except SpecError as error:
        found = "+".join(sorted({diagnostic.code for diagnostic in error.diagnostics}))
        assert all(diagnostic.span.line >= 1 and diagnostic.message for diagnostic in error.diagnostics)
    assert found == wanted
    assert time.process_time() - began < SECONDS


WATCH = """
import sys
from pathlib import Path
import numpy.random
from rnnc import api
from rnnc.compiler.driver import Options
from rnnc.spec.diagnostics import SpecError

api.loads("axis t = 1..T\\ninput x[t] : real\\noutput x\\n", Options())  # loads what is loaded on demand
HARMLESS = {"compile", "object.__getattr__", "marshal.loads", "code.__new__", "sys._getframe", "builtins.id",
            "os.scandir", "pathlib.Path.glob"}  # of the folder of cells
running, watching, seen = "", False, []

def watch(event, arguments):
    if not watching or event in HARMLESS:
        return
    if event == "open" and "r" in str(arguments[1]) and str(arguments[0]).endswith((".rnn", ".py", "module.py.j2")):
        return  # the spec, cells of the library, texts of shared functions, the page
    if event == "exec" and running != "module" and 'file "<template>"' in str(arguments):
        return  # the page as Jinja runs it: the compiler's own file, whose slots are filled with text
    if event in ("exec", "import") and running == "module":
        return  # that is us
    seen.append((running, event, str(arguments)[:200]))

sys.addaudithook(watch)
for path in sys.argv[1:]:
    running, watching = path, True
    try:
        text = api.compile_file(path, Options()).text
    except SpecError:
        continue
    finally:
        watching = False
    code, space = compile(text, "module", "exec"), {"__name__": "module"}
    running, watching = "module", True
    exec(code, space)
    params = space["init"](dtype="float64")
    shapes = space["_shapes"](space["DIMS"])
    lengths = {axis: 3 for axis in space["AXES"]}
    batch = {name: numpy.ones((*(lengths[a] for a in axes), 2, *shapes[name]))
             for name, (axes, *_) in space["INPUTS"].items()}
    run = space["forward"](params, batch)
    space["backward"](params, run, {})
    watching = False
for event in seen:
    print(*event)
"""


def test_nothing_of_a_spec_runs(tmp_path: Path) -> None:
    """Neither when it is compiled nor when its module works: Python's own audit events tell."""
    files = [path for path in FILES if path.parent.name != "structure"]  # limits: there is nothing to run
    command = [sys.executable, "-W", "ignore", "-c", WATCH, *map(str, files)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------- without the lexer's checks


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lexer sees nothing wrong with characters, words and numbers."""
    monkeypatch.setattr(lexical, "REFUSED", ())
    for check in ("word", "number", "strange"):
        monkeypatch.setattr(layout._Scan, check, lambda self, span: None)


@pytest.mark.parametrize("folder", ["identifiers", "text", "numbers"])
def test_the_printer_holds_without_the_lexer(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not refused elsewhere comes out as a module that the second look lets pass."""
    blind(monkeypatch)
    made = 0
    for path in CORPUS.glob(f"{folder}/*.rnn"):
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            module = compile_source(Source(path.name, text), Options(level=0), lambda path, span: None).text
        except (SpecError, NotAllowed, OverflowError, ValueError):
            continue
        made += 1
        assert module.isascii() and "PWNED" not in str(calls_in(module)), path.name
    assert made > 0


@functools.cache
def vanilla() -> str:
    return rnnc.compile(EXAMPLES / "vanilla.rnn", Options(level=0))


def calls_in(module: str) -> list[str]:
    return [
        ast.unparse(node) for node in ast.walk(ast.parse(module)) if isinstance(node, ast.Call | ast.Import)
    ]


MODULE = '''"""The network of x.rnn, forward and backward (-O0)."""

# Written by rnnc; change the spec, not this file.

import numpy as np

SPEC = "axis t = 1..T"

AXES = {'t': 'T'}


def forward(self, call, name, value):
    B = call.B
    U = call.params['U']
    return np.tanh(U) + B
'''
SLOTS = {  # where a printer that copies a spec's text as it stands would put it
    "a comment": ("# Written by rnnc", "# {} Written by rnnc"),
    "the docstring": ('"""The network of', '"""The network of {}'),
    "the first line": ('"""The network of', '# {}\n"""The network of'),
    "a literal": ('SPEC = "', 'SPEC = "{}'),
    "a name at the top": ("AXES = ", "{} = AXES = "),
    "a name": ("    B = call.B", "    {} = B = call.B"),
    "a number": ("np.tanh(U)", "{} + np.tanh(U)"),
    "a key": ("call.params['U']", "call.params['{}']"),
}


def payloads() -> Iterator[tuple[str, str]]:
    """Every line of every hostile text, and each text as a whole."""
    for path in FILES:
        if path.parent.name != "structure":
            text = path.read_bytes().decode("utf-8", "replace")
            pieces = [text, *text.split("\n"), *text.replace("\n", " ").split()]
            yield from ((name_of(path), piece[:5000]) for piece in dict.fromkeys(pieces) if piece.strip())


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("slot", SLOTS)
def test_text_copied_as_it_stands_is_blocked(slot: str) -> None:
    """Either the module is refused, or it does what it did before."""
    refused, before = 0, calls_in(MODULE)
    old, new = SLOTS[slot]
    assert old in MODULE
    for name, payload in payloads():
        module = MODULE.replace(old, new.replace("{}", payload), 1)
        try:
            check_allowed(module)
        except NotAllowed:
            refused += 1
            continue
        assert set(calls_in(module)) <= set(before), (name, payload)
    assert refused > 20


def test_a_printer_without_care_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lexer and printer blind together: what would do harm is refused by the second look alone."""
    blind(monkeypatch)
    monkeypatch.setattr(naming.Names, "fresh", lambda self, wish: wish)
    monkeypatch.setattr(
        page, "literal", lambda value: f"'{value}'" if isinstance(value, str) else ascii(value)
    )
    for path in ("RNN008_dunder_import", "RNN008_dunder_only", "RNN008_dunder_as_a_dim"):
        source = Source("x.rnn", (CORPUS / f"identifiers/{path}.rnn").read_text())
        with pytest.raises((NotAllowed, SpecError)):
            compile_source(source, Options(level=0), lambda path, span: None)


# ---------------------------------------------------------------------------------- the list itself

STATEMENTS = [
    "import os", "import numpy", "import numpy as n", "from numpy import load", "from os import *",
    "from numpy import *", "from numpy import add as len", "from numpy import max", "from .numpy import add",
    "from numpy.random import default_rng", "from numpy import add as other", "from numpy import random",
    "import numpy as np, os", "np.load('x')", "print()", "X = open('x')", "X = [1 for _ in ()]", "X = np.load",
    "X = Y", "X = f'{init()}'", "del init", "if 1:\n    pass", "while 1:\n    pass", "for x in (): pass",
    "with a: pass", "try:\n    pass\nexcept E:\n    pass", "assert init()", "global x", "X += 1", "X : int = init()",
    "np.load = 1", "init[0] = 1", "np = 1", "len = 1", "__builtins__ = {}", "__name__ = 'x'", "'a string'",
    "class A(B):\n    'x'", "class A(metaclass=B):\n    'x'", "class A:\n    'x'\n    y = init()",
    "@a\nclass A:\n    'x'", "@a\ndef f():\n    pass", "async def f():\n    pass", "def f(a=init()):\n    pass",
    "def f(*, a=[].x):\n    pass", "def __getattr__(name):\n    pass", "def len():\n    pass", "lambda: 0",
    "def f[T](): pass", "type X = int", "match 1:\n    case _:\n        pass",
]  # fmt: skip
EXPRESSIONS = [
    "eval('1')", "exec('1')", "open('x')", "compile('1', '', 'eval')", "__import__('os')", "globals()", "vars()",
    "getattr(np, 'load')", "setattr(np, 'x', 1)", "setattr(self, name, 1)", "delattr(B, 'x')", "input()",
    "breakpoint()", "np", "[np]", "np.load('x')", "np.save('x', B)", "np.fromfile('x')", "np.memmap('x')",
    "np.lib.format", "np.ctypeslib", "np.random", "np.random.seed(0)", "np.linalg", "np.testing", "np.loadtxt('x')",
    "np.frompyfunc(B, 1, 1)", "np.vectorize(B)", "np.f2py", "np.core.multiarray", "np.frombuffer(B)",
    "B.tofile('x')", "B.dump('x')", "B.__class__", "B.__array_interface__", "B.ctypes", "B.data", "B.ctypes.data",
    "room.ctypes.data_as(B)", "room.ctypes.shape", "(room.ctypes).data.x", "B.room.ctypes", "B.setfield",
    "type(B).__subclasses__()", "type(B).__mro__", "().__class__", "(1).__class__", "B.sum.__self__",
    "B.sum.__globals__", "call.__dict__", "'{0.__class__}'.format(B)", "'x'.format_map(B)", "(lambda: 0)()",
    "[B][0]()", "{}['x']()", "(yield)", "(x := 1)", "lambda __x: 0", "[__y for __y in B]", "unknown",
    "f'{B.__class__}'", "f'{eval(1)}'", "B.newbyteorder()", "np.dtype.__init__", "np.ndarray.tofile(B, 'x')",
    "exit()", "help()", "memoryview(B)", "super()", "type.mro(B)", "np.array.__self__", "np.exp.reduce.x",
]  # fmt: skip


OWN = page.own_functions()
CUTS = [
    'X = """{}"""\n', "X = ({})\n", "X = \\{}1\n", "X = [{}]\n", "if 1:\n    X = 1{}else:\n    X = 2\n",
    "@f{}X = 1\n", "X = 1{}    Y = 2\n", "def f():{}    pass\n", "X = '{}'\n", "def f():\n    pass{}    return 1\n",
    'def f():\n    """{}    """\n    eval("1")\n', 'X = """{}""", eval("1")\n', "{}eval('1')\n", "eval('1'){}X = 1\n",
]  # fmt: skip


def test_functions_that_modules_share_are_allowed() -> None:
    """In a module they are not looked at again. Whoever gives one something new to call adds it to the list."""
    printed = re.findall(r"^def (\w+)", vanilla(), re.MULTILINE)
    brought = {*page.TABLES, *page.FUNCTIONS, *printed} - set(OWN.values())
    tables = "import numpy as np\n" + "".join(f"{name} = 0\n" for name in sorted(brought))
    check_allowed(allowed.GAP.join([tables, *OWN]) + "\n")


@pytest.mark.parametrize("cut", CUTS)
def test_what_stands_around_a_shared_function_is_looked_at(cut: str) -> None:
    """Each part must be whole by itself: one that is not would be read otherwise together with the function."""
    for source in OWN:
        with pytest.raises(NotAllowed):
            check_allowed(cut.replace("{}", allowed.GAP + source + allowed.GAP), OWN)


def test_only_functions_that_are_there_may_be_called() -> None:
    sigmoid, absolute = (text for text, name in OWN.items() if name in ("sigmoid", "absolute"))
    calls = "def f(x):\n    return sigmoid(x)\n"
    check_allowed(allowed.GAP.join([sigmoid, calls]), OWN)
    for other in (absolute, sigmoid.replace("(x", "(y")):
        with pytest.raises(NotAllowed):
            check_allowed(allowed.GAP.join([other, calls]), OWN)


def test_a_plain_module_is_allowed() -> None:
    check_allowed(MODULE)
    check_allowed(vanilla())


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_that_no_module_needs(statement: str) -> None:
    for place in ("\n\ndef forward(", "\n\nSPEC = "):
        with pytest.raises(NotAllowed):
            check_allowed(MODULE.replace(place, f"\n{statement}\n{place}", 1))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_that_no_module_needs(expression: str) -> None:
    with pytest.raises(NotAllowed, match="the module would"):
        check_allowed(MODULE.replace("    B = call.B", f"    B = call.B\n    {expression}", 1))


@pytest.mark.parametrize(
    "statement", ["import os", "global x", "np.exp = 1", "np = 1", "sum = 1", "del B", "nonlocal B", "B.x = 1",
                  "class A:\n        'x'", "async def f(): pass", "def g(a=eval(1)): pass", "@B\n    def g(): pass"]
)  # fmt: skip
def test_statements_that_no_function_needs(statement: str) -> None:
    with pytest.raises(NotAllowed):
        check_allowed(MODULE.replace("    B = call.B", f"    B = call.B\n    {statement}", 1))


@pytest.mark.parametrize("text", ["\r", "\x0c", "\x00", "\u202e", "é", "\t", "\x85", "\ufeff"])
def test_characters_that_no_module_needs(text: str) -> None:
    with pytest.raises(NotAllowed, match="character"):
        check_allowed(MODULE.replace("# Written by", f"# {text}Written by", 1))


@pytest.mark.parametrize(
    "line", ["# coding: utf-7", "# -*- coding=utf_16 -*-", "#!/x\n# vim: fileencoding: latin1"]
)
def test_a_module_does_not_say_how_its_bytes_are_read(line: str) -> None:
    with pytest.raises(NotAllowed, match="bytes"):
        check_allowed(f"{line}\n{MODULE}")


def test_a_refused_module_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a mistake of the compiler's: one line, exit status 70, no file."""
    monkeypatch.setattr(allowed, "NUMPY", allowed.NUMPY - {"np.tanh"})
    spec = tmp_path / "vanilla.rnn"
    spec.write_text((EXAMPLES / "vanilla.rnn").read_text())
    assert command_line.main(["compile", str(spec)]) == 70
    said = capsys.readouterr().err
    assert "internal error: NotAllowed" in said and "`np.tanh`" in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["vanilla.rnn"]


# ------------------------------------------------------------------------------- names of the output

NAMES = [
    'x"""; import os #', "a\nimport os\n", "-", "{{ 7 }}", "𝓍", "a\rb", "'; x", "coding: utf-7", "\\", "a" * 200,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(name: str, tmp_path: Path) -> None:
    """The name of a spec stands in its module's first line and in comments."""
    spec = tmp_path / f"{name}.rnn"
    spec.write_text((EXAMPLES / "vanilla.rnn").read_text())
    out = tmp_path / f"{name}.py"
    assert command_line.main(["compile", str(spec), "-O0", "-o", str(out)]) == 0
    assert calls_in(out.read_text("ascii")) == calls_in(vanilla())


@pytest.mark.parametrize(
    "out", ["folder", "folder/", "/dev/full", "none/x.py", "spec.rnn", "keep.py", "link.py"]
)
def test_places_where_no_module_goes(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "spec.rnn").write_text((EXAMPLES / "vanilla.rnn").read_text())
    (tmp_path / "keep.py").write_text("print('mine')\n")
    (tmp_path / "link.py").symlink_to("keep.py")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert command_line.main(["compile", "spec.rnn", "-o", out]) == 2
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
