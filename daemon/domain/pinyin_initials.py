#!/usr/bin/python3
"""Writes daemon/domain/pinyin_initials.c from Unicode's Unihan_Readings.txt (Debian: unicode-data).

Run once when the Unicode data changes; the result is checked in, so that the build needs no data.
Usage: daemon/domain/pinyin_initials.py [Unihan_Readings.txt[.bz2]]
"""
import bz2
import pathlib
import sys
import unicodedata

FIRST, LAST = 0x4E00, 0x9FFF
DEFAULT = "/usr/share/unicode/Unihan_Readings.txt.bz2"


def readings(path):
    """Yield (code point, most common reading) of every kMandarin line."""
    opener = bz2.open if path.endswith(".bz2") else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            parts = line.rstrip("\n").split("\t")
            if len(parts) == 3 and parts[1] == "kMandarin":
                yield int(parts[0][2:], 16), parts[2].split()[0]


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    table = ["."] * (LAST - FIRST + 1)
    for code, reading in readings(path):
        if FIRST <= code <= LAST:
            table[code - FIRST] = unicodedata.normalize("NFD", reading)[0].lower()
    rows = ["".join(table[i:i + 80]) for i in range(0, len(table), 80)]
    text = "\n".join('    "%s"' % row for row in rows)
    out = pathlib.Path(__file__).resolve().parent.parent / "daemon/domain/pinyin_initials.c"
    out.write_text(
        "/*\n * pinyin_initials.c - made by daemon/domain/pinyin_initials.py from Unihan_Readings.txt"
        " (kMandarin).\n */\n#include \"domain/pinyin.h\"\n\n/* clang-format off */\n"
        "const char pinyin_table[PINYIN_LAST - PINYIN_FIRST + 2] =\n%s;\n" % text, encoding="utf-8")


if __name__ == "__main__":
    main()
