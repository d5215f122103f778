"""The rooms of daemon/ and the arrows between them: who may include and link whom.

The one table is the `steward_room(NAME FOLDER ROOM...)` lines of CMakeLists.txt. It is held against
the includes, and against the symbols that each room's library really needs, so that a prototype
written by hand opens no back door.
"""
import pathlib
import re
import subprocess

FLOORS = ("base", "domain", "store", "spine")  # what stands on one may use all below it
PROGRAMS = {"main": None, "ctl": {"base"}, "sim": {"base"}}  # None: every room


def table(root):
    """{room: (folder, rooms that it may use)} of the tree's CMakeLists.txt."""
    named = {}
    for m in re.finditer(r"^steward_room\((\w+) (\S+)((?: \w+)*)\)", (root / "CMakeLists.txt").read_text(), re.M):
        named[m[1]] = (m[2], set(m[3].split()))
    rooms = {}
    for room, (folder, may) in named.items():
        below = set()
        for other in may & set(FLOORS):
            below |= set(FLOORS[:FLOORS.index(other) + 1])
        rooms[room] = (folder, may | below | {room})
    return rooms


def room_of(path, rooms):
    """The room in whose folder a path below daemon/ stands, or None."""
    folder = str(pathlib.PurePosixPath(path).parent)
    return next((room for room, (f, _) in rooms.items() if f == folder), None)


def include_faults(path, text, rooms):
    """Includes of one file (its path below daemon/) that are no arrow of the table."""
    here = str(pathlib.PurePosixPath(path).parent)
    own = room_of(path, rooms)
    if not own and here not in PROGRAMS:
        yield 1, f"daemon/{here} is in no room (steward_room in CMakeLists.txt)"
        return
    may = rooms[own][1] if own else PROGRAMS[here]
    for n, line in enumerate(text, 1):
        m = re.match(r'\s*#\s*include\s+"([a-z_/]+)\.h"', line)
        if not m:
            continue
        there = str(pathlib.PurePosixPath(m[1]).parent)
        room = room_of(m[1], rooms)
        if there == here:
            continue
        if m[1].endswith("_priv"):
            yield n, f"{m[1]}.h is {there}'s own"
        elif not room:
            yield n, f"{m[1]}.h is in no room"
        elif may is not None and room not in may:
            yield n, f"{own or here} may not include {room} (CMakeLists.txt has the arrows)"


def symbols(archive):
    """(defined, needed) global symbols of a static library."""
    out = subprocess.run(["nm", "-g", "--no-sort", str(archive)], capture_output=True, text=True).stdout
    defined, needed = set(), set()
    for line in out.split("\n"):
        parts = line.split()
        if len(parts) >= 2 and len(parts[-2]) == 1:
            (needed if parts[-2] == "U" else defined).add(parts[-1])
    return defined, needed - defined


def symbol_faults(root, rooms):
    """What a library takes from a room that it may not use; nothing where the tree is not built."""
    folder = next((root / "build" / p for p in ("asan", "release") if (root / "build" / p / "libbase.a").exists()), None)
    if not folder:
        return
    seen = {room: symbols(folder / f"lib{room}.a") for room in rooms}
    home = {name: room for room, (defined, _) in seen.items() for name in defined}
    for room, (_, needed) in seen.items():
        for name in sorted(needed):
            if name in home and home[name] not in rooms[room][1]:
                yield f"{room} may not use {home[name]}, of which it calls {name}"
