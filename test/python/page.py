"""The examples of flux-python(1) do what it says; run in an instance."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

import flux

PAGE = os.path.join(os.path.dirname(__file__), "../../man/python.scd")


class Page(unittest.TestCase):
    def setUp(self):
        with open(PAGE, encoding="utf-8") as file:
            self.blocks = re.findall(r"^```\n(.*?)^```\n", file.read(), re.S | re.M)
        self.assertEqual(len(self.blocks), 4)

    def run_block(self, number):
        done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c",
                               self.blocks[number]], capture_output=True, text=True, check=False)
        # What asyncio says of a machine that is slow.
        errors = re.sub(r"^Executing <.* took .* seconds\n", "", done.stderr, flags=re.M)
        self.assertEqual((done.returncode, errors), (0, ""))
        return done.stdout

    def test_plugin(self):
        with tempfile.TemporaryDirectory() as path:
            with open(f"{path}/mode.py", "w", encoding="utf-8") as file:
                file.write(self.blocks[0])
            done = subprocess.run(["flux", "submit", "--dry-run", "--site-mode=fast", "true"],
                                  env={**os.environ, "FLUX_CLI_PLUGINPATH": path}, text=True,
                                  capture_output=True, check=True)
            self.assertIn('"user":{"mode":"fast"}', done.stdout)

    def test_executor(self):
        lines = sorted(self.run_block(1).splitlines())
        self.assertEqual(lines, [f"{i} 0 {i}" for i in range(10)])

    def test_asyncio(self):
        self.assertEqual(self.run_block(2).strip(), str([(i, 0) for i in range(10)]))

    def test_module(self):
        with tempfile.TemporaryDirectory() as path, flux.Flux() as h:
            with open(f"{path}/page.py", "w", encoding="utf-8") as file:
                file.write(self.blocks[3])
            subprocess.run(["flux", "module", "load", f"{path}/page.py"], check=True)
            self.assertEqual(h.rpc("page.next").get(), {"count": 1})
            subprocess.run(["flux", "module", "remove", "page"], check=True)


if __name__ == "__main__":
    sys.exit(unittest.main())
