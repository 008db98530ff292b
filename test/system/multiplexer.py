"""In tmux, a terminal multiplexer, as a person would: each case prints "ok NAME" or "not ok
NAME" and why. The working directory holds sleep_batch.sh."""
import os
import re
import shlex
import subprocess
import time

LIMIT = float(os.environ.get('LIMIT', '60'))


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


class Pane:
    """A shell in a server of our own. What is waited for is asked for again and again:
    tmux tells nobody that a screen has changed."""

    count = 0

    def __init__(self, rows=24, cols=80):
        Pane.count += 1
        self.socket = os.path.abspath('tmux%d' % Pane.count)
        env = dict(os.environ, PS1='outer$ ', ENV='', SHELL='/bin/sh', TERM='xterm')
        env.pop('TMUX', None)
        self.env = env
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(cols), '-y', str(rows),
                  'sh -i')
        self.wait(r'^outer\$ *$')

    def tmux(self, *args):
        p = subprocess.run(['tmux', '-S', self.socket, *args], env=self.env,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert p.returncode == 0, '%s: %s' % (args, p.stderr.decode())
        return p.stdout.decode().rstrip()

    def text(self):
        return self.tmux('capture-pane', '-p')

    def wait(self, pattern, absent=False):
        end = time.monotonic() + LIMIT
        while True:
            text = self.text()
            if bool(re.search(pattern, text, re.M)) != absent:
                return text
            assert time.monotonic() < end, '%s%r, but:\n%s' % (
                'not ' if absent else '', pattern, text)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def key(self, *names):
        self.tmux('send-keys', *names)

    def line(self, text):
        self.type(text)
        self.key('Enter')

    def resize(self, rows, cols):
        self.tmux('resize-window', '-x', str(cols), '-y', str(rows))

    def state(self):
        """Whether the other screen is on, the cursor is there, keys are for a program."""
        return self.tmux('display-message', '-p',
                         '#{alternate_on} #{cursor_flag} #{keypad_flag} #{mouse_any_flag}')

    def command(self, text, *patterns):
        """Its output, on an empty screen, has all of these."""
        self.line('clear; ' + text + '; echo "--$?"')
        for pattern in patterns:
            self.wait(pattern)
        return self.wait(r'^--\d+$')

    def close(self):
        self.tmux('kill-server')


def enter(pane, command, prompt='inner$ '):
    """The command starts a shell; what the terminal was before is in the file before."""
    pane.line('stty -g >before; clear; PS1=%s %s; echo "status $?"; stty -g >after'
              % (shlex.quote(prompt), command))
    pane.wait(r'^inner\$ *$')


def left(pane, status):
    pane.wait(r'^status %d$' % status)
    pane.command('cmp before after && echo sa""me', r'^same$')
    assert pane.state() == '0 1 0 0', pane.state()


@case('flux alloc: a shell, and the terminal afterwards')
def _():
    pane = Pane()
    enter(pane, 'flux alloc -n1')
    pane.command('tty', r'^/dev/pts/\d+$')
    pane.command('flux getattr instance-level', '^1$')
    pane.command('stty size', '^24 80$')
    pane.resize(30, 100)
    pane.command('until [ "$(stty size)" = "30 100" ]; do :; done; stty size', '^30 100$')
    pane.line('clear; echo beg""in; sleep 1000')
    pane.wait('^begin$')
    pane.key('C-c')
    pane.command('echo go""es on', '^goes on$')
    pane.line('clear; sh -c "echo sl\'\'eeps; read x; echo got \\$x"')
    pane.wait('^sleeps$')
    pane.key('C-z')
    pane.wait('[Ss](topped|uspended)')
    pane.command('jobs', '[Ss](topped|uspended)')
    pane.line('fg')
    pane.line('something')
    pane.wait('^got something$')
    pane.line('clear; vi -u NONE -N file')
    pane.wait('^~')
    assert pane.state().startswith('1 '), pane.state()
    pane.type('ihello from vi')
    pane.wait('^hello from vi')
    pane.wait('^-- INSERT')
    pane.resize(20, 70)
    pane.key('Escape')
    pane.wait('^-- INSERT', absent=True)  # a key at its heels would make it another one
    pane.line(':wq')
    pane.wait(r'^inner\$ *$')  # it reads ahead, and what it has read goes with it
    pane.command('cat file', '^hello from vi$')
    pane.line('exit 3')
    left(pane, 3)
    pane.close()


@case('the cell about flux proxy, word for word')
def _():
    pane = Pane()
    pane.command('flux batch --nslots=2 --cores-per-slot=1 --nodes=2 ./sleep_batch.sh', '^ƒ')
    pane.line('JOBID=$(flux job last)')
    pane.command('until flux jobs -no "{uri}" $JOBID | grep -q ssh; do :; done')
    pane.command('flux pstree -a', r'^\.', r'── sleep_batch\.sh')
    enter(pane, 'flux proxy ${JOBID}')
    pane.command('flux uptime', r'depth 1,  size 2')
    pane.command('flux resource list', r'^ +STATE +NNODES +NCORES', r'^ +(free|allocated) +2 +2 ')
    pane.line('exit')
    left(pane, 0)
    pane.close()


@case('flux top: down, a filter, cancel, back, another size')
def _():
    pane = Pane()
    pane.command('flux cancel --all')
    pane.command('flux alloc --bg -n1 >id', '^--0$')
    pane.command('flux proxy $(cat id) flux submit --quiet --cc=1-2 --job-name=inner sleep inf',
                 '^--0$')
    pane.line('stty -g >before; clear; flux top; echo "status $?"; stty -g >after')
    pane.wait('R .* flux')
    pane.key('Enter')
    pane.wait('depth: 1')
    pane.wait('inner')
    pane.resize(30, 110)
    pane.wait(r'nodes \[.{40}')
    pane.type('/nosuch')
    pane.wait('filter: nosuch')
    pane.key('Enter')
    pane.wait('inner', absent=True)
    pane.key('Escape')
    pane.wait('inner')
    pane.type('c')
    pane.wait(r'cancel ƒ\S+ \(inner\)\? y/n')
    pane.type('y')
    pane.wait('is canceled|1 failed')
    pane.key('BSpace')
    pane.wait('depth: 1', absent=True)
    pane.wait('R .* flux')
    pane.key('Enter')
    pane.wait('depth: 1')
    pid = subprocess.run('flux proxy $(cat id) flux getattr broker.pid', shell=True,
                         stdout=subprocess.PIPE, check=True, timeout=60).stdout
    os.kill(int(pid), 9)
    pane.wait('has ended')
    pane.type('q')
    left(pane, 0)
    pane.close()
