"""Codes 0xx: what a text must be before it is read as a spec, and the limits of its size."""

from .entry import Entry

SPEC = "axis t = 1..T\ninput x[t] : real\noutput x"


def _sized(name: str) -> str:
    """A small spec with a dim of this name."""
    return f"dim {name} = 4\naxis t = 1..T\ninput x[t] : real[{name}]\noutput x\n"


STEPS = "axis t = 1..T\ninput x[t] : real\nh[t] = tanh(x[t] + h[t-1])\noutput h\n"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RNN001",
        "not UTF-8",
        "A spec is a text in UTF-8. The file holds bytes that are not; it may be in another encoding, or no "
        "text at all.",
        wrong=f"{SPEC}  # gr\udcfc\udcdfe\n",
        right=f"{SPEC}  # größe\n",
    ),
    Entry(
        "RNN002",
        "file too large",
        "A spec has at most one mebibyte. Networks that repeat themselves are written with `cell` and `for`, "
        "and a large spec can be split into files that `import` each other.",
        wrong=f"{SPEC}  # {'padding ' * (1 << 17)}\n",
        right=f"{SPEC}  # a short comment\n",
    ),
    Entry(
        "RNN003",
        "control character",
        "Newlines and tabs are the only control characters of a spec. Others are invisible, and terminals "
        "and editors do not agree on what they mean. They are refused in comments too.",
        wrong=f"{SPEC}  # a bell: \x07\n",
        right=f"{SPEC}  # a bell\n",
    ),
    Entry(
        "RNN004",
        "control of the direction of writing",
        "Some characters turn the direction of writing around. With them a line can look different from what "
        "it says, so they are refused, in comments too.",
        wrong=f"{SPEC}  # \u202eevil\n",
        right=f"{SPEC}  # live\n",
    ),
    Entry(
        "RNN005",
        "carriage return without a newline",
        "Lines end with a newline, or with a carriage return and a newline. A carriage return alone ends "
        "a line for some tools and not for others, so what stands after it may be part of a comment or not.",
        wrong=f"{SPEC}  # one line\r# or two\n",
        right=f"{SPEC}  # one line\r\n# and another\r\n",
    ),
    Entry(
        "RNN006",
        "not ASCII",
        "Outside comments and strings a spec is written in ASCII: Greek letters by name, operators as "
        "they are typed (`*`, `->`, `<=`).",
        wrong=_sized("α"),
        right="# α\n" + _sized("alpha"),
    ),
    Entry(
        "RNN007",
        "name too long",
        "A name has at most 64 characters.",
        wrong=_sized("a" * 65),
        right=_sized("a" * 64),
    ),
    Entry(
        "RNN008",
        "not a legal name",
        "A name begins with a letter and goes on with letters, digits and single underscores. Two "
        "underscores side by side are left to the compiled module.",
        wrong=_sized("hidden__size"),
        right=_sized("hidden_size"),
    ),
    Entry(
        "RNN009",
        "number too long",
        "A number has at most 32 characters. A float holds 17 digits; the rest would be lost.",
        wrong="axis t = 1..T\nh[t] = 0.33333333333333333333333333333333\noutput h\n",
        right="axis t = 1..T\nh[t] = 0.3333333333333333\noutput h\n",
    ),
    Entry(
        "RNN010",
        "number too large",
        "The largest float is about 1.8e308; this number would become infinity.",
        wrong="axis t = 1..T\nh[t] = 1e999\noutput h\n",
        right="axis t = 1..T\nh[t] = 1e300\noutput h\n",
    ),
    Entry(
        "RNN011",
        "brackets nested too deep",
        "Brackets may be nested 64 deep. Nobody can read more; give a part of the expression a name of "
        "its own.",
        wrong=f"axis t = 1..T\nh[t] = {'(' * 65}1{')' * 65}\noutput h\n",
        right=f"axis t = 1..T\nh[t] = {'(' * 64}1{')' * 64}\noutput h\n",
    ),
    Entry(
        "RNN012",
        "too many words and signs",
        "A file has at most 20,000 words, numbers, signs and comments. Networks that repeat themselves are "
        "written with `cell` and `for`, and a large spec can be split into files that `import` each other.",
        wrong="#\n" * 10_001 + SPEC,
        right="#\n" * 100 + SPEC,
    ),
    Entry(
        "RNN013",
        "expression too deep",
        "A chain of operations may be 150 long. Give a part of it a name of its own.",
        wrong=f"axis t = 1..T\nh[t] = 1{' + 1' * 200}\noutput h\n",
        right=f"axis t = 1..T\nh[t] = 1{' + 1' * 100}\noutput h\n",
    ),
    Entry(
        "RNN014",
        "too many steps to unroll",
        "`--unroll K` writes K steps one after the other, each equation K times: at most 20,000 equations in "
        "all. Longer sequences are what loops are for.",
        wrong="# rnnc compile --unroll 10000\n" + STEPS,
        right="# rnnc compile --unroll 10\n" + STEPS,
    ),
)
