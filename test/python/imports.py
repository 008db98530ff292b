"""What `import flux` loads, and what it leaves for later."""
import ast
import pathlib
import subprocess
import sys
import unittest

import flux.job


def python(code):
    """What it prints, in an interpreter of its own."""
    argv = [sys.executable, "-c", "import sys\nbefore = set(sys.modules)\n" + code]
    done = subprocess.run(argv, capture_output=True, check=False, encoding="utf-8")
    return done.stdout.strip() + done.stderr


def loaded(code):
    """The modules that it loads."""
    return set(python(code + "\nprint(*set(sys.modules) - before)").split())


class Imports(unittest.TestCase):
    def test_import_loads_the_names_only(self):
        found = loaded("import flux, flux.job")
        self.assertEqual(found, {"flux", "flux.job"})

    def test_submitting_needs_no_heavy_modules(self):
        found = loaded("import flux, flux.job\n"
                       "flux.Flux, flux.job.submit, flux.job.result, flux.job.cancel\n"
                       "flux.job.JobspecV1.from_command(['true'])")
        self.assertIn("flux.job.Jobspec", found)
        heavy = {"typing", "importlib", "subprocess", "datetime", "contextlib", "signal",
                 "logging", "asyncio", "concurrent.futures", "flux.util", "flux.kvs"}
        self.assertEqual(found & heavy, set())

    def test_every_name_is_there(self):
        self.assertEqual(python("from flux.job import *"), "")
        for name in flux.job.__all__:
            with self.subTest(name):
                self.assertTrue(callable(getattr(flux.job, name)))
                self.assertIn(name, dir(flux.job))

    def test_types_are_those_of_the_same_names(self):
        stub = ast.parse(pathlib.Path(flux.job.__file__ + "i").read_text("utf-8"))
        found = {alias.asname: node.module for node in stub.body
                 if isinstance(node, ast.ImportFrom) for alias in node.names}
        homes = {name: "flux.job." + home for name, home in flux.job._HOME.items()}
        self.assertEqual(found, homes)

    def test_a_function_and_its_module_share_a_name(self):
        for name in ("submit", "kill", "result", "wait", "JobID", "Jobspec"):
            for first in (f"import flux.job.{name}", f"from flux.job.{name} import {name}",
                          f"from flux.job import {name}"):
                with self.subTest(first):
                    shown = python(f"{first}\nimport flux.job\nprint(callable(flux.job.{name}),"
                                   f"'flux.job.{name}' in sys.modules)")
                    self.assertEqual(shown, "True True")

    def test_what_is_not_there(self):
        for module in ("flux", "flux.job"):
            with self.assertRaises(AttributeError):
                getattr(sys.modules[module], "nothing")


if __name__ == "__main__":
    sys.exit(unittest.main())
