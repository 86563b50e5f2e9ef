"""What a syntax error means: habits from other languages and from books are recognised and answered.

To add a habit, add a row to `HABITS`. The first row that fits speaks; if none does, what stands there and
what could stand there is said."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .diagnostics import Diagnostics
from .records import dataclass
from .source import Source, Span
from .suggest import suggest

STATEMENTS = tuple("dim axis input param const head output loss stop noise cell use import for".split())
TYPES = ("real", "int", "bool", "token")

NAME = r"[A-Za-z][\w.]*(?:\{[^{}]*\}[\w.]*)*"
VALUE = rf"(?:{NAME}|\d|[)\]}}\"])"  # what a value ends in
WORD = "|".join(STATEMENTS)
WINDOW = 500  # so much of a line is looked at on each side; patterns must not take long on a hostile one


class Fault:
    """Where the parser stopped in a statement; ``before`` and ``rest`` are the two sides of that place."""

    def __init__(self, source: Source, start: int, text: str, error: UnexpectedInput) -> None:
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        at = len(text) if ended else min(error.pos_in_stream or 0, len(text))
        line = text.rfind("\n", 0, at) + 1
        self.source = source
        line = max(line, at - WINDOW)
        self.start = start + line
        self.before = text[line:at]
        self.rest = text[at : at + WINDOW].partition("\n")[0]
        self.error = error

    @cached_property
    def accepts(self) -> frozenset[str]:
        """The terminals that could have stood here."""
        assert isinstance(self.error, UnexpectedToken | UnexpectedCharacters)
        accepts: Any = self.error.interactive_parser.accepts  # Lark leaves it without a type
        return frozenset(accepts())

    @cached_property
    def found(self) -> str:
        """The word or sign at the place; empty at the end of the statement."""
        match = re.match(r"\w+|\"[^\"]*\"|==|!=|<=|>=|\*\*|->|:=|\.+|.", self.rest)
        return match[0] if match else ""

    @property
    def place(self) -> Span:
        """The word or sign; the end of the last good one where the statement breaks off."""
        at = self.start + len(self.before if self.found else self.before.rstrip())
        return Span(self.source, at, at + len(self.found))


@dataclass(frozen=True, slots=True)
class Habit:
    """``before`` must match up to the place of the error, ``rest`` from there on, and the parser must accept
    one of ``accepts`` there (if any are named). Groups of both patterns fill in the texts; the group ``at``
    is the place to point at, if it is another one."""

    code: str
    before: str
    rest: str
    message: str
    help: str
    accepts: Collection[str] = ()

    def report(self, fault: Fault, diagnostics: Diagnostics) -> bool:
        """Report the fault if it is this habit."""
        before = re.search(rf"(?:{self.before})\s*\Z", fault.before)
        rest = re.match(self.rest, fault.rest)
        if not before or not rest or (self.accepts and fault.accepts.isdisjoint(self.accepts)):
            return False
        groups = before.groupdict("") | rest.groupdict("")
        place = fault.place
        if "at" in before.groupdict():
            start, end = before.span("at")
            place = Span(fault.source, fault.start + start, fault.start + end)
            groups["statement"] = _statement(groups["at"])
        message, help = self.message.format(**groups), self.help.format(**groups)
        diagnostics.report(self.code, place, message, help=help)
        return True


def _sign(rest: str, help: str, before: str = "", accepts: Collection[str] = ()) -> Habit:
    """A sign that is no operator of the language."""
    return Habit("RNN105", before, rest, "`{sign}` is not an operator here", help, accepts)


TARGET = rf"^\s*{NAME}(?:\s*\[[^\]]*\])?\s*"
POINTS = "a number has digits on both sides of its point"
EQUALITY = "`=` defines, `==` compares"
DRAWN = "what is drawn stands after `~`"
LAW = "what is drawn has a distribution"
LAWFUL = "write a distribution: `~ normal(…)`, `~ categorical(…)`, `~ bernoulli(…)`"
LAWS = "categorical|bernoulli|normal|poisson|normal_mixture|uniform"
MISSING = "an operator is missing before `{right}`"
INDEX = "an index stands in square brackets"
LONGER = "inside `( )` and `[ ]` a statement may go on over lines"
ALWAYS = "over time no loop is needed: an equation such as `h[t] = ...` holds at every step by itself"
LOOPS = "an axis is `axis t = 1..T`, a loop `for l in 1..3 {{`"
PRODUCTS = "a matrix product is `W @ x`, element by element it is `a * b`, a call is `f(x)`"
OPERATOR = ("MULTIPLY",)

HABITS = (
    # numbers
    Habit("RNN108", r"(?:^|[^\w.])(?P<at>\d+)", r"\.(?!\.)", POINTS, "write `{at}.0`"),
    Habit("RNN108", r"(?:^|[^\w.)\]}}])", r"\.(?P<n>\d+)", POINTS, "write `0.{n}`"),
    # what ends a statement, and what is said aside
    Habit("RNN115", "", r";", "a statement ends at the end of its line",
          "delete the `;`, or begin a new line"),
    Habit("RNN115", r"^\s*/?", r"[/%*-]", "a comment begins with `#`", "write `# ...`"),
    Habit("RNN115", r"/", r"/", "`//` is neither an operator nor a comment",
          "a comment begins with `#`; division without remainder is `floor(a / b)`"),
    # words that cannot be names
    Habit("RNN119", r"^\s*(?P<at>loss)", r"[=:]|\Z", "a loss has a name",
          "write `loss NAME = …`; a head has a loss already, its negative log-likelihood"),
    Habit("RNN109", rf"^\s*(?P<at>{WORD})", r"[\[=:]|\Z",
          "`{at}` begins a statement, so no equation can define it", "give the quantity another name"),
    Habit("RNN109", "", r"(?P<word>and|or|not|reverse)\b", "`{word}` is a word of the language, not a name",
          "use another name", ("NAME",)),
    Habit("RNN119", r"^\s*stop", r".", "`when` is missing", "write `stop when y[t] == 0`", ("WHEN",)),
    # = and == and ~
    Habit("RNN118", r"^\s*head\b.*", r"=\s*softmax\b", DRAWN,
          "write `~ categorical(…)`, which takes the softmax itself", ("TILDE",)),
    Habit("RNN118", r"^\s*head\b.*", r"=\s*sigmoid\b", DRAWN,
          "write `~ bernoulli(…)`, which takes the sigmoid itself", ("TILDE",)),
    Habit("RNN118", r"^\s*(?:head|noise)\b.*", rf"=\s*(?P<right>(?:{LAWS})\b.*)", DRAWN,
          "write `~ {right}`", ("TILDE",)),
    Habit("RNN118", r"^\s*(?:head|noise)\b.*", r"=", DRAWN,
          LAWFUL, ("TILDE",)),
    Habit("RNN118", TARGET + r"(?::.*)?", r"~",
          "an equation has `=`; only `param`, `const`, `head` and `noise` are drawn",
          "begin the line with one of these words, or write `=`", ("EQUALS",)),
    Habit("RNN105", ":", r"=", "`:=` is not an operator here", "an equation is written `h[t] = ...`"),
    Habit("RNN106", TARGET + r"=", r"=", EQUALITY, "write `=`"),
    Habit("RNN106", r"(?:=|\bwhen\b|[(\[,]).*", r"=(?!=)", EQUALITY,
          "write `==` to compare; an equation has one `=`"),
    Habit("RNN107", r"(?:[=!<>]=|[<>]).*", r"[=!<>]=|[<>]", "comparisons do not chain",
          "compare twice: `a < b and b < c`"),
    # signs of other languages
    _sign(r"(?P<sign>\^)\s*[({](?P<index>[a-z]\s*(?:[-+]\s*\w+\s*)?)[)}]",
          "an index stands in square brackets: `h[{index}]`", NAME),
    _sign(r"(?P<sign>\^)\s*T\b", "the transpose of a matrix is `transpose(W)`"),
    _sign(r"(?P<sign>\^)", "a power is written `a ** b`"),
    _sign(r"(?P<sign>')", "the transpose of a matrix is `transpose(W)`; strings stand in double quotes"),
    _sign(r"(?P<sign>&&?)", "write `and`"),
    _sign(r"(?P<sign>\|\|?)", "write `or`; bars around a value are `abs(x)` or `norm(x)`"),
    _sign(r"(?P<sign>!)(?!=)", "write `not`"),
    _sign(r"(?P<sign><-)", "an equation is written `h[t] = ...`"),
    _sign(r"(?P<sign>[-+*/@%]=)", "write the whole equation: `a[t] = a[t-1] + b[t]`"),
    _sign(r"(?P<sign>\.[*/^])", "`*` and `/` work element by element already; a matrix product is `W @ x`"),
    _sign(r"(?P<sign>\?|if\b)", "a choice is `where(condition, a, b)`", VALUE),
    _sign(r"(?P<sign>\\)\s*(?:\Z|#)", LONGER),
    _sign(r"(?P<sign>\\|`|\$)", "a spec is plain text: `h[t] = tanh(W @ h[t-1])`"),
    Habit("RNN118", rf"^\s*head\b.*~\s*(?:{NAME}(?:\s*\[[^\]]*\])?|[\d.]+)", r"[-+*/@\[]|\Z", LAW, LAWFUL, ("LPAR",)),
    Habit("RNN118", r"^\s*head\b.*~", r"[-\d(]", LAW, LAWFUL),
    Habit("RNN119", r"^\s*(?:head|loss)\b.*\)", r"\*\s*(?P<weight>[\d.]+)", "a head has no factor",
          "its loss is multiplied by a weight: `weight {weight}`", ("WEIGHT",)),
    _sign(r"(?P<sign>\[)", "there are no lists of values; `concat(a, b)` joins vectors", "", ("NUMBER",)),
    _sign(r"(?P<sign>:)", "a part of a vector is `slice(a, start, size)`, a row of a table `E[k]`", r"\[[^\[\]]*"),
    # indices and types
    Habit("RNN110", rf"^\s*(?P<name>{NAME})", r"\((?P<index>[^()]*)\)\s*(?:=|:)", INDEX,
          "write `{name}[{index}]`"),
    Habit("RNN110", rf"^\s*(?:input|head|noise|loss)\s.*?(?P<name>{NAME})", r"\((?P<index>[^()]*)\)", INDEX,
          "write `{name}[{index}]`", ("COLON", "EQUALS")),
    Habit("RNN113", r"\b(?P<type>real|int|bool)", r"\((?P<sizes>[^()]*)\)", "sizes stand in square brackets",
          "write `{type}[{sizes}]`", ("LSQB",)),
    Habit("RNN113", r"\b(?P<type>real|int|bool)\s*\[(?P<first>[^\[\]]*)\]", r"\[(?P<second>[^\[\]]*)\]",
          "all sizes stand in one pair of brackets", "write `{type}[{first}, {second}]`"),
    Habit("RNN113", r"\btoken", r"\[(?P<count>[^\[\]]*)\]",
          "how many values a token has stands in round brackets", "write `token({count})`", ("LPAR",)),
    Habit("RNN113", rf"^\s*(?:param|const)\s.*?(?P<name>{NAME})", r"=\s*(?P<value>-?[\d.]+)",
          "the type of `{name}` is missing",
          "write `{name} : real = {value}`; a number that has a name is an equation, `{name} = {value}`", ("COLON",)),
    Habit("RNN113", r"\btoken", r"[=~,]|\Z", "how many values a token has is missing", "write `token(n)`", ("LPAR",)),
    Habit("RNN119", rf"^\s*(?:param|const)\s.*?(?P<name>{NAME})", r"\[\s*[a-z]\s*\]\s*:", "a parameter has no index",
          "it is the same at every step: `{name} : TYPE`", ("COLON",)),
    Habit("RNN113", rf"^\s*(?:input|param|const|head|noise)\s.*?(?P<name>{NAME}(?:\s*\[[^\]]*\])?)",
          r"[=~,\[]|\Z", "the type of `{name}` is missing",
          "write `{name} : real[...]`; types are real, int, bool and token(n)", ("COLON",)),
    # statements of other forms
    Habit("RNN119", r"^\s*output\s+.*?(?P<name>\w+)", r"[\[:]", "`output` takes names alone",
          "write `output {name}`"),
    Habit("RNN119", r"^\s*import", r"\w+(?![\w./])", "`import` takes a path in double quotes",
          "functions are built in (`rnnc ops`), cells of the library come by `use`, others by `import \"cells.rnn\"`"),
    Habit("RNN119", r"^\s*import", r"(?P<path>[\w./]+)", "`import` takes a path in double quotes",
          'write `import "{path}"`'),
    Habit("RNN119", rf"^\s*(?:axis|for)\s+{NAME}", r"=|in\b|:", "this is not how a range is given", LOOPS),
    Habit("RNN119", r"^\s*for\b.*\brange\(.*", r".", "this is not how a range is given",
          f"a loop is `for l in 1..3 {{{{`; {ALWAYS}"),
    Habit("RNN119", r"^\s*(?:axis|for)\b.*", r":|to\b|,|\.+", "a range is written with two points",
          "write `1..T`", ("DOTS",)),
    Habit("RNN119", r"^\s*(?:axis|for)\b.*\.\.", r"\.+", "a range is written with two points",
          "write `1..T`"),
    Habit("RNN117", r"^\s*(?:cell|for)\b.*", r"\Z", "the block of this statement is missing",
          "write its `{{` at the end of this line", ("LBRACE",)),
    Habit("RNN119", rf"^\s*(?P<name>{NAME})\s+", r"\{(?P<number>[^{}]*)\}", "the brace of a name touches it",
          "write `{name}{{{number}}}`"),
    Habit("RNN119", rf"^\s*(?P<name>{NAME})\s*\[(?P<number>[^\]]*)\]", r"(?P<index>\[[^\]]*\])",
          "one pair of brackets follows a name",
          "what a loop numbers has braces, `{name}{{{number}}}{index}`; several indices stand side by side, `e[t,s]`"),
    Habit("RNN119", TARGET, r",", "an equation defines one quantity",
          "the other quantities of a cell are read by their names, as `h.c[t]`", ("EQUALS",)),
    # two values side by side
    Habit("RNN111", rf"^\s*(?P<at>{NAME})", r"[A-Za-z\"]", "no statement begins with `{at}`",
          "{statement}", ("EQUALS",)),
    Habit("RNN104", rf"^\s*(?:dim|input|param|const|output|use)\b.*{VALUE}", r"(?P<right>[A-Za-z]\w*)",
          "a comma is missing before `{right}`", "the items of a list are separated by commas", ("COMMA",)),
    Habit("RNN104", r"(?P<left>\b\d[\d.]*)", r"(?P<right>[A-Za-z(][\w.]*)", MISSING,
          "write `{left} * {right}`", OPERATOR),
    Habit("RNN104", rf"[(,].*{VALUE}", r"(?P<right>[\w(\"][\w.]*)",
          "an operator or a comma is missing before `{right}`", PRODUCTS, ("COMMA",)),
    Habit("RNN104", VALUE, r"(?P<right>[\w(\"][\w.]*)", MISSING, PRODUCTS, OPERATOR),
)  # fmt: skip


def explain(fault: Fault, diagnostics: Diagnostics) -> None:
    """Report a fault, as the first habit that fits or as what was expected."""
    if any(habit.report(fault, diagnostics) for habit in HABITS):
        return
    if not fault.found:
        help = LONGER if breaks_off(fault.before) else ""
        message = "the statement breaks off here"
        diagnostics.report("RNN116", fault.place, message, note=_expected(fault), help=help)
    elif "REAL" in fault.accepts:
        diagnostics.report("RNN112", fault.place, f"`{fault.found}` is not a type", help=_type(fault.found))
    else:
        diagnostics.report("RNN100", fault.place, f"`{fault.found}` cannot stand here", note=_expected(fault))


def breaks_off(text: str) -> bool:
    """Whether a statement ends in an operator, or in the sign with which other languages go on."""
    return bool(re.search(r"[-+*/%@=<>,\\]\s*\Z", text[-WINDOW:]))


def looks_like_statement(text: str) -> bool:
    """Whether a line begins as statements do, rather than going on with the line before."""
    return bool(re.match(rf"\s*(?:(?:{WORD})\b|{NAME}\s*(?:\[[^\]]*\]\s*)?[:=])", text))


# Words that begin statements elsewhere.
WORDS = {
    "def": "equations are grouped by `cell f(x[t] : real[m], n) -> h[t] : real[n] {`, a block, and `}`",
    "return": "`output h` returns a quantity from `forward`",
    "let": "an equation needs no word before it: `a = 0.9`",
    "var": "an equation needs no word before it: `a = 0.9`",
    "while": ALWAYS,
    **dict.fromkeys(("real", "int", "bool", "float"), "the type stands after the name: `h[t] : real = …`"),
}


def _statement(word: str) -> str:
    if word in WORDS:
        return WORDS[word]
    near = suggest(word, STATEMENTS)
    return f"did you mean `{near}`?" if near else f"statements are {', '.join(STATEMENTS)}, and `h[t] = ...`"


def _type(word: str) -> str:
    near = suggest(word, TYPES)
    return f"did you mean `{near}`?" if near else "types are real, int, bool and token(n)"


# ------------------------------------------------------------------------------------------ what was expected

EXPECTED = {
    "a statement": {"DIM", "AXIS"},
    "a type": set(map(str.upper, TYPES)),
    "a value": {"NUMBER"},
    "a name": {"NAME"},
    "a string": {"STRING"},
    "an operator": {"MULTIPLY"},
    "`=`": {"EQUALS"},
    "`~`": {"TILDE"},
    "`:`": {"COLON"},
    "`,`": {"COMMA"},
    "`..`": {"DOTS"},
    "`->`": {"ARROW"},
    "`(`": {"LPAR"},
    "`[`": {"LSQB"},
    "`{`": {"LBRACE"},
    "`)`": {"RPAR"},
    "`]`": {"RSQB"},
    "`}`": {"RBRACE"},
    "`in`": {"IN"},
    "`when`": {"WHEN"},
    "the end of the line": {"_NL", "$END"},
}


# What goes without saying beside the more general.
COVERED = {"a value": {"a name", "a string", "`(`"}, "an operator": {"`[`"}}


def _expected(fault: Fault) -> str:
    names = [text for text, terminals in EXPECTED.items() if fault.accepts & terminals]
    for general, special in COVERED.items():
        if general in names:
            names = [name for name in names if name not in special]
    *most, last = names or [""]
    return f"expected {', '.join(most)} or {last}" if most else f"expected {last}" * bool(last)
