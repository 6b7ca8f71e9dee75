# SPDX-License-Identifier: Apache-2.0
"""Files of at most 400 lines, functions of at most 60, lines of at most 120 columns."""

import ast
import re

from tree import C_FAMILY, Finding, blank, line_of

NAME = "lengths"
FILE_LINES = 400
FUNCTION_LINES = 60
COLUMNS = 120
SOURCES = C_FAMILY + (".py", ".sh", "meson.build")


def is_source(tree, path):
    if path.endswith(SOURCES):
        return True
    return "." not in path.rsplit("/", 1)[-1] and tree.bytes(path).startswith(b"#!")


def check(tree):
    for path in tree.files:
        if not is_source(tree, path):
            continue
        text = tree.text(path)
        lines = text.splitlines()
        if len(lines) > FILE_LINES:
            yield Finding(path, FILE_LINES, f"{len(lines)} lines; more than {FILE_LINES} is two ideas")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield Finding(path, number, f"{len(line)} columns; at most {COLUMNS}")
        for name, first, last in functions_of(tree, path, text):
            if last - first + 1 > FUNCTION_LINES:
                yield Finding(path, first, f"{name} has {last - first + 1} lines; at most {FUNCTION_LINES}")


def functions_of(tree, path, text):
    if path.endswith(C_FAMILY):
        return list(c_functions(tree.code(path)))
    if path.endswith(".py") or "python" in text.split("\n", 1)[0]:
        return list(python_functions(text))
    return []


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


TYPE = re.compile(r"^(?:template\b.*?)?(?:typedef\s+|static\s+|const\s+)*(?:class|struct|union|enum)\b", re.DOTALL)
ATTRIBUTES = re.compile(r"alignas\s*\([^)]*\)|__attribute__\s*\(\(.*?\)\)|\[\[.*?\]\]", re.DOTALL)
ACCESS = re.compile(r"\b(?:public|private|protected)\s*:(?!:)")
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
IN_MEMBER_LIST = re.compile(r"\)[^;{}()]*(?<!:):(?!:)(?:.*[,\s])?\s*[\w:]+(?:<[^;{}]*>)?\s*$", re.DOTALL)


def kind_of(header):
    """What a '{' opens, judged by the text since the last statement."""
    header = ACCESS.sub(" ", ATTRIBUTES.sub(" ", header)).strip()
    if re.search(r"\bnamespace\b", header) or header == "extern" or re.fullmatch(r'extern\s*"\s*"', header):
        return "scope"
    if "(" not in header:
        return "scope" if TYPE.match(header) else "values"
    if TYPE.match(header) and not header.rstrip().endswith(")"):
        return "scope"
    if IN_MEMBER_LIST.search(header):
        return "member"
    return "function"


def c_functions(code):
    """Yields (name, first line, last line) of every function with a body, lambdas counted with their parent."""
    code = DIRECTIVE.sub(lambda m: blank(m.group(0)), code)
    yield from functions_between(code, 0, len(code))


def functions_between(code, at, end):
    header_start = at
    while at < end:
        sign = code[at]
        if sign in ";}":
            header_start = at + 1
        if sign != "{":
            at += 1
            continue
        header, close = code[header_start:at], closing_brace(code, at)
        kind = kind_of(header)
        if kind in ("member", "values"):  # a part of a longer header: a(1), b{2} {
            code = code[:at] + "(" + blank(code[at + 1 : close]) + ")" + code[close + 1 :]
        elif kind == "function":
            visible = ACCESS.sub(lambda m: blank(m.group(0)), header)
            begin = header_start + len(visible) - len(visible.lstrip())
            yield function_name(header), line_of(code, begin), line_of(code, close)
        else:
            yield from functions_between(code, at + 1, close)
        at = close + 1
        if kind in ("function", "scope"):
            header_start = at


def closing_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match.group(0) == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def function_name(header):
    names = re.findall(r"([\w:~]+)\s*\(", ATTRIBUTES.sub(" ", header))
    return names[0] if names else "a function"


def body(lines):
    return "".join(f"  x = {i};\n" for i in range(lines))


GOOD = {
    "base/a.cc": "namespace culvert {\nvoid f() {\n" + body(58) + "}\nvoid g() {\n" + body(58) + "}\n}\n",
    "base/b.h": "class alignas(64) B final : public A<int> {\n public:\n" + "  void f() {}\n" * 100 + "};\n",
    "base/table.cc": "const std::array<int, 100> table = {\n" + "  f(1),\n" * 100 + "};\n",
    "base/c.cc": "C::C() : a_{1}, b_(2), c_{3} {\n" + body(50) + "}\n",
}
BAD = [
    ({"base/a.cc": "int x;\n" * 401}, "401 lines"),
    ({"base/a.cc": "// " + "x" * 118 + "\n"}, "121 columns"),
    ({"base/a.cc": "namespace n {\nvoid long_one(int a) noexcept {\n" + body(59) + "}\n}\n"}, "long_one has 61"),
    ({"base/a.h": "struct S {\n  int f() const {\n" + body(59) + "  }\n};\n"}, "f has 61"),
    ({"base/a.h": "class S {\n private:\n  struct T {\n int f() {\n" + body(60) + "  }\n};\n};\n"}, "f has 62"),
    ({"base/a.cc": "C::C(int a) : a_{a}, b_{2} {\n" + body(60) + "}\n"}, "has 62"),
    ({"base/a.cc": 'TEST_CASE("a } sentence") {\n' + body(60) + "}\n"}, "TEST_CASE has 62"),
    ({"tools/a.py": "def f():\n" + "    x = 1\n" * 60}, "f has 61"),
]
