/* The process manager interface of MPI, version 1 (RFC 13): libpmi.
 *
 * Under a process manager it speaks the wire protocol over PMI_FD; without one the
 * process is alone: rank 0 of 1. Calls return PMI_SUCCESS or one of the codes below:
 * ERR_INIT before PMI_Init and after PMI_Finalize, ERR_INVALID_ARG where there is nothing
 * to put a result into, FAIL where the process manager says no or has gone. Nothing is
 * handed out: all is copied into the caller's memory, with a NUL behind text, and
 * ERR_INVALID_LENGTH if it does not fit. Calls wait for the answer; threads take
 * turns. */
#ifndef FLUX_PMI_H
#define FLUX_PMI_H

#ifdef __cplusplus
extern "C" {
#endif

#define PMI_SUCCESS 0
#define PMI_FAIL -1
#define PMI_ERR_INIT 1
#define PMI_ERR_NOMEM 2
#define PMI_ERR_INVALID_ARG 3
#define PMI_ERR_INVALID_KEY 4
#define PMI_ERR_INVALID_KEY_LENGTH 5
#define PMI_ERR_INVALID_VAL 6
#define PMI_ERR_INVALID_VAL_LENGTH 7
#define PMI_ERR_INVALID_LENGTH 8
#define PMI_ERR_INVALID_NUM_ARGS 9
#define PMI_ERR_INVALID_ARGS 10
#define PMI_ERR_INVALID_NUM_PARSED 11
#define PMI_ERR_INVALID_KEYVALP 12
#define PMI_ERR_INVALID_SIZE 13
#define PMI_ERR_INVALID_KVS 14

/* RFC 13, "Initialization". Init again does nothing; *spawned: 1 if this job was spawned by
 * another. *initialized: 1 between Init and Finalize. Abort ends the job: it says the
 * message (one line of it, 900 bytes) and exits with the code. */
int PMI_Init (int *spawned);
int PMI_Initialized (int *initialized);
int PMI_Finalize (void);
int PMI_Abort (int exit_code, const char error_msg[]);

/* RFC 13, "Process Group Information". universe_size: how many processes there may be;
 * appnum: which of several programs this is, 0 here. */
int PMI_Get_size (int *size);
int PMI_Get_rank (int *rank);
int PMI_Get_universe_size (int *size);
int PMI_Get_appnum (int *appnum);

/* RFC 13, "Local Process Group Information": the ranks on this node, in their order. length
 * counts ints: as many as clique_size has. */
int PMI_Get_clique_size (int *size);
int PMI_Get_clique_ranks (int ranks[], int length);

/* RFC 13, "Key Value Store". The room that a name (64), a key (64) and a value (1024) may
 * take. Lengths are bytes, with the terminating NUL. */
int PMI_KVS_Get_name_length_max (int *length);
int PMI_KVS_Get_key_length_max (int *length);
int PMI_KVS_Get_value_length_max (int *length);
int PMI_Get_id_length_max (int *length);

/* The name of the job's key space, which the calls below want; the others say the same. */
int PMI_KVS_Get_my_name (char kvsname[], int length);
int PMI_Get_kvs_domain_id (char kvsname[], int length);
int PMI_Get_id (char kvsname[], int length);

/* What was put is there for others after a Commit and a Barrier, which ends when all
 * processes of the job are in it. A key that begins with PMI_ and does not exist has an
 * empty value; another: FAIL. ERR_INVALID_KVS: not the job's name; ERR_INVALID_KEY: empty,
 * or with a blank, a newline or "=" in it; ERR_INVALID_VAL: NULL, or with a newline;
 * ERR_INVALID_KEY_LENGTH, ERR_INVALID_VAL_LENGTH: too long. */
int PMI_KVS_Put (const char kvsname[], const char key[], const char value[]);
int PMI_KVS_Commit (const char kvsname[]);
int PMI_KVS_Get (const char kvsname[], const char key[], char value[], int length);
int PMI_Barrier (void);

/* Optional ones (RFC 13), which do nothing but return PMI_FAIL: there are no dynamic
 * processes, no names, and no other key spaces. */
typedef struct {
    const char *key;
    char *val;
} PMI_keyval_t;
int PMI_KVS_Create (char kvsname[], int length);
int PMI_KVS_Destroy (const char kvsname[]);
int PMI_KVS_Iter_first (const char kvsname[], char key[], int key_len, char val[],
                        int val_len);
int PMI_KVS_Iter_next (const char kvsname[], char key[], int key_len, char val[],
                       int val_len);
int PMI_Spawn_multiple (int count, const char *cmds[], const char **argvs[],
                        const int maxprocs[], const int info_keyval_sizesp[],
                        const PMI_keyval_t *info_keyval_vectors[],
                        int preput_keyval_size,
                        const PMI_keyval_t preput_keyval_vector[], int errors[]);
int PMI_Publish_name (const char service_name[], const char port[]);
int PMI_Unpublish_name (const char service_name[]);
int PMI_Lookup_name (const char service_name[], char port[]);
int PMI_Parse_option (int num_args, char *args[], int *num_parsed,
                      PMI_keyval_t **keyvalp, int *size);
int PMI_Args_to_keyval (int *argcp, char *((*argvp)[]), PMI_keyval_t **keyvalp,
                        int *size);
int PMI_Free_keyvals (PMI_keyval_t keyvalp[], int size);
int PMI_Get_options (char *str, int *length);

#ifdef __cplusplus
}
#endif

#endif
