"""config.py TABLE PART...: each key of the configuration does what the table says.

A row is KEY (TABLE.KEY), HOW and WHAT:

  test      FILE          this script of test/system (or a test in src) uses the key;
            FILE :: TEXT  where it does not name it so, this text does
  refused   REGEX :: JSON           an instance with it does not start, and a line is so, and
                                    names the file
  says      REGEX :: JSON :: COMMAND      in an instance with it, $CONF, a line of what it
                                          prints is so, and without it is not
  differs   REGEX :: JSON :: OTHER :: COMMAND   with JSON it is, and with OTHER it is not
  always    REGEX :: JSON :: COMMAND      with it it is

Parts: pages (each key that is taken stands on the page of its table, and no other), code
(the table has each key that the code knows, and no other), tests, and tried."""
import glob
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, '..', '..')

KINDS = r'\{ "([\w-]+)", JSON_KIND_'
STRICT = r'"([\w-]+)",\s*&'
# What reads a table: where, how its keys are written there, and between which words.
CODE = [
    ('access', 'src/broker/lifecycle/tables.c', KINDS, 'access_keys', 'NULL'),
    ('sched-simple', 'src/broker/lifecycle/tables.c', KINDS, 'sched_simple_keys', 'NULL'),
    ('systemd', 'src/broker/lifecycle/tables.c', KINDS, 'systemd_keys', 'NULL'),
    ('bootstrap', 'src/broker/boot/bootstrap.c', KINDS, '', r'\Z'),
    ('bootstrap', 'src/broker/boot/bootstrap.c', STRICT, 'JSON_STRICT', r'\)'),
    ('content-sqlite', 'src/modules/content-backing/sqlite/db_open.c',
     r'strcmp \(name, "(\w+)"', '', r'\Z'),
    ('exec', 'src/modules/job-exec/config.c', KINDS, 'keys', 'NULL'),
    ('exec', 'src/modules/job-exec/config.c', r'\{ "([\w-]+)", "', 'foreign', ';'),
    ('heartbeat', 'src/modules/heartbeat/pulse.c', KINDS, '', r'\Z'),
    ('ingest', 'src/modules/job-ingest/stages.c', KINDS, '', r'\Z'),
    ('ingest', 'src/modules/job-ingest/stages.c', r'strcmp \(key, "(\w+)"', 'parse_stage',
     'parse_numbers'),
    ('job-manager', 'src/modules/job-manager/purge.c', KINDS, '', r'\Z'),
    ('job-manager', 'src/modules/job-manager/jobtap/jobtap.c', STRICT, 'JSON_STRICT', r'\)'),
    ('job-manager', 'src/modules/job-manager/plugins/perilog_conf.c', KINDS, '', r'\Z'),
    ('job-manager', 'src/modules/job-manager/housekeeping.c', KINDS, '', r'\Z'),
    ('kvs', 'src/modules/kvs/period.c', KINDS, '', r'\Z'),
    ('policy', 'src/modules/job-manager/machine/jobqueue.c', KINDS, r'\A', 'check_queue'),
    ('policy', 'src/modules/job-ingest/ingest.c', KINDS, '', r'\Z'),
    ('queues', 'src/modules/job-manager/machine/jobqueue.c', KINDS, 'check_queue', r'\Z'),
    ('resource', 'src/modules/resource/settings.c', KINDS, '', r'\Z'),
    ('fake-resources', 'src/modules/resource/fake.c', KINDS, '', r'\Z'),
    ('tbon', 'src/broker/attrs.c',
     r'\{ "tbon\.([\w-]+)", (?!ATTR_IMMUTABLE \| ATTR_NOBOOT)', '', r'\Z'),
]


