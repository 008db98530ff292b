#!/usr/bin/env python3
"""Does the house stand as ARCHITECTURE.md says?

- Includes point downwards, as its table of floors has it; a module, or any other room
  of a floor, does not include files of its neighbours. (Unit tests may: a simulation
  runs the cores of several.)
- The picture of rooms names the folders that there are, and no others. In rooms whose
  folders are floors, too (ORDERED), a folder only includes what stands above it there.
  What lies beside the folders is their ground, or stands on all of them. Unit tests
  may use all of their room.
- No folder has more than NOUNS_MAX nouns (x.c, x.h, x_test.c and x_fuzz.c are one).

Prints one line for each finding; exit status 1 if there is one.
"""
import os
import re
import sys

ORDERED = {"src/broker": "ground", "src/shell": "ground", "src/fluxion": "roof"}
ROOF = {"src/broker/main.c"}
NOUNS_MAX = 28
PUBLISHED = "include/flux"  # the names of its headers are
TOP = {"config.h"}  # generated

findings = []


def floors(text):
    """[(floor, may use, [room, ...])] of the table; a room may end in /NAME."""
    rows = []
    for line in text.splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 5 and cells[1].isdigit():
            may = {int(n) for n in re.findall(r"\b(\d)\b", cells[4])}
            rows.append((int(cells[1]), may, re.findall(r"`(src/[^`]+)`", cells[2])))
    return rows


def picture(text):
    """{room: [folder, ...]} of the lines below "## Rooms", in their order."""
    rooms, room = {}, None
    for line in text.split("\n## Rooms\n")[1].split("\n## ")[0].splitlines():
        if m := re.match(r"    (\S+)/(\s|$)", line):
            room = m[1]
            rooms[room] = []
        elif room and line.startswith("        "):
            names = re.match(r"\s+((?:[\w-]+/\s*)+)", line)
            rooms[room] += names[1].replace("/", " ").split() if names else []
    return rooms


def room_of(path, rows):
    """(room, floor, may use) of a file."""
    for floor, may, rooms in rows:
        for room in rooms:
            pattern = re.escape(room).replace("/NAME", r"/[^/]+") + "/"
            if m := re.match(pattern, path):
                return m[0][:-1], floor, may
    return None, None, None


def folder_of(path, room):
    rest = path[len(room) + 1:].split("/")
    return rest[0] if len(rest) > 1 else ""


def check_include(path, number, target, rows, pic):
    room, here, may = room_of(path, rows)
    other, floor, _ = room_of(target, rows)
    test = "_test." in path
    where = f"{path}:{number}: "
    if other is None:
        findings.append(f"{where}{target} lies in no room")
    elif other != room:
        if floor not in may and not (test and floor <= here):
            findings.append(f"{where}{room} may not include {target}")
    elif room in ORDERED:
        order = [""] + pic[room] if ORDERED[room] == "ground" else pic[room] + [""]
        mine, its = folder_of(path, room), folder_of(target, room)
        if path not in ROOF and not test and order.index(its) > order.index(mine):
            findings.append(f"{where}{mine or room}/ may not include {its or room}/")


def check_file(path, rows, pic):
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m or m[1] in TOP or m[1].endswith(".pb-c.h"):
                continue
            here = os.path.normpath(os.path.join(os.path.dirname(path), m[1]))
            target = here if os.path.exists(here) else "src/" + m[1]
            if not os.path.exists(target):
                findings.append(f"{path}:{number}: there is no {m[1]}")
            else:
                check_include(path, number, target, rows, pic)


def check_picture(pic):
    for room, folders in pic.items():
        if not os.path.isdir(room):
            findings.append(f"ARCHITECTURE.md: there is no {room}/")
            continue
        there = {e.name for e in os.scandir(room) if e.is_dir()}
        for name in sorted(there - set(folders)):
            findings.append(f"ARCHITECTURE.md: {room}/{name}/ is not in the picture")
        for name in sorted(set(folders) - there):
            findings.append(f"ARCHITECTURE.md: there is no {room}/{name}/")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open("ARCHITECTURE.md", encoding="utf-8") as f:
        text = f.read()
    rows, pic = floors(text), picture(text)
    check_picture(pic)
    files = 0
    for folder, dirs, names in os.walk("."):
        folder = os.path.relpath(folder, ".")
        dirs[:] = [d for d in sorted(dirs) if d != "__pycache__"]
        if folder == ".":
            dirs[:] = [d for d in dirs if d in ("src", "include", "test", "tools", "bench")]
        for name in sorted(names):
            if folder.startswith("src/") and re.search(r"\.[chS]$", name):
                check_file(os.path.join(folder, name), rows, pic)
                files += 1
        nouns = {re.sub(r"(_test|_fuzz)?\.\w+$", "", n) for n in names if n != "meson.build"}
        data = folder.startswith(("test/fuzz/", "test/fluxion/", "test/data", "test/toml/"))
        if len(nouns) > NOUNS_MAX and not data and folder != PUBLISHED:
            findings.append(f"{folder}: {len(nouns)} nouns are more than {NOUNS_MAX}")
    if files == 0:
        findings.append("no sources found")
    print("\n".join(findings) or f"{files} files include downwards")
    return 1 if findings else 0


sys.exit(main())
