"""Terminals over a real ssh, whose other end goes: each case prints "ok NAME" or "not ok
NAME" and why. URI is an instance by ssh://, SSHD the process that listens."""
import os
import re
import signal
import subprocess
import sys

from terminal import Terminal

URI = os.environ['URI']
ENV = {'PS1': '$ ', 'ENV': '', 'SHELL': '/bin/sh'}


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
            for line in str(e).splitlines():
                print('#', line, flush=True)
    return wrap


def proxy(uri):
    t = Terminal(['flux', 'proxy', uri], env=ENV)
    t.wait(r'^\$')
    return t


def instance():
    """An instance of its own, by ssh://, and its broker."""
    job = flux('alloc', '--bg', '-n1')
    local = flux('uri', '--local', job)
    pid = int(flux('getattr', 'broker.pid', uri=local))
    return re.match(r'ssh://[^/]*', URI)[0] + local[len('local://'):], pid


def over(t, status, *texts):
    got = t.finish()
    assert got == status, 'status %d\n%s' % (got, t.text())
    for text in texts:
        assert re.search(text, t.all.decode()), '%r is not in:\n%s' % (text, t.text())
    assert t.restored(), 'the terminal is not as it was:\n' + t.text()
    t.close()


@case('flux proxy: a shell there, which ends')
def _():
    t = proxy(URI)
    t.send('flux getattr instance-level\r')
    t.wait(r'^1$')
    t.send('exit 5\r')
    over(t, 5)


@case('its broker dies: a line says so, the terminal is as it was')
def _():
    uri, pid = instance()
    t = proxy(uri)
    # what a program leaves behind that does not come to its end
    t.send("stty raw -echo; printf 'ra''w\\033[?1049h'\r")
    t.wait('')
    while b'\033[?1049h' not in t.all:
        assert t.read(60), t.text()
    os.kill(pid, signal.SIGKILL)
    got = t.finish()
    assert re.search(r'flux-proxy: ssh://\S*: lost connection', t.all.decode()), t.text()
    assert got == 129, got
    t.screen.alternate = False  # that was not ours
    assert t.restored(), t.text()
    t.close()


@case('so it is when a program has the whole screen')
def _():
    uri, pid = instance()
    t = proxy(uri)
    t.send('flux top\r')
    t.wait('depth: 1')
    os.kill(pid, signal.SIGKILL)
    over(t, 129, r'flux-proxy: ssh://\S*: lost connection')


@case('flux top itself: the broker dies')
def _():
    uri, pid = instance()
    t = Terminal(['flux', 'top', uri], env=ENV)
    t.wait('depth: 1')
    os.kill(pid, signal.SIGKILL)
    over(t, 1, 'flux-top: the connection to the instance is lost')


@case('a job with a terminal: its broker dies')
def _():
    uri, pid = instance()
    t = Terminal(['flux', 'run', '-o', 'pty.interactive', 'sh', '-i'],
                 env=dict(ENV, FLUX_URI=uri))
    t.wait(r'^\$')
    os.kill(pid, signal.SIGKILL)
    over(t, 1, 'flux-(run|job): ')


@case('the way there ends: sshd is killed under the session')
def _():
    t = proxy(URI)
    subprocess.run(['pkill', '-KILL', '-P', os.environ['SSHD']], check=True)
    over(t, 129, r'flux-proxy: ssh://\S*: lost connection')
