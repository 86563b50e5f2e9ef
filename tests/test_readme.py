"""The README shows what is: its spec is the example, its code is what the compiler prints of it."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest
import rnnc
from rnnc.__main__ import COMMANDS
from rnnc.compiler.driver import Options

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
VANILLA = ROOT / "examples" / "vanilla.rnn"


def loops(function: ast.FunctionDef, lines: list[str]) -> str:
    """The loops of a function, without what stands between them."""
    found = [node for node in function.body if isinstance(node, ast.For)]
    return "".join(textwrap.dedent("".join(lines[n.lineno - 1 : n.end_lineno])) for n in found)


def whole(function: ast.FunctionDef, lines: list[str]) -> str:
    return "".join(lines[function.lineno - 1 : function.end_lineno])


def printed() -> dict[str, str]:
    """What the README shows of the module printed at -O0, by the name it has there."""
    text = rnnc.compile(VANILLA, Options(level=0))
    lines = text.splitlines(keepends=True)
    functions = {n.name: n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}
    return {
        "vanilla.rnn": VANILLA.read_text(encoding="utf-8"),
        "the loops of _forward": loops(functions["_forward"], lines),
        "_backward": whole(functions["_backward"], lines),
    }


def test_the_code_is_what_is_printed(request: pytest.FixtureRequest) -> None:
    page = shown = PAGE.read_text(encoding="utf-8")
    for name, text in printed().items():
        block = re.compile(rf"(<!-- {re.escape(name)} -->\n```\w*\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
        page, count = block.subn(lambda match, text=text: match[1] + text, page)
        assert count == 1, name
    if request.config.getoption("--update-goldens"):
        PAGE.write_text(page, encoding="utf-8")
        return
    assert shown == page


def test_every_command_is_listed() -> None:
    named = re.findall(r"^\| `rnnc (\w+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)
