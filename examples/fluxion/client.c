/* Client of the fluxion service in C, on gRPC's core API and protobuf-c: load a
 * graph, match a jobspec, cancel the job. Built by `make fluxion-c`. */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fluxion.pb-c.h"

struct client {
    grpc_channel *channel;
    grpc_completion_queue *cq;
};

static grpc_byte_buffer *pack (const ProtobufCMessage *msg)
{
    grpc_slice slice = grpc_slice_malloc (protobuf_c_message_get_packed_size (msg));
    grpc_byte_buffer *bb;

    protobuf_c_message_pack (msg, GRPC_SLICE_START_PTR (slice));
    bb = grpc_raw_byte_buffer_create (&slice, 1);
    grpc_slice_unref (slice);
    return bb;
}

static ProtobufCMessage *unpack (grpc_byte_buffer *bb,
                                 const ProtobufCMessageDescriptor *type)
{
    grpc_byte_buffer_reader reader;
    ProtobufCMessage *msg;
    grpc_slice slice;

    if (!bb || !grpc_byte_buffer_reader_init (&reader, bb))
        return NULL;
    slice = grpc_byte_buffer_reader_readall (&reader);
    grpc_byte_buffer_reader_destroy (&reader);
    msg = protobuf_c_message_unpack (type, NULL, GRPC_SLICE_LENGTH (slice),
                                     GRPC_SLICE_START_PTR (slice));
    grpc_slice_unref (slice);
    return msg;
}

/* The response, or NULL after one line on stderr. */
static ProtobufCMessage *call (struct client *c, const char *method,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *response)
{
    gpr_timespec deadline = gpr_time_add (gpr_now (GPR_CLOCK_REALTIME),
                                          gpr_time_from_seconds (10, GPR_TIMESPAN));
    char path[64];
    grpc_call *call;
    grpc_op ops[6] = { { 0 } };
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *in = NULL, *out = pack (request);
    grpc_status_code status;
    grpc_slice details = grpc_empty_slice ();
    ProtobufCMessage *msg = NULL;

    snprintf (path, sizeof (path), "/fluxion.FluxionService/%s", method);
    call = grpc_channel_create_call (c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, c->cq,
                                     grpc_slice_from_copied_string (path), NULL,
                                     deadline, NULL);
    grpc_metadata_array_init (&initial);
    grpc_metadata_array_init (&trailing);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = out;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &in;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
    ops[5].data.recv_status_on_client.status = &status;
    ops[5].data.recv_status_on_client.status_details = &details;
    grpc_call_start_batch (call, ops, 6, call, NULL);
    grpc_completion_queue_next (c->cq, gpr_inf_future (GPR_CLOCK_REALTIME), NULL);
    if (status != GRPC_STATUS_OK) {
        char *text = grpc_slice_to_c_string (details);
        fprintf (stderr, "client: %s: status %d: %s\n", method, status, text);
        gpr_free (text);
    } else if (!(msg = unpack (in, response)))
        fprintf (stderr, "client: %s: malformed response\n", method);
    grpc_slice_unref (details);
    grpc_byte_buffer_destroy (out);
    if (in)
        grpc_byte_buffer_destroy (in);
    grpc_metadata_array_destroy (&initial);
    grpc_metadata_array_destroy (&trailing);
    grpc_call_unref (call);
    return msg;
}

static char *read_file (const char *path)
{
    char *text = file_read_all (path, NULL);

    if (!text) {
        perror (path);
        exit (1);
    }
    return text;
}

static int run (struct client *c, const char *jgf, const char *jobspec, unsigned wait)
{
    Fluxion__InitRequest init = FLUXION__INIT_REQUEST__INIT;
    Fluxion__MatchRequest match = FLUXION__MATCH_REQUEST__INIT;
    Fluxion__CancelRequest cancel = FLUXION__CANCEL_REQUEST__INIT;
    Fluxion__MatchResponse *matched;
    ProtobufCMessage *resp;

    init.policy = (char *)"lonode";
    init.jgf = (char *)jgf;
    if (!(resp = call (c, "Init", &init.base, &fluxion__init_response__descriptor)))
        return 1;
    protobuf_c_message_free_unpacked (resp, NULL);
    printf ("⭐️ Init cluster status: INIT_SUCCESS\n");

    match.jobspec = (char *)jobspec;
    match.request = (char *)"allocate";
    if (!(resp = call (c, "Match", &match.base, &fluxion__match_response__descriptor)))
        return 1;
    matched = (Fluxion__MatchResponse *)resp;
    printf ("⭐️ Match status: MATCH_SUCCESS\n"
            "     Allocation: %s"
            "       Overhead: %f\n"
            "       Reserved: %s\n"
            "          Jobid: %lld\n"
            "             At: %lld\n",
            matched->allocation, matched->overhead,
            matched->reserved ? "true" : "false", (long long)matched->jobid,
            (long long)matched->at);
    cancel.jobid = matched->jobid;
    protobuf_c_message_free_unpacked (resp, NULL);

    printf ("😴️ Sleeping for %u seconds before cancel...\n", wait);
    fflush (stdout);
    sleep (wait);
    if (!(resp =
              call (c, "Cancel", &cancel.base, &fluxion__cancel_response__descriptor)))
        return 1;
    protobuf_c_message_free_unpacked (resp, NULL);
    printf ("⭐️ Cancel status: CANCEL_SUCCESS\n");
    return 0;
}

int main (int argc, char *argv[])
{
    struct client c;
    grpc_channel_credentials *creds;
    char *jgf, *jobspec;
    int rc;

    if (argc < 4 || argc > 5) {
        fprintf (stderr, "usage: %s HOST:PORT GRAPH JOBSPEC [SECONDS]\n", argv[0]);
        return 2;
    }
    jgf = read_file (argv[2]);
    jobspec = read_file (argv[3]);
    grpc_init ();
    creds = grpc_insecure_credentials_create ();
    c.channel = grpc_channel_create (argv[1], creds, NULL);
    grpc_channel_credentials_release (creds);
    c.cq = grpc_completion_queue_create_for_next (NULL);
    rc = run (&c, jgf, jobspec, argc == 5 ? atoi (argv[4]) : 3);
    grpc_completion_queue_shutdown (c.cq);
    while (grpc_completion_queue_next (c.cq, gpr_inf_future (GPR_CLOCK_REALTIME), NULL)
               .type
           != GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy (c.cq);
    grpc_channel_destroy (c.channel);
    grpc_shutdown ();
    free (jgf);
    free (jobspec);
    return rc;
}
