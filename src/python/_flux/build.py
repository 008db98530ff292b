"""Write the C source of the extension module _flux._core.

    build.py INCLUDEDIR OUTPUT.c

The declarations are those of the public headers: what they promise is what Python can
call. What cffi cannot express (va_list, attributes, macros) is left out.
"""
import re
import sys
from pathlib import Path

import cffi

HEADERS = (
    "types message reactor handle future rpc attr job jobspec1 kvs hostlist idset".split()
)

# No symbols of the library.
ABSENT = {"mod_main"}

CALLBACKS = """
extern "Python" void flux_py_continuation (size_t key);
extern "Python" void flux_py_future_init (flux_future_t *f, void *arg);
extern "Python" void flux_py_watcher (flux_reactor_t *r, flux_watcher_t *w, int revents,
                                      void *arg);
extern "Python" int flux_py_msg (size_t key, flux_msg_t *msg);
int flux_py_future_hold (flux_future_t *f, flux_t *h);
void flux_py_future_drop (flux_future_t *f);
struct flux_py_owner;
struct flux_py_owner *flux_py_own (flux_t *h, flux_watcher_t *w, flux_msg_handler_t *mh);
void flux_py_disown (struct flux_py_owner *o);
int flux_py_log (flux_t *h, int level, const char *s);
int flux_py_reactor_run (flux_reactor_t *r, int flags);
flux_msg_handler_t *flux_py_msg_handler_create (flux_t *h, int typemask,
    uint32_t matchtag, const char *topic_glob, size_t key);
int flux_py_future_then (flux_future_t *f, double timeout, size_t key);
flux_future_t *flux_py_rpc (flux_t *h, const char *topic, const char *s, uint32_t nodeid,
                            int flags);
const char *flux_py_rpc_text (flux_future_t *f, double seconds);
void free (void *ptr);
"""

PREAMBLE = """
#include <flux/core.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <errno.h>
#include <stdlib.h>

/* Whatever order Python collects in: the handle lives as long as a future of it. */
static int flux_py_future_hold (flux_future_t *f, flux_t *h)
{
    if (flux_future_aux_set (f, "flux::python", h, NULL) < 0)
        return -1;
    flux_incref (h);
    return 0;
}

/* Each half of an RPC is one call. */
static flux_future_t *flux_py_rpc (flux_t *h, const char *topic, const char *s,
                                   uint32_t nodeid, int flags)
{
    flux_future_t *f = flux_rpc (h, topic, s, nodeid, flags);
    if (f && flux_py_future_hold (f, h) < 0) {
        flux_future_destroy (f);
        return NULL;
    }
    return f;
}

/* How often one looks for an answer, some 10 us in all, before one sleeps: to sleep, and
 * to be woken on another processor, takes longer than a broker that is not busy. */
#define LOOKS 32

/* Reactors that this thread is in: what is sent then goes out only when one waits. */
static __thread int running;

static void look (flux_future_t *f)
{
    flux_t *h = flux_future_get_flux (f);
    for (int i = 0; i < LOOKS && !(flux_pollevents (h) & FLUX_POLLIN); i++)
        ;
}

static int flux_py_reactor_run (flux_reactor_t *r, int flags)
{
    running++;
    int rc = flux_reactor_run (r, flags);
    running--;
    return rc;
}

/* Waits, and gives the text. NULL with errno 0: there is no payload; with ETIMEDOUT, and
 * the future is not ready: seconds are over. */
static const char *flux_py_rpc_text (flux_future_t *f, double seconds)
{
    const char *s = NULL;
    if (!running && !flux_future_is_ready (f))
        look (f);
    if (flux_future_wait_for (f, seconds) == 0 && flux_rpc_get (f, &s) == 0)
        errno = 0;
    return s;
}

static void flux_py_future_drop (flux_future_t *f)
{
    flux_t *h = flux_future_aux_get (f, "flux::python");
    flux_future_destroy (f);
    flux_decref (h);
}

/* The same for watchers and message handlers. */
struct flux_py_owner {
    flux_t *h;
    flux_watcher_t *w;
    flux_msg_handler_t *mh;
};

static struct flux_py_owner *flux_py_own (flux_t *h, flux_watcher_t *w,
                                          flux_msg_handler_t *mh)
{
    struct flux_py_owner *o = calloc (1, sizeof (*o));
    if (!o)
        return NULL;
    o->h = flux_incref (h);
    o->w = w;
    o->mh = mh;
    return o;
}

static void flux_py_disown (struct flux_py_owner *o)
{
    if (!o)
        return;
    flux_watcher_destroy (o->w);
    flux_msg_handler_destroy (o->mh);
    flux_decref (o->h);
    free (o);
}

static int flux_py_log (flux_t *h, int level, const char *s)
{
    return flux_log (h, level, "%s", s);
}

/* Each argument of a callback costs as much as the call: Python gets a number, and what
 * else it cannot do without. The message is Python's. */
static int flux_py_msg (size_t key, flux_msg_t *msg);
static void flux_py_continuation (size_t key);

static void flux_py_msg_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    if (flux_py_msg ((size_t)arg, (flux_msg_t *)flux_msg_incref (msg)) < 0)
        flux_reactor_stop_error (flux_get_reactor (h));
}

static void flux_py_continuation_cb (flux_future_t *f, void *arg)
{
    flux_py_continuation ((size_t)arg);
}

static flux_msg_handler_t *flux_py_msg_handler_create (
    flux_t *h, int typemask, uint32_t matchtag, const char *topic_glob, size_t key)
{
    struct flux_match match = { typemask, matchtag, topic_glob };
    return flux_msg_handler_create (h, match, flux_py_msg_cb, (void *)key);
}

static int flux_py_future_then (flux_future_t *f, double timeout, size_t key)
{
    return flux_future_then (f, timeout, flux_py_continuation_cb, (void *)key);
}
"""


def declarations(text: str) -> str:
    """The part of a header that cffi understands."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    defines = re.findall(r"^#define (FLUX_\w+|IDSET_\w+) +[0-9(][^\n\\]*$", text, re.M)
    text = re.sub(r"^[ \t]*#(.*\\\n)*.*$", "", text, flags=re.M)
    text = text.replace('extern "C" {\n', "")
    # The brace that closed it is the last one.
    if text.count("}") > text.count("{"):
        head, _, tail = text.rpartition("}")
        text = head + tail
    text = re.sub(r"__attribute__ *\(\(.*?\)\)\)?", "", text, flags=re.S)
    out = []
    for part in re.split(r"(?<=;)\n", text):
        words = set(re.findall(r"\w+", part))
        if "va_list" in words or words & ABSENT or part.strip() == "struct stat;":
            continue
        if "struct stat " in part:
            continue
        out.append(part)
    return "\n".join(out + [f"#define {d} ..." for d in defines]) + "\n"


def main(include: str, output: str) -> None:
    """Write the source."""
    ffi = cffi.FFI()
    cdef = "typedef int... pid_t;\n"
    for name in HEADERS:
        cdef += declarations((Path(include) / f"{name}.h").read_text("utf-8"))
    ffi.cdef(cdef + CALLBACKS)
    ffi.set_source("_flux._core", PREAMBLE)
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
