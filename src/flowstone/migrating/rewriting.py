"""A program's source, rewritten: imports, renamed names, awaits; what is left is remarked on.

Names are followed from their imports on, so that what only looks like Prefect's stays as it is;
comments, formatting and texts are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst
import msgspec
from libcst import matchers
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    ParentNodeProvider,
    PositionProvider,
    QualifiedNameProvider,
    QualifiedNameSource,
)

from flowstone.migrating.counterparts import (
    CLIENT,
    METHODS,
    OPTIONS,
    PACKAGES,
    Counterpart,
    counterpart,
    is_theirs,
)
from flowstone.settings.elsewhere import remarks as remarks_on_variables

_DECORATORS = {"prefect.flow": "Flow", "prefect.task": "Task"}
_DECORATORS |= {"prefect.flows.flow": "Flow", "prefect.tasks.task": "Task"}
_OPENERS = frozenset({"prefect.get_client", "prefect.client.orchestration.get_client"})
_CLIENT = "Client"


class Remark(msgspec.Struct, frozen=True, order=True):
    """What is to be done by hand, and where."""

    line: int
    text: str


class Rewritten(msgspec.Struct, frozen=True):
    """A program as it is to be, and what is left to do, by line."""

    source: bytes
    remarks: list[Remark]


def rewrite(source: bytes) -> Rewritten:
    """Return a program rewritten. Raises `libcst.ParserSyntaxError` for what is no Python."""
    module = cst.parse_module(source)
    rewriting = _Rewriting(CodemodContext())
    # By its bytes: a file keeps its encoding, its line ends and its last line as it is.
    return Rewritten(rewriting.transform_module(module).bytes, sorted(set(rewriting.remarks)))


class _Rewriting(VisitorBasedCodemodCommand):
    METADATA_DEPENDENCIES = (QualifiedNameProvider, PositionProvider, ParentNodeProvider)

    def __init__(self, context: CodemodContext) -> None:
        super().__init__(context)
        self.remarks: list[Remark] = []
        self._declared: dict[str, str] = {}
        """By its name: whether what the program declares is a Flow, a Task or a Client."""

    def visit_Module(self, node: cst.Module) -> None:
        for found in matchers.findall(node, matchers.FunctionDef()):
            assert isinstance(found, cst.FunctionDef)
            for decorator in found.decorators:
                call = decorator.decorator
                target = call.func if isinstance(call, cst.Call) else call
                kind = _DECORATORS.get(self._imported(target) or "")
                if kind is not None:
                    self._declared[found.name.value] = kind

    def visit_WithItem(self, node: cst.WithItem) -> None:
        self._note_client(node.item, node.asname.name if node.asname else None)

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._note_client(node.value, target.target)

    def _note_client(self, value: cst.BaseExpression, target: cst.CSTNode | None) -> None:
        opener = self._imported(value.func) if isinstance(value, cst.Call) else None
        if opener in _OPENERS and isinstance(target, cst.Name):
            self._declared[target.value] = _CLIENT

    def visit_Import(self, _node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, _node: cst.ImportFrom) -> bool:
        return False

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        """Let `import prefect.x as y` import ours."""
        names = []
        for alias, new in zip(original_node.names, updated_node.names, strict=True):
            name = get_full_name_for_node(alias.name) or ""
            is_ours = self._is_known(original_node, name) and self._is_here(original_node, name)
            ours = _dotted(counterpart(name).name) if is_ours else alias.name
            names.append(new.with_changes(name=ours))
        return updated_node.with_changes(names=names)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        """Let `from prefect.x import a as b` import ours."""
        module = get_full_name_for_node(original_node.module) if original_node.module else None
        if module is None or original_node.relative or not self._is_known(original_node, module):
            return updated_node
        if isinstance(original_node.names, cst.ImportStar):
            self._remark(original_node, f"`from {module} import *`: import what is used by name.")
            return updated_node
        if not self._is_here(original_node, module):
            return updated_node
        names = []
        for alias in original_node.names:
            old = get_full_name_for_node(alias.name) or ""
            found = self._found(alias, f"{module}.{old}")
            names.append(alias.with_changes(name=cst.Name(found.name.rpartition(".")[2])))
        ours = counterpart(module).name
        return updated_node.with_changes(module=_dotted(ours), names=names)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename what an import of this name brought, where it has another one here."""
        if self._is_no_use(original_node):
            return updated_node
        name = self._imported(original_node)
        if name is None or name.rpartition(".")[2] != original_node.value:
            return updated_node
        return updated_node.with_changes(value=counterpart(name).name.rpartition(".")[2])

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Rename the last part of `prefect.x.y`; remark on it where it is not here."""
        name = self._imported(original_node)
        if name is not None and counterpart(name.rpartition(".")[0]).problem is None:
            found = self._found(original_node, name)
            if found.problem is None:
                last = found.name.rpartition(".")[2]
                return updated_node.with_changes(attr=cst.Name(last))
        elif name is None and isinstance(original_node.value, cst.Name):
            kind = self._declared.get(original_node.value.value)
            method = original_node.attr.value
            if kind == _CLIENT and method not in CLIENT:
                text = f"A client has no `.{method}` here: ask its `read_…` methods, or leave it."
                self._remark(original_node, text)
            elif kind in METHODS and method in METHODS[kind]:
                self._remark(original_node, f"`.{method}()` is not here. {METHODS[kind][method]}")
        return updated_node

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:
        """Let what is awaited be the async twin, where the function itself is not async here."""
        old, new = original_node.expression, updated_node.expression
        if not (isinstance(old, cst.Call) and isinstance(new, cst.Call)):
            return updated_node
        name = self._imported(old.func)
        found = counterpart(name) if name is not None else None
        if found is None or found.awaited is None:
            return updated_node
        module, _, last = found.awaited.rpartition(".")
        if isinstance(new.func, cst.Attribute):
            func: cst.BaseExpression = new.func.with_changes(attr=cst.Name(last))
        else:
            AddImportsVisitor.add_needed_import(self.context, module, last)
            RemoveImportsVisitor.remove_unused_import(self.context, module, last[1:])
            func = cst.Name(last)
        return updated_node.with_changes(expression=new.with_changes(func=func))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Remark on options of the decorators that are not here."""
        kind = _DECORATORS.get(self._imported(original_node.func) or "", "").lower()
        for argument in original_node.args if kind else ():
            option = argument.keyword.value if argument.keyword is not None else None
            if option is not None and option not in OPTIONS[kind]:
                self._remark(
                    argument, f"The option `{option}=` of `{kind}` is not here. Leave it out."
                )
        return updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        """Remark on texts that name a variable, a logger or a module."""
        text = original_node.evaluated_value
        if isinstance(text, str) and text.startswith("PREFECT_") and text.isidentifier():
            for remark in remarks_on_variables([text]):
                self._remark(original_node, remark)
        elif isinstance(text, str) and text.split(".")[0] in PACKAGES and " " not in text:
            ours = PACKAGES[text.split(".")[0]]
            self._remark(original_node, f"The text {text!r} names Prefect; here it is {ours!r}.")
        return updated_node

    def _imported(self, node: cst.CSTNode) -> str | None:
        """Return the dotted name of Prefect's that stands here, from its import on."""
        if not _is_dotted(node):  # what comes after a call is of what that returns
            return None
        names = self.get_metadata(QualifiedNameProvider, node, set())
        for found in names:
            if found.source is QualifiedNameSource.IMPORT and is_theirs(found.name):
                return str(found.name)
        return None

    def _is_no_use(self, node: cst.Name) -> bool:
        """Whether a name stands for no value: after a dot, before `=` in a call, in a `def`."""
        parent = self.get_metadata(ParentNodeProvider, node)
        if isinstance(parent, cst.Attribute):
            return parent.attr is node
        if isinstance(parent, cst.Arg):
            return parent.keyword is node
        return isinstance(parent, cst.Param | cst.FunctionDef | cst.ClassDef) and (
            parent.name is node
        )

    def _is_known(self, node: cst.CSTNode, module: str) -> bool:
        """Whether a module is of Prefect itself; remark on one of its integrations."""
        top = module.partition(".")[0]
        if top.startswith("prefect_") and not is_theirs(module):
            self._remark(node, f"{top} is not here. Call the library that it wraps in your tasks.")
        return is_theirs(module)

    def _is_here(self, node: cst.CSTNode, module: str) -> bool:
        found = self._found(node, module)
        return found.problem is None

    def _found(self, node: cst.CSTNode, name: str) -> Counterpart:
        found = counterpart(name)
        if found.problem is not None:
            self._remark(node, f"{name} is not here. {found.problem}")
        return found

    def _remark(self, node: cst.CSTNode, text: str) -> None:
        line = self.get_metadata(PositionProvider, node).start.line
        self.remarks.append(Remark(line, text))


def _is_dotted(node: cst.CSTNode) -> bool:
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)


def _dotted(name: str) -> cst.Name | cst.Attribute:
    parts: Iterable[str] = name.split(".")
    first, *others = parts
    node: cst.Name | cst.Attribute = cst.Name(first)
    for part in others:
        node = cst.Attribute(node, cst.Name(part))
    return node
