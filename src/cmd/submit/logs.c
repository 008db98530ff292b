#include "cmd/submit/logs.h"

#include "base/hashmap.h"
#include "base/list.h"
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX_FILES 128

struct logs {
    struct hashmap *by_path;
    struct list open; /* the one used last is the first */
    size_t open_count;
};

struct log_file {
    struct logs *l;
    struct list node;
    FILE *stream; /* NULL: not open now */
    char path[];
};

static void shut (struct log_file *f)
{
    if (!f->stream)
        return;
    list_remove (&f->node);
    f->l->open_count--;
    FILE *stream = f->stream;
    f->stream = NULL;
    if (fclose (stream) != 0)
        cmd_die ("ERROR: %s: %s", f->path, strerror (errno));
}

static void file_free (void *value)
{
    struct log_file *f = value;
    shut (f);
    free (f);
}

static void open_file (struct log_file *f, const char *mode)
{
    struct logs *l = f->l;
    if (l->open_count >= OPEN_MAX_FILES)
        shut (container_of (l->open.prev, struct log_file, node));
    if (!(f->stream = fopen (f->path, mode)))
        cmd_die ("ERROR: %s: %s", f->path, strerror (errno));
    setvbuf (f->stream, NULL, _IOLBF, BUFSIZ);
    list_prepend (&l->open, &f->node);
    l->open_count++;
}

struct logs *logs_create (void)
{
    struct logs *l = calloc (1, sizeof (*l));
    if (!l || !(l->by_path = hashmap_create (file_free)))
        cmd_die ("out of memory");
    list_init (&l->open);
    return l;
}

void logs_destroy (struct logs *l)
{
    if (!l)
        return;
    hashmap_destroy (l->by_path);
    free (l);
}

struct log_file *logs_find (struct logs *l, const char *path)
{
    struct log_file *f;
    if (!path || (f = hashmap_lookup (l->by_path, path)))
        return path ? f : NULL;
    if (!(f = calloc (1, sizeof (*f) + strlen (path) + 1)))
        cmd_die ("out of memory");
    strcpy (f->path, path);
    f->l = l;
    list_init (&f->node);
    open_file (f, "we");
    if (hashmap_insert (l->by_path, path, f) < 0)
        cmd_die ("out of memory");
    return f;
}

FILE *log_stream (struct log_file *f, FILE *dflt)
{
    if (!f)
        return dflt;
    if (!f->stream)
        open_file (f, "ae");
    else {
        list_remove (&f->node);
        list_prepend (&f->l->open, &f->node);
    }
    return f->stream;
}
