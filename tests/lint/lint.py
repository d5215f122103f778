#!/usr/bin/python3
"""Checks that a compiler does not make; `./dev lint` runs it, selftest.py proves that it can fail.

Every rule is a function that takes the tree's root and yields faults as "file:line: what".
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import rooms  # noqa: E402

FILE_LINES = 800
FUNCTION_LINES = 60

# Calls that have a safer form of ours; the folders named may use them.
BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\s*\(": (),
    r"\b(localtime|gmtime|ctime|asctime|strftime|time|gettimeofday|clock_gettime)\s*\(": ("daemon/base",),
    r"\b(malloc|calloc|realloc|strdup|strndup|asprintf|vasprintf)\s*\(": ("daemon/base", "plugins", "tests", "daemon/domain/phone_shim.cc"),
    r"\b(sleep|usleep|nanosleep)\s*\(": ("daemon/sim", "tests/unit"),
    r"\b(system|popen)\s*\(": (),
    r"\bdlclose\s*\(": (),
}


def tracked(root, *patterns):
    """Files of the tree that match, as git sees them (untracked ones that are not ignored too)."""
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "--", *patterns],
                         capture_output=True, text=True, check=True).stdout
    return [p for p in sorted(set(out.split("\n"))) if p and (root / p).is_file()]


def sources(root):
    return tracked(root, "daemon/*.c", "daemon/*.h", "daemon/*.cc", "plugins/*.c", "plugins/*.h", "include/*.h")


def lines(root, path):
    return (root / path).read_text(encoding="utf-8").split("\n")


def without_comments(text):
    """The text with comments and string contents blanked, line for line."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def arrows(root):
    """A file includes, and a library links, only the rooms that its own may use."""
    table = rooms.table(root)
    for path in sources(root):
        if path.startswith("daemon/"):
            for n, what in rooms.include_faults(path[len("daemon/"):], lines(root, path), table):
                yield f"{path}:{n}: {what}"
            continue
        for n, line in enumerate(lines(root, path), 1):
            m = re.match(r'\s*#\s*include\s+"([a-z_]+)/', line)
            if m and m[1] in ("service", "edge", *table, *rooms.PROGRAMS):
                yield f"{path}:{n}: a plugin sees include/steward alone"
    for what in rooms.symbol_faults(root, table):
        yield f"CMakeLists.txt:1: {what}"


def sizes(root):
    """Files and functions stay small; exceptions.txt may only shrink."""
    allowed = dict(line.split() for line in lines(root, "tests/lint/exceptions.txt")
                   if line and not line.startswith("#"))
    seen = set()
    for path in sources(root) + tracked(root, "tests/*.c", "tests/*.py", "bench/*.py", "bench/*.c", "web/*.ts", "web/*.js"):
        text = lines(root, path)
        if len(text) > FILE_LINES + 1:
            yield f"{path}:{FILE_LINES}: file has {len(text)} lines, at most {FILE_LINES}"
        if not path.endswith((".c", ".cc")) or path.startswith("tests/") or path.endswith("pinyin_initials.c"):
            continue
        start = None
        for n, line in enumerate(text, 1):
            if line == "{":
                start = n
            elif line == "}" and start:
                length = n - start - 1
                name = function_name(text, start)
                limit = int(allowed.get(f"{path}:{name}", FUNCTION_LINES))
                if f"{path}:{name}" in allowed:
                    seen.add(f"{path}:{name}")
                    if length <= FUNCTION_LINES:
                        yield f"tests/lint/exceptions.txt:1: {path}:{name} needs no exception any more"
                if length > limit:
                    yield f"{path}:{start}: {name} has {length} lines, at most {limit}"
                start = None
    for name in set(allowed) - seen:
        yield f"tests/lint/exceptions.txt:1: {name} does not exist"


def function_name(text, brace_line):
    head = ""
    for line in reversed(text[max(0, brace_line - 8):brace_line - 1]):
        head = line + " " + head
        m = re.search(r"(\w+)\s*\(", head)
        if m and not line.startswith((" ", "\t")):
            return m[1]
    return "?"


def banned(root):
    """Calls that have a safer form of ours."""
    for path in sources(root):
        text = without_comments((root / path).read_text(encoding="utf-8")).split("\n")
        for pattern, but in BANNED.items():
            if path.startswith(but or ("\0",)):
                continue
            for n, line in enumerate(text, 1):
                m = re.search(pattern, line)
                if m and not re.search(r"[>.]\s*$", line[:m.start()]):
                    yield f"{path}:{n}: {m[0].strip('( ')} is not used here (docs/hacking.md)"


def comments(root):
    """Every file says its job first; every function of a header has a docstring near it."""
    for path in sources(root):
        text = lines(root, path)
        if not text[0].startswith("/*"):
            yield f"{path}:1: the first comment says what the file is for"
        if not path.endswith(".h"):
            continue
        documented = False
        for n, line in enumerate(text, 1):
            if not line.strip():
                documented = False
            if line.startswith(("/**", "/*", " *")):
                documented = True
            starts = re.match(r"(?!typedef|extern|static|#|struct \w+;|enum)[a-z].*\b\w+\(", line)
            if starts and not documented and not re.search(r"/\*", line):
                yield f"{path}:{n}: a public function has a docstring: {line.strip()[:60]}"


