"""The number of ReLUs on the longest way through what torch recorded: a count without hooks."""

from torch import Tensor


def longest(output: Tensor) -> int:
    """Count ReLUs on the longest way back from `output` in its graph of gradients."""
    found: dict[object, int] = {}
    stack = [output.grad_fn]
    while stack:
        node = stack[-1]
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        waiting = [parent for parent in parents if parent not in found]
        stack.extend(waiting)
        if not waiting:
            here = int(node.name().startswith("ReluBackward"))
            found[stack.pop()] = here + max((found[parent] for parent in parents), default=0)
    return found[output.grad_fn]
