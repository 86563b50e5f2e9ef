"""A spec as a graph: who reads whom, folded and unfolded, in three notations."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
from checked import program
from compiled import EXAMPLES
from rnnc.__main__ import main
from rnnc.graph import graph
from rnnc.graph_svg import svg
from rnnc.graph_text import dot, mermaid
from rnnc.spec.cells import library
from test_cells import spec

VANILLA = """
dim m = 3, n = 4
axis t = 1..T
input x[t] : real[m], c : real[n]
param U : real[n, m], W : real[n, n]
h[0] = tanh(c)
h[t] = tanh(W @ h[t-1] + U @ x[t])
head y[t] : real[n] ~ normal(h[t])
"""
ENCODER = """
dim n = 4
axis s = 1..S
axis t = 1..T
input x[s] : real[n]
h[s] : real[n] = tanh(x[s] + h[s-1])
a[t, s] = softmax[s](dot(h[s], d[t-1]))
d[0] = h[S]
d[t] : real[n] = tanh(sum[s](a[t, s] * h[s]))
loss size[t] = dot(d[t], d[t])
"""


def edges(text, steps=None):
    return {(e.source, e.target, e.label, e.delayed) for e in graph(program(text), steps).edges}


def test_folded():
    found = graph(program(VANILLA))
    assert [(n.name, n.label, n.kind) for n in found.nodes] == [
        ("x", "x[t]", "input"),
        ("c", "c", "input"),
        ("h", "h[t]", "quantity"),
        ("y", "y[t]", "head"),
    ]
    assert edges(VANILLA) == {
        ("h", "h", "W · t-1", True),
        ("x", "h", "U", False),
        ("c", "h", "start", False),
        ("h", "y", "", False),
    }


def test_unfolded():
    assert edges(VANILLA, 2) == {
        ("h@1", "h@2", "W", True),
        ("x@1", "h@1", "U", False),
        ("x@2", "h@2", "U", False),
        ("c", "h@1", "", False),
        ("h@1", "y@1", "", False),
        ("h@2", "y@2", "", False),
    }


def test_two_axes():
    found = edges(ENCODER)
    assert {("h", "h", "s-1", True), ("h", "d", "start · S", False), ("d", "a", "t-1", True)} <= found
    assert ("a", "d", "", False) in found and ("d", "size", "", False) in found
    found = edges(ENCODER, 2)  # the decoder's axis; the encoder stays as it is
    assert {("h", "d@1", "", False), ("d@1", "a@2", "", True), ("a@2", "d@2", "", False)} <= found
    assert not any(source == "d@2" and target.startswith("a") for source, target, *_ in found)


def test_unfolded_along_one_axis_what_runs_along_another_stays_folded():
    assert {e for e in edges(ENCODER, 2) if e[:2] == ("h", "h")} == {("h", "h", "s-1", True)}
    found = graph(program((EXAMPLES / "attention_additive.rnn").read_text()), 2)
    heights = {mark.attrib["y"] for mark in drawn(found, "rect") if mark.get("class") == "node"}
    assert len(heights) > 10  # not all in a row, as where a cycle leaves no order


def test_an_edge_goes_round_a_node_that_it_does_not_touch():
    text = "axis t = 1..T\ninput x[t] : real\no[t] = 2 * x[t]\nhead y[t] : real ~ normal(o[t] + x[t])\n"
    paths = [mark.attrib["d"] for mark in drawn(graph(program(text)), "path") if mark.get("class") == "edge"]
    columns = [set(re.findall(r"(\d+) \d+", path)) for path in paths]
    assert sum(len(column) == 2 for column in columns) == 1  # from x to y, past o


def drawn(found, kind):
    return ElementTree.fromstring(svg(found)).iter(f"{{http://www.w3.org/2000/svg}}{kind}")


def test_what_reads_the_end_reads_the_last_copy():
    text = "axis t = 1..T\ninput x[t] : real\nh[t] = x[t] + h[t-2]\nhead y : real ~ normal(h[T] + sum[t](x[t]))\n"
    found = edges(text, 3)
    assert ("h@3", "y", "", False) in found and ("h@2", "y", "", False) not in found
    assert {(f"x@{step}", "y", "", False) for step in (1, 2, 3)} <= found and (
        "h@1",
        "h@3",
        "",
        True,
    ) in found


def test_a_copy_of_a_cell_is_a_group():
    text = "use lstm\ndim n = 2\naxis t = 1..T\ninput x[t] : real[n]\nh[t] = lstm(x[t], n)\noutput h\n"
    found = graph(program(text))
    assert {n.name for n in found.nodes if n.group == "h"} == {"h.i", "h.f", "h.o", "h.g", "h.c"}
    assert ("h", "h.i", "W_ih · t-1", True) in edges(text)
    assert 'subgraph cluster_1 { label="h";' in dot(found) and '["h"]' in mermaid(found)


def meeting(root):
    """Pairs of labels one of which covers the other."""
    texts = [text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.get("class") != "halo"]
    found = [(float(text.get("x")), float(text.get("y")), len(text.text) * 3, text.text) for text in texts]
    return [
        (one, other)
        for (x, y, half, one), (x2, y2, half2, other) in itertools.combinations(found, 2)
        if abs(x - x2) < half + half2 and abs(y - y2) < 8
    ]


@pytest.mark.parametrize("steps", [None, 3])
def test_every_example_and_cell_can_be_drawn(steps):
    specs = [path.read_text() for path in sorted(EXAMPLES.glob("*.rnn"))] + [spec(name) for name in library()]
    for text in specs:
        found = graph(program(text), steps)
        names = {node.name for node in found.nodes}
        assert all({edge.source, edge.target} <= names for edge in found.edges)
        root = ElementTree.fromstring(svg(found))
        assert not meeting(root)
        assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == len(found.edges) + 1
        assert dot(found).count("->") == mermaid(found).count("->") == len(found.edges)


def test_the_ending_says_which(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.rnn").write_text(VANILLA)
    assert main(["show", "--graph", "net.rnn"]) == 0
    assert capsys.readouterr().out.startswith("digraph")
    for ending, beginning in ((".svg", "<svg"), (".dot", "digraph"), (".mmd", "flowchart")):
        assert main(["show", "--graph", "--unroll", "3", "net.rnn", "-o", f"net{ending}"]) == 0
        assert (tmp_path / f"net{ending}").read_text().startswith(beginning)
    assert main(["show", "--graph", "net.rnn", "-o", "net.png"]) == 2
    assert ".svg" in capsys.readouterr().err
