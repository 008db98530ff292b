#include "cmd/job/task_table.h"

#include "base/buf.h"

#include <ctype.h>
#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
    struct idset *tasks; /* NULL: * */
    char **words;
};

struct task_table {
    struct line *lines;
    int count;
};

static int fail (flux_error_t *error, int number, const char *what, const char *arg)
{
    snprintf (error->text, sizeof (error->text), "line %d: %s%.80s", number, what, arg);
    errno = EINVAL;
    return -1;
}

void task_table_free_words (char **words)
{
    for (int i = 0; words && words[i]; i++)
        free (words[i]);
    free (words);
}

static int add_word (char ***words, int *count, struct buf *word)
{
    char **a = realloc (*words, (*count + 2) * sizeof (*a));

    if (a)
        *words = a;
    if (!a || buf_addc (word, '\0') < 0)
        return -1;
    a[(*count)++] = buf_take (word, NULL);
    a[*count] = NULL;
    return 0;
}

/* One word from *s on, which moves behind it. 1: a word, 0: there is none, -1. */
static int next_word (const char **s, const char *end, struct buf *word)
{
    const char *p = *s;
    char quote = '\0';
    bool any = false;

    while (p < end && isspace ((unsigned char)*p))
        p++;
    for (; p < end; p++) {
        if (quote == '\0' && (isspace ((unsigned char)*p) || (*p == '#' && !any)))
            break;
        any = true;
        if (*p == quote)
            quote = '\0';
        else if (quote == '\0' && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (*p == '\\' && p + 1 < end
                 && (quote == '\0' || (quote == '"' && (p[1] == '"' || p[1] == '\\'))))
            buf_addc (word, *++p);
        else
            buf_addc (word, *p);
    }
    *s = p;
    return quote ? -1 : any;
}

/* NULL without words; words[0] is the idset. */
static int split (const char *s, size_t len, int number, char ***words,
                  flux_error_t *error)
{
    struct buf word = BUF_INIT;
    const char *end = s + len;
    int count = 0, rc;

    *words = NULL;
    while ((rc = next_word (&s, end, &word)) > 0)
        if (add_word (words, &count, &word) < 0)
            break;
    buf_fini (&word);
    if (rc == 0)
        return count;
    task_table_free_words (*words);
    *words = NULL;
    return fail (error, number, rc < 0 ? "no closing quotation" : "out of memory", "");
}

static int add_line (struct task_table *t, char **take_words, int number,
                     flux_error_t *error)
{
    struct idset *tasks = NULL;
    struct line *a = realloc (t->lines, (t->count + 1) * sizeof (*a));

    if (a)
        t->lines = a;
    if (!a
        || (strcmp (take_words[0], "*") && !(tasks = idset_decode (take_words[0])))) {
        fail (error, number, a ? "invalid idset: " : "out of memory",
              a ? take_words[0] : "");
        task_table_free_words (take_words);
        return -1;
    }
    t->lines[t->count++] = (struct line){ tasks, take_words };
    return 0;
}

/* A task has one command. */
static int check_twice (const struct task_table *t, int number, flux_error_t *error)
{
    const struct line *last = &t->lines[t->count - 1];

    for (int i = 0; i < t->count - 1; i++) {
        const struct line *l = &t->lines[i];
        if (!l->tasks && !last->tasks)
            return fail (error, number, "there is a line for * already", "");
        if (l->tasks && last->tasks && idset_has_intersection (l->tasks, last->tasks))
            return fail (error, number, "a task has a line already: ", last->words[0]);
    }
    return 0;
}

struct task_table *task_table_parse (const char *text, flux_error_t *error)
{
    struct task_table *t = calloc (1, sizeof (*t));
    int number = 0, rc = t ? 0 : fail (error, 0, "out of memory", "");

    while (rc == 0 && *text) {
        size_t len = strcspn (text, "\n");
        char **words;
        number++;
        rc = split (text, len, number, &words, error);
        if (rc > 0 && (rc = add_line (t, words, number, error)) == 0)
            rc = check_twice (t, number, error);
        text += len + (text[len] == '\n');
    }
    if (rc == 0)
        return t;
    task_table_destroy (t);
    errno = EINVAL;
    return NULL;
}

void task_table_destroy (struct task_table *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->count; i++) {
        idset_destroy (t->lines[i].tasks);
        task_table_free_words (t->lines[i].words);
    }
    free (t->lines);
    free (t);
}

static unsigned int place_of (const struct idset *tasks, unsigned int task)
{
    unsigned int n = 0;

    if (!tasks)
        return task;
    for (unsigned int i = idset_first (tasks); i < task; i = idset_next (tasks, i))
        n++;
    return n;
}

static int substitute (struct buf *b, const char *s, unsigned int task,
                       unsigned int place)
{
    for (; *s; s++) {
        if (s[0] == '%' && (s[1] == 't' || s[1] == 'o'))
            buf_printf (b, "%u", *++s == 't' ? task : place);
        else
            buf_addc (b, *s);
    }
    return b->err ? -1 : 0;
}

static const struct line *find (const struct task_table *t, unsigned int task)
{
    const struct line *rest = NULL;

    for (int i = 0; i < t->count; i++) {
        if (!t->lines[i].tasks)
            rest = &t->lines[i];
        else if (idset_test (t->lines[i].tasks, task))
            return &t->lines[i];
    }
    return rest;
}

char **task_table_command (const struct task_table *t, unsigned int task)
{
    const struct line *l = find (t, task);
    char **words = NULL;
    int count = 0;

    if (!l || !l->words[1]) {
        errno = ENOENT;
        return NULL;
    }
    for (char **w = l->words + 1; *w; w++) {
        struct buf b = BUF_INIT;
        if (substitute (&b, *w, task, place_of (l->tasks, task)) < 0
            || add_word (&words, &count, &b) < 0) {
            buf_fini (&b);
            task_table_free_words (words);
            errno = ENOMEM;
            return NULL;
        }
    }
    return words;
}
