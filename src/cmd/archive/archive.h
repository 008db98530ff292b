/* What the files of `flux archive` share. An archive is a list of file system objects
 * (RFC 37) in the key archive.NAME; archive.NAME_blobs refers to the blobs of it, so
 * that they are kept as long as the archive. */
#ifndef CMD_ARCHIVE_H
#define CMD_ARCHIVE_H

#include "cmd/cmd.h"
#include "value/fileref.h"

#define ARCHIVE_NAME_OPTION                                                            \
    {                                                                                  \
        .name = "name", .key = 'n', .has_arg = 1, .arginfo = "NAME",                   \
        .usage = "Name of the archive (default: main)"                                 \
    }
#define ARCHIVE_NS_OPTION                                                              \
    {                                                                                  \
        .name = "no-force-primary",                                                    \
        .usage = "Use the namespace of $FLUX_KVS_NAMESPACE instead of primary"         \
    }
#define ARCHIVE_DIR_OPTION                                                             \
    {                                                                                  \
        .name = "directory", .key = 'C', .has_arg = 1, .arginfo = "DIR",               \
        .usage = "Change to this directory first"                                      \
    }

/* Requests for blobs that are on their way: bounded in number and in bytes. */
#define ARCHIVE_WINDOW 8
#define ARCHIVE_WINDOW_BYTES (16 * 1024 * 1024)

extern struct optparse_option archive_create_opts[], archive_extract_opts[];
int archive_create (optparse_t *p, int argc, char **argv);
int archive_extract (optparse_t *p, int argc, char **argv);

const char *archive_ns (optparse_t *p); /* or NULL: the default */
const char *archive_name (optparse_t *p);
/* "archive.NAME" and suffix; owned by the caller. */
char *archive_key (optparse_t *p, const char *suffix);
/* Parses it, or dies. */
json_t *archive_parse (const char *key, flux_future_t *f);
/* Decodes it, or dies. */
void archive_decode (const char *key, const json_t *o, struct fileref *f);
/* --directory */
void archive_chdir (optparse_t *p);
bool archive_matches (const char *pattern, const char *path); /* NULL matches all */
/* Names on f as they are done; false: none. */
void archive_say (FILE *f, const char *path);
/* content.mmap-remove; only and except: sessions, or 0. */
void archive_unmap (const char *name, int64_t only, int64_t except);

/* A bar on stderr, if that is a terminal. */
struct bar;
struct bar *bar_create (const char *title, int64_t total);
void bar_add (struct bar *b, int64_t count);
void bar_destroy (struct bar *b);

#endif
