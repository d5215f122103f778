#!/usr/bin/python3
"""Plants one fault for each rule of lint.py in a scratch tree and expects that rule to find it."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import lint  # noqa: E402

HEAD = "/* A planted file. */\n"
LONG = HEAD + "int f(void)\n{\n" + "    f();\n" * 61 + "}\n"

# rule -> (file, text) in which it must find a fault
PLANTED = {
    lint.arrows: [("daemon/base/a.c", HEAD + '#include "edge/http/http.h"\n'),
                  ("daemon/service/staff/a.c", HEAD + '#include "service/tickets/tickets.h"\n'),
                  ("daemon/service/calls/a.c", HEAD + '#include "service/tickets/ticket_priv.h"\n'),
                  ("daemon/service/attic/a.c", HEAD),
                  ("plugins/p/p.c", HEAD + '#include "base/buf.h"\n')],
    lint.sizes: [("daemon/base/b.c", LONG), ("daemon/base/c.c", HEAD + "\n" * 801)],
    lint.banned: [("daemon/edge/d.c", HEAD + "void f(char *a)\n{\n    strcpy(a, a);\n}\n"),
                  ("daemon/domain/e.c", HEAD + "long f(void)\n{\n    return time(0);\n}\n")],
    lint.comments: [("daemon/base/g.c", "int x;\n"), ("daemon/base/h.h", HEAD + "\nint f(void);\n")],
    lint.one_hand: [("daemon/base/l.c", HEAD + "int f(void)\n{\n    int a = 0;\n\n    return a;\n}\n"),
                    ("daemon/base/m.c", HEAD + "void f(void)\n{\n    if ((x = g()) < 0)\n        h();\n}\n"),
                    ("daemon/base/n.c", HEAD + "void f(void)\n{\n    if (!rc)\n        h();\n}\n"),
                    ("daemon/base/o.c", HEAD + "void f(void)\n{\n    if (rc)\n        h();\n}\n")],
    lint.words: [("daemon/base/t.c", HEAD + "\nstatic int f(void)\n{\n" + "    f();\n" * 15 + "}\n")],
    lint.sql: [("daemon/service/staff/p.c", HEAD + 'void f(void)\n{\n    db_query(db, "SELECT 1");\n}\n')],
    lint.states: [("daemon/store/repo_q.c", HEAD + 'const char *q = "UPDATE message SET done=1,"\n                "state=$1 WHERE id=$2";\n'),
                  ("daemon/service/tickets/r.c", HEAD + "void f(void)\n{\n    k->row.state = TICKET_OPEN;\n}\n"),
                  ("daemon/service/incidents/s.c", HEAD + "void f(void)\n{\n    r->state = 1;\n}\n")],
    lint.cut_texts: [("daemon/base/t.c", HEAD + "void f(void)\n{\n    struct buf b = BUF_CUT(9);\n    jw_init(&w, &b);\n}\n")],
    lint.partial_indexes: [("daemon/store/i.c", HEAD + 'const char *q = "WHERE done = $1";\n')],
    lint.places: [("docs/j.md", "see /ro" + "ot/secret\n")],
    lint.format: [("daemon/base/k.c", HEAD + "int   x ;\n")],
}


def main():
    failed = []
    for rule, plants in PLANTED.items():
        for path, text in plants:
            with tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                subprocess.run(["git", "init", "-q", folder], check=True)
                (root / "tests/lint").mkdir(parents=True)
                (root / "tests/lint/exceptions.txt").write_text("")
                (root / "tests/lint/unspoken.txt").write_text("")
                top = pathlib.Path(__file__).resolve().parents[2]
                (root / "CMakeLists.txt").write_text((top / "CMakeLists.txt").read_text())
                style = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"
                (root / ".clang-format").write_text(style.read_text())
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
                found = lint.check(root, [rule])
                if not any(fault.startswith(path + ":") for fault in found):
                    failed.append(f"{rule.__name__} did not find the fault planted in {path}")
    print("\n".join(failed) if failed else f"lint selftest: {sum(map(len, PLANTED.values()))} planted faults found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
