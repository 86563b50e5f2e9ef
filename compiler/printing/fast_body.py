"""Statements of the fast code (-O2): one NumPy call per equation, written into its place.

Loops run over arrays, not over numbers: `for a_t, h_tm1, h_t in call.forwards("h", a, h[:-1], h[1:])`. So no
subscript is computed in a loop, and h[t-1] beside h[t] is the same array one slot on."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import field

from ...spec.records import dataclass, replace
from ..ir import AFTER, BATCH, BEFORE, Equation, Read, here
from ..operators import TABLE
from ..prelude_text import names as names_in
from ..schedule import Loop, Node, Stage, Straight
from ..weave import nodes_of
from .body import Notes, cleaned_axes, end_fill
from .computing import align, completed, compute, einsum_into, generic_into, operand, unrepeated
from .computing import filled as filled_axes
from .coupled import Coupled
from .diagonal import Diagonal, scanned
from .frame import Frame, Rows, Scope, Value
from .inline import is_leaf
from .last_steps import at_last_step
from .layout import Stored, end_value
from .lifetimes import heir_of_terms, heirs, last_needed
from .lines import Lines
from .loop_header import header
from .naming import free_name
from .padding import Padding
from .places import Places
from .python import expression, text
from .reading import here_of, natural, read_stored
from .reduction import reduction
from .stretches import Steps, cut
from .strips import Strip, size_of_step
from .structure import is_at_hand
from .written import Written, at_one_step

SHORT = 24  # characters of a value that shares a line with others


@dataclass(slots=True)
class Printer(Places):
    """Prints the stages of one function."""

    notes: Notes = field(default_factory=Notes)
    hoisted: dict[str, str] = field(default_factory=dict)  # what was made once before a loop -> its name
    together: dict[str, list[str]] = field(default_factory=dict)
    padding: Padding = field(init=False)
    waiting: dict[str, list[Node]] = field(default_factory=dict)  # for the loop of a quantity, in strips
    written: Written = field(default_factory=Written)
    passing: set[str] = field(default_factory=set)  # values that may stand where they are read (`folding`)
    steps: tuple[str, str] | None = None  # what the arguments are called of the functions that make strips
    fetched: set[str] = field(default_factory=set)  # cotangents that have their names already
    ending: Sequence[str] = ()  # arrays that are needed no more after the stage that is printed

    def __post_init__(self) -> None:
        names = self.plan.names.copy()  # no other function's matter
        frame = replace(self.plan.frame, rows=Rows(names.taken))
        self.plan = replace(self.plan, names=names, frame=frame)
        self.padding = Padding(frame.axes, names)

    def print(self, stages: Sequence[Stage], kept: Iterable[str]) -> list[str]:
        """The lines of all stages; what quantities are ``kept`` for what comes after them."""
        self.together = self._apart(stages)
        self._fetch(stages)
        last = defaultdict[int, list[str]](list)
        for holder, number in last_needed(self.plan, stages, kept).items():
            last[number].append(holder)
        for number, stage in enumerate(stages):
            self.ending = last[number]
            self._stage(self.plan.frame, stage)
            self.let_go(self.ending)
        return [*self._head(), *self.out.lines]

    def late(self, stages: Sequence[Stage]) -> list[str]:
        """The lines of stages that come after all others, and may be left out."""
        self.out, self.notes, self.ending = Lines(), Notes(), ()
        known = {*self.padding.known(), *self._rows()}
        self._fetch(stages)
        for stage in stages:
            self._stage(self.plan.frame, stage)
        return [*self._head(known), *self.out.lines]

    def _fetch(self, stages: Sequence[Stage]) -> None:
        """The cotangents that the caller may have left out, in one statement."""
        roots = [stage.node.root for stage in stages if isinstance(stage, Straight)]
        leaves = [root for root in roots if root.op == "cotangent" and (root.axes or root.shape)]
        frame, optional = self.plan.frame, self.plan.storage.optional
        stored = {e.name: frame.stored[e.name] for e in leaves if e.name in optional}
        plain = [
            e for e in leaves if e.name in stored and not (stored[e.name].before or stored[e.name].after)
        ]
        if len(plain) > 1:
            self.fetched.update(e.name for e in plain)
            keys = ", ".join(repr(str(e.attr("key"))) for e in plain)
            names = ", ".join(stored[e.name].identifier for e in plain)
            self.out.add(f"{names} = _given(cotangents, call, {keys})")

    def _rows(self) -> dict[str, str]:
        """The products of extents that have names."""
        return {} if self.plan.frame.rows is None else self.plan.frame.rows.made

    def _head(self, known: Container[str] = ()) -> list[str]:
        """What comes before all statements, but for what is ``known``."""
        lines = Lines()
        rows = {product: name for product, name in self._rows().items() if product not in known}
        if rows:
            lines.add(f"{', '.join(rows.values())} = {', '.join(rows)}  # a row per step and sequence")
        self.padding.head(known, lines)
        return lines.lines

    def _apart(self, stages: Sequence[Stage]) -> dict[str, list[str]]:
        """Quantities that are, all together, the steps of a new array, and the array if nobody else reads it: they
        are named in one line, at the first."""
        nodes = [stage.node for stage in stages if isinstance(stage, Straight)]
        frame, kinds = self.plan.frame, self.plan.storage.kinds
        steps: dict[str, dict[int, str]] = {}
        for root in (node.root for node in nodes):
            found = cut(root, frame.table, frame.lags)
            if isinstance(found, Steps) and found.count is None and kinds.get(found.base) == "fresh":
                if frame.table[found.base].axes == (found.axis,) and kinds.get(root.name) == "fresh":
                    steps.setdefault(found.base, {})[found.start] = root.name
        whole = {b: s for b, s in steps.items() if len(s) == frame.lags[frame.table[b].axes[0]]}
        groups = {base: [found[n] for n in sorted(found)] for base, found in whole.items()}
        told = {name: group for group in groups.values() for name in group}
        nodes = [node for part in self.plan.stages for stage in part for node in nodes_of(stage)]
        reads = Counter(read.name for node in nodes for e in node.equations for read in e.reads)
        return told | {base: group for base, group in groups.items() if reads[base] == len(group)}

    def _stage(self, frame: Frame, stage: Stage) -> None:
        if isinstance(stage, Straight) and stage.node.name in self.plan.strips:
            self.waiting.setdefault(self.plan.strips[stage.node.name], []).append(stage.node)
        elif isinstance(stage, Straight):
            self._statement(frame, stage.node, None)
        else:
            self._loop(frame, stage)

    # ------------------------------------------------------------------------------------- loops

    def _scan(self, loop: Loop, found: Diagonal) -> None:
        """A diagonal recurrence: one call, which chooses how to take the steps."""
        frame = self.plan.frame
        self.notes = Notes()
        self.notes.write(frame, found.sum, self.out)
        roots = [found.sum] if found.past_is_multiplied else [found.sum, found.product]
        old = [holder for holder in self.ending if holder in self.lies]
        self.make(roots, heir_of_terms(self.plan, found, old, self.shape))
        for root in roots:
            self.margins(root, BEFORE if loop.step > 0 else AFTER)
        factor, term = operand(frame, found.factor), operand(frame, found.term)
        masked = found.past_is_multiplied and self._met_inside(found.sum)
        a = (filled_axes if masked else unrepeated)(frame, factor, found.product.axes, found.product)
        b = filled_axes(frame, term, found.sum.axes, found.sum)
        parts = [here_of(frame, found.sum, frame.stored[found.sum.name]), a, b]
        (self._scan_of_pasts if found.past_is_multiplied else self._scan_of_sums)(loop, found, parts)

    def _scan_of_pasts(self, loop: Loop, found: Diagonal, parts: list[ast.expr]) -> None:
        """The past is multiplied as it is read."""
        frame = self.plan.frame
        if self._met_inside(found.sum):
            # what the first steps of a sequence meet past its end
            flag, mask = self.padding.of_all_steps(loop.axis)
            fills = ("0", self._fill(frame, found.sum, loop.axis))
            parts[1:] = [
                expression(f"keep(~{mask}, {{0}}, {fill}) if {flag} else {{0}}", part)
                for part, fill in zip(parts[1:], fills, strict=True)
            ]
        h, a, b = map(text, parts)
        back = ", step=-1" if loop.step < 0 else ""
        self.out.add(f"scan({h}, {text(operand(frame, found.past).expr)}, {a}, {b}{back})")
        self._clean_after(frame, found.sum)

    def _scan_of_sums(self, loop: Loop, found: Diagonal, parts: list[ast.expr]) -> None:
        """A step leaves its product to the next; who else reads the products has them made afterwards."""
        frame, product = self.plan.frame, found.product
        d, a, b = map(text, parts)
        stored = frame.stored[product.name]
        left, (before, after) = stored.identifier, stored.margins(loop.axis)
        whole = self.plan.storage.kinds[self.plan.storage.holder(product.name)] == "array"
        waiting = f"{left}[{before - 1 if loop.step > 0 else -after}].copy()" if whole else left
        ended = ""
        if self._met_inside(product):
            flag, mask = self.padding.of_all_steps(loop.axis)
            ended = f", {mask} if {flag} else None"
        self.out.add(f"scan_sums({d}, {waiting}, {a}, {b}{ended}{', step=-1' if loop.step < 0 else ''})")
        if whole:
            self.out.add(f"np.multiply({a}, {d}, {text(here_of(frame, product, stored))})")
            self._clean(frame, product)
        self._clean(frame, found.sum)  # past its own end a sequence has what its last step left

    def _loop(self, frame: Frame, loop: Loop) -> None:
        """What the loop fills is made first; the header follows from what the body reads."""
        written = loop.axis in frame.written
        found = "" if frame.scopes or written else scanned(loop, frame.table, self.plan.storage)
        if isinstance(found, Diagonal):
            self._scan(loop, found)
            return
        coupled = isinstance(found, Coupled)
        scope = Scope(loop.axis, loop.step, self.plan.names.taken, frame.written.get(loop.axis, 0))
        inner = replace(frame.within(scope), hoisted=self.hoisted, views=self.views)
        if not frame.scopes:
            self.inside = frozenset(node.name for node in nodes_of(loop))
            self.name_views(node.root for node in nodes_of(loop))
        outer, self.out = self.out, Lines(indent=self.out.indent + 1 + coupled)
        known, self.notes = set(self.hoisted), Notes()
        for part in loop.body:
            if isinstance(part, Straight):
                self._statement(inner, part.node, loop)
            else:
                self._loop(inner, part)
        body, self.out, self.notes = self.out, outer, Notes()
        read = names_in("\n".join(body.lines))  # of some arrays only a view is
        scope.iterables = {array: step for array, step in scope.iterables.items() if step in read}
        strip = None if frame.scopes else self._before(loop)
        if isinstance(found, Coupled):
            reduction(frame, found, self.padding, self.out)
        if not frame.scopes:
            new = {name: made for made, name in self.hoisted.items() if made not in known}
            self.out.assign_all(new, longest=SHORT)
        first = nodes_of(loop)[0].name  # no other loop of the module begins with it
        if written:
            self.written.write(frame, scope, body, self.out)
        else:
            header(frame, scope, "" if frame.scopes else first, strip, self.out)
            self.out.lines += body.lines
        if coupled:  # what was made before this loop is made there alone
            self.out.indent -= 1
            self.hoisted = {value: name for value, name in self.hoisted.items() if value in known}
        if not frame.scopes:
            for node in nodes_of(loop):
                self._clean_after(frame, node.root)

    def _before(self, loop: Loop) -> tuple[str, str, frozenset[str]] | None:
        """What a loop fills, what stands before its first step, and what makes its strips."""
        frame = self.plan.frame
        last = frame.written.get(loop.axis) or frame.axes[loop.axis].length
        ends = ("1", str(last))[:: loop.step]
        told = "step by step: where values go, what stands before them"
        self.out.add(f"# {loop.axis} = {'..'.join(ends)}, {told}")
        roots, storage = [node.root for node in nodes_of(loop)], self.plan.storage
        strips = self.waiting.get(roots[0].name, [])
        old = [holder for holder in self.ending if holder in self.lies]
        wanted = (root for root in roots if root.name not in frame.rebound or not self.takes_new(root))
        begun = [root for root in roots if self.early(root)]
        self.make(
            wanted,
            heirs(self.plan, loop, strips, old, self.shape, {storage.holder(root.name) for root in begun}),
        )
        for root in roots:
            self.margins(root, BEFORE if loop.step > 0 else AFTER)
        for root in begun:
            self.put_pieces(frame, root, frame.stored[root.name], before=True)
        return self._strip(loop)

    def _strip(self, loop: Loop) -> tuple[str, str, frozenset[str]] | None:
        """A function that makes what the loop reads of a few steps: how many, its name, its arrays."""
        nodes = self.waiting.pop(nodes_of(loop)[0].name, [])
        if not nodes:
            return None
        frame, names, storage = self.plan.frame, self.plan.names, self.plan.storage
        few, function = (free_name(wish, names.taken) for wish in ("strip", "local"))
        now, here = self.steps = self.steps or (names.fresh("now"), names.fresh("here"))
        owners = list(dict.fromkeys(storage.owner(node.name) for node in nodes))
        short = frozenset(frame.stored[name].identifier for name in owners)
        around = frame.axes[loop.axis]
        size = frame.size(size_of_step([frame.table[name] for name in owners], frame.lags))
        self.out.assign(few, expression("call.few({0}, B * ({1}))", around.longest, size))
        whole, axes = self.plan, {**frame.axes, loop.axis: replace(around, longest=few)}
        self.plan = replace(whole, frame=replace(frame, axes=axes))
        self.make(frame.table[name] for name in owners)
        self.plan = whole
        told = f"what the loop reads of the steps `{now}`, put in the places `{here}`"
        self.out.add(f"def {function}({now}, {here}):  # {told}")
        self.out.indent += 1
        self.notes = Notes()
        inner = replace(frame, strip=Strip(loop.axis, now, here, short))
        for node in nodes:
            self._statement(inner, node, None)
        self.out.indent -= 1
        self.out.add("")
        return few, function, short

    # ---------------------------------------------------------------------------------- statements

    def _statement(self, frame: Frame, node: Node, loop: Loop | None) -> None:
        root = node.root
        storage = self.plan.storage
        if root.name in self.fetched or is_at_hand(frame, root.name):
            return
        alias = storage.aliases.get(root.name)
        if alias is not None and alias.base == root.reads[0].name and root.op in ("slice", "copy"):
            if loop is None or self._met_inside(root):
                self._clean(frame, root)
            return
        group = self.together.get(root.name, [])
        if group and not self.made.isdisjoint(group):
            return
        self.notes.write(frame, root, self.out)
        stored = frame.stored[root.name]
        if group:
            self.made.update(group)
            self._name_steps(frame, root, group)
            return
        if root.op == "cotangent" and root.name in storage.optional:
            self._maybe(frame, root, stored)
        elif any(read.name in storage.optional for read in root.reads):
            self._add_if_given(frame, root, stored)
        elif storage.kinds[storage.holder(root.name)] == "fresh":
            self._fresh(frame, root, stored)
        else:
            self._into(frame, root, stored)
        if loop is None:
            self.margins(root)
        if not is_leaf(root) and (loop is None or self._met_inside(root)):
            self._clean(frame, root)

    def _name_steps(self, frame: Frame, root: Equation, group: Sequence[str]) -> None:
        """Names for all steps of a new array, which has one of its own where others read it."""
        names = ", ".join(frame.stored[name].identifier for name in group)
        if root.name in group:
            self.out.add(f"{names} = {frame.stored[root.reads[0].name].identifier}")
        else:
            self.out.assign(names, completed(frame, root))

    def _fresh(self, frame: Frame, root: Equation, stored: Stored) -> None:
        """A new array. Weights put together from transposes are laid out in rows again, for BLAS."""
        value = compute(frame, root).expr if is_leaf(root) else completed(frame, root)
        if root.op == "concat" and len(root.shape) == 2 and not root.axes:
            value = expression("np.ascontiguousarray({0})", value)
        own = root.origin == root.name.lstrip("~^") or root.name in self.plan.demands.pooled
        own = own and root.op != "carry"
        if not (own or frame.scopes or frame.strip or is_leaf(root) and root.axes):
            self.passing.add(stored.identifier)
        self.out.assign(stored.identifier, value)

    def _maybe(self, frame: Frame, root: Equation, stored: Stored) -> None:
        """A cotangent that the caller may leave out: None then."""
        value = compute(frame, root).expr
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            value.func = ast.Name("_cotangent_if_given", ast.Load())
        self.out.assign(stored.identifier, value)

    def _add_if_given(self, frame: Frame, root: Equation, stored: Stored) -> None:
        """A sum or a difference one of whose terms may be missing."""
        storage = self.plan.storage
        first = root.reads[0].name in storage.optional
        maybe, other = root.reads if first else root.reads[::-1]
        rest = replace(root, op="neg" if first and root.op == "sub" else "copy", reads=(other,), attrs=())
        sign = "-" if root.op == "sub" and not first else "+"
        leaf = frame.stored[storage.optional[maybe.name]].identifier
        place, dims = here_of(frame, root, stored), frame.free(root.axes)
        term = align(operand(frame, maybe), dims)
        if storage.kinds[storage.holder(root.name)] == "fresh":
            self._sum_if_given(stored.identifier, leaf, completed(frame, rest), sign, term)
            return
        call = generic_into(frame, rest, place) if rest.op == "neg" else None
        new = None if call is None or frame.scopes else self.made_by(call, root)
        if not frame.scopes:
            self.make([root])
        if call is not None:
            self.out.add(text(call) if new is None else f"{stored.identifier} = {text(new)}")
        elif text(operand(frame, other).expr) != text(place):
            self.out.add(f"np.copyto({text(place)}, {text(align(operand(frame, other), dims))})")
        function = "np.add" if sign == "+" else "np.subtract"
        once = at_one_step(frame, maybe)
        if once is not None:
            placed = frame.table[maybe.name]
            term = align(operand(frame, placed.reads[0]), dims)
        added = f"{function}({text(place)}, {text(term)}, {text(place)})"
        flags, last = [f"{leaf} is not None"], None
        if sign == "+" and once is None:
            last = at_last_step(frame, self.padding, root, maybe, place)
        if last is not None:
            flags, added = [*flags, *filter(None, [last[0]])], last[1]
        before = len(self.out.lines)
        self.out.under(" and ".join(flags), added)
        if once is not None:
            frame.scopes[-1].only.update(dict.fromkeys(range(before, len(self.out.lines)), once))

    def _sum_if_given(self, name: str, leaf: str, value: ast.expr, sign: str, term: ast.expr) -> None:
        """A new value: one expression, if that is short."""
        whole = text(expression(f"{{0}} if {leaf} is None else {{0}} {sign} {{1}}", value, term))
        if isinstance(value, ast.Name) and len(f"{name} = {whole}") <= self.out.room:
            self.out.assign(name, whole)
        else:
            self.out.assign(name, value)
            self.out.under(
                f"{leaf} is not None", f"{name} = {text(expression(f'{{0}} {sign} {{1}}', name, term))}"
            )

    def _into(self, frame: Frame, root: Equation, stored: Stored) -> None:
        """The value written into the quantity's place, which may be made right there."""
        if root.op in ("concat", "stack"):
            if not frame.scopes:
                self.make([root])
            self.put_pieces(frame, root, stored, before=False)
            return
        call = self._call(frame, root, stored)
        new = None if call is None or frame.scopes else self.made_by(call, root)
        if new is not None:
            self.out.assign(stored.identifier, new)
            return
        if not frame.scopes:
            self.make([root])
        if call is not None:
            product = frame.scopes and root.op == "einsum" and "einsum" not in text(call)
            self.out.add(text(call) + ("  # matrix product" if product else ""))
        else:
            self._assign(frame, root, stored, here_of(frame, root, stored))

    def _call(self, frame: Frame, root: Equation, stored: Stored) -> ast.expr | None:
        """The operator writing into the quantity's place; None when it has no such form."""
        if root.op == "einsum":
            return einsum_into(frame, root, natural(frame, root, stored), self.contiguous(frame, root))
        return generic_into(frame, root, here_of(frame, root, stored))

    def _assign(self, frame: Frame, root: Equation, stored: Stored, place: ast.expr) -> None:
        """No operator writes here by itself: a one-step buffer takes the new array, an array its content."""
        if self.takes_new(root):
            frame.rebound.add(root.name)
            self.out.assign(stored.identifier, completed(frame, root))
            return
        value = compute(frame, root)
        dims = frame.free(root.axes)
        target = place if isinstance(place, ast.Subscript) else expression("{0}[...]", place)
        self.out.assign(target, align(value, dims))

    # ----------------------------------------------------------------------------------- ragged ends

    def _met_inside(self, root: Equation) -> bool:
        """Whether a statement of its loop can read the quantity past a sequence's end: ahead, or all along
        another axis than the loop's."""
        frame, demands = self.plan.frame, self.plan.demands
        pooled = len(frame.times(root.axes)) > 1 and root.name in demands.pooled
        return pooled or any((root.name, axis) in demands.ahead for axis in frame.ragged(root.axes))

    def _clean_after(self, frame: Frame, root: Equation) -> None:
        """After the loop, for all its steps: what only others meet past the end."""
        if not self._met_inside(root):
            self._clean(frame, root)

    def _clean(self, frame: Frame, root: Equation) -> None:
        stored = frame.stored[root.name]
        for axis in cleaned_axes(frame, self.plan.demands, root):
            if axis not in stored.axes and axis not in frame.steps:
                continue
            whole = natural(frame, root, stored)
            place, dims = whole.expr, whole.dims
            fill, lent = self._fill(frame, root, axis), self._lent(frame, root)
            zero = fill in ("0", "False") and not lent
            stepped = zero and axis in frame.steps and dims[:1] == (BATCH,)
            flag, mask = ("", self.padding.of_a_step(axis)) if stepped else self.padding.of_all_steps(axis)
            ended = Stored(mask, (axis, BATCH))
            which = read_stored(frame, Read("", here((axis, BATCH))), (axis, BATCH), ended)
            if lent:
                valid = align(Value(expression("~{0}", which.expr), which.dims), dims, full=True)
                kept = expression(f"keep({{0}}, {{1}}, {fill})", valid, place)
                self.out.under(flag, f"{stored.identifier} = {text(kept)}")
            elif zero and dims[: len(which.dims)] == which.dims:
                flag = flag or f"{text(which.expr)} is not None"
                self.out.under(flag, f"{text(place)}[{text(which.expr)}] = 0")
            else:
                tail = ", ".join(["None"] * len(root.shape))
                aligned = text(align(which, dims)) + (f"[..., {tail}]" if tail else "")
                self.out.under(flag, f"np.copyto({text(place)}, {fill}, where={aligned})")

    def _lent(self, frame: Frame, root: Equation) -> bool:
        """Whether a new value is no array of its own, but another's (`h[1:]`, `v.real`) or one number many times."""
        if not self._is_new(frame, root):
            return False
        value = compute(frame, root)
        whole = value.dims == frame.free(root.axes) and not value.thin and not value.constant
        shared = TABLE[root.op].traits & {"view", "identity"} or root.op in ("carry", "fresh")
        return bool(shared) or not whole or isinstance(value.expr, (ast.Attribute, ast.Subscript, ast.Name))

    def _is_new(self, frame: Frame, root: Equation) -> bool:
        """Whether a name is given to the value, instead of writing it into a place."""
        if not self.takes_new(root):
            storage = self.plan.storage
            return storage.kinds[storage.holder(root.name)] == "fresh"
        return root.op not in ("concat", "stack") and self._call(frame, root, frame.stored[root.name]) is None

    def _fill(self, frame: Frame, root: Equation, axis: str) -> str:
        zero = {"bool": "False"}.get(root.type, "0")  # to `copyto`, 0 is no bool
        return text(end_fill(frame, root, axis)) if end_value(root, axis) else zero
