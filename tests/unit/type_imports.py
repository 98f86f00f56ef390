"""What a module imports for its types alone."""

import ast


def for_types(tree: ast.AST) -> set[int]:
    """Return the ids of the nodes that only type checkers read."""
    return {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