# A line of declarations at the head of a function, and what looks like one and is none.
DECLARATION = re.compile(r"(?:(?:const|static|struct|enum|union|unsigned|signed|volatile|_Atomic)\s+)*"
                         r"[A-Za-z_]\w*(?:\s+(?:const|int|long|char))*[\s*]+(?:const\s+)?\**\(?\**[A-Za-z_]\w*\)?\s*[=;,\[(]")
STATEMENT = re.compile(r"(return|goto|else|if|for|while|do|switch|case|default|break|continue)\b")

# Habits in which hands differ, and the one we have (docs/hacking.md, "One hand").
HABITS = {
    r"!rc\b(?!->|\(|\.)": "write rc == E_OK",
    r"\b(?:if|while) \(rc(?:\)| \|\|| &&)|(?:\|\||&&) rc(?:\)| \|\|| &&|;| \?)|(?:=|return) rc(?: \?| \|\|| &&)": "write rc < 0",
}


def ends_declarations(text, start):
    """The line behind the declarations at the head of the function whose '{' is line `start`, or 0."""
    n, seen = start, False
    while n < len(text) and text[n].strip():
        if not seen and not DECLARATION.match(text[n].strip()) or STATEMENT.match(text[n].strip()):
            return 0
        statement = text[n]
        while n + 1 < len(text) and not re.search(r"[;}]\s*(/\*.*\*/)?$", text[n]):
            n += 1
            statement += text[n]
        if not DECLARATION.match(statement.strip()):
            return 0
        seen = True
        n += 1
    return n + 1 if seen else 0


def conditions(plain):
    """Every condition of an `if` with where it begins."""
    for m in re.finditer(r"\bif \(", plain):
        end, depth = m.end(), 1
        while depth and end < len(plain):
            depth += {"(": 1, ")": -1}.get(plain[end], 0)
            end += 1
        yield m.start(), plain[m.end():end - 1]


def one_hand(root):
    """The tree reads as if one hand had written it (braces are clang-format's)."""
    for path in [p for p in sources(root) if p.endswith((".c", ".h"))]:
        whole = (root / path).read_text(encoding="utf-8")
        text = whole.split("\n")
        for n, line in enumerate(text, 1):
            blank = ends_declarations(text, n) if line == "{" else 0
            if blank:
                yield f"{path}:{blank}: no blank line behind the declarations"
        plain = without_comments(whole)
        for start, condition in conditions(plain):
            if re.search(r"[^=!<>]=[^=]", condition):
                yield f"{path}:{plain.count(chr(10), 0, start) + 1}: no assignment in a condition"
        for pattern, habit in HABITS.items():
            for m in re.finditer(pattern, plain):
                yield f"{path}:{plain.count(chr(10), 0, m.start()) + 1}: {habit}"


SPOKEN_LINES = 15  # a static function of so many lines has a word of what for or why


