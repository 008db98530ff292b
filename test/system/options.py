"""options.py TABLE PART...: each option of each command does what the table says.

A row is COMMAND (several: a,b), OPTION (-k,--name), HOW and WHAT:

  test      FILE          this script of test/system uses the option with the command;
            FILE :: TEXT  where it does not say so in one line, this text does
  jobspec   ARGS :: PATH = JSON   --dry-run with ARGS has this at PATH, without it has not
  whole     the same, without a number of slots
  bulk      ARGS          bulksubmit --dry-run takes and prints them
  says      REGEX :: COMMAND      status 0, and a line of what it prints is like REGEX
  always    REGEX :: COMMAND      the same, of an option that asks for what is so without
  differs   COMMAND :: COMMAND    both have status 0, and do not print the same
  alias     COMMAND       the help of both says the same of it: one command, two names
  same      COMMAND       one table of options in the code: as that command's row
  refused   REGEX :: COMMAND      another status than 0, and at most a line and a usage

Parts: complete (the table has each option that --help of each command has, and no
other, but for those that are refused), tests, and the others, that need an instance:
tried, and weak (no row that says something says it also without its option; that one may
wait for what never comes is as good, and takes a while)."""
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, '..', '..')


# Those that change nothing: they may run at the same time.
QUIET = ('jobspec', 'whole', 'bulk', 'alias', 'same')


def sh(command, limit=60):
    r = subprocess.run(['sh', '-c', command], capture_output=True, text=True,
                       stdin=subprocess.DEVNULL, timeout=limit)
    return r.returncode, r.stdout + r.stderr


def rows(path):
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                commands, option, how, what = line.rstrip('\n').split('\t')
                for command in commands.split(','):
                    yield command, option, how, what


# --- what --help lists ---

def options_of(text):
    for line in text.splitlines():
        # as argparse has it, and as optparse
        line = re.sub(r'^(  -\S) \S+, --', r'\1, --', line)
        line = re.sub(r'^  --', '      --', line)
        m = re.match(r'  (?:-(\S), --([\w-]+)|-(\S)(?= |$)|    --([\w-]+))', line)
        if m:
            key, name = m.group(1) or m.group(3), m.group(2) or m.group(4)
            if name != 'help':
                yield ','.join(([f'-{key}'] if key else []) + ([f'--{name}'] if name else []))


def help_of(command):
    _, text = sh(f'flux {command} --help')
    m = re.search(r'(?:subcommands:|  subcommand|  \{[\w,-]+\})\n((?:   +\S.*\n)+)', text)
    found = [(command, o) for o in options_of(text)]
    for line in re.findall(r'^ {3,4}\S.*', m.group(1), re.M) if m else []:
        found += help_of(f'{command} {line.split()[0]}')
    return found


def complete(table):
    with open(os.path.join(SOURCE, 'src/cmd/commands.def'), encoding='utf-8') as f:
        names = [n.replace('_', '-') for n in re.findall(r'COMMAND \((\w+)\)', f.read())]
    with ThreadPoolExecutor(4) as pool:
        there = {o for found in pool.map(help_of, names) for o in found}
    listed = {(c, o) for c, o, how, _ in table if how != 'refused'}
    known = {(c, o) for c, o, _, _ in table}
    say(f'the table has all {len(there)} options of {len(names)} commands',
        [f'not in the table: {c} {o}' for c, o in sorted(there - known)]
        + [f'not an option: {c} {o}' for c, o in sorted(listed - there)])


# --- those that other tests use ---

def uses(text, command, option):
    words = [re.escape(w) + r'(?![\w-])' for w in command.split()]
    start = r'''\bflux(?:-|[ '",\]]+)(?:-\S+ )*''' + r'''[ '",]+(?:-\S+ )*'''.join(words)
    names = []
    for o in option.split(','):
        names.append(r'(?<![\w-])' + (re.escape(o) + r'(?![\w-])' if o.startswith('--')
                                      else '-[a-zA-Z]*' + o[1]))
    for line in text.splitlines():
        for m in re.finditer(start, line):
            if re.search('|'.join(names), re.split(r';|\||&&|\$\(', line[m.start():])[0]):
                return True
    return False


def tests(table):
    texts, bad, count = {}, [], 0
    for command, option, how, what in table:
        if how != 'test':
            continue
        count += 1
        name, _, literal = what.partition(' :: ')
        if name not in texts:
            with open(os.path.join(HERE, name), encoding='utf-8') as f:
                texts[name] = re.sub(r'\\\n\s*', ' ', f.read())
        if literal not in texts[name] if literal else not uses(texts[name], command, option):
            bad.append(f'{name} does not use {command} {option}')
    say(f'{count} options are used where the table says', bad)


# --- those that are tried here ---

