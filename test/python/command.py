"""Commands in Python: how they end, and where their settings lie."""
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from flux.util import CLIMain, UtilConfig


def ended(code, level="WARNING"):
    """A command whose main function does this: status, stdout, stderr."""
    text = (f"import logging, sys, flux.util\nlog = logging.getLogger('flux-x')\n"
            f"log.setLevel('{level}')\n@flux.util.CLIMain(log)\ndef main():\n    {code}\nmain()\n")
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", text],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Ends(unittest.TestCase):
    def test_ends(self):
        self.assertEqual(ended("print('good')"), (0, "good\n", ""))
        self.assertEqual(ended("sys.exit(3)"), (3, "", ""))
        self.assertEqual(ended("raise OSError(2, 'no\\nsuch')"),
                         (1, "", "flux-x: ERROR: [Errno 2] no such\n"))
        self.assertEqual(ended("raise ValueError"), (1, "", "flux-x: ERROR: ValueError\n"))

    def test_traceback(self):
        status, _, err = ended("raise ValueError('why')", "DEBUG")
        self.assertEqual(status, 1)
        self.assertIn("Traceback", err)

    def test_result(self):
        self.assertEqual(CLIMain()(lambda x: x + 1)(2), 3)


class Settings(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        env = {"XDG_CONFIG_HOME": f"{self.dir.name}/home",
               "XDG_CONFIG_DIRS": f"{self.dir.name}/a:{self.dir.name}/b"}
        patch = mock.patch.dict(os.environ, env)
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, where, name, text):
        os.makedirs(f"{self.dir.name}/{where}/flux", exist_ok=True)
        with open(f"{self.dir.name}/{where}/flux/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def test_order(self):
        self.write("b", "flux-x.toml", 'formats.one.format = "b"\nformats.two.format = "b"\n')
        self.write("a", "flux-x.json", '{"formats": {"two": {"format": "a"}}}')
        self.write("home", "flux-x.toml", 'color = "no"\n')
        first = {"color": "yes", "formats": {"zero": {}}}
        config = UtilConfig("flux-x", initial_dict=first).load()
        self.assertEqual(config.formats, {"zero": {}, "one": {"format": "b"},
                                          "two": {"format": "a"}})
        self.assertEqual((config.color, config.get("formats.one.format")), ("no", "b"))
        self.assertEqual(config.get("formats.nine.format", 7), 7)
        self.assertEqual(first, {"color": "yes", "formats": {"zero": {}}})
        with self.assertRaisesRegex(AttributeError, "no setting size"):
            _ = config.size

    def test_subcommand(self):
        self.write("home", "flux-x.toml", "[list]\nsize = 1\n[other]\nsize = 2\n")
        self.assertEqual(UtilConfig("flux-x", subcommand="list").load().dict, {"size": 1})

    def test_refusals(self):
        for text, why in (("x", "home/flux/flux-x.json: Expecting value"),
                          ("[]", "flux-x.json: not a table")):
            self.write("home", "flux-x.json", text)
            with self.assertRaisesRegex(ValueError, why):
                UtilConfig("flux-x").load()


if __name__ == "__main__":
    sys.exit(unittest.main())
