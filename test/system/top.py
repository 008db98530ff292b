# flux top in a terminal: each case prints "ok NAME" or "not ok NAME" and why.
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from terminal import Terminal


def flux(*args, uri=None):
    env = dict(os.environ, **({'FLUX_URI': uri} if uri else {}))
    return subprocess.run(('flux',) + args, env=env, check=True, timeout=60,
                          stdout=subprocess.PIPE).stdout.decode().strip()


def case(name):
    def wrap(f):
        try:
            f()
            print('ok', name, flush=True)
        except Exception as e:
            print('not ok', name)
            for line in traceback.format_exc().splitlines():
                print('#', line, flush=True)
    return wrap


def top(*args, rows=20, cols=80):
    return Terminal(['flux', 'top', *args], rows, cols)


def quit(t, keys='q', status=0):
    t.send(*keys)
    got = t.finish()
    assert got == status, 'status %d\n%s' % (got, t.text())
    assert t.restored(), 'the terminal is not as it was'
    t.close()


SLEEP = flux('submit', '-n1', '--job-name=sleeper', 'sleep', 'inf')
INNER = ('#!/bin/sh\nflux submit -n1 --job-name=inner sleep inf; sleep inf')


def nest():
    """A nested instance that has posted its URI and runs a job."""
    with open('nest.sh', 'w') as f:
        f.write(INNER)
    job = flux('batch', '-n1', '--output=none', '--job-name=nest', 'nest.sh')
    flux('job', 'wait-event', '-t', '60', job, 'memo')
    uri = ''
    while not uri:  # job-list hears of it later than the log
        uri = flux('jobs', '-no', '{uri}', job)
    return job, re.sub('ssh://[^/]*', 'local://', uri)


@case('a screen with nodes, cores, counts and jobs')
def _():
    t = top()
    t.wait(r'sleeper')
    t.wait(r'1 running')
    text = t.wait(r'nodes \[\|+ +1/2\]')  # each is an answer of its own
    assert re.search(r'^ size: 2 +uptime: ', text, re.M), text
    assert re.search(r'^ +JOBID +USER ST NTASKS NNODES RUNTIME NAME$', text, re.M), text
    quit(t)


@case('a job appears when it is submitted, and goes when it is canceled')
def _():
    t = top()
    t.wait('sleeper')
    job = flux('submit', '--job-name=visitor', 'sleep', 'inf')
    t.wait(r'%s .* visitor' % job)
    t.wait('2 running')
    t.send('g', 'c')
    t.wait(r'cancel %s \(visitor\)\? y/n' % job)
    t.send('n')
    t.wait('2 running$')
    t.send('g', 'c', 'y')
    t.wait('visitor', absent=True)
    t.wait(r'%s is canceled|1 failed' % job)
    quit(t)


@case('filter, and all again')
def _():
    job = flux('submit', '--job-name=other', 'sleep', 'inf')
    t = top()
    t.wait('other')
    t.send('/', 'slee')
    t.wait('filter: slee')
    t.wait('other', absent=True)
    t.wait('sleeper')
    t.send('enter')
    t.wait('1 running with "slee"')
    t.send('escape')
    t.wait('other')
    t.send('s', 's', 's', 's', 's')
    t.wait('(?s)NAME▾.*other.*sleeper')  # a screen may come in pieces
    t.send('S')
    t.wait('(?s)NAME▴.*sleeper.*other')
    flux('cancel', job)
    t.wait('other', absent=True)
    quit(t)


@case('pending and ended jobs')
def _():
    job = flux('submit', '--urgency=hold', '--job-name=held', 'true')
    t = top()
    t.wait('1 pending')
    t.send('v')
    t.wait('held')
    t.wait('WAITING')
    flux('cancel', job)
    t.wait('held', absent=True)
    t.send('v')
    t.wait(r'%s +\S+ CA .*held' % job)
    t.send('d')
    t.wait(r'inactive$')
    quit(t)


@case('resize')
def _():
    t = top()
    t.wait('sleeper')
    t.resize(30, 120)
    text = t.wait('sleeper')
    t.wait(r'nodes \[.{47}\]')
    t.resize(8, 30)
    t.wait(r'nodes \[')
    t.resize(2, 5)
    t.resize(20, 80)
    t.wait('sleeper')
    t.send('\f')
    t.wait('sleeper')
    quit(t)


@case('help')
def _():
    t = top()
    t.wait('sleeper')
    t.send('?')
    t.wait('Backspace q')
    t.send('x')
    t.wait('sleeper')
    quit(t)


