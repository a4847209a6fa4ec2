"""The plan of the house: what each room may import, and that no room grows over the others."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("modeling_aullm", "training", "hub", "benchmarks")  # each may import those before it
SPACE = "aullm_space"
LARGEST_SHARE = 0.35
LONGEST_FILE = 350


def files_of(top):
    folder = ROOT / ("space" if top == SPACE else top)
    return [path for path in sorted(folder.rglob("*.py")) if "checkpoints" not in path.parts]


def module_of(path):
    """Dotted name; a package's own file counts as a file in it."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room_of(module):
    """`training.learning.fit` is in `training.learning`; files beside the rooms are told apart by name."""
    parts = module.removesuffix(".__init__").split(".")
    is_flat = parts[0] == "modeling_aullm" and parts[1:2] != ["command"]
    if parts[0] not in ("modeling_aullm", "training", "hub") or is_flat or len(parts) == 1:
        return parts[0]
    return ".".join(parts[:2])


def imports_of(path):
    """Modules of the project that a file imports, anywhere in it."""
    known = {module_of(file) for top in FLOORS for file in files_of(top)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known or f"{name}.__init__" in known else node.module for name in inside]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in (*FLOORS, SPACE))


@pytest.mark.parametrize("top", FLOORS)
def test_imports_run_one_way(top):
    allowed = FLOORS[: FLOORS.index(top) + 1]
    back = [(module_of(path), name) for path in files_of(top) for name in imports_of(path)]
    assert [arrow for arrow in back if arrow[1].split(".")[0] not in allowed] == []


def test_the_space_knows_the_auto_classes_alone():
    assert [name for path in files_of(SPACE) for name in imports_of(path) if name.split(".")[0] != SPACE] == []


def test_no_two_rooms_import_each_other():
    arrows = defaultdict(set)
    for path in (path for top in FLOORS for path in files_of(top)):
        room = room_of(module_of(path))
        arrows[room] |= {room_of(name) for name in imports_of(path)} - {room}
    try:
        list(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        pytest.fail(f"arrows in a circle: {' <- '.join(error.args[1])}")


def test_no_room_holds_over_a_third_of_the_lines():
    lines = defaultdict(int)
    for path in (path for top in (*FLOORS, SPACE) for path in files_of(top)):
        count = len(path.read_text(encoding="utf-8").splitlines())
        assert count <= LONGEST_FILE, f"{path.relative_to(ROOT)} has {count} lines"
        lines[room_of(module_of(path))] += count
    shares = {room: count / sum(lines.values()) for room, count in lines.items()}
    assert {room: share for room, share in shares.items() if share > LARGEST_SHARE} == {}


def test_no_file_only_forwards():
    """Every file defines something, but for a package's own, which says what is in it."""
    for path in (path for top in (*FLOORS, SPACE) for path in files_of(top) if path.name != "__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body[1:]
        assert any(not isinstance(node, ast.Import | ast.ImportFrom) for node in body), module_of(path)
