# The extension module of cffi: what is in it is known when it is built.
from typing import Any

ffi: Any
lib: Any
