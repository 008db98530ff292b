/* libpmi and libpmi2: alone, and against a server over a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <flux/pmi.h>
#include <flux/pmi2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "libs/group.h"

static void alone_one_is_rank_0_of_1 (void **state)
{
    char name[64], value[1024];
    int n = -1, ranks[2];

    unsetenv ("PMI_FD");
    assert_int_equal (PMI_Initialized (&n), PMI_SUCCESS);
    assert_int_equal (n, 0);
    assert_int_equal (PMI_Get_rank (&n), PMI_ERR_INIT);
    assert_int_equal (PMI_Barrier (), PMI_ERR_INIT);
    assert_int_equal (PMI_Finalize (), PMI_ERR_INIT);
    assert_int_equal (PMI_Init (NULL), PMI_ERR_INVALID_ARG);
    assert_int_equal (PMI_Init (&n), PMI_SUCCESS);
    assert_int_equal (n, 0);
    assert_int_equal (PMI_Initialized (&n), PMI_SUCCESS);
    assert_int_equal (n, 1);
    assert_int_equal (PMI_Get_size (&n), PMI_SUCCESS);
    assert_int_equal (n, 1);
    assert_int_equal (PMI_Get_rank (&n), PMI_SUCCESS);
    assert_int_equal (n, 0);
    assert_int_equal (PMI_Get_universe_size (&n), PMI_SUCCESS);
    assert_int_equal (n, 1);
    assert_int_equal (PMI_Get_appnum (&n), PMI_SUCCESS);
    assert_int_equal (PMI_Get_clique_size (&n), PMI_SUCCESS);
    assert_int_equal (n, 1);
    assert_int_equal (PMI_Get_clique_ranks (ranks, 1), PMI_SUCCESS);
    assert_int_equal (ranks[0], 0);
    assert_int_equal (PMI_Get_clique_ranks (ranks, 0), PMI_ERR_INVALID_LENGTH);
    assert_int_equal (PMI_KVS_Get_my_name (name, 3), PMI_ERR_INVALID_LENGTH);
    assert_int_equal (PMI_KVS_Get_my_name (name, sizeof (name)), PMI_SUCCESS);
    assert_int_equal (PMI_KVS_Put (name, "k", "v"), PMI_SUCCESS);
    assert_int_equal (PMI_KVS_Commit (name), PMI_SUCCESS);
    assert_int_equal (PMI_Barrier (), PMI_SUCCESS);
    assert_int_equal (PMI_KVS_Get (name, "k", value, sizeof (value)), PMI_SUCCESS);
    assert_string_equal (value, "v");
    assert_int_equal (PMI_KVS_Get (name, "nosuch", value, sizeof (value)), PMI_FAIL);
    assert_int_equal (PMI_KVS_Get (name, "PMI_nosuch", value, sizeof (value)),
                      PMI_SUCCESS);
    assert_string_equal (value, "");
    assert_int_equal (PMI_Finalize (), PMI_SUCCESS);
}

static void bad_arguments_have_their_codes (void **state)
{
    char name[64], value[1024], big[2000];
    int n;

    memset (big, 'x', sizeof (big) - 1);
    big[sizeof (big) - 1] = '\0';
    PMI_Init (&n);
    PMI_KVS_Get_my_name (name, sizeof (name));
    assert_int_equal (PMI_Get_size (NULL), PMI_ERR_INVALID_ARG);
    assert_int_equal (PMI_KVS_Put ("other", "k", "v"), PMI_ERR_INVALID_KVS);
    assert_int_equal (PMI_KVS_Put (name, "", "v"), PMI_ERR_INVALID_KEY);
    assert_int_equal (PMI_KVS_Put (name, big, "v"), PMI_ERR_INVALID_KEY_LENGTH);
    assert_int_equal (PMI_KVS_Put (name, "k", NULL), PMI_ERR_INVALID_VAL);
    assert_int_equal (PMI_KVS_Put (name, "k", "a\ncmd=finalize"), PMI_ERR_INVALID_VAL);
    assert_int_equal (PMI_KVS_Put (name, "k k", "v"), PMI_ERR_INVALID_KEY);
    assert_int_equal (PMI_KVS_Get (name, "k\n", value, 9), PMI_ERR_INVALID_KEY);
    assert_int_equal (PMI_KVS_Put (name, "k", big), PMI_ERR_INVALID_VAL_LENGTH);
    assert_int_equal (PMI_KVS_Put (name, "k", "vvv"), PMI_SUCCESS);
    assert_int_equal (PMI_KVS_Get (name, "k", value, 3), PMI_ERR_INVALID_LENGTH);
    assert_int_equal (PMI_KVS_Get (name, "k", NULL, 3), PMI_ERR_INVALID_VAL);
    assert_int_equal (PMI_KVS_Commit ("other"), PMI_ERR_INVALID_ARG);
    assert_int_equal (
        PMI_Spawn_multiple (0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL), PMI_FAIL);
    assert_int_equal (PMI_Publish_name ("a", "b"), PMI_FAIL);
    PMI_Finalize ();
}

/* RFC 13, its table. */
static void mappings_are_read (void **state)
{
    const char *block = "(vector,(0,2,2),(2,2,4))";
    const char *cyclic = "(vector,(0,2,1),(0,2,1))";
    int nodes[] = { 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, -1 };

    for (int i = 0; i < 13; i++)
        assert_int_equal (mapping_node_of (block, i), nodes[i]);
    for (int i = 0; i < 4; i++)
        assert_int_equal (mapping_node_of (cyclic, i), i % 2);
    assert_int_equal (mapping_node_of ("(vector,(0,4096,256))", 1048575), 4095);
    assert_int_equal (mapping_node_of ("", 0), -1);
    assert_int_equal (mapping_node_of ("(vector,(0,0,1))", 0), -1);
    assert_int_equal (mapping_node_of ("(vector,(0,2147483647,2147483647))", 5), 0);
    assert_int_equal (mapping_node_of (NULL, 0), -1);
}

