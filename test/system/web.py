# flux web, asked by raw HTTP and by a headless Chromium: each case prints "ok NAME",
# "not ok NAME" and why, or "skip NAME".
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

import browser

LIMIT = float(os.environ.get('LIMIT', '60'))


def flux(*args, uri=None):
    env = dict(os.environ, **({'FLUX_URI': uri} if uri else {}))
    return subprocess.run(('flux',) + args, env=env, check=True, timeout=60,
                          stdout=subprocess.PIPE).stdout.decode().strip()


def case(name):
    def wrap(f):
        try:
            f()
            print('ok', name, flush=True)
        except Exception:
            print('not ok', name)
            for line in traceback.format_exc().splitlines():
                print('#', line, flush=True)
    return wrap


def check(got, want):
    assert got == want, 'got %r, not %r' % (got, want)


class Server:
    def __init__(self, *args, env=None):
        self.process = subprocess.Popen(['flux', 'web', *args], stdout=subprocess.PIPE,
                                        env=dict(os.environ, **(env or {})))
        self.url = self.process.stdout.readline().decode().strip()
        m = re.match(r'(https?)://([^/]*):(\d+)/\?token=([\w-]{43})$', self.url)
        assert m, self.url
        self.scheme, self.host, self.port, self.token = m[1], m[2], int(m[3]), m[4]

    def ask(self, method, path, body=None, token=True, **headers):
        if self.scheme == 'https':
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            c = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=LIMIT,
                                            context=context)
        else:
            c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=LIMIT)
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        if token:
            headers['Authorization'] = 'Bearer ' + self.token
        c.request(method, path, body, headers)
        r = c.getresponse()
        r.text = r.read().decode() if r.headers['Content-Type'] != 'text/event-stream' else ''
        r.connection = c
        return r

    def raw(self, data):
        """What is answered to these bytes; b'' if the server closes, or waits for more."""
        s = socket.create_connection(('127.0.0.1', self.port), 3)
        got = b''
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while b'\r\n\r\n' not in got:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except OSError:
            pass  # closed before it was all sent, or it waits
        s.close()
        return got

    def stop(self, status=0):
        self.process.terminate()
        check(self.process.wait(LIMIT), status)


class Events:
    """A reader of server-sent events."""

    def __init__(self, server, query=''):
        self.s = socket.create_connection(('127.0.0.1', server.port), LIMIT)
        self.s.sendall(('GET /api/events?%s HTTP/1.1\r\nHost: localhost:%d\r\n'
                        'Authorization: Bearer %s\r\n\r\n'
                        % (query, server.port, server.token)).encode())
        self.f = self.s.makefile('rb')
        self.status = int(self.f.readline().split()[1])
        while self.f.readline().strip():
            pass
        self.text = b''
        self.history = []

    def mark(self):
        """What came before is not waited for any more."""
        self.history = []

    def next(self):
        while b'\n\n' not in self.text:
            size = int(self.f.readline().strip() or b'0', 16)
            assert size > 0, 'the stream has ended'
            self.text += self.f.read(size)
            self.f.readline()
        event, self.text = self.text.split(b'\n\n', 1)
        name, data = event.decode().split('\n', 1)
        self.history.append((name[7:], json.loads(data[6:])))
        return self.history[-1]

    def wait(self, name, condition=lambda o: True):
        end = time.monotonic() + LIMIT
        for got, o in self.history:
            if got == name and condition(o):
                return o
        while time.monotonic() < end:
            got, o = self.next()
            if got == name and condition(o):
                return o
        raise AssertionError('no event ' + name)

    def close(self):
        self.f.close()
        self.s.close()


def nest(n=1):
    """A nested instance that has posted its URI and runs a job."""
    with open('nest.sh', 'w') as f:
        f.write('#!/bin/sh\nflux submit -n1 --job-name=inner sleep inf\nsleep inf\n')
    job = flux('batch', '-n%d' % n, '--output=none', '--job-name=nest', 'nest.sh')
    flux('job', 'wait-event', '-t', '60', job, 'memo')
    uri = ''
    while not uri:  # job-list hears of it later than the log
        uri = flux('jobs', '-no', '{uri}', job)
    return job, re.sub('ssh://[^/]*', 'local://', uri)


