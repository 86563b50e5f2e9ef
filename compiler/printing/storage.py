"""The fast plan (-O2): where every quantity lives, chosen so that no loop allocates.

array    a slot for every step, and slots around them
rolling  one buffer, written at every step and read one step later: all its readers come before its writer
scratch  a buffer for one step, read at that step only
fresh    a new array: small (no batch axis), or made by an operator that writes into no buffer

A quantity may *share* another's place (a temporary that an elementwise operator consumes), or be an
*alias*: a stretch of another's array (a slice, or a step of an axis of fixed length; a piece of what
`concat` or `stack` puts together).
In loops inside loops everything is an array."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import partial

from ...spec.records import dataclass, replace
from ..ir import BATCH, Equation, Position, Read, System
from ..operators import TABLE
from ..program import Program
from ..schedule import Edge, Loop, Stage, Straight, components, edges, schedule
from ..weave import nodes_of
from .body import note_of
from .frame import Frame
from .inline import final_copies, in_place, is_leaf, is_temporary, nodes, numbers
from .layout import Demands, Stored, delay, demands, lag_sizes, moves
from .naming import Names
from .order import in_groups, together
from .plan import base_frame, with_outputs, zeroed
from .stretches import Alias, Steps, cut, pieces, spoils, stands_before
from .strips import strips
from .virtual import optional, printed_inside


@dataclass(slots=True)
class Storage:
    """What was decided, by quantity. ``loops`` is the axis of the flat loop a quantity is computed in;
    ``optional`` maps what may be missing to the cotangent it depends on; ``orders`` has the axes of arrays
    that lie in memory in another order than their equation's."""

    kinds: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, Alias | Steps] = field(default_factory=dict)
    shares: dict[str, str] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cut: dict[str, list[str]] = field(default_factory=dict)  # aliases and shares from the other side
    takers: dict[str, list[str]] = field(default_factory=dict)

    def alias(self, name: str, alias: Alias | Steps) -> None:
        """``name`` is a stretch of another quantity's array."""
        self.aliases[name] = alias
        self.cut.setdefault(alias.base, []).append(name)

    def share(self, name: str, owner: str) -> None:
        """``name`` is made in the place of ``owner``."""
        self.shares[name] = owner
        self.takers.setdefault(owner, []).append(name)

    def owner(self, name: str) -> str:
        """The quantity whose place a temporary takes: itself, when it takes nobody's."""
        while name in self.shares:
            name = self.shares[name]
        return name

    def solid(self, name: str) -> bool:
        """Whether all of the last size of an array belongs to the quantity."""
        alias = self.aliases.get(self.owner(name))
        return alias is None or (isinstance(alias, Steps) and self.solid(alias.base))

    def order(self, equation: Equation) -> tuple[str, ...]:
        """The axes as they lie in memory: a stretch, or a temporary in another's place, lies as that does."""
        owner = self.owner(equation.name)
        if owner in self.orders or owner not in self.aliases:
            return self.orders.get(owner, equation.axes)
        base = self.aliases[owner].base
        lies = self.orders.get(self.holder(base), ())
        return tuple(
            sorted(
                equation.axes, key=lambda axis: (axis not in lies, lies.index(axis) if axis in lies else 0)
            )
        )

    def holder(self, name: str) -> str:
        """The quantity that owns the array."""
        name = self.owner(name)
        while name in self.aliases:
            name = self.owner(self.aliases[name].base)
        return name

    def aliases_of(self, owner: str) -> list[str]:
        """The stretches of an owner's array, and of what takes its place."""
        found, bases = list[str](), [] if owner in self.shares else [owner]
        for base in bases:
            found += self.cut.get(base, ())
            bases += self.takers.get(base, ())
        return found


@dataclass(frozen=True, slots=True)
class FastPlan:
    frame: Frame
    demands: Demands
    storage: Storage
    stages: tuple[tuple[Stage, ...], ...]
    names: Names
    strips: Mapping[str, str]  # what is made in strips -> the first quantity of the loop it is made for


