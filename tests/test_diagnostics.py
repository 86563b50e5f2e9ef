"""Diagnostics: the examples of text and syntax, how messages are drawn, and what is suggested.

Examples of what a spec means, codes from RNN200 on, are tried in test_check_catalogue."""

from __future__ import annotations

import json
import unicodedata

import pytest
from checked import reader
from rnnc.compiler.check import check
from rnnc.spec.catalogue import CATALOGUE, ENTRIES, Entry, explain
from rnnc.spec.diagnostics import LIMIT, Diagnostic, Diagnostics, Label
from rnnc.spec.lexical import read_source
from rnnc.spec.render import WIDTH, render, to_json
from rnnc.spec.source import Source, Span
from rnnc.spec.suggest import distance, suggest

TEXTUAL = [
    entry for entry in ENTRIES if entry.code < "RNN200" and entry.code != "RNN014"
]  # RNN014: of `--unroll`


def checked(text: str) -> list[Diagnostic]:
    """What reading and checking report; lone surrogates stand for bytes that are not UTF-8."""
    diagnostics = Diagnostics()
    source = read_source("spec.rnn", text.encode("utf-8", "surrogateescape"), diagnostics)
    if source is not None:
        check(source, dims={}, read_import=reader({}), diagnostics=diagnostics)
    return diagnostics.items


@pytest.mark.parametrize("entry", TEXTUAL, ids=lambda entry: entry.code)
def test_wrong_example_gives_its_code_alone(entry: Entry) -> None:
    assert {item.code for item in checked(entry.wrong)} == {entry.code}


@pytest.mark.parametrize("entry", TEXTUAL, ids=lambda entry: entry.code)
def test_right_example_passes(entry: Entry) -> None:
    assert checked(entry.right) == []


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_is_explained(code: str) -> None:
    text = explain(code)
    assert text.startswith(f"{code}: {CATALOGUE[code].title}\n")
    assert "Wrong:" in text and "Right:" in text
    assert all(character.isprintable() for character in text if character != "\n")
    assert max(map(len, text.splitlines())) <= WIDTH + len("    ")
    assert len(text.splitlines()) < 50


# ----------------------------------------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"),
        (b"\xef\xbb\xbfa = 1\n", "a = 1\n"),
        ("# größe\t".encode(), "# größe\t"),
        (b"", ""),
    ],
)
def test_bytes_read_as_text(data: bytes, text: str) -> None:
    diagnostics = Diagnostics()
    source = read_source("spec.rnn", data, diagnostics)
    assert source is not None and source.text == text
    assert diagnostics.items == []


@pytest.mark.parametrize(
    "character", [chr(code) for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10)]
)
def test_control_characters_are_refused_in_comments(character: str) -> None:
    assert checked(f"# {character} #\n") != []


def test_characters_that_turn_the_direction_are_refused() -> None:
    turning = [
        chr(c)
        for c in range(0x2100)
        if unicodedata.bidirectional(chr(c))
        in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    ]
    assert len(turning) == 9
    for character in [*turning, "\u200e", "\u200f", "\u061c"]:
        assert {item.code for item in checked(f"# {character}\n")} == {"RNN004"}


def test_the_place_of_a_byte_that_is_not_utf8() -> None:
    (found,) = checked("a = 1\n# gr\udcfc\n")
    assert repr(found.span) == "spec.rnn:2:5"


# ---------------------------------------------------------------------------------------------- drawing

TEXT = "dim n = 4\n\th[t] = tanh(W @ x[t])  # note\n漢字 = (a +\n  b)\n"
SOURCE = Source("lstm.rnn", TEXT)


def place(words: str, source: Source = SOURCE) -> Span:
    start = source.text.index(words)
    return Span(source, start, start + len(words))


def drawn(span: Span, **more: object) -> list[str]:
    return render([Diagnostic("RNN100", "what is wrong", span, **more)]).splitlines()  # type: ignore[arg-type]


def test_first_line_and_excerpt() -> None:
    assert drawn(place("W @ x[t]"), note="4 by n", help="transpose it") == [
        "lstm.rnn:2:14: error[RNN100]: what is wrong",
        "  |",
        "2 |     h[t] = tanh(W @ x[t])  # note",
        "  |                 ^^^^^^^^ 4 by n",
        "  = help: transpose it",
    ]


