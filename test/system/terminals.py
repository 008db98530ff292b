"""Jobs that have the terminal of a person: flux run -o pty.interactive, flux alloc, flux job
attach. Prints TAP lines without numbers: pty.t counts them."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.environ['FLUX_TEST_SOURCE'] + '/test/system')
from terminal import Terminal

ENV = {'PS1': '$ ', 'ENV': '', 'SHELL': '/bin/sh'}


def ok(name, good, text=''):
    print(('ok - ' if good else 'not ok - ') + name)
    if not good:
        for line in text.split('\n'):
            print('# ' + line)


def flux(*args):
    return subprocess.run(['flux', *args], capture_output=True, text=True,
                          timeout=60).stdout.strip()


def shell(t):
    """A shell in the job's terminal."""
    t.wait(r'^\$')
    t.send('tty\r')
    ok('a terminal', t.wait(r'/dev/pts/\d+') is not None)
    t.send('stty size\r')
    ok('of the size of ours', t.wait(r'24 80$') is not None)
    t.resize(30, 100)
    t.send('until [ "$(stty size)" = "30 100" ]; do :; done; echo re""sized\r')
    ok('which follows it', t.wait(r'resized$') is not None)
    t.send('echo beg""in; sleep 1000\r')
    t.wait(r'begin$')
    t.send('\x03')
    ok('Ctrl-C is for the job', t.wait(r'\^C') is not None)
    t.send('echo go""es on\r')
    ok('which goes on', t.wait(r'goes on$') is not None)
    t.send('sh -c "echo sl\'\'eeps; exec sleep 1000"\r')
    t.wait(r'sleeps$')
    t.send('\x1a')
    ok('so is Ctrl-Z', t.wait(r'[Ss](topped|uspended)') is not None)
    t.send('kill -9 %1\r', 'exit 3\r', 'exit 3\r')


def interactive():
    t = Terminal(['flux', 'run', '-o', 'pty.interactive', 'sh', '-i'], env=ENV)
    shell(t)
    ok('the status is the job\'s', t.finish() == 3, t.text())
    ok('our terminal is as it was', t.restored())
    t.close()


def escapes():
    t = Terminal(['flux', 'run', '-o', 'pty.interactive', 'sh', '-i'], env=ENV)
    t.wait(r'^\$')
    t.send('X=kept; echo $((6 * 7))\r')
    t.wait('42$')
    t.send('~.')
    t.wait('detaching')
    ok('~. leaves the job', t.finish() == 0)
    ok('and puts the terminal right', t.restored())
    t.close()
    job = flux('job', 'last')
    t = Terminal(['flux', 'job', 'attach', job], env=ENV)
    t.wait('42$')
    t.send('echo $X $X\r')
    ok('flux job attach comes back to it', t.wait('kept kept$') is not None)
    t.kill(signal.SIGTERM)
    ok('SIGTERM ends flux job attach', t.finish() == 143)
    ok('and the terminal is right', t.restored())
    t.close()
    ok('the job runs on', flux('jobs', '-no', '{status}', job) == 'RUN')
    t = Terminal(['flux', 'job', 'attach', job], env=ENV)
    t.wait('kept kept$')
    t.send('exit\r')
    ok('until its shell ends', t.finish() == 0, t.text())
    t.close()


def canceled():
    t = Terminal(['flux', 'run', '-o', 'pty.interactive', 'sh', '-c',
                  'echo ready; exec cat'], env=ENV)
    t.wait('^ready$')
    flux('cancel', flux('job', 'last'))
    ok('a job that is canceled ends the session', t.finish() != 0)
    ok('with the terminal as it was', t.restored(), t.text())
    t.close()


def alloc():
    t = Terminal(['flux', 'alloc', '-n1'], env=ENV)
    t.wait(r'^\$')
    t.send('flux getattr instance-level\r')
    ok('flux alloc: a shell one level down', t.wait('1$') is not None)
    shell(t)
    ok('its status', t.finish() == 3, t.text())
    ok('flux alloc leaves the terminal as it was', t.restored())
    t.close()


sys.stdout.reconfigure(line_buffering=True)
for test in sys.argv[1:]:
    try:
        globals()[test]()
    except (AssertionError, OSError, subprocess.SubprocessError) as e:
        ok(test, False, str(e))
