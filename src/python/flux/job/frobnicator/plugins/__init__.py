"""Plugins of JobFrobnicator: each module has a class Frobnicator."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
