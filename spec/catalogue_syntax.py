"""Codes 1xx: the grammar."""

from .entry import Entry

STEPS = "axis t = 1..T\ninput x[t] : real\n"


def _line(wrong: str, right: str) -> dict[str, str]:
    """Examples that differ in one line at the end of a small spec."""
    return {"wrong": f"{STEPS}{wrong}\noutput h\n", "right": f"{STEPS}{right}\noutput h\n"}


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN100",
        "syntax error",
        "Something stands where the grammar has no place for it. The place shown is the first at which no "
        "legal statement could go on.",
        **_line("h[t] = max(x[t],, 0)", "h[t] = max(x[t], 0)"),
    ),
    Entry(
        "RNN101",
        "bracket never closed",
        "A bracket is opened and not closed. Inside ( ) and [ ] newlines do not count, so an expression "
        "may go on over several lines. The brace of a name, as in `h{l}`, is closed on its line.",
        **_line("h[t] = tanh(x[t] + h[t-1]", "h[t] = tanh(x[t] + h[t-1])"),
    ),
    Entry(
        "RNN102",
        "bracket closes nothing",
        "A closing bracket has no opening one, or one of another kind.",
        **_line("h[t] = tanh(x[t] + h[t-1]))", "h[t] = tanh(x[t] + h[t-1])"),
    ),
    Entry(
        "RNN103",
        "string never closed",
        "A string stands in double quotes on one line.",
        wrong='import "cells.rnn\n',
        right='h = einsum("i,i->", v, v)\nparam v : real[4]\noutput h\n',
    ),
    Entry(
        "RNN104",
        "operator missing",
        "Two values stand side by side. A book writes a product so; a spec needs the operator: `W @ x` is a "
        "matrix by a vector, `a * b` goes element by element, `f(x)` is a call.",
        **_line("h[t] = 2 x[t]", "h[t] = 2 * x[t]"),
    ),
    Entry(
        "RNN105",
        "not an operator",
        "Operators are + - * / % ** @, == != < <= > >=, and, or, not. Signs of other languages have other "
        "names here: a power is `a ** b`, a choice `where(c, a, b)`, a transpose `transpose(W)`.",
        **_line("h[t] = x[t] ^ 2", "h[t] = x[t] ** 2"),
    ),
    Entry(
        "RNN106",
        "= and ==",
        "`=` defines a quantity, once per equation. `==` compares two values.",
        **_line("h[t] = where(t % 4 = 0, x[t], 0)", "h[t] = where(t % 4 == 0, x[t], 0)"),
    ),
    Entry(
        "RNN107",
        "chained comparison",
        "Comparisons do not chain: what `0 < x < 1` compares with 1 would be true or false.",
        **_line("h[t] = where(0 < x[t] < 1, x[t], 0)", "h[t] = where(0 < x[t] and x[t] < 1, x[t], 0)"),
    ),
    Entry(
        "RNN108",
        "number without a digit beside its point",
        "A number has digits on both sides of its point, so that `1..3` can be a range.",
        **_line("h[t] = .5 * x[t]", "h[t] = 0.5 * x[t]"),
    ),
    Entry(
        "RNN109",
        "reserved word",
        "`and`, `or`, `not` and `reverse` are always words of the language. The words that begin "
        "statements (dim axis input param const head output loss stop noise cell use import for) are "
        "legal names elsewhere, but an equation cannot define them, since its first word would begin a "
        "statement.",
        **_line("loss[t] = x[t] ** 2", "h[t] = x[t] ** 2"),
    ),
    Entry(
        "RNN110",
        "index in other brackets",
        "An index stands in square brackets, `h[t]`; round brackets are for calls, and braces for numbers in "
        "names, as in `h{l}`.",
        **_line("h(t) = tanh(x[t])", "h[t] = tanh(x[t])"),
    ),
    Entry(
        "RNN111",
        "no such statement",
        "A line begins with one of the words that begin statements, or is an equation such as `h[t] = ...`.",
        **_line("parm a : real\nh[t] = a * x[t]", "param a : real\nh[t] = a * x[t]"),
    ),
    Entry(
        "RNN112",
        "no such type",
        "Types are real, int, bool and token(n), each also with sizes in square brackets. How many bits a "
        "real has is chosen when the module is used, by the dtype of the parameters.",
        **_line("h[t] : float = x[t]", "h[t] : real = x[t]"),
    ),
    Entry(
        "RNN113",
        "type missing or in another form",
        "Inputs, parameters and heads have a type after a colon. Sizes stand in square brackets, `real[4, "
        "4]`; how many values a token can have in round ones, `token(10)`.",
        **_line("param v[4]\nh[t] = x[t] * sum(v)", "param v : real[4]\nh[t] = x[t] * sum(v)"),
    ),
    Entry(
        "RNN114",
        "step written with @",
        "`@` is the matrix product. An earlier step of a quantity is read with an index: `h[t-1]`.",
        **_line("h[t] = tanh(x[t] + h@-1)", "h[t] = tanh(x[t] + h[t-1])"),
    ),
    Entry(
        "RNN115",
        "end of a statement, or a comment, of another language",
        "A statement ends at the end of its line, without a semicolon. A comment begins with `#`.",
        **_line("h[t] = tanh(x[t]);", "h[t] = tanh(x[t])  # no semicolon"),
    ),
    Entry(
        "RNN116",
        "statement breaks off",
        "The line ends before the statement does. A statement goes on over several lines only inside ( ) "
        "or [ ].",
        **_line("h[t] = x[t] +\n  h[t-1]", "h[t] = (x[t] +\n  h[t-1])"),
    ),
    Entry(
        "RNN117",
        "block missing",
        "A cell and a `for` have a block in braces, which opens at the end of their line.",
        wrong=f"{STEPS}for l in 1..2\n{{\n  h{{l}}[t] = l * x[t]\n}}\noutput h2\n",
        right=f"{STEPS}for l in 1..2 {{\n  h{{l}}[t] = l * x[t]\n}}\noutput h1, h2\n",
    ),
    Entry(
        "RNN118",
        "= and ~",
        "`~` says from what distribution something is drawn: the start of a parameter, the target of a "
        "head, a noise. Everything else is defined with `=`.",
        wrong=f"{STEPS}head y[t] : real = normal(x[t])\n",
        right=f"{STEPS}head y[t] : real ~ normal(x[t])\n",
    ),
    Entry(
        "RNN119",
        "statement in another form",
        "Each statement has one form: `axis t = 1..T`, `for l in 1..3 { ... }`, `output h`, `stop when ...`, "
        '`import "cells.rnn"`.',
        wrong="axis t in 1..T\ninput x[t] : real\noutput x\n",
        right="axis t = 1..T\ninput x[t] : real\noutput x\n",
    ),
)