def sh(command, env=None, limit=100):
    r = subprocess.run(['sh', '-c', command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, stdin=subprocess.DEVNULL, timeout=limit,
                       env=dict(os.environ, **(env or {})))
    return r.returncode, r.stdout


def rows(path):
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                yield line.rstrip('\n').split('\t')


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def say(text, bad):
    print(f'not ok - {text}' if bad else f'ok - {text}')
    for line in bad:
        print(f'# {line}')


def suffixes(key):
    parts = key.split('.')
    return ['.'.join(parts[i:]) for i in range(len(parts))]


# --- what people read ---

def pages(table):
    bad, count = [], 0
    taken = [key for key, how, _ in table if how != 'refused']
    names = {key.split('.')[0] for key in taken}
    for name in sorted(names):
        path = os.path.join(SOURCE, f'man/flux-config-{name}.5.scd')
        if not os.path.exists(path):
            bad.append(f'[{name}] has no page')
            continue
        text = read(path)
        bold = set(re.findall(r'\*([\w.-]+)\*', text))
        own = [key for key in taken if key.split('.')[0] == name]
        count += len(own)
        bad += [f'{path}: {key} is missing' for key in own
                if not bold & set(suffixes(key))]
        ends = {s for key, _, _ in table if key.split('.')[0] == name for s in suffixes(key)}
        for line in re.findall(r'^(\*[\w.-]+\*.*)\n\t', text, re.M):
            terms = re.findall(r'\*([\w.-]+)\*', line.split(' (')[0])
            bad += [f'{path}: there is no key {t}' for t in terms if t not in ends]
        index = read(os.path.join(SOURCE, 'man/flux-config.5.scd'))
        if f'*flux-config-{name}*(5)' not in index:
            bad.append(f'flux-config.5.scd does not list {name}')
    say(f'the pages have all {count} keys of {len(names)} tables, and no other', bad)


# --- what the code knows ---

def known():
    found = {}
    for name, path, pattern, begin, end in CODE:
        text = read(os.path.join(SOURCE, path))
        pieces = re.findall(f'(?:{begin}).*?(?:{end})', text, re.S) if begin or end != r'\Z' else [text]
        keys = {k for piece in pieces for k in re.findall(pattern, piece)}
        if not keys and name != 'sched-simple':
            raise SystemExit(f'{path}: no keys of [{name}] found')
        found.setdefault(name, set()).update(keys)
    return found


def code(table):
    bad, count = [], 0
    listed = {}
    for key, _, _ in table:
        name, *parts = key.split('.')
        listed.setdefault(name, set()).update(parts)
    for name, keys in known().items():
        count += len(keys)
        bad += [f'not in the table: {name}: {k}' for k in sorted(keys - listed.get(name, set()))]
    places = {path for _, path, *_ in CODE}
    for path in glob.glob(os.path.join(SOURCE, 'src/**/*.c'), recursive=True):
        short = os.path.relpath(path, SOURCE)
        if short not in places and not short.endswith('_test.c') and re.search(KINDS, read(path)):
            bad.append(f'{short} reads keys, and config.py does not know')
    taken = [key for key, how, _ in table if how != 'refused']
    for key in taken:
        name, *parts = key.split('.')
        missing = [p for p in parts if p != 'NAME' and p not in known()[name]
                   and key not in IN_ARRAYS]
        bad += [f'not in the code: {key}'] if missing else []
    say(f'the table has all {count} keys that the code knows', bad)


# Read by src/value/resource/rset_config.c, with no list of names.
IN_ARRAYS = {'resource.config.' + k for k in ('hosts', 'cores', 'gpus', 'properties')}


# --- those that other tests use ---

def tests(table):
    bad, count = [], 0
    for key, how, what in table:
        if how != 'test':
            continue
        count += 1
        name, _, literal = what.partition(' :: ')
        text = read(os.path.join(SOURCE if name.startswith('src/') else HERE, name))
        last = r'(?<![\w-])' + re.escape(key.split('.')[-1]) + r'(?![\w-])'
        if literal not in text if literal else not re.search(last, text):
            bad.append(f'{name} does not use {key}')
    say(f'{count} keys are used where the table says', bad)


# --- those that are tried here ---

def under(conf, command):
    """Status and output of COMMAND in an instance of its own that has the configuration."""
    conf = conf.replace('@HOST@', socket.gethostname())
    json.loads(conf)
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'tried.json')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(conf)
        return sh(f'flux start --config-path={path} sh -c "$COMMAND"',
                  {'COMMAND': command, 'CONF': conf})


def like(regex, out):
    return re.search(regex, out, re.M) is not None


def attempt(row):
    key, how, what = row
    regex, conf, *more = what.split(' :: ')
    if how == 'refused':
        rc, out = under(conf, 'true')
        lines = [line for line in out.splitlines() if like(regex, line)]
        good = rc == 1 and lines and any('tried.json' in line for line in lines)
        return None if good else f'{key}: status {rc}: {out}'
    without = {'says': '{}', 'differs': more[0], 'always': None}[how]
    _, out = under(conf, more[-1])
    if not like(regex, out):
        return f'{key}: {out}'
    if without and like(regex, under(without, more[-1])[1]):
        return f'{key}: it is so without it, too'
    return None


def tried(table):
    todo = [row for row in table if row[1] != 'test']
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(attempt, todo))
    for how in ('refused', 'says', 'differs', 'always'):
        bad = [a for row, a in zip(todo, answers) if row[1] == how and a]
        say(f'{how}: {sum(row[1] == how for row in todo)}', bad)


def main(path, *parts):
    table = list(rows(path))
    for row in table:
        assert len(row) == 3, row
    for part in parts:
        {'pages': pages, 'code': code, 'tests': tests, 'tried': tried}[part](table)


main(*sys.argv[1:])
