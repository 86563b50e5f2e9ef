"""A graph as text for Graphviz (DOT) and for Mermaid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .graph import Edge, Graph, Node

SHAPES = {
    "input": "ellipse",
    "noise": "diamond",
    "quantity": "box",
    "head": "doublecircle",
    "loss": "octagon",
}
BRACKETS = {
    "input": ("([", "])"),
    "noise": ("{{", "}}"),
    "quantity": ("[", "]"),
    "head": ("(((", ")))"),
    "loss": ("[/", "/]"),
}


def dot(graph: Graph) -> str:
    """For `dot`: from the inputs up, as in the book."""
    lines = [
        "digraph network {",
        "  rankdir=BT;",
        '  node [fontname="sans-serif"];',
        '  edge [fontname="sans-serif"];',
    ]
    lines += _grouped(
        graph, _dot_node, lambda number, name: f'subgraph cluster_{number} {{ label="{name}";', "}"
    )
    for edge in graph.edges:
        style = [f'label="{edge.label}"'] if edge.label else []
        style += ["style=dashed", "constraint=false"] if edge.delayed else []
        lines.append(
            f'  "{edge.source}" -> "{edge.target}"' + (f" [{', '.join(style)}]" if style else "") + ";"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _dot_node(node: Node) -> str:
    return f'"{node.name}" [label="{node.label}", shape={SHAPES[node.kind]}];'


def mermaid(graph: Graph) -> str:
    """For Mermaid, which pages of many sites draw by themselves."""
    names = {node.name: f"n{number}" for number, node in enumerate(graph.nodes)}

    def node_line(node: Node) -> str:
        left, right = BRACKETS[node.kind]
        return f'{names[node.name]}{left}"{node.label}"{right}'

    lines = ["flowchart BT"]
    lines += _grouped(graph, node_line, lambda number, name: f'subgraph g{number} ["{name}"]', "end")
    lines += [f"  {_mermaid_edge(edge, names)}" for edge in graph.edges]
    return "\n".join(lines) + "\n"


def _mermaid_edge(edge: Edge, names: Mapping[str, str]) -> str:
    arrow = "-.->" if edge.delayed else "-->"
    label = f'|"{edge.label}"|' if edge.label else ""
    return f"{names[edge.source]} {arrow}{label} {names[edge.target]}"


def _grouped(
    graph: Graph, write: Callable[[Node], str], begin: Callable[[int, str], str], end: str
) -> Iterator[str]:
    """Nodes under the copy of a cell and the step they belong to; the cell's own result is in its group."""
    groups: dict[tuple[str, int | None], list[Node]] = {}
    copies = {node.group for node in graph.nodes}
    for node in graph.nodes:
        plain = node.name.partition("@")[0]
        groups.setdefault((plain if plain in copies else node.group, node.step), []).append(node)
    for number, ((name, step), nodes) in enumerate(groups.items()):
        if name:
            yield "  " + begin(number, name if step is None else f"{name}, step {step}")
        yield from (f"  {'  ' * bool(name)}{write(node)}" for node in nodes)
        if name:
            yield f"  {end}"