server = Server()


@case('without a token: 401, whatever is asked')
def _():
    for method, path in (('GET', '/'), ('GET', '/app.js'), ('GET', '/nosuch'),
                         ('GET', '/api/events'), ('GET', '/api/job?id=f1'),
                         ('POST', '/api/cancel'), ('POST', '/api/drain'),
                         ('DELETE', '/')):
        check(server.ask(method, path, token=False).status, 401)
    wrong = server.token[:-1] + ('A' if server.token[-1] != 'A' else 'B')
    check(server.ask('GET', '/?token=' + wrong, token=False).status, 401)
    check(server.ask('GET', '/', token=False, Authorization='Bearer ' + wrong).status, 401)
    check(server.ask('GET', '/', token=False, Cookie='flux-web-%d=%s' % (server.port, wrong)).status, 401)


@case('the printed URL gives a cookie and leaves the address')
def _():
    r = server.ask('GET', '/?token=' + server.token, token=False)
    check(r.status, 303)
    check(r.headers['Location'], '/')
    cookie = r.headers['Set-Cookie']
    assert 'HttpOnly' in cookie and 'SameSite=Strict' in cookie, cookie
    r = server.ask('GET', '/', token=False, Cookie=cookie.split(';')[0])
    check(r.status, 200)
    assert '<title>Flux</title>' in r.text
    for header, want in (('Content-Security-Policy', "default-src 'none'"),
                         ('Referrer-Policy', 'no-referrer'),
                         ('X-Content-Type-Options', 'nosniff'),
                         ('Cache-Control', 'no-store')):
        assert want in r.headers[header], header


@case('another name than its own: 403 (DNS rebinding)')
def _():
    for host in ('evil.example', 'evil.example:%d' % server.port, 'localhost:1', ''):
        check(server.ask('GET', '/', Host=host).status, 403)
    check(server.ask('GET', '/', Host='localhost:%d' % server.port).status, 200)


@case('files, and what is none')
def _():
    for path, kind in (('/app.js', 'text/javascript'), ('/app.css', 'text/css'),
                       ('/icon.svg', 'image/svg+xml')):
        r = server.ask('GET', path)
        check(r.status, 200)
        assert r.headers['Content-Type'].startswith(kind)
    for path in ('/nosuch', '/../../etc/passwd', '/%2e%2e/x', '/app.js/', '//', '/api/'):
        check(server.ask('GET', path).status, 404)
    check(server.ask('PUT', '/').status, 405)


@case('events: a job is submitted, runs and is canceled')
def _():
    e = Events(server, 'state=running')
    check(e.status, 200)
    check(e.next()[0], 'hello')
    check(e.wait('nodes')['total']['nodes'][0], 2)
    job = flux('submit', '--job-name=seen', 'sleep', 'inf')
    o = e.wait('jobs', lambda o: any(r['id'] == job for r in o['rows']))
    check([r['name'] for r in o['rows'] if r['id'] == job], ['seen'])
    e.wait('bars', lambda o: any(b['id'] == job and b.get('n') == 'seen' for b in o))
    e.mark()
    r = server.ask('POST', '/api/cancel', json.dumps({'id': job}))
    check(r.status, 200)
    e.wait('jobs', lambda o: job not in o['order'])
    flux('job', 'wait-event', '-t', '60', job, 'clean')
    r = server.ask('GET', '/api/job?id=' + job.replace('ƒ', 'f'))
    check(r.status, 200)
    assert 'cancel' in json.loads(r.text)['eventlog']
    e.close()