def fast_plan(program: Program, systems: Sequence[System], written: Mapping[str, int]) -> FastPlan:
    """Loops hold only what lies on a cycle; every quantity there has its place before the loop starts. The steps of
    an axis that is ``written`` out are as many as it says."""
    needed = with_outputs(demands(systems), systems, later=("output:",))
    frame, names = base_frame(program, systems)
    frame = replace(frame, written=written)
    given = {e.name for system in systems for e in system.given if e.op != "expand"}
    kept = given | {name for s in systems for _, name in s.outputs}
    key = partial(note_of, frame)
    plain, storage, stages = numbers(systems), Storage(), list[tuple[Stage, ...]]()
    stripped: dict[str, str] = {}
    stored: dict[str, Stored] = {}
    for system in systems:
        missing = optional(system)
        virtual = printed_inside(system, kept, plain, missing) | final_copies(system, given)
        storage.optional.update(missing)
        staged = tuple(_readers_first(stage, key) for stage in schedule(nodes(system, virtual)))
        stages.append(staged)
        _Chooser(system, staged, kept, virtual, needed, storage).choose()
        stripped |= strips(system, staged, storage, needed, kept, written)
    for system in systems:
        for e in system.equations:
            if e.op == "param" or e.name in storage.kinds:
                stored[e.name] = _variable(frame, e, storage, needed, names)
    rebound = {
        n for n, k in storage.kinds.items() if k in ("scratch", "rolling") and not writes_out(frame.table[n])
    }
    rebound |= storage.optional.keys() & stored.keys()  # of what may be missing no view is made beforehand
    frame = replace(frame, stored=stored, rebound=rebound)
    told = tuple(together(part, key) for part in _parts(systems, stages, storage))
    return FastPlan(replace(frame, zeroed=zeroed(frame, needed)), needed, storage, told, names, stripped)


def _parts(
    systems: Sequence[System], stages: Sequence[tuple[Stage, ...]], storage: Storage
) -> list[tuple[Stage, ...]]:
    """The stages of one system; of a forward and an adjoint system what training needs of the one and of the other,
    then what only gradients of the starting state need, what only those of inputs do, what only outputs are made
    of, and what only final states are."""
    if len(systems) == 1:
        return [*stages]
    forward, adjoint = systems
    asked = [name for key, name in forward.outputs if key in ("loss", "stop")]
    together: dict[str, list[str]] = {}  # what lies in one array is made in one function
    for name in storage.kinds:
        together.setdefault(storage.holder(name), []).append(name)
    beside = {name: together[storage.holder(name)] for name in storage.kinds}
    first, shown = _split(stages[0], [*asked, *(e.name for e in adjoint.given)], beside)
    grads, starts = (
        [name for key, name in adjoint.outputs if key.startswith(kind)] for kind in ("grad:", "dstate:")
    )
    trained, rest = _split(stages[1], grads, {})
    states = [key.startswith("state:") for key, _ in forward.outputs]
    parts = (
        [name for (_, name), state in zip(forward.outputs, states) if state is final]
        for final in (False, True)
    )
    return [first, trained, *_split(rest, starts, {}), *(_split(shown, part, beside)[0] for part in parts)]


def _split(
    stages: tuple[Stage, ...], wanted: Iterable[str], beside: Mapping[str, Sequence[str]]
) -> list[tuple[Stage, ...]]:
    """The stages that ``wanted`` quantities need, each with those ``beside`` it, and the rest. A loop that is needed
    in part is run whole, so what any of its parts reads is needed too."""
    nodes = {node.name: node for stage in stages for node in nodes_of(stage)}
    loop_of: dict[str, set[str]] = {}
    for stage in stages:
        if isinstance(stage, Loop):
            loop = {node.name for node in nodes_of(stage)}
            loop_of |= dict.fromkeys(loop, loop)
    needed: set[str] = set()
    work = [*wanted]
    while work:
        name = work.pop()
        if name in nodes and name not in needed:
            needed.add(name)
            work += [source for e in nodes[name].equations for source in e.sources()]
            work += beside.get(name, ())
            if name in loop_of:
                work += loop_of[name]
                loop_of[name].clear()  # all of it is looked at now
    first = [any(node.name in needed for node in nodes_of(stage)) for stage in stages]
    return [tuple(s for s, early in zip(stages, first) if early is side) for side in (True, False)]


def _readers_first(stage: Stage, key: Callable[[Equation], str]) -> Stage:
    """A loop's body in an order in which what is read one step later is read before it is written again,
    where no dependence forbids it: that makes rolling buffers possible. Within that, those of one key together."""
    if not isinstance(stage, Loop) or not stage.flat:
        return stage
    order = nodes_of(stage)
    links = edges(order)
    now = [link for link in links if not link.delay(stage.axis)]
    needs: dict[str, list[str]] = defaultdict(list)
    for link in now:
        needs[link.reader].append(link.source)
    place = {node.name: number for number, node in enumerate(order)}
    in_order = True  # as long as all that is needed stands before, nothing leads further on
    for link in (link for link in links if abs(link.delay(stage.axis) or 0) == 1):
        before = place[link.reader] < place[link.source]
        if (in_order and before) or not _reaches(needs, link.reader, link.source):
            in_order = in_order and before
            needs[link.source].append(link.reader)
            now.append(Edge(link.reader, link.source, ()))
    ordered = [component[0] for component in components(order, now)]
    places = {node.name: number for number, node in enumerate(ordered)}
    first: list[set[int]] = [set() for _ in ordered]
    for link in now:
        first[places[link.reader]].add(places[link.source])
    told = in_groups(first, [key(node.root) for node in ordered])
    return replace(stage, body=tuple(Straight(ordered[number]) for number in told))


