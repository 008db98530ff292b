/* probe-call OP [ID [TEXT [N]]]: what probe.c says, as a number; or -errno. */
#include <flux/core.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

int main (int argc, char **argv)
{
    flux_t *h = flux_open (NULL, 0);
    flux_jobid_t id = FLUX_JOBID_ANY;
    const char *text = argc > 3 ? argv[3] : "";
    int rc, errnum;

    if (!h || argc < 2
        || (argc > 2 && *argv[2] && flux_job_id_parse (argv[2], &id) < 0))
        return 2;
    flux_future_t *f =
        flux_rpc_pack (h, "job-manager.probe.do", FLUX_NODEID_ANY, 0,
                       "{s:s s:I s:s s:i}", "op", argv[1], "id", (json_int_t)id, "text",
                       text, "n", argc > 4 ? atoi (argv[4]) : 0);
    if (!f || flux_rpc_get_unpack (f, "{s:i s:i}", "rc", &rc, "errno", &errnum) < 0) {
        fprintf (stderr, "%s\n", flux_future_error_string (f));
        return 1;
    }
    printf ("%d\n", rc < 0 && errnum ? -errnum : rc);
    flux_future_destroy (f);
    flux_close (h);
    return 0;
}
