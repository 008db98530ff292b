"""Plugins of FluxURIResolver: each module NAME has a class URIResolver for NAME:..."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