def test_labels_on_the_same_line_on_another_and_in_another_file() -> None:
    other = Source("cells.rnn", "\n" * 11 + "cell c(n) -> h {\n")
    labels = (
        Label(place("tanh"), "a function"),
        Label(place("n = 4"), "a dim"),
        Label(place("n) ->", other), "another"),
    )
    assert drawn(place("W @ x[t]"), labels=labels)[1:] == [
        "   |",
        " 2 |     h[t] = tanh(W @ x[t])  # note",
        "   |                 ^^^^^^^^",
        "   |            ---- a function",
        "   |",
        " 1 | dim n = 4",
        "   |     ----- a dim",
        "   | in cells.rnn:",
        "12 | cell c(n) -> h {",
        "   |        ----- another",
    ]


def test_wide_characters_and_several_lines() -> None:
    assert drawn(place("= (a +\n  b)"), note="a sum")[1:] == [
        "  |",
        "3 | 漢字 = (a +",
        "  |      ^^^^^^",
        "  |",
        "4 |   b)",
        "  |   ^^ a sum",
    ]


def test_a_missing_word_is_marked_where_it_belongs() -> None:
    assert drawn(Span(SOURCE, len(TEXT), len(TEXT)))[1:] == ["  |", "5 |", "  | ^"]


def test_long_lines_are_cut() -> None:
    source = Source("long.rnn", "a" * 5000 + " = b + " + "c" * 5000)
    head, _, line, mark = drawn(place("b", source))
    assert head.startswith("long.rnn:1:5004:")
    assert len(line) < WIDTH + 20
    assert line[mark.index("^")] == "b"


def test_colours_are_only_added() -> None:
    item = Diagnostic(
        "RNN100", "what is wrong", place("W"), labels=(Label(place("x"), "here"),), help="mend it"
    )
    colored = render([item], color=True)
    assert colored != render([item])
    for style in ("1;31", "1;34", "1;32", "1", "0"):
        assert f"\033[{style}m" in colored
        colored = colored.replace(f"\033[{style}m", "")
    assert colored == render([item])


def test_the_order_of_places_and_the_limit_of_a_file() -> None:
    source = Source("many.rnn", "x" * 100)
    items = [Diagnostic("RNN100", f"number {i}", Span(source, i, i + 1)) for i in reversed(range(30))]
    text = render([*items, Diagnostic("RNN100", "elsewhere", place("W"))])
    positions = [text.index(f"number {i}\n") for i in range(LIMIT)]
    assert positions == sorted(positions)
    assert f"number {LIMIT}\n" not in text
    assert "many.rnn: 10 more, not shown\n" in text
    assert "elsewhere" in text


def test_json_has_flat_records() -> None:
    item = Diagnostic("RNN903", "odd", place("= (a +\n  b)"), help="mend it")
    assert json.loads(to_json([item])) == [
        {
            "path": "lstm.rnn",
            "line": 3,
            "column": 4,
            "end_line": 4,
            "end_column": 5,
            "code": "RNN903",
            "severity": "warning",
            "message": "odd",
            "help": "mend it",
        }
    ]


# -------------------------------------------------------------------------------------------- suggesting


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("hiden", ["hidden", "embed"], "hidden"),
        ("Hidden", ["hidden", "hiddem"], "hidden"),
        ("sigma", ["sigmoid", "sign"], "sigmoid"),
        ("tahn", ["tan", "tanh", "atan"], "tanh"),
        ("x", ["y", "z"], None),
        ("vocabulary", ["v"], None),
        ("hidden", ["hidden"], None),
        ("anything", [], None),
    ],
)
def test_suggestions(name: str, candidates: list[str], expected: str | None) -> None:
    assert suggest(name, candidates) == expected


@pytest.mark.parametrize(
    ("a", "b", "steps"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("kitten", "sitting", 3),
    ],
)
def test_distance(a: str, b: str, steps: int) -> None:
    assert distance(a, b) == distance(b, a) == steps
