"""Every module of the package has a manual page, and all that is public says what it does."""
import importlib
import inspect
import os
import pkgutil
import re
import sys
import unittest

import flux

PAGES = os.path.join(os.environ["FLUX_TEST_BUILD"], "man")
# Of no use but to others of the package, or shown on the page of their package.
WITHOUT = {"flux.constants", "flux.cli", "flux.core", "flux.core.inner", "flux.abc",
           "flux.constraint", "flux.shape", "flux.uri.resolvers", "flux.uri.uri",
           "flux.job.pipeline", "flux.job.pluginload", "flux.resource.ResourcePool",
           "flux.resource.ResourceSet", "flux.resource.Rv1Pool", "flux.resource.list",
           "flux.resource.status", "flux.job.frobnicator.frobnicator",
           "flux.job.frobnicator.plugins", "flux.job.validator.validator",
           "flux.job.validator.plugins"}


def modules():
    """Those of the package that are no programs."""
    for found in pkgutil.walk_packages(flux.__path__, "flux."):
        if not found.name.endswith("__main__") and ".plugins." not in found.name:
            yield importlib.import_module(found.name)


def own(module):
    """(name, what) of the public classes, functions and methods that it defines."""
    for name, value in list(vars(module).items()):
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            yield name, value
            for part, member in vars(value).items():
                function = member.fget if isinstance(member, property) else member
                function = getattr(function, "__func__", function)
                if not part.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{part}", getattr(value, part)


SANITIZED = "FLUX_TEST_SANITIZER" in os.environ


class Pages(unittest.TestCase):
    def test_docstrings(self):
        for module in modules():
            self.assertTrue(module.__doc__, module.__name__)
            for name, value in own(module):
                # What object says of its __len__ is not about this one.
                if name.rpartition(".")[2] not in ("count",):
                    self.assertTrue(inspect.getdoc(value), f"{module.__name__}.{name}")

    def test_examples_are_python(self):
        for module in modules():
            for part in re.findall(r"\n\n((?:    .*\n|\n)+)", module.__doc__ + "\n"):
                text = inspect.cleandoc("\n" + part)
                if re.match(r"(from|import|with|handle|print) ?", text):
                    compile(text, module.__name__, "exec")

    @unittest.skipIf(SANITIZED, "its library would have to be loaded")
    def test_every_module_has_a_page(self):
        for module in modules():
            name = module.__name__
            if name in WITHOUT or name.startswith("flux.job.") and not hasattr(module, "__path__") \
                    and name != "flux.job.directives":
                continue
            self.assertTrue(os.path.exists(f"{PAGES}/{name}.3"), name)

    @unittest.skipIf(SANITIZED, "its library would have to be loaded")
    def test_what_pages_say(self):
        with open(f"{PAGES}/flux.job.3", encoding="utf-8") as file:
            page = file.read()
        for name in importlib.import_module("flux.job").__all__:
            found = f"\n\\fB{name}\\fR(" in page or f"\n.SS class {name}\n" in page
            self.assertTrue(found, name)
        self.assertIn("Cancel a job that waits or runs.", page)
        self.assertNotIn(" at 0x", page)


if __name__ == "__main__":
    sys.exit(unittest.main())