def unspoken(root, path):
    """Static functions of SPOKEN_LINES and more that have no comment above or inside."""
    text = lines(root, path)
    start = None
    for n, line in enumerate(text, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            body = text[start:n - 1]
            head = start - 1
            while head > 0 and text[head - 1].strip() and not text[head - 1].startswith(("}", "#")) and "*/" not in text[head - 1]:
                head -= 1
            static = any(row.startswith("static ") for row in text[head:start - 1])
            spoken = head > 0 and "*/" in text[head - 1] or any("/*" in row for row in body)
            if static and len(body) >= SPOKEN_LINES and not spoken:
                yield start, function_name(text, start)
            start = None


def words(root):
    """Longer static functions say what for or why; unspoken.txt lists those from before and may only shrink."""
    listed = {line for line in lines(root, "tests/lint/unspoken.txt") if line and not line.startswith("#")}
    seen = set()
    for path in sources(root):
        if not path.endswith(".c"):
            continue
        for n, name in unspoken(root, path):
            seen.add(f"{path}:{name}")
            if f"{path}:{name}" not in listed:
                yield f"{path}:{n}: {name} has {SPOKEN_LINES} lines and more and no word above or inside"
    for name in sorted(listed - seen):
        yield f"tests/lint/unspoken.txt:1: {name} needs no exception any more"


def sql(root):
    """SQL stands in the store alone."""
    for path in sources(root):
        if not path.startswith("daemon/") or path.startswith("daemon/store/"):
            continue
        plain = without_comments((root / path).read_text(encoding="utf-8")).split("\n")
        for n, line in enumerate(plain, 1):
            m = re.search(r"\bdb_(query|exec|insert|run|row|bind_\w+)\s*\(", line)
            if m:
                yield f"{path}:{n}: SQL is daemon/store's: {m[0]}…"


# Whose state is written where: a statement in one file of the store, or a field that one function
# assigns (domain/states.h has the ways between the states).
STATEMENTS = {"message": "daemon/store/repo_message.c", "survey": "daemon/store/repo_survey.c",
              "ticket": "daemon/store/repo_ticket.c", "dispatch": "daemon/store/repo_ticket.c",
              "callback": "daemon/store/repo_callback.c", "incident": "daemon/store/repo_incident.c"}
ASSIGNED = {  # what is assigned where -> (file, function)
    ("daemon/service/tickets/", r"\brow\.state = "): "ticket_set_state",
    ("daemon/service/tickets/", r"\bd->state = "): "dispatch_move",
    ("daemon/service/incidents/", r"\br->state = "): "incident_set_state",
    ("daemon/store/repo_callback.c", r"\br->state = to"): "repo_callback_move",
}


def states(root):
    """Every state has one writer."""
    for path in sources(root):
        if not path.endswith(".c") or not path.startswith("daemon/"):
            continue
        whole = (root / path).read_text(encoding="utf-8")
        joined = re.sub(r'"\s*\\?\s*"', "", whole)
        for m in re.finditer(r"UPDATE (\w+) SET ([^\";]*)", joined):
            if m[1] in STATEMENTS and re.search(r"\bstate ?=", m[2].split(" WHERE ")[0]) and path != STATEMENTS[m[1]]:
                yield f"{path}:1: {m[1]}.state is written in {STATEMENTS[m[1]]} alone"
        function = "?"
        text = whole.split("\n")
        for n, line in enumerate(text, 1):
            if line == "{":
                function = function_name(text, n)
            for (where, pattern), writer in ASSIGNED.items():
                if path.startswith(where) and re.search(pattern, line) and function != writer:
                    yield f"{path}:{n}: the state is written by {writer}() alone"


def cut_texts(root):
    """What keeps only what fits is never JSON, which is whole or nothing."""
    for path in [p for p in sources(root) if p.endswith(".c")]:
        cutting = set()
        for n, line in enumerate(without_comments((root / path).read_text(encoding="utf-8")).split("\n"), 1):
            if line == "{":
                cutting = set()
            if "BUF_CUT(" in line:
                cutting |= set(re.findall(r"([\w>.-]+)\s*=\s*(?:\(struct buf\))?BUF_CUT\(", line))
            m = re.search(r"\bjw_init\(&?\w+, &?([\w>.-]+)\)", line)
            if m and m[1] in cutting:
                yield f"{path}:{n}: JSON in a buffer that cuts"


def partial_indexes(root):
    """The condition of a partial index is a literal: a bound one scans the whole table."""
    for path in sources(root):
        for n, line in enumerate(lines(root, path), 1):
            if re.search(r"\b(WHERE|AND|OR)\s+done\s*=\s*\$", line):
                yield f"{path}:{n}: write done = 0 as a literal, or the partial index is not used"


def places(root):
    """Nothing speaks of one machine: no absolute home or work paths, no registry addresses."""
    words = re.compile(r"/(?:home|root|work|tmp/wt)/[a-z]|registry\.npmjs\.org|deb\.debian\.org|\bTODO\b|\bFIXME\b|\bXXX\b")
    for path in tracked(root, "*"):
        if path.startswith(("tests/lint/", "tests/recordings/")) or path.endswith((".png", ".gz", ".ico")):
            continue
        try:
            text = lines(root, path)
        except UnicodeDecodeError:
            continue
        for n, line in enumerate(text, 1):
            m = words.search(line)
            if m:
                yield f"{path}:{n}: '{m[0]}' does not belong in the tree"


def format(root):
    """clang-format has nothing to say."""
    paths = [p for p in sources(root) + tracked(root, "tests/*.c", "tests/*.h", "bench/*.c") if not p.endswith("pinyin_initials.c")]
    if not paths:
        return
    out = subprocess.run(["clang-format", "--dry-run", *paths], cwd=root, capture_output=True, text=True).stderr
    seen = set()
    for m in re.finditer(r"^(\S+?):(\d+):\d+: .*-Wclang-format", out, re.M):
        if m[1] not in seen:
            seen.add(m[1])
            yield f"{m[1]}:{m[2]}: not formatted (./dev format)"


def configuration(root):
    """docs/configuration.md is what the table says (only where the program is built)."""
    for program in ("build/asan/bin/stewardd", "build/bin/stewardd"):
        if (root / program).exists():
            made = subprocess.run([str(root / program), "--config-reference"], capture_output=True, text=True)
            page = root / "docs/configuration.md"
            if made.returncode != 0 or not page.exists() or page.read_text(encoding="utf-8") != made.stdout:
                yield "docs/configuration.md:1: not in step with the table (stewardd --config-reference > docs/configuration.md)"
            return


RULES = [arrows, sizes, banned, comments, one_hand, words, sql, states, cut_texts, partial_indexes, places, format, configuration]


def check(root, rules=None):
    return [f"{fault}  [{rule.__name__}]" for rule in rules or RULES for fault in rule(root)]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    faults = check(root)
    print("\n".join(faults) if faults else f"lint: {len(sources(root))} files, {len(RULES)} rules, no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
