"""Plugins of JobValidator: each module has a class Validator."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