def _reaches(links: Mapping[str, Sequence[str]], start: str, goal: str) -> bool:
    """Whether one name leads to another, or is it."""
    work, seen = [start], {start}
    for name in work:
        new = [other for other in links.get(name, ()) if other not in seen]
        seen.update(new)
        work += new
    return goal in seen


def writes_out(equation: Equation) -> bool:
    """Whether the operator can write into a buffer."""
    return bool(TABLE[equation.op].out) or equation.op in ("einsum", "concat", "stack")


@dataclass(slots=True)
class _Chooser:
    """Decides for the quantities of one system."""

    system: System
    stages: Sequence[Stage]
    kept: set[str]
    virtual: frozenset[str]
    needed: Demands
    storage: Storage
    table: Mapping[str, Equation] = field(init=False)
    readers: dict[str, list[tuple[Equation, Read]]] = field(init=False)
    bounds: set[str] = field(init=False)
    stage_of: dict[str, int] = field(init=False)
    rank: dict[str, int] = field(init=False)
    in_loops: set[str] = field(init=False)
    nested: set[int] = field(init=False)  # stages that are loops with loops inside
    lags: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.table, self.lags = self.system.table(), lag_sizes(self.system)
        self.readers = defaultdict(list)
        self.bounds = {b.name for e in self.system.equations for b in e.boundaries}
        for equation in self.system.equations:
            for read in equation.reads:
                self.readers[read.name].append((equation, read))
        ordered = [(n, node.name) for n, stage in enumerate(self.stages) for node in nodes_of(stage)]
        self.stage_of = {name: number for number, name in ordered}
        self.rank = {name: rank for rank, (_, name) in enumerate(ordered)}
        self.in_loops = {n.name for s in self.stages if isinstance(s, Loop) for n in nodes_of(s)}
        self.nested = {n for n, s in enumerate(self.stages) if isinstance(s, Loop) and not s.flat}

    def choose(self) -> None:
        """Kinds first, then aliases, then shared places."""
        roots = [(stage, node.root) for stage in self.stages for node in nodes_of(stage)]
        for stage, root in roots:
            self.storage.kinds[root.name] = self._kind(stage, root)
            if isinstance(stage, Loop) and self._is_flat(root):
                self.storage.loops[root.name] = stage.axis
            if self.storage.kinds[root.name] == "array" and self._summed(root):
                self.storage.orders[root.name] = self._batch_first(root)
        for _, root in roots:
            self._cut(root)
            if root.op in ("concat", "stack") and BATCH in root.axes:
                self._assemble(root)
        for _, root in reversed(roots):
            self._share(root)
        for _, root in roots:
            self._overwrite(root)

    def _kind(self, stage: Stage, root: Equation) -> str:
        if isinstance(stage, Straight):
            place = writes_out(root) and BATCH in root.axes and not (is_leaf(root) or self._is_small(root))
            return "array" if place or self._slots(root) and not is_leaf(root) else "fresh"
        if root.name in self.kept or not self._is_flat(root) or not self._inside_only(stage, root):
            return "array"
        if root.op == "concat" and self._is_begun(stage, root):
            return "array"
        parts = (reader for reader, _ in self.readers[root.name] if cut(reader, self.table, self.lags))
        if any(self._kind(stage, part) == "array" for part in parts):
            return "array"  # what is kept of every step is a stretch of this
        if any(self.needed.slots.get((root.name, a), (0, 0)) != (0, 0) for a in root.axes if a != stage.axis):
            return "array"
        reads = [(e, read) for e, read in self._final_readers(root.name) if moves(stage.axis, read)]
        delays = {delay(stage.axis, read) for _, read in reads}
        if delays <= {0}:
            return "scratch"
        late = any(self._read_until(reader) > self.rank[root.name] for reader, _ in reads)
        return "rolling" if delays == {-stage.step} and not late else "array"

    def _is_begun(self, loop: Loop, root: Equation) -> bool:
        """Whether some pieces are there for all steps before the loop: then they are put in their places at once."""
        inside, kinds = {node.name for node in nodes_of(loop)}, self.storage.kinds
        before = (read for read in root.reads if stands_before(read.name, inside, kinds, self.table))
        return any(moves(loop.axis, read) for read in before)

    def _read_until(self, reader: Equation) -> int:
        """The rank of the last equation that reads what a reader reads: what is not written out may be a view of it."""
        readers = [] if writes_out(reader) else self._final_readers(reader.name)
        later = [self._read_until(e) for e, read in readers if in_place(reader, read)]
        return max([self.rank[reader.name], *later])

    def _is_small(self, root: Equation) -> bool:
        """One number for each sequence, or a sum with what may be missing, of one step: not worth a buffer."""
        maybe = any(read.name in self.storage.optional for read in root.reads)
        return root.axes == (BATCH,) and (maybe or not root.shape)

    def _is_flat(self, root: Equation) -> bool:
        """Whether a quantity of a loop is in no loop inside it."""
        return self.stage_of[root.name] not in self.nested

    def _summed(self, root: Equation) -> bool:
        """Whether at every step of a loop a product sums over an axis of fixed length of the quantity: to it this is
        one wide matrix. Outside of loops a copy costs less than statements that fill it in pieces."""
        return BATCH in root.axes and any(
            reader.op == "einsum" and any(p.over in self.lags and p.over not in reader.axes for p in read.at)
            for reader, read in self.readers[root.name]
            if {root.name, reader.name} & self.in_loops
        )

    def _batch_first(self, root: Equation) -> tuple[str, ...]:
        """The axes with those of fixed length last, beside the features."""
        return tuple(sorted(root.axes, key=lambda axis: axis in self.lags))

    def _slots(self, root: Equation) -> bool:
        """Whether something is read outside the quantity's steps."""
        return any(self.needed.slots.get((root.name, axis), (0, 0)) != (0, 0) for axis in root.axes)

    def _final_readers(self, name: str) -> list[tuple[Equation, Read]]:
        """Who reads a quantity, seen through equations that are printed in place."""
        found: list[tuple[Equation, Read]] = []
        for reader, read in self.readers[name]:
            if reader.name in self.virtual:
                found += [(final, read) for final, _ in self._final_readers(reader.name)]
            else:
                found.append((reader, read))
        return found

    def _inside_only(self, loop: Loop, root: Equation) -> bool:
        """Whether only this loop reads the quantity, each reader at its own step or at a delay from it; besides,
        after a loop that runs backwards, what it ends with."""
        number, axis = self.stage_of[root.name], loop.axis
        left = Position(None, offset=1) if loop.step < 0 and self._rolls(loop, root) else None
        return root.name not in self.bounds and all(
            moves(axis, read)
            if self.stage_of.get(reader.name) == number
            else left is not None and dict(zip(root.axes, read.at))[axis] == left
            for reader, read in self._final_readers(root.name)
        )

    def _rolls(self, loop: Loop, root: Equation) -> bool:
        """Whether the loop reads the quantity, and one step later only."""
        number = self.stage_of[root.name]
        inside = [read for e, read in self._final_readers(root.name) if self.stage_of.get(e.name) == number]
        return {moves(loop.axis, r) and delay(loop.axis, r) for r in inside} == {-loop.step}

    def _movable(self, part: Equation, whole: Equation, read: Read) -> bool:
        """Whether a quantity that ``whole`` reads here, once, can be made in a place of ``whole``'s."""
        here = self.stage_of.get(part.name) == self.stage_of[whole.name] or self._outside_loops(part, whole)
        return (
            here
            and self.storage.kinds.get(part.name) in ("scratch", "array")
            and part.axes == tuple(a for a in whole.axes if a != dict(whole.attrs).get("axis"))
            and in_place(part, read)
            and part.name not in self.kept
            and not part.boundaries
            and not self._slots(part)
            and writes_out(part)
            and part.name not in self.storage.aliases
        )

    def _outside_loops(self, *equations: Equation) -> bool:
        return all(
            e.name in self.stage_of and isinstance(self.stages[self.stage_of[e.name]], Straight)
            for e in equations
        )

    def _cut(self, root: Equation) -> None:
        """A stretch of what has an array or a buffer of its own needs none."""
        alias = cut(root, self.table, self.lags)
        if alias is None or self._slots(root) or root.boundaries:
            return
        kind = self.storage.kinds.get(alias.base)
        if spoils(root, alias.base, self.storage.aliases, self.table, self.needed):
            return
        if kind == "array" or (kind == "scratch" and self.stage_of[alias.base] == self.stage_of[root.name]):
            self.storage.alias(root.name, alias)

    def _assemble(self, root: Equation) -> None:
        """The pieces are made where the whole wants them."""
        times = Counter(root.reads)
        for read, stretch in pieces(root, self.table):
            part = self.table[read.name]
            kinds = self.storage.kinds.get(part.name), self.storage.kinds[root.name]
            lost = kinds == ("array", "scratch")  # every step of the part is read, one of the whole
            if self._movable(part, root, read) and times[read] == 1 and not lost:
                self.storage.alias(read.name, stretch)

    def _share(self, root: Equation) -> None:
        """A temporary read once, by an elementwise operator, gives its place to the result."""
        kind = self.storage.kinds[root.name]
        if "elementwise" not in TABLE[root.op].traits or not writes_out(root) or kind in ("rolling", "fresh"):
            return
        for read in root.reads:
            part = self.table[read.name]
            once = len(self.readers[part.name]) == 1 and is_temporary(part.name)
            alike = (part.shape, part.type) == (root.shape, root.type)
            warm = kind == "array" and (self._is_wide(part) or self._is_of_a_product(part))
            movable = alike and not warm and self._movable(part, root, read)
            if once and movable and not self.storage.aliases_of(part.name):
                self.storage.share(part.name, root.name)
                return

    def _is_wide(self, part: Equation) -> bool:
        """Whether a quantity of one step has all steps of another axis: the result's memory is written once then."""
        times = [axis for axis in part.axes if axis != BATCH and axis not in self.lags]
        return self.storage.kinds.get(part.name) == "scratch" and len(times) > 1

    def _is_of_a_product(self, part: Equation) -> bool:
        """Whether a quantity of one step is a product, or made in the place of one: that place stays in the first
        cache, where a product takes less time than into memory that has not been touched."""
        if self.storage.kinds.get(part.name) != "scratch":
            return False
        sources = (self.table[read.name] for read in part.reads)
        inner = (e for e in sources if e.shape == part.shape and len(self.readers[e.name]) == 1)
        elementwise = "elementwise" in TABLE[part.op].traits
        return part.op == "einsum" or (elementwise and any(map(self._is_of_a_product, inner)))

    def _overwrite(self, root: Equation) -> None:
        """What is computed from a stretch of another's array that nobody else reads is made right there."""
        owner = self.storage.owner(root.name)
        read = next((r for r in root.reads if r.name in self.storage.kinds), None)
        if read is None or owner in self.storage.aliases or "elementwise" not in TABLE[root.op].traits:
            return
        if any(self.storage.owner(other.name) == owner for other in root.reads):
            return  # an operand is made there, while what stands in the stretch is still to be read
        alias = cut(replace(root, op="copy", reads=(read,)), self.table, self.lags)
        if not isinstance(alias, Steps) or alias.base in self.kept:
            return
        base, whole = self.table[self.storage.owner(alias.base)], self.table[owner]
        kinds = {self.storage.kinds[name] for name in (base.name, owner)}
        same_stage = self.stage_of[base.name] == self.stage_of[owner] == self.stage_of[root.name]
        alike = (base.shape, base.type) == (whole.shape, whole.type) and whole.axes == root.axes
        plain = not (
            self._slots(whole) or self._slots(base) or whole.boundaries or owner in self.storage.orders
        )
        possible = kinds == {"array"} and same_stage and alike and plain
        if possible and writes_out(root) and writes_out(whole) and self._alone(alias, root.name):
            self.storage.alias(owner, alias)

    def _alone(self, alias: Steps, reader: str) -> bool:
        """Whether nobody else reads any step of the stretch."""
        for other, read in self.readers[alias.base]:
            if other.name != reader:
                there = cut(replace(other, op="copy", reads=(read,)), self.table, self.lags)
                if not isinstance(there, Steps) or there.axis != alias.axis or alias.taken & there.taken:
                    return False
        return True


def _variable(frame: Frame, equation: Equation, storage: Storage, needed: Demands, names: Names) -> Stored:
    """The Python variable of a quantity. A one-step buffer lacks the loop's axis."""
    owner, holder = storage.owner(equation.name), storage.holder(equation.name)
    identifier = names.of(owner)
    if storage.kinds.get(holder) in ("scratch", "rolling"):
        axes = tuple(a for a in equation.axes if a != storage.loops[holder])
        return Stored(identifier, axes, solid=storage.solid(equation.name))
    slots = {axis: needed.slots.get((holder, axis), (0, 0)) for axis in frame.times(equation.axes)}
    before = {axis: pair[0] for axis, pair in slots.items() if pair[0]}
    after = {axis: pair[1] for axis, pair in slots.items() if pair[1]}
    return Stored(identifier, storage.order(equation), before, after, solid=storage.solid(equation.name))