/* Rank 1 of 4 on two nodes, whose server answers line by line. */
static void *serve (void *arg)
{
    static const char *const answers[][2] = {
        { "cmd=init", "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n" },
        { "cmd=get_maxes",
          "cmd=maxes rc=0 kvsname_max=64 keylen_max=64 vallen_max=1024\n" },
        { "cmd=get_my_kvsname", "cmd=my_kvsname rc=0 kvsname=f1\n" },
        { "cmd=get_universe_size", "cmd=universe_size rc=0 size=4\n" },
        { "cmd=get_appnum", "cmd=appnum rc=0 appnum=0\n" },
        { "cmd=put", "cmd=put_result rc=0\n" },
        { "cmd=barrier_in", "cmd=barrier_out rc=0\n" },
        { "cmd=get kvsname=f1 key=PMI_process_mapping",
          "cmd=get_result rc=0 value=(vector,(0,2,2))\n" },
        { "cmd=get kvsname=f1 key=k", "cmd=get_result rc=0 value=of another\n" },
        { "cmd=get", "cmd=get_result rc=-1\n" },
        { "cmd=finalize", "cmd=finalize_ack rc=0\n" },
    };
    int fd = *(int *)arg;
    char line[2048];
    ssize_t n;

    while ((n = read (fd, line, sizeof (line) - 1)) > 0) {
        line[n] = '\0';
        for (size_t i = 0; i < sizeof (answers) / sizeof (answers[0]); i++) {
            size_t len = strlen (answers[i][0]);

            if (strncmp (line, answers[i][0], len) == 0
                && strchr (" \n", line[len]) != NULL) {
                if (write (fd, answers[i][1], strlen (answers[i][1])) < 0)
                    return NULL;
                break;
            }
        }
    }
    return NULL;
}

static pthread_t server;
static int fds[2];

static void offer (void)
{
    char fd[16];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf (fd, sizeof (fd), "%d", fds[0]);
    setenv ("PMI_FD", fd, 1);
    setenv ("PMI_RANK", "1", 1);
    setenv ("PMI_SIZE", "4", 1);
    assert_int_equal (pthread_create (&server, NULL, serve, &fds[1]), 0);
}

static void done (void)
{
    pthread_join (server, NULL);
    close (fds[1]);
    unsetenv ("PMI_FD");
}