def at(o, path):
    for key in re.findall(r'"[^"]*"|[^.]+', path):
        key = key.strip('"')
        try:
            o = o[int(key)] if isinstance(o, list) else o.get(key)
        except (IndexError, ValueError, AttributeError):
            return None
    return o


def try_jobspec(command, what, slots):
    args, expected = what.split(' :: ')
    path, value = expected.split(' = ')
    sized = '-n1' if slots and command in ('batch', 'alloc') else ''
    wrap = '--wrap' if command == 'batch' else ''
    specs = []
    for a, n in ((args, sized), ('', '-n1')):
        rc, out = sh(f'flux {command} --dry-run {n} {a} {wrap} true')
        if rc != 0:
            return out
        specs.append(at(json.loads(out), path))
    if specs[0] != json.loads(value) or specs[1] == specs[0]:
        return f'{path}: {specs[0]} with it, {specs[1]} without'
    return None


def try_row(command, option, how, what):
    if how in ('jobspec', 'whole'):
        return try_jobspec(command, what, how == 'jobspec')
    if how in ('alias', 'same'):
        texts = [re.findall(rf'^ .*{re.escape(option.split(",")[-1])}\b.*', sh(f'flux {c} --help')[1],
                            re.M) for c in (command, what)]
        return None if texts[0] and texts[0] == texts[1] else str(texts)
    if how == 'bulk':
        rc, out = sh(f'flux bulksubmit --dry-run {what} true ::: a')
        want = f'bulksubmit: submit {what} true\n'.replace('{}', 'a')
        return None if (rc, out) == (0, want) else out
    if how == 'differs':
        (ra, a), (rb, b) = (sh(c) for c in what.split(' :: '))
        return None if ra == 0 and rb == 0 and a != b else f'{ra}: {a}{rb}: {b}'
    pattern, run = what.split(' :: ', 1)
    rc, out = sh(run)
    if (rc == 0) == (how == 'refused'):
        return f'status {rc}: {out}'
    lines = out.splitlines() or ['']
    if how == 'refused' and len([x for x in lines if not x.lower().startswith('usage:')
                                 and not x.startswith('Try ')]) > 2:
        return f'more than a line: {out}'
    return None if any(re.search(pattern, x) for x in lines) else f'{pattern}: {out}'


def tried(table):
    def one(row):
        try:
            return try_row(*row)
        except (subprocess.TimeoutExpired, ValueError, OSError) as e:
            return str(e)
    groups = {}
    for row in table:
        if row[2] != 'test':
            groups.setdefault(row[0], []).append(row)
    for command, group in groups.items():
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(one, group) if all(r[2] in QUIET for r in group)
                           else map(one, group))
        say(f'flux {command}: {len(group)} options',
            [f'{r[1]}: {r[3]}\n{a}' for r, a in zip(group, answers) if a])


# --- whether a row could fail ---

def without(command, option, run):
    """The line without the option and its argument, or itself."""
    _, text = sh(f'flux {command} --help')
    for name in option.split(','):
        takes = re.search(rf'(?<![\w-]){name}[ =](?:[A-Z], --[\w-]+=)?[A-Z]', text) or (
            not name.startswith('--')
            and re.search(rf'(?<![\w-]){name}, --[\w-]+[ =][A-Z]', text))
        value = r"""(?:"[^"]*"|'[^']*'|[^\s;)]+)"""
        joined = f'={value}' if name.startswith('--') else f'=?{value}'
        shapes = [joined, f' +{value}', ''] if takes else [joined if name.startswith('--') else '', '']
        for shape in shapes:
            line = re.sub(rf'(?<=\s){name}{shape}(?=[\s);|&]|$)', '', run)
            if line != run:
                return line
    return run


def weak(table):
    rows = [r for r in table if r[2] == 'says']
    bad = []
    for command, option, _, what in rows:
        pattern, run = what.split(' :: ', 1)
        line = without(command, option, run)
        if line == run:
            bad.append(f'{command} {option}: the option is not in the line')
            continue
        try:
            rc, out = sh(line, 8)
        except subprocess.TimeoutExpired:
            continue
        if rc == 0 and any(re.search(pattern, x) for x in out.splitlines() or ['']):
            bad.append(f'{command} {option}: the same without it: {line}')
    say(f'{len(rows)} rows would fail without their options', bad)


def say(name, bad):
    print(('not ok' if bad else 'ok') + ' - ' + name)
    for text in bad:
        print('\n'.join('# ' + line for line in text.splitlines()))


if __name__ == '__main__':
    sys.stdout.reconfigure(line_buffering=True)
    every = list(rows(sys.argv[1]))
    for part in sys.argv[2:]:
        {'complete': complete, 'tests': tests, 'tried': tried, 'weak': weak}[part](every)
