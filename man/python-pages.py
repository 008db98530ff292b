"""Write a manual page for each module of the package flux, from its docstrings.

    python-pages.py OUTDIR NAME...

writes OUTDIR/flux.job.3 for the name flux.job.
"""
import importlib
import inspect
import os
import re
import sys


def escape(text):
    """Text that means nothing to roff."""
    for char, name in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("^", "\\(ha"),
                       ("~", "\\(ti"), ("`", "\\(ga")):
        text = text.replace(char, name)
    return re.sub(r"(?m)^\.", r"\\&.", text)


def paragraphs(doc, between):
    """The lines of a docstring, whose indented parts are examples."""
    out = []
    for part in re.split(r"\n\s*\n", doc):
        lines = part.splitlines()
        if all(line.startswith("    ") for line in lines):
            text = "\n".join(line[4:] for line in lines)
            out += [between, ".RS 4", ".nf", escape(text), ".fi", ".RE"]
        else:
            out += [between, escape("\n".join(line.strip() for line in lines))]
    return out[1:] if out[0] == between else out


def signature(function):
    """Its parameters and what it returns, as they are written."""
    text = re.sub(r"^\((self|cls)(, )?", "(", str(inspect.signature(function)))
    for _ in range(2):  # some annotations are in quotes themselves
        text = re.sub(r"(: |-> )(['\"])(.*?)\2", r"\1\3", text)
    # So are some parts of them; what stands behind = is a value.
    return re.sub(r"(?<!= )'([A-Z]\w*|os\.PathLike\[str\])'", r"\1", text)


def described(title, doc):
    """A name, with its parameters, and what it does below it."""
    name, paren, rest = title.partition("(")
    text = paragraphs(doc, ".IP") if doc else [".nop"]
    return [".TP", f"\\fB{escape(name)}\\fR{escape(paren + rest)}", *text]


def members(cls):
    """The methods and properties of a class: what they are called, what they do."""
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        doc = inspect.getdoc(getattr(cls, name)) or ""
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function):
            yield name + signature(function), doc
        elif doc and inspect.isdatadescriptor(value):
            yield name, doc


def of_class(name, cls):
    """A class and its members."""
    start = signature(cls.__init__) if "__init__" in vars(cls) else ""
    out = [f".SS {escape('class ' + name)}"]
    if start and not issubclass(cls, BaseException):
        start = start.replace(" -> None", "")
        out += [f"\\fB{escape(name)}\\fR{escape(start)}", ".PP"]
    out += paragraphs(inspect.cleandoc(cls.__doc__ or ""), ".PP")
    bases = [base.__name__ for base in cls.__bases__ if base.__name__ not in ("object", "ABC")]
    if bases:
        out += [".PP", escape(f"It is a {', '.join(bases)}.")]
    for title, doc in members(cls):
        out += described(title, doc)
    return out


def public(module):
    """Its names, in the order of __all__ or of the file."""
    listed = getattr(module, "__all__", None)
    if listed:
        return [(name, getattr(module, name)) for name in listed]
    return [(name, value) for name, value in list(vars(module).items())
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__]


def page(name):
    """The text of a page."""
    module = importlib.import_module(name)
    # Not cleandoc: that takes an example for the margin if there is nothing else.
    first, _, rest = module.__doc__.strip().partition("\n\n")
    title = " ".join(first.split()).rstrip(".")
    out = [f'.TH "{name}" "3" "" "flux" "Flux from Python"', ".SH NAME",
           f"{escape(name)} \\- {escape(title[:1].lower() + title[1:])}",
           ".SH SYNOPSIS", f"import {name}"]
    if rest:
        out += [".SH DESCRIPTION", *paragraphs(rest, ".PP")]
    names = public(module)
    functions = [line for n, value in names if inspect.isroutine(inspect.unwrap(value))
                 for line in described(n + signature(value), inspect.getdoc(value) or "")]
    classes = [line for n, value in names if inspect.isclass(value) for line in of_class(n, value)]
    if functions:
        out += [".SH FUNCTIONS", *functions]
    if classes:
        out += [".SH CLASSES", *classes]
    out += [".SH SEE ALSO", r"\fBflux\-python\fR(1), \fBflux\-python\-tutorial\fR(7)"]
    return "\n".join(out) + "\n"


def main(outdir, *names):
    """Write them."""
    for name in names:
        with open(os.path.join(outdir, name + ".3"), "w", encoding="utf-8") as file:
            file.write(page(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