static void a_server_is_asked (void **state)
{
    char value[1024];
    int n, ranks[4];

    offer ();
    assert_int_equal (PMI_Init (&n), PMI_SUCCESS);
    PMI_Get_rank (&n);
    assert_int_equal (n, 1);
    PMI_Get_size (&n);
    assert_int_equal (n, 4);
    assert_int_equal (PMI_Get_universe_size (&n), PMI_SUCCESS);
    assert_int_equal (n, 4);
    assert_int_equal (PMI_Get_clique_size (&n), PMI_SUCCESS);
    assert_int_equal (n, 2);
    assert_int_equal (PMI_Get_clique_ranks (ranks, 2), PMI_SUCCESS);
    assert_int_equal (ranks[0], 0);
    assert_int_equal (ranks[1], 1);
    assert_int_equal (PMI_KVS_Put ("f1", "k", "mine"), PMI_SUCCESS);
    assert_int_equal (PMI_Barrier (), PMI_SUCCESS);
    assert_int_equal (PMI_KVS_Get ("f1", "k", value, sizeof (value)), PMI_SUCCESS);
    assert_string_equal (value, "of another");
    assert_int_equal (PMI_KVS_Get ("f1", "nosuch", value, sizeof (value)), PMI_FAIL);
    assert_int_equal (PMI_Finalize (), PMI_SUCCESS);
    done ();
}

static void version_2_asks_the_same (void **state)
{
    char value[1024];
    int spawned, size, rank, appnum, len, found, array[2];

    assert_int_equal (PMI2_Initialized (), 0);
    assert_int_equal (PMI2_KVS_Fence (), PMI2_ERR_INIT);
    offer ();
    assert_int_equal (PMI2_Init (&spawned, &size, &rank, &appnum), PMI2_SUCCESS);
    assert_int_equal (size, 4);
    assert_int_equal (rank, 1);
    assert_int_equal (PMI2_Job_GetId (value, sizeof (value)), PMI2_SUCCESS);
    assert_string_equal (value, "f1");
    assert_int_equal (PMI2_Info_GetSize (&size), PMI2_SUCCESS);
    assert_int_equal (size, 2);
    assert_int_equal (PMI2_KVS_Put ("k", "mine"), PMI2_SUCCESS);
    assert_int_equal (PMI2_KVS_Fence (), PMI2_SUCCESS);
    assert_int_equal (
        PMI2_KVS_Get ("f1", PMI2_ID_NULL, "k", value, sizeof (value), &len),
        PMI2_SUCCESS);
    assert_string_equal (value, "of another");
    assert_int_equal (len, 10);
    /* what does not fit is cut, and says how long it is */
    assert_int_equal (PMI2_KVS_Get (NULL, 0, "k", value, 3, &len), PMI2_SUCCESS);
    assert_string_equal (value, "of");
    assert_int_equal (len, -10);
    assert_int_equal (PMI2_KVS_Get (NULL, 0, "nosuch", value, 3, &len),
                      PMI2_ERR_INVALID_KEY);
    assert_int_equal (
        PMI2_KVS_Get (
            NULL, 0, "a-key-of-sixty-four-bytes-which-is-one-more-than-a-key-may-have-",
            value, 3, &len),
        PMI2_ERR_INVALID_KEY_LENGTH);
    assert_int_equal (PMI2_KVS_Get ("f2", 0, "k", value, 3, &len),
                      PMI2_ERR_INVALID_ARG);
    assert_int_equal (
        PMI2_Info_GetJobAttr ("PMI_process_mapping", value, sizeof (value), &found),
        PMI2_SUCCESS);
    assert_int_equal (found, 1);
    assert_string_equal (value, "(vector,(0,2,2))");
    assert_int_equal (PMI2_Info_GetJobAttr ("nosuch", value, sizeof (value), &found),
                      PMI2_SUCCESS);
    assert_int_equal (found, 0);
    assert_int_equal (
        PMI2_Info_GetJobAttrIntArray ("universeSize", array, 2, &len, &found),
        PMI2_SUCCESS);
    assert_int_equal (found, 1);
    assert_int_equal (array[0], 4);
    assert_int_equal (PMI2_Info_PutNodeAttr ("a", "b"), PMI2_FAIL);
    assert_int_equal (PMI2_Finalize (), PMI2_SUCCESS);
    done ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (alone_one_is_rank_0_of_1),
        cmocka_unit_test (bad_arguments_have_their_codes),
        cmocka_unit_test (mappings_are_read),
        cmocka_unit_test (a_server_is_asked),
        cmocka_unit_test (version_2_asks_the_same),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