@case('what has effects needs more than a cookie')
def _():
    cookie = 'flux-web-%d=%s' % (server.port, server.token)
    job = flux('submit', '--job-name=safe', 'sleep', 'inf')
    body = json.dumps({'id': job})
    e = Events(server)
    action = e.next()[1]['action']
    for headers in ({}, {'X_Flux_Action': 'x' * 43},
                    {'X_Flux_Action': action, 'Origin': 'http://evil.example'},
                    {'X_Flux_Action': action, 'Origin': 'null'},
                    {'Content_Type': 'text/plain', 'Origin': 'http://evil.example'}):
        check(server.ask('POST', '/api/cancel', body, token=False, Cookie=cookie, **headers).status, 403)
    check(flux('jobs', '-no', '{status}', job), 'RUN')
    r = server.ask('POST', '/api/cancel', body, token=False, Cookie=cookie,
                   X_Flux_Action=action, Origin='http://127.0.0.1:%d' % server.port)
    check(r.status, 200)
    e.close()


@case('drain and undrain')
def _():
    e = Events(server)
    check(server.ask('POST', '/api/drain', json.dumps({'targets': '1', 'reason': 'fan'})).status, 200)
    e.wait('nodes', lambda o: o['nodes'][1]['s'] == 'drain' and o['nodes'][1]['why'] == 'fan')
    e.mark()
    check(server.ask('POST', '/api/undrain', json.dumps({'targets': '1'})).status, 200)
    e.wait('nodes', lambda o: o['nodes'][1]['s'] == 'up')
    r = server.ask('POST', '/api/drain', json.dumps({'targets': '77'}))
    check(r.status, 400)
    assert 'out of range' in json.loads(r.text)['error'], r.text
    e.close()


@case('a queue that is stopped, and the log')
def _():
    e = Events(server)
    e.wait('queues', lambda o: o[0]['start'])
    flux('queue', 'stop', '--quiet')
    e.wait('queues', lambda o: not o[0]['start'])
    flux('queue', 'start', '--quiet')
    flux('logger', '<script>alert(1)</script>')
    e.wait('log', lambda o: any('<script>alert(1)' in line for line in o))
    e.close()


@case('bad requests: one line of JSON, nothing happens')
def _():
    for path, body, status in (
            ('/api/cancel', 'no json', 400), ('/api/cancel', '[]', 400),
            ('/api/cancel', '{}', 400), ('/api/cancel', '{"id": 5}', 400),
            ('/api/cancel', '{"id": "f1", "path": 7}', 400), ('/api/cancel', '', 400),
            ('/api/cancel', '{"id": "f1", "path": "f9"}', 404),
            ('/api/cancel', '{"id": "f1"}', 404),
            ('/api/cancel', '[' * 5000, 400),
            ('/api/drain', '{}', 400), ('/api/nosuch', '{}', 404),
            ('/api/cancel', '{"id": "%s"}' % ('f' * 100000), 413)):
        r = server.ask('POST', path, body)
        check((path, body[:40], r.status), (path, body[:40], status))
        assert json.loads(r.text)['error'], r.text
    for query in ('state=nosuch', 'path=..%2f..', 'text=user:nosuch-user',
                  'path=' + 'f1/' * 20 + 'f1'):
        check((query, server.ask('GET', '/api/events?' + query).status), (query, 400))
    check(server.ask('GET', '/api/job?id=x').status, 400)


@case('what is no HTTP, or too much of it')
def _():
    auth = b'Authorization: Bearer %s\r\n' % server.token.encode()
    for data in (b'\0\1\2\3\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n',
                 b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n' + auth + b'\r\n',
                 b'GET /' + b'a' * 200000 + b' HTTP/1.1\r\n\r\n',
                 b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 50000 + b'\r\n',
                 b'POST /api/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
                 b'POST /api/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n',
                 b'POST /api/cancel HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'):
        got = server.raw(data)
        assert not got or re.match(rb'HTTP/1\.[01] [45]\d\d', got), got[:100]
    check(server.ask('GET', '/').status, 200)


