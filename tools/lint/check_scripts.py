# SPDX-License-Identifier: Apache-2.0
"""Scripts parse: `bash -n` for shell, a compile for Python, where no function is defined twice (the second one silently
wins); and a script that is called is executable."""

import ast
import os
import subprocess

from tree import Finding

NAME = "scripts"


def check(tree):
    for path in tree.files:
        head = tree.bytes(path)[:64].split(b"\n")[0]
        shebang = head.startswith(b"#!")
        if path.endswith(".sh") or (shebang and head.rstrip().endswith((b"bash", b"/sh", b" sh"))):
            yield from check_shell(tree, path)
        elif path.endswith(".py") or (shebang and b"python" in head):
            yield from check_python(tree, path)
        if shebang and not os.access(os.path.join(tree.root, path), os.X_OK):
            yield Finding(path, 1, "has a #! line but is not executable: chmod +x")


def check_shell(tree, path):
    run = subprocess.run(["bash", "-n", path], cwd=tree.root, text=True, capture_output=True, check=False)
    if run.returncode != 0:
        yield Finding(path, 1, f"bash -n: {run.stderr.strip().splitlines()[0]}")
    lines = tree.text(path).splitlines()[:30]
    if not path.endswith(".inc.sh") and not any(line.startswith("set -e") for line in lines):
        yield Finding(path, 1, "no 'set -e' among its first 30 lines: it would go on after a failure")


def check_python(tree, path):
    try:
        module = ast.parse(tree.text(path), path)
    except SyntaxError as error:
        yield Finding(path, error.lineno or 1, f"does not parse: {error.msg}")
        return
    for scope in ast.walk(module):
        if isinstance(scope, (ast.Module, ast.ClassDef)):
            yield from check_scope(path, scope)


def check_scope(path, scope):
    seen = set()
    for node in scope.body:
        # With a decorator the same name twice is usual: a property and its setter.
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.decorator_list:
            if node.name in seen:
                yield Finding(path, node.lineno, f"{node.name} is defined twice: the first one is dead")
            seen.add(node.name)


EXECUTABLE = 0o755
GOOD = {
    "tools/a": ("#!/bin/bash\nset -euo pipefail\necho\n", EXECUTABLE),
    "tools/b.py": "x = 1\n",
}
BAD = [
    ({"tools/a": ("#!/bin/bash\nset -e\nif true; then\n", EXECUTABLE)}, "bash -n"),
    ({"tools/a": ("#!/bin/bash\necho\n", EXECUTABLE)}, "no 'set -e'"),
    ({"tools/a.py": "x = (\n"}, "does not parse"),
    ({"tools/a.py": "def f():\n    return 1\n\n\ndef f():\n    return 2\n"}, "f is defined twice"),
    ({"tools/a": "#!/bin/bash\nset -e\n"}, "not executable"),
]
