"""The wheel, unpacked where nothing else of Flux is; run in an instance."""
import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BUILD = os.environ["FLUX_TEST_BUILD"]


class Wheel(unittest.TestCase):
    def make(self, path, how):
        done = subprocess.run([sys.executable, f"{TOP}/tools/wheel.py", BUILD, path, how],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def test_carry(self):
        with tempfile.TemporaryDirectory() as path:
            name = self.make(path, "carry")
            with zipfile.ZipFile(name) as wheel:
                record = wheel.read(next(n for n in wheel.namelist() if n.endswith("RECORD")))
                for line in record.decode().splitlines():
                    file, digest, size = line.split(",")
                    if digest:
                        data = wheel.read(file)
                        found = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
                        self.assertEqual("sha256=" + found.decode().rstrip("="), digest)
                        self.assertEqual(len(data), int(size))
                self.assertIn("flux/py.typed", wheel.namelist())
                self.assertIn("flux.libs/libflux-core.so.1", wheel.namelist())
                self.assertIn("flux.libs/libjansson.so.4", wheel.namelist())
                wheel.extractall(f"{path}/site")
            code = ("import flux, flux.job, sys\n"
                    "h = flux.Flux()\n"
                    "i = flux.job.submit(h, flux.job.JobspecV1.from_command(['true']))\n"
                    "print(flux.job.result(h, i).result, flux.__file__)\n"
                    "print([l.split()[-1] for l in open('/proc/self/maps') if 'libflux' in l][0])\n")
            env = {**os.environ, "PYTHONPATH": f"{path}/site"}
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                 env=env, check=True).stdout.split()
            self.assertEqual(out, ["COMPLETED", f"{path}/site/flux/__init__.py",
                                   f"{path}/site/flux.libs/libflux-core.so.1"])

    def test_the_same_twice(self):
        with tempfile.TemporaryDirectory() as path:
            names = [self.make(f"{path}/{i}", "system") for i in range(2)]
            data = [open(name, "rb") for name in names]
            self.assertEqual(data[0].read(), data[1].read())
            for file in data:
                file.close()
            with zipfile.ZipFile(names[0]) as wheel:
                self.assertFalse([n for n in wheel.namelist() if "flux.libs" in n])

    def test_refusals(self):
        tool = [sys.executable, f"{TOP}/tools/wheel.py"]
        for args, why in (([], "wheel.py BUILD"), ([BUILD, "/tmp", "x"], "must be carry")):
            done = subprocess.run([*tool, *args], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
