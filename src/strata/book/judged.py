"""Which claims a cell of a notebook judges, by its code."""

from __future__ import annotations

import ast

from nbformat import NotebookNode


def judged_claims(cell: NotebookNode) -> list[str]:
    """Ids of the claims that a code cell calls ``judge`` with, in the order of the code.

    What does not parse has none: executing it says why.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell
    >>> judged_claims(new_code_cell('judge(\\n    "C1", value)  # judge("C2", value)'))
    ['C1']
    """
    if cell.cell_type != "code":
        return []
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return []
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "judge"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [call.args[0].value for call in calls]