@case('readers that do not read cost a bounded amount, and do not hold up others')
def _():
    lazy = [Events(server, 'state=active') for _ in range(8)]
    good = Events(server, 'state=running')
    status = '/proc/%d/status' % server.process.pid
    flux('submit', '--cc=1-300', '--quiet', '-n1', 'true')
    flux('queue', 'idle', '--quiet', '-t', '120')
    job = flux('submit', '--job-name=after', 'sleep', 'inf')
    good.wait('jobs', lambda o: job in o['order'])
    rss = int(re.search(r'VmRSS:\s+(\d+)', open(status).read())[1])
    # a sanitizer keeps what was freed for a while
    assert rss < 100000 or os.environ.get('FLUX_TEST_SANITIZER'), '%d kB' % rss
    flux('cancel', job)
    for e in lazy:
        e.close()
    good.close()


@case('more readers than it has room for are refused')
def _():
    many = [Events(server)]
    while many[-1].status == 200:
        many.append(Events(server))
        assert len(many) <= 17, len(many)
    check(many[-1].status, 503)
    for e in many:
        e.close()
    # those that are gone are noticed with the next heartbeat
    end = time.monotonic() + LIMIT
    while True:
        e = Events(server)
        if e.status == 200:
            break
        assert time.monotonic() < end
        e.close()
    e.close()


@case('strangers that connect and say nothing have their time')
def _():
    many = [socket.create_connection(('127.0.0.1', server.port), LIMIT) for _ in range(70)]
    for s in many:
        s.sendall(b'GET / HTTP/1.1\r\nX: ')
    check(server.ask('GET', '/').status, 200)
    for s in many:
        s.close()


@case('into a nested instance, cancel there; it dies while it is looked at')
def _():
    job, uri = nest()
    e = Events(server, 'state=running&path=' + job.replace('ƒ', 'f'))
    o = e.wait('info')
    check((o['path'], o['depth']), (job, 1))
    o = e.wait('jobs', lambda o: any(r['name'] == 'inner' for r in o['rows']))
    inner = next(r['id'] for r in o['rows'] if r['name'] == 'inner')
    e.mark()
    r = server.ask('POST', '/api/cancel', json.dumps({'path': job, 'id': inner}))
    check(r.status, 200)
    e.wait('jobs', lambda o: inner not in o['order'])
    pid = flux('getattr', 'broker.pid', uri=uri)
    os.kill(int(pid), signal.SIGKILL)
    assert 'ended' in e.wait('lost')['why']
    e.close()
    e = Events(server)
    e.wait('stats')
    e.close()
    e = Events(server, 'path=f1')
    assert 'no such job' in e.wait('lost')['why']
    e.close()


@case('a nested instance that has stopped holds up nobody')
def _():
    job, uri = nest()
    pid = int(flux('getattr', 'broker.pid', uri=uri))
    os.kill(pid, signal.SIGSTOP)
    e = Events(server, 'path=' + job.replace('ƒ', 'f'))
    other = Events(server)
    assert other.wait('stats')
    other.close()
    check([name for name, o in e.history], [])
    assert 'does not answer' in e.wait('lost')['why']
    e.close()
    e = Events(server, 'path=' + job.replace('ƒ', 'f'))
    os.kill(pid, signal.SIGCONT)
    check(e.wait('info')['path'], job)
    e.close()
    flux('cancel', job)


@case('options that make no sense, and a place where the token would be read')
def _():
    for args, text in ((['--host=0.0.0.0'], 'not without --tls-cert and --tls-key'),
                       (['--host=no such host'], 'no such host'),
                       (['--port=70000'], 'not between'), (['--tls-cert=/etc/hostname'], 'belong together'),
                       (['--tls-cert=/nosuch', '--tls-key=/nosuch'], '/nosuch: No such file'),
                       (['--tls-cert=/etc/hostname', '--tls-key=/etc/hostname'], 'cannot be started'),
                       (['--port=%d' % server.port], 'Address already in use')):
        p = subprocess.run(['flux', 'web', *args], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=60)
        check((args, p.returncode, p.stdout), (args, 1, b''))
        assert text in p.stderr.decode() and p.stderr.count(b'\n') == 1, p.stderr


