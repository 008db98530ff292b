# A terminal for tests: a program on a pseudo terminal, and what its screen shows.
#
#   t = Terminal(['flux', 'top'], 24, 80)
#   t.wait('running')          # a regular expression in the text of the screen
#   t.send('q')
#   t.finish() == 0            # the exit status
#   t.restored()               # modes, main screen and cursor are as they were
#
# Nothing sleeps: what is waited for comes with the program's output, or LIMIT ends it.
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

LIMIT = float(os.environ.get('LIMIT', '60'))

KEYS = {'up': '\033OA', 'down': '\033OB', 'right': '\033OC', 'left': '\033OD',
        'enter': '\r', 'backspace': '\x7f', 'escape': '\033'}


class Screen:
    """What an xterm makes of the output, as far as programs here go."""

    def __init__(self, rows, cols):
        self.alternate = False
        self.visible = True
        self.pending = b''
        self.last = ' '
        self.resize(rows, cols)

    def resize(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.clear()

    def clear(self):
        self.cells = [[' '] * self.cols for _ in range(self.rows)]
        self.reverse = [[False] * self.cols for _ in range(self.rows)]
        self.y = self.x = 0
        self.inverse = False
        self.top, self.bottom = 0, self.rows - 1

    def text(self):
        return '\n'.join(''.join(row).rstrip() for row in self.cells)

    def scroll(self, n):
        for _ in range(abs(n)):
            if n > 0:
                del self.cells[self.top]
                self.cells.insert(self.bottom, [' '] * self.cols)
            else:
                del self.cells[self.bottom]
                self.cells.insert(self.top, [' '] * self.cols)

    def put(self, ch):
        if unicodedata.combining(ch):
            return
        if self.x >= self.cols:
            self.x = 0
            self.down()
        self.cells[self.y][self.x] = ch
        self.reverse[self.y][self.x] = self.inverse
        self.x += 2 if unicodedata.east_asian_width(ch) in 'WF' else 1
        self.last = ch

    def down(self):
        if self.y == self.bottom:
            self.scroll(1)
        elif self.y < self.rows - 1:
            self.y += 1

    def feed(self, data):
        data = self.pending + data
        self.pending = b''
        i = 0
        while i < len(data):
            b = data[i]
            if b == 0x1b:
                n = self.escape(data, i)
                if n == 0:
                    self.pending = data[i:]
                    return
                i += n
            elif b == 0x0d:
                self.x, i = 0, i + 1
            elif b in (0x0a, 0x0b):
                self.down()
                i += 1
            elif b == 0x08:
                self.x, i = max(self.x - 1, 0), i + 1
            elif b == 0x09:
                self.x, i = min((self.x // 8 + 1) * 8, self.cols - 1), i + 1
            elif b < 0x20:
                i += 1
            else:
                n = 1 if b < 0x80 else 2 if b < 0xe0 else 3 if b < 0xf0 else 4
                if i + n > len(data):
                    self.pending = data[i:]
                    return
                for ch in data[i:i + n].decode(errors='replace'):
                    self.put(ch)
                i += n

    def escape(self, data, i):
        """The length of the sequence, 0 if its end is not there yet."""
        rest = data[i:i + 64].decode('latin-1')
        m = re.match(r'\033\[([?>!]?)([\d;]*)([ -/]*)([@-~])', rest)
        if m:
            self.control(m[1], [int(p or 0) for p in m[2].split(';')], m[4])
            return m.end()
        m = re.match(r'\033\][^\x07\033]*(\x07|\033\\)|\033[()*+].|\033[^\[\]()*+]', rest)
        if m:
            if m[0] == '\033M':
                if self.y == self.top:
                    self.scroll(-1)
                else:
                    self.y = max(self.y - 1, 0)
            return m.end()
        return 0

    def control(self, mark, p, final):
        n = max(p[0], 1)
        row = self.cells[self.y]
        if mark == '?':
            if 1049 in p:
                self.alternate = final == 'h'
                self.clear()
            if 25 in p:
                self.visible = final == 'h'
        elif mark:
            pass
        elif final in 'Hf':
            self.y = min(max(p[0], 1), self.rows) - 1
            self.x = min(max(p[1] if len(p) > 1 else 1, 1), self.cols) - 1
        elif final == 'A':
            self.y = max(self.y - n, 0)
        elif final == 'B':
            self.y = min(self.y + n, self.rows - 1)
        elif final == 'C':
            self.x = min(self.x + n, self.cols - 1)
        elif final == 'D':
            self.x = max(self.x - n, 0)
        elif final == 'G':
            self.x = min(n, self.cols) - 1
        elif final == 'd':
            self.y = min(n, self.rows) - 1
        elif final == 'J':
            first = 0 if p[0] == 2 else self.y + 1
            if p[0] == 0:
                row[self.x:] = [' '] * (self.cols - self.x)
            for y in range(first, self.rows):
                self.cells[y] = [' '] * self.cols
        elif final == 'K':
            if p[0] == 0:
                row[self.x:] = [' '] * (self.cols - self.x)
            elif p[0] == 1:
                row[:self.x + 1] = [' '] * (self.x + 1)
        elif final == 'X':
            row[self.x:self.x + n] = [' '] * len(row[self.x:self.x + n])
        elif final == 'P':
            del row[self.x:self.x + n]
            row += [' '] * (self.cols - len(row))
        elif final == '@':
            row[self.x:self.x] = [' '] * n
            del row[self.cols:]
        elif final == 'b':
            for _ in range(n):
                self.put(self.last)
        elif final in 'LM':
            top, self.top = self.top, self.y
            self.scroll(n if final == 'M' else -n)
            self.top = top
        elif final in 'ST':
            self.scroll(n if final == 'S' else -n)
        elif final == 'r':
            self.top = max(p[0], 1) - 1
            self.bottom = (p[1] if len(p) > 1 and p[1] else self.rows) - 1
        elif final == 'm':
            for code in p:
                if code in (0, 27):
                    self.inverse = False
                elif code == 7:
                    self.inverse = True


class Terminal:
    def __init__(self, argv, rows=24, cols=80, env=None):
        self.screen = Screen(rows, cols)
        self.master, self.slave = pty.openpty()
        self.set_size(rows, cols)
        self.before = termios.tcgetattr(self.slave)
        self.status = None
        self.all = b''
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 64)
            os.environ.update({'TERM': 'xterm', 'LC_ALL': 'C.UTF-8'}, **(env or {}))
            try:
                os.execvp(argv[0], argv)
            finally:
                os._exit(127)
        self.exited = os.pidfd_open(self.pid)

    def set_size(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack('HHHH', rows, cols, 0, 0))

    def resize(self, rows, cols):
        """What was on the screen is gone: only what is drawn anew counts."""
        self.read(0)
        self.screen.resize(rows, cols)
        self.set_size(rows, cols)

    def read(self, timeout):
        ready, _, _ = select.select([self.master, self.exited], [], [], timeout)
        if self.master in ready:
            data = os.read(self.master, 65536)
            self.all += data
            self.screen.feed(data)
            return True
        return False

    def text(self):
        return self.screen.text()

    def wait(self, pattern, absent=False):
        """Until the screen has the pattern (or has it no longer)."""
        end = time.monotonic() + LIMIT
        while bool(re.search(pattern, self.text(), re.M)) == absent:
            left = end - time.monotonic()
            if left <= 0 or not self.read(left) and left > 0:
                raise AssertionError('%s%r, but:\n%s' % (
                    'not ' if absent else '', pattern, self.text()))
        return self.text()

    def send(self, *keys):
        for key in keys:
            os.write(self.master, KEYS.get(key, key).encode())

    def kill(self, signum):
        os.kill(self.pid, signum)

    def finish(self):
        end = time.monotonic() + LIMIT
        while self.status is None and time.monotonic() < end:
            if not self.read(max(0, end - time.monotonic())):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = os.waitstatus_to_exitcode(status)
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError('it did not end:\n' + self.text())
        while self.read(0) and select.select([self.master], [], [], 0)[0]:
            pass
        return self.status

    def restored(self):
        return (termios.tcgetattr(self.slave) == self.before
                and not self.screen.alternate and self.screen.visible)

    def close(self):
        for fd in (self.master, self.slave, self.exited):
            os.close(fd)
