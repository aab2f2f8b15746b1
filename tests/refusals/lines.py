"""The lines of the source that refuse, found by walking it, and which of them a request came through."""

from __future__ import annotations

import ast
import contextlib
import functools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import authserver
from authserver.errors import Check

SOURCE = Path(authserver.__file__).parent


@dataclass(frozen=True, order=True)
class Line:
    """A `raise`, a check that may fail, or a reason that is noted: its module, function, first and last line."""

    module: str
    function: str
    text: str
    first: int
    last: int
    column: int

    def __str__(self) -> str:
        return f"{self.module}:{self.first} in {self.called}"

    @property
    def called(self) -> str:
        """Its function, and how it begins."""
        return f"{self.function}: {self.text}"

    @property
    def is_check(self) -> bool:
        """Whether it is one that may hold, too, so that passing it proves nothing."""
        return self.text.startswith("Check(")


class Finder(ast.NodeVisitor):
    """Collects the lines of one module."""

    def __init__(self, module: str) -> None:
        self.module, self.found = module, list[Line]()
        self._inside: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:  # a bare raise hands on what another line said
            self._keep(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        always = len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value is True
        if (name == "Check" and not always) or name.startswith("reasons.note") or _is_problem(name, node):
            self._keep(node)
        self.generic_visit(node)

    def _enter(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        self._inside.append(node.name)
        self.generic_visit(node)
        self._inside.pop()

    def _keep(self, node: ast.Raise | ast.Call) -> None:
        if not self._inside:  # a constant, which lines below use
            return
        text, last = ast.unparse(node)[:110], node.end_lineno or node.lineno
        self.found.append(Line(self.module, ".".join(self._inside), text, node.lineno, last, node.col_offset))


def _is_problem(name: str, node: ast.Call) -> bool:
    """Whether it says why a gateway lets nobody through."""
    return name == "Requirement" and any(each.arg == "problem" for each in node.keywords)


@functools.cache
def of(module: str) -> tuple[Line, ...]:
    """The lines of a module that refuse; `module` is its path below `authserver/`."""
    finder = Finder(module)
    finder.visit(ast.parse((SOURCE / module).read_text("utf-8")))
    return tuple(finder.found)


class Passed:
    """Which of some modules' lines were passed, and for checks which failed."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = {str(SOURCE / module): module for module in modules}
        self._lines: set[tuple[str, int]] = set()
        self._checks: set[tuple[str, int, int]] = set()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what happens in this thread."""
        made, before = Check.__init__, sys.gettrace()

        def init(check: Check, name: str, ok: bool, *more: Any, **named: Any) -> None:
            made(check, name, ok, *more, **named)
            if not ok:
                self._note_check(sys._getframe(1))

        Check.__init__ = init  # type: ignore[method-assign]  # to see who makes it; put back below
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)
            Check.__init__ = made  # type: ignore[method-assign]

    def missing(self) -> list[Line]:
        """The lines that nothing came through."""
        return sorted(line for module in self._modules.values() for line in of(module) if not self._has(line))

    def _has(self, line: Line) -> bool:
        if line.is_check:
            return (line.module, line.first, line.column) in self._checks
        return any((line.module, number) in self._lines for number in range(line.first, line.last + 1))

    def _note_check(self, frame: FrameType) -> None:
        module = self._modules.get(frame.f_code.co_filename)
        if module is not None:
            number, _, column, _ = _positions(frame.f_code)[frame.f_lasti // 2]
            self._checks.add((module, number or 0, column or 0))

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._each_line if frame.f_code.co_filename in self._modules else None

    def _each_line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self._lines.add((self._modules[frame.f_code.co_filename], frame.f_lineno))
        return self._each_line


@functools.cache
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())