@case('TLS')
def _():
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1',
                        '-subj', '/CN=localhost', '-keyout', d + '/key', '-out', d + '/cert'],
                       check=True, stderr=subprocess.DEVNULL)
        s = Server('--host=0.0.0.0', '--tls-cert=' + d + '/cert', '--tls-key=' + d + '/key')
        check(s.scheme, 'https')
        check(s.ask('GET', '/').status, 200)
        check(s.ask('GET', '/', token=False).status, 401)
        assert 'Secure' in s.ask('GET', '/?token=' + s.token, token=False).headers['Set-Cookie']
        s.stop()


def chromium():
    b = browser.Browser(tempfile.mkdtemp(dir='.'))
    try:
        job, uri = nest()
        b.go(server.url)
        b.wait("document.querySelector('#link').classList.contains('live')")
        # what else the machine does is not measured: the best of five
        load = min(load_time(b) for _ in range(5))
        print('# the page loads in %d ms' % load)
        b.wait("document.querySelector('#n-running').textContent === '1'")
        seen = 1e9
        for i in range(3):
            t = time.monotonic()
            one = flux('submit', '--job-name=visitor', 'sleep', 'inf')
            b.wait("document.querySelector('#jobs').innerText.includes('visitor')")
            seen = min(seen, time.monotonic() - t)
            flux('cancel', one)
            b.wait("!document.querySelector('#jobs').innerText.includes('visitor')")
        print('# a submitted job is there after %d ms (with flux submit)' % (seen * 1000))
        # with the keyboard alone: the job, its instance, the job in it, cancel
        b.wait("document.querySelector('#jobs .job')")
        b.eval("document.querySelector('#jobs').focus()")
        b.key('ArrowDown', 40)
        b.wait("document.querySelector('#jobs [aria-selected=true]')")
        b.key('o', 79, 'o')
        b.wait("document.querySelector('#path').textContent.includes(%s)" % json.dumps(job))
        b.wait("document.querySelector('#jobs').innerText.includes('inner')")
        b.key('ArrowDown', 40)
        b.key('Enter', 13, '\r')
        b.wait("document.querySelector('#details').open")
        for _ in range(2):
            b.eval("document.querySelector('#cancel').focus()")
            b.key('Enter', 13, '\r')
        b.wait("!document.querySelector('#jobs').innerText.includes('inner')")
        # the answer to the cancel closes it; keys are the dialog's until then
        b.wait("!document.querySelector('#details').open")
        flux('logger', '<img src=x onerror=alert(1)>')
        b.key('Backspace', 8)
        b.wait("document.querySelector('#jobs').innerText.includes('nest')")
        b.wait("document.querySelector('#log').innerText.includes('<img src=x')")
        check(b.eval("document.querySelectorAll('#log img').length"), 0)
        b.size(400, 800)
        check(b.eval("document.documentElement.scrollWidth"), 400)
        check(b.errors(), [])
        shots = os.environ.get('FLUX_TEST_SCREENSHOTS')
        for scheme in ('light', 'dark') if shots else ():
            b.scheme(scheme)
            b.size(1440, 1100)
            b.eval("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
            b.screenshot('%s/%s.png' % (shots, scheme))
    finally:
        b.close()
        flux('cancel', '--all')


def load_time(b):
    b.eval("window.stale = true")
    b.call('Page.reload')
    return b.wait('''(() => { const n = performance.getEntriesByType('navigation')[0];
        return !window.stale && n?.loadEventEnd; })()''')[0]


if browser.find():
    case('in a browser: load, see a job, go into an instance by keyboard, cancel')(chromium)
else:
    print('skip in a browser')


@case('a signal ends it; so does the end of the instance')
def _():
    server.stop()
    with tempfile.TemporaryDirectory() as d:
        os.mkfifo(d + '/uri')
        p = subprocess.Popen(['flux', 'start', 'sh', '-c',
                              '(flux getattr local-uri; flux getattr broker.pid) >%s/uri; sleep inf' % d])
        uri, pid = open(d + '/uri').read().split()
        s = Server(uri)
        e = Events(s)
        e.wait('stats')
        os.kill(int(pid), signal.SIGKILL)
        check(s.process.wait(LIMIT), 1)
        e.close()
        p.wait()