@case('into a nested instance, cancel there, and back')
def _():
    job, uri = nest()
    t = top()
    t.wait('%s .* nest' % job)
    t.send('enter')
    t.wait('^ƒ +/%s' % job)
    t.wait('depth: 1')
    t.wait('inner')
    inner = flux('jobs', '-no', '{id}', uri=uri)
    t.send('c')
    t.wait(r'cancel %s \(inner\)' % inner)
    t.send('y')
    t.wait('inner', absent=True)
    more = flux('submit', '--job-name=second', 'sleep', 'inf', uri=uri)
    t.wait('second')
    t.send('backspace')
    t.wait('sleeper')
    t.wait('/%s' % job, absent=True)
    t.send('backspace')  # there is nothing around this one
    t.send('enter')
    t.wait('second')
    quit(t, 'qq')
    flux('cancel', job)


@case('a nested instance that dies while it is shown')
def _():
    job, uri = nest()
    t = top()
    t.wait('nest')
    t.send('enter')
    t.wait('inner')
    pid = flux('getattr', 'broker.pid', uri=uri)
    os.kill(int(pid), signal.SIGKILL)
    t.wait('/%s has ended' % job)
    t.wait('sleeper')
    t.send('j')
    t.wait('has ended', absent=True)
    quit(t)


@case('a nested instance that has stopped holds up nobody')
def _():
    job, uri = nest()
    pid = int(flux('getattr', 'broker.pid', uri=uri))
    os.kill(pid, signal.SIGSTOP)
    t = top()
    t.wait('nest')
    t.send('enter')
    t.wait('%s is being opened' % job)
    more = flux('submit', '--job-name=meanwhile', 'sleep', 'inf')
    t.wait('meanwhile')
    t.wait('%s: .*the broker does not answer' % job)
    t.send('enter')
    t.wait('%s is being opened' % job)
    os.kill(pid, signal.SIGCONT)
    t.wait('inner')
    quit(t, 'qq')
    flux('cancel', job, more)


@case('a job that is no instance is not opened')
def _():
    t = top()
    t.wait('sleeper')
    t.send('enter')
    t.wait('this job is not an instance')
    quit(t)


for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    @case('%s restores the terminal' % sig.name)
    def _():
        t = top()
        t.wait('sleeper')
        t.kill(sig)
        quit(t, '', 128 + sig)


@case('so does a crash')
def _():
    t = top()
    t.wait('sleeper')
    t.kill(signal.SIGSEGV)
    quit(t, '', -signal.SIGSEGV)


@case('suspended and continued')
def _():
    t = Terminal(['sh', '-c', 'set -m; flux top; echo stopped; read x; fg'], 20, 80)
    t.wait('sleeper')
    t.send('\x1a')
    end = time.monotonic() + 30  # what it draws meanwhile is no answer
    while b'stopped' not in t.all:
        assert time.monotonic() < end and t.read(30), t.text()
    assert t.restored(), t.text()
    t.send('enter')
    t.wait('sleeper')
    quit(t)


@case('--test-exit-dump')
def _():
    with tempfile.NamedTemporaryFile() as f:
        t = top('--test-exit', '--test-exit-dump=' + f.name)
        quit(t, '')
        text = open(f.name).read()
        assert 'sleeper' in text and '1 running' in text, text


@case('a target: a job that is an instance, a URI, and what is none')
def _():
    job, uri = nest()
    for target in (job, uri):
        t = top(target)
        t.wait('depth: 1')
        t.wait('inner')
        quit(t)
    for target, text in (('nosuch', b'nosuch is not a valid Flux jobid'),
                         ('f1', b'jobid f1 not found'),
                         (SLEEP, b'is not a Flux instance'), ('local:///nosuch', b'connecting')):
        t = top(target)
        quit(t, '', 1)
        assert text in t.all, t.all
    flux('cancel', job)


@case('a queue that is not configured')
def _():
    t = top('-q', 'nosuch')
    quit(t, '', 1)
    assert b'flux-top: queue nosuch not configured' in t.all, t.all


@case('the instance ends while it is shown')
def _():
    with tempfile.TemporaryDirectory() as d:
        os.mkfifo(d + '/uri')
        p = subprocess.Popen(['flux', 'start', 'sh', '-c',
                              '(flux getattr local-uri; flux getattr broker.pid) >%s/uri;'
                              'sleep inf' % d])
        uri, pid = open(d + '/uri').read().split()
        t = Terminal(['flux', 'top'], 20, 80, {'FLUX_URI': uri})
        t.wait('uptime')
        os.kill(int(pid), signal.SIGKILL)
        quit(t, '', 1)
        assert b'flux-top: the connection to the instance is lost' in t.all, t.all
        p.wait()


flux('cancel', '--all')
