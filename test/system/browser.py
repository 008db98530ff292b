# A headless Chromium for tests, over its debugging pipe.
import base64
import json
import os
import select
import shutil
import subprocess
import time

LIMIT = float(os.environ.get('LIMIT', '60'))


def find():
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        if shutil.which(name):
            return name
    return None


class Browser:
    def __init__(self, directory, width=1280, height=1000):
        to_r, self.to = os.pipe()
        self.fro, fro_w = os.pipe()

        def child():
            a, b = os.dup(to_r), os.dup(fro_w)
            os.dup2(a, 3)
            os.dup2(b, 4)
        self.process = subprocess.Popen(
            [find(), '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
             '--disable-background-networking', '--disable-extensions', '--hide-scrollbars',
             '--disable-dev-shm-usage', '--remote-debugging-pipe',
             '--user-data-dir=' + directory, '--window-size=%d,%d' % (width, height),
             'about:blank'],
            preexec_fn=child, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_r)
        os.close(fro_w)
        self.buffer, self.number, self.session, self.events = b'', 0, None, []
        targets = self.call('Target.getTargets')['targetInfos']
        page = next(t for t in targets if t['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=page['targetId'],
                                 flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')

    def receive(self, end):
        while b'\0' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fro], [], [], left)[0]:
                raise AssertionError('the browser does not answer')
            data = os.read(self.fro, 1 << 20)
            if not data:
                raise AssertionError('the browser has ended')
            self.buffer += data
        text, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + LIMIT
        while True:
            o = self.receive(end)
            if o.get('id') == self.number:
                if 'error' in o:
                    raise AssertionError('%s: %s' % (method, o['error']))
                return o['result']
            if 'method' in o:
                self.events.append(o)

    def go(self, url):
        self.call('Page.navigate', url=url)

    def eval(self, expression):
        """The value of an expression, or of the promise that it is."""
        r = self.call('Runtime.evaluate', expression=expression, awaitPromise=True,
                      returnByValue=True)
        if 'exceptionDetails' in r:
            raise AssertionError('%s: %s' % (expression, r['exceptionDetails']))
        return r['result'].get('value')

    def wait(self, condition):
        """Until it is true, looked at whenever the page changes: its value, and how many
        milliseconds that took."""
        return self.eval('''new Promise((resolve, reject) => {
            const t0 = performance.now(), check = () => {
                let v = null;
                try { v = %s; } catch { }
                if (v) { observer.disconnect(); clearTimeout(timer); resolve([v, performance.now() - t0]); }
            };
            const observer = new MutationObserver(check);
            observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
            const timer = setTimeout(() => { observer.disconnect(); reject(new Error(%s + ' is not so: ' + document.body.innerText.slice(0, 2000))); }, %d);
            check();
        })''' % (condition, json.dumps(condition), int(LIMIT * 1000)))

    def key(self, key, code=0, text=''):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key,
                      windowsVirtualKeyCode=code, **({'text': text} if text and kind == 'keyDown' else {}))

    def scheme(self, name):
        self.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': name}])

    def size(self, width, height):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def screenshot(self, path):
        with open(path, 'wb') as f:
            f.write(base64.b64decode(self.call('Page.captureScreenshot')['data']))

    def errors(self):
        self.eval('1')
        return [json.dumps(e['params']) for e in self.events
                if e['method'] == 'Runtime.exceptionThrown'
                or e['method'] == 'Log.entryAdded' and e['params']['entry']['level'] == 'error']

    def close(self):
        try:
            self.session = None
            self.call('Browser.close')
        except AssertionError:
            self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.fro)
