/* Modules written in Python: loads the file that is its first argument.
 *
 * All of them share one interpreter, which lives as long as the broker; each has its
 * thread. What they raise is their end, and in the log with its traceback, which
 * flux.brokermod writes.
 *
 * Failures: no interpreter, no package flux: mod_main returns -1. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <flux/attr.h>
#include <flux/flog.h>

#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <syslog.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Extension modules look for the interpreter among what all can see, and not among what
 * this module has brought with it. */
static bool publish_libpython (void)
{
    Dl_info info;

    return dladdr ((void *)Py_IsInitialized, &info) != 0
           && dlopen (info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE) != NULL;
}

static bool start_interpreter (void)
{
    PyConfig config;
    PyStatus status;

    PyConfig_InitPythonConfig (&config);
    config.install_signal_handlers = 0; /* they are the broker's */
    config.parse_argv = 0;
    status = PyConfig_SetBytesString (&config, &config.program_name, FLUX_PYTHON);
    if (!PyStatus_Exception (status))
        status = Py_InitializeFromConfig (&config);
    PyConfig_Clear (&config);
    if (PyStatus_Exception (status))
        return false;
    PyEval_SaveThread ();
    return true;
}

static bool ready (void)
{
    bool ok = true;

    pthread_mutex_lock (&lock);
    if (!Py_IsInitialized ())
        ok = publish_libpython () && start_interpreter ();
    pthread_mutex_unlock (&lock);
    return ok;
}

static PyObject *strings (int argc, char **argv)
{
    PyObject *list = PyList_New (argc);

    for (int i = 0; list && i < argc; i++) {
        PyObject *s = PyUnicode_DecodeFSDefault (argv[i]);
        if (!s) {
            Py_CLEAR (list);
            break;
        }
        PyList_SET_ITEM (list, i, s);
    }
    return list;
}

/* errno of the module, 0 if all went well; -1 if Python itself failed. */
static int run (flux_t *h, const char *path, int argc, char **argv)
{
    PyObject *brokermod = PyImport_ImportModule ("flux.brokermod");
    PyObject *args = strings (argc, argv);
    PyObject *result = NULL;
    int errnum = -1;

    if (brokermod && args)
        result = PyObject_CallMethod (brokermod, "_main", "KsO",
                                      (unsigned long long)(uintptr_t)h, path, args);
    if (result)
        errnum = PyLong_AsLong (result);
    if (PyErr_Occurred ())
        PyErr_Print ();
    Py_XDECREF (result);
    Py_XDECREF (args);
    Py_XDECREF (brokermod);
    return errnum;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    PyGILState_STATE state;
    int errnum;

    if (argc < 1) {
        flux_log (h, LOG_ERR, "python: the file of the module is missing");
        errno = EINVAL;
        return -1;
    }
    if (!ready ()) {
        flux_log (h, LOG_ERR, "python: %s does not start", FLUX_PYTHON);
        errno = ENOSYS;
        return -1;
    }
    state = PyGILState_Ensure ();
    errnum = run (h, argv[0], argc - 1, argv + 1);
    PyGILState_Release (state);
    if (errnum == 0)
        return 0;
    errno = errnum > 0 ? errnum : EINVAL;
    return -1;
}
