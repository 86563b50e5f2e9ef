"""The parser's tables on disk: of this grammar, and as good as a parser built from it."""

from __future__ import annotations

import json
from pathlib import Path

import mutate
import pytest
from lark import Lark, UnexpectedInput
from rnnc.spec import tables
from rnnc.spec.diagnostics import Diagnostics
from rnnc.spec.layout import lay_out
from rnnc.spec.source import Source

ROOT = Path(__file__).resolve().parent.parent
FILES = [path for folder in ("examples", "spec/cells") for path in sorted((ROOT / folder).glob("*.rnn"))]
SPECS = [path.read_text("utf-8") for path in FILES]


def found(parser: Lark, shadow: str) -> object:
    """The tree, or where the parser stopped and what it could have gone on with."""
    try:
        return parser.parse(shadow)
    except UnexpectedInput as error:
        wanted = getattr(error, "accepts", None) or getattr(error, "allowed", None)
        return type(error), error.pos_in_stream, wanted


def test_the_tables_are_of_this_grammar() -> None:
    made = json.loads(tables.TABLES.read_text("ascii"))
    assert made["grammar"] == tables.GRAMMAR.read_text("ascii"), "run python tools/grammar_tables.py"


def test_texts_right_and_wrong_are_read_as_without_tables() -> None:
    built, loaded = tables.built(tables.GRAMMAR.read_text("ascii")), tables.parser()
    wrong = [text.decode("utf-8", "replace") for text in mutate.mutants(SPECS, 60)]
    for text in SPECS + wrong:
        layout = lay_out(Source("a.rnn", text), Diagnostics())
        if layout is not None:
            assert found(loaded, layout.shadow) == found(built, layout.shadow)


@pytest.mark.parametrize("change", [{"grammar": "another"}, {"lark": "0.1", "data": "another format"}])
def test_tables_of_another_grammar_or_another_lark_are_left_alone(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stale = tmp_path / "grammar.json"
    stale.write_text(json.dumps(json.loads(tables.TABLES.read_text("ascii")) | change), "ascii")
    monkeypatch.setattr(tables, "TABLES", stale)
    assert tables.parser().parse("dim n = 3").data == "spec"
