"""The parser's tables, made beforehand: from the grammar they take longer than most specs take to compile.

`grammar.json` holds the grammar it was made of, Lark's version, and what Lark calls data and memo; it is data, so
reading it runs nothing. ``python tools/grammar_tables.py`` writes it; a test holds it to the grammar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lark

GRAMMAR = Path(__file__).with_name("grammar.lark")
TABLES = Path(__file__).with_name("grammar.json")


def parser() -> lark.Lark:
    """The parser from its tables; from the grammar where they were made of another one, or by another Lark."""
    grammar = GRAMMAR.read_text("ascii")
    made = json.loads(TABLES.read_text("ascii"), object_hook=_numbered)
    if made["grammar"] == grammar and made["lark"] == release():
        return lark.Lark.load(made)
    return built(grammar)


def built(grammar: str) -> lark.Lark:
    """The parser from the grammar itself."""
    return lark.Lark(grammar, start="spec", parser="lalr", propagate_positions=True)


def tables(grammar: str) -> str:
    """The text of `grammar.json`."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = built(grammar).memo_serialize([TerminalDef, Rule])
    made = {"grammar": grammar, "lark": release(), "data": _plain(data), "memo": _plain(memo)}
    return json.dumps(made, separators=(",", ":")) + "\n"


def release() -> str:
    """Which Lark there is, without the number of the patch: those leave the tables' format alone."""
    return ".".join(lark.__version__.split(".")[:2])


def _plain(value: Any) -> Any:
    """Without Lark's own classes of strings."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _numbered(entries: dict[Any, Any]) -> dict[Any, Any]:
    """JSON has no numbers as keys; Lark's tables do, and then nothing else."""
    numbers = next(iter(entries), "").isdigit()
    return {int(key): value for key, value in entries.items()} if numbers else entries
