# SPDX-License-Identifier: Apache-2.0
"""Words and constructs that we do not use, each with what to write instead."""

import re
from dataclasses import dataclass

from tiers import HOT_FOLDERS
from tree import C_FAMILY, CXX, Finding, line_of

NAME = "banned"


@dataclass(frozen=True)
class Ban:
    pattern: str
    instead: str
    suffixes: tuple = C_FAMILY
    folders: tuple = ()  # only in these; empty means everywhere
    allowed: tuple = ()  # paths or folder prefixes where it is the right thing


BPF = (".bpf.c", ".bpf.h")

CONSTRUCTS = (
    Ban(r"(?<!asm )(?<!asm__ )\bvolatile\b", "use std::atomic; volatile orders nothing", CXX),
    Ban(r"(?<!operator )(?<!<)\bnew\b(?!\s*\()", "own by type: std::make_unique, a container, or a Mapping", CXX),
    Ban(r"(?<!operator )\bnew\s*\(", "use std::construct_at on memory that is owned by type", CXX),
    Ban(r"(?<!= )(?<!operator )\bdelete\b", "own by type; nothing is deleted by hand", CXX),
    Ban(r"\boperator (?:new|delete)\b", "test/support/allocation_guard watches the heap; nobody replaces it", CXX),
    Ban(r"\breinterpret_cast\b", "use view, load, store and array_over of base/bytes.h", CXX,
        allowed=("base/bytes.h", "xsk/")),
    Ban(r"\b(?:hton|ntoh)(?:s|l|ll)\b|\b(?:htobe|be)(?:16|32|64)(?:toh)?\b", "use Be16, Be32, Be64 of base/endian.h",
        CXX),
    Ban(r"\bgoto\b", "return early, or make it a function", CXX),
    Ban(r"\bconst_cast\b", "take the argument by the constness you need", CXX),
    Ban(r"\bstd::function\b", "pass a template argument or a plain function pointer", CXX, HOT_FOLDERS),
    Ban(r"\bshared_ptr\b", "one owner; others hold a reference or an index", CXX, HOT_FOLDERS),
    Ban(r"<(?:iostream|iomanip|sstream|fstream)>|\bstd::(?:cout|cerr|clog)\b", "count, never print", CXX, HOT_FOLDERS),
    Ban(r"<(?:mutex|shared_mutex|condition_variable)>|\bstd::(?:mutex|lock_guard|unique_lock|scoped_lock)\b",
        "one writer and cells, or an SpscRing", CXX, HOT_FOLDERS),
    Ban(r"(?m)^[ \t]*using\s+namespace\b", "name what you use; a header must not open namespaces", (".h",)),
    Ban(r"(?m)^[ \t]*#[ \t]*define\b(?![ \t]+CATCH_CONFIG_)", "use a constexpr, a template or an inline function", CXX,
        allowed=("base/check.h",)),
)

# These are looked for in everything that is text: code, comments, documents, scripts.
WORDS = (
    Ban(r"\b(?:TODO|FIXME|XXX|HACK)\b", "finish it, or say in the documents what is missing"),
    Ban(r"(?i)\b(?:stub(?:s|bed)?|place[ -]?holders?)\b", "build it or leave it out; help texts say 'value' or 'name'"),
    Ban(r"(?i)\b(?:issue|ticket|bug|pull request)\s+#?\d+|(?<![\w&#/\"'])#\d+\b(?![\w-])",
        "say the reason itself; numbers of a tracker mean nothing to the reader"),
)
# The rules themselves have to name the words.
WORDS_ALLOWED = ("tools/lint/", "docs/STYLE.md", "CONTRIBUTING.md", "LICENSE")


def permitted(path, ban):
    return any(path == a or (a.endswith("/") and path.startswith(a)) for a in ban.allowed)


def check(tree):
    for path in tree.with_suffix(*C_FAMILY):
        if path.endswith(BPF):
            continue
        for ban in CONSTRUCTS:
            if not path.endswith(ban.suffixes) or permitted(path, ban):
                continue
            if ban.folders and path.split("/")[0] not in ban.folders:
                continue
            yield from matches(path, tree.code(path), ban)
    for path in tree.files:
        if tree.is_binary(path) or path.startswith(WORDS_ALLOWED) or "/corpus" in path:
            continue
        for ban in WORDS:
            yield from matches(path, tree.text(path), ban)


def matches(path, text, ban):
    for match in re.finditer(ban.pattern, text):
        found = match.group(0).strip()
        yield Finding(path, line_of(text, match.start() + len(match.group(0)) - len(match.group(0).lstrip())),
                      f"'{found}': {ban.instead}")


GOOD = {
    "base/a.h": "#include <new>\nA(const A&) = delete;  // a new one is made, nothing volatile; goto the next\n",
    "base/bytes.h": "auto* p = reinterpret_cast<int*>(x);\n",
    "control/a.cc": "#include <mutex>\nstd::function<void()> f;\n",
    "base/b.cc": '__asm__ volatile("" ::: "memory");\nconst char* text = "delete this goto";\n',
    "kernel_redirect/r.bpf.c": "#define ETH_P_IP 0x0800\nconst volatile int x;\n",
    "docs/x.md": "# 1 heading, colour &#123; and RFC 5961 section 3\n",
}
BAD = [
    ({"base/a.cc": "volatile int x;\n"}, "std::atomic"),
    ({"base/a.cc": "auto* x = new int[3];\n"}, "own by type"),
    ({"base/a.cc": "new (p) int;\n"}, "construct_at"),
    ({"base/a.cc": "delete[] p;\n"}, "own by type"),
    ({"base/a.cc": "void* operator new(std::size_t n);\n"}, "watches the heap"),
    ({"packet/a.cc": "auto* p = reinterpret_cast<int*>(x);\n"}, "base/bytes.h"),
    ({"packet/a.cc": "auto x = htons(3) + ntohl(4);\n"}, "Be16"),
    ({"base/a.cc": "goto out;\n"}, "return early"),
    ({"workers/a.h": "std::function<void()> f;\n"}, "template argument"),
    ({"lanes/a.h": "std::shared_ptr<int> f;\n"}, "one owner"),
    ({"umem/a.cc": "#include <iostream>\n"}, "never print"),
    ({"xsk/a.cc": "std::mutex m;\n"}, "one writer"),
    ({"base/a.h": "using namespace std;\n"}, "must not open"),
    ({"base/a.h": "#define X 1\n"}, "constexpr"),
    ({"docs/a.md": "FIXME later\n"}, "finish it"),
    ({"tools/a.py": "# a stub for now\n"}, "build it"),
    ({"base/a.cc": "// see issue 17\n"}, "tracker"),
    ({"base/a.cc": "// as said in #17.\n"}, "tracker"),
]
