"""No module of `common` imports one that imports it, whether by name, for types only, or by `import_module`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Graph = dict[str, set[str]]


def module_of(path: Path, root: Path) -> str:
    """``common/store/engine.py`` → ``common.store.engine``; a package's ``__init__.py`` is the package."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str) -> Iterator[str]:
    """All that a module names in an import; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(given.value) for given in node.args if isinstance(given, ast.Constant))


def graph_of(root: Path, package: str) -> Graph:
    """Module → the modules of the package that it imports. A package is imported only where nothing in it is meant."""
    sources = {
        module_of(path, root): path.read_text(encoding="utf-8") for path in (root / package).rglob("*.py")
    }
    graph: Graph = {}
    for module, source in sources.items():
        names = {name for name in imported(source) if name in sources and name != module}
        graph[module] = {name for name in names if not any(other.startswith(f"{name}.") for other in names)}
    return graph


def cycles(graph: Graph) -> set[frozenset[str]]:
    """Each group of modules that reach each other."""
    reached = {module: _reachable(graph, module) for module in graph}
    return {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in graph
        if module in reached[module]
    }


def _reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        module = ahead.pop()
        if module not in seen:
            seen.add(module)
            ahead.extend(graph[module])
    return seen


def test_no_modules_import_each_other() -> None:
    assert cycles(graph_of(ROOT, "common")) == set()


@pytest.mark.parametrize(
    "back",
    [
        "from common import a",
        "from common.a import x",
        "import common.a",
        "if TYPE_CHECKING:\n    from common.a import x",
        "def later():\n    from common.a import x",
        "import_module('common.a')",
        "importlib.import_module('common.a')",
    ],
)
def test_a_cycle_is_seen(tmp_path: Path, back: str) -> None:
    folder = tmp_path / "common"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("from common.b import y")
    (folder / "b.py").write_text(back)
    (folder / "c.py").write_text("import common.a")
    assert cycles(graph_of(tmp_path, "common")) == {frozenset({"common.a", "common.b"})}
