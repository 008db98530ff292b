#include "cmd/complete/candidates.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- words of a line ---- */

void complete_free (char **words)
{
    for (int i = 0; words && words[i]; i++)
        free (words[i]);
    free (words);
}

/* One word from *s on; *s is moved behind it. */
static char *take_word (const char **s)
{
    struct buf b = BUF_INIT;
    char quote = '\0';

    for (; **s && (quote || !isspace ((unsigned char)**s)); ++*s) {
        char c = **s;

        if (c == quote) {
            quote = '\0';
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
        } else {
            if (c == '\\' && quote != '\'' && (*s)[1])
                c = *++*s;
            buf_addc (&b, c);
        }
    }
    if (b.err) {
        buf_fini (&b);
        return NULL;
    }
    return b.data ? b.data : strdup ("");
}

char **complete_split (const char *line, int *count)
{
    char **words = calloc (strlen (line) + 2, sizeof (*words));
    int n = 0;

    while (words) {
        while (isspace ((unsigned char)*line))
            line++;
        if (!(words[n] = take_word (&line))) {
            complete_free (words);
            return NULL;
        }
        n++;
        if (!*line)
            break;
    }
    *count = n;
    return words;
}

/* ---- candidates ---- */

static void offer (struct completion *c, const char *word, const char *end,
                   const char *what)
{
    size_t len = what ? strcspn (what, "\n\t") : 0;

    if (strncmp (word, c->stem, strlen (c->stem)) != 0)
        return;
    buf_printf (&c->out, "%s%s\t%.*s\n", word, end, (int)len, what ? what : "");
}

/* "auto|never|always", "TYPE,...": words in small letters are meant as they stand. */
static bool offer_choices (struct completion *c, const char *arginfo)
{
    char text[128], *save = NULL;

    if (!strchr (arginfo, '|') || strpbrk (arginfo, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        || strlen (arginfo) >= sizeof (text))
        return false;
    strcpy (text, arginfo);
    for (char *s = strtok_r (text, "|", &save); s; s = strtok_r (NULL, "|", &save))
        offer (c, s, "", NULL);
    return true;
}

static const struct {
    const char *word;
    enum want want;
} wants[] = {
    { "JOBID", WANT_JOBID },
    { "id", WANT_JOBID },
    { "QUEUE", WANT_QUEUE },
    { "RANK", WANT_RANK },
    { "RANKS", WANT_RANK },
    { "IDSET", WANT_RANK },
    { "TARGETS", WANT_RANK },
    { "NODEID", WANT_RANK },
    { "KEY", WANT_KEY },
    { "USER", WANT_USER },
    { "FILE", WANT_FILE },
    { "PATH", WANT_FILE },
    { "DIR", WANT_FILE },
    { "CONFIG", WANT_FILE },
    { "COMMAND", WANT_COMMAND },
    { "SCRIPT", WANT_FILE },
    { "INITIAL-PROGRAM", WANT_COMMAND },
};

static bool in_word (int c)
{
    return isalnum (c) || c == '-' || c == '_';
}

/* The first word of a usage text that says what is wanted, and is no option. */
static enum want want_of (const char *usage)
{
    while (usage && *usage) {
        size_t n = 0;

        while (*usage && !in_word ((unsigned char)*usage))
            usage++;
        while (in_word ((unsigned char)usage[n]))
            n++;
        /* an option with its argument: "-N NAME", "--rank=RANK" */
        if (*usage == '-') {
            usage += n + strcspn (usage + n, " ]");
            if (*usage == ' ' && n == 2)
                usage += 1 + strcspn (usage + 1, " ]");
            continue;
        }
        for (size_t i = 0; n > 0 && i < sizeof (wants) / sizeof (wants[0]); i++)
            if (strlen (wants[i].word) == n && !strncmp (wants[i].word, usage, n))
                return wants[i].want;
        usage += n;
    }
    return WANT_NOTHING;
}

struct option_tables {
    const struct optparse_option *tables[5];
    int count;
};

static void add_table (struct option_tables *t, const struct optparse_option *table)
{
    if (table && t->count < 5)
        t->tables[t->count++] = table;
}

static const struct optparse_option *find_long (const struct option_tables *t,
                                                const char *name, size_t len)
{
    for (int i = 0; i < t->count; i++)
        for (const struct optparse_option *o = t->tables[i]; o->name || o->usage; o++)
            if (o->name && strlen (o->name) == len && !strncmp (o->name, name, len))
                return o;
    return NULL;
}

static const struct optparse_option *find_short (const struct option_tables *t, int key)
{
    for (int i = 0; i < t->count; i++)
        for (const struct optparse_option *o = t->tables[i]; o->name || o->usage; o++)
            if (o->key == key)
                return o;
    return NULL;
}

static void offer_options (struct completion *c, const struct option_tables *t)
{
    char word[128];

    for (int i = 0; i < t->count; i++) {
        for (const struct optparse_option *o = t->tables[i]; o->name || o->usage; o++) {
            if (!o->name || (o->flags & OPTPARSE_OPT_HIDDEN))
                continue;
            snprintf (word, sizeof (word), "--%s", o->name);
            offer (c, word, o->has_arg == 1 ? "=" : "", o->usage);
        }
    }
    offer (c, "--help", "", "Display this message.");
}

static void complete_value (struct completion *c, const struct optparse_option *o)
{
    if (!o->arginfo || offer_choices (c, o->arginfo))
        return;
    if (!strcmp (o->arginfo, "WHEN"))
        (void)offer_choices (c, "auto|never|always");
    else
        c->want = want_of (o->arginfo);
}

/* Does the word before want this one as its argument? */
static const struct optparse_option *wants_argument (const struct option_tables *t,
                                                     const char *word)
{
    const struct optparse_option *o = NULL;

    if (!strncmp (word, "--", 2) && !strchr (word, '='))
        o = find_long (t, word + 2, strlen (word + 2));
    else if (word[0] == '-' && word[1] && word[1] != '-' && !word[2])
        o = find_short (t, word[1]);
    return o && o->has_arg == 1 ? o : NULL;
}

/* Options and operands behind the command's name. */
static void complete_arguments (struct completion *c, const struct option_tables *t,
                                const char *usage, enum want want, int count,
                                char **words)
{
    const char *last = words[count - 1], *eq = strchr (last, '=');
    const struct optparse_option *o;

    for (int i = 0; i < count - 1; i++) {
        if (!strcmp (words[i], "--")) {
            c->want = WANT_FILE;
            return;
        }
    }
    if (count > 1 && (o = wants_argument (t, words[count - 2]))) {
        complete_value (c, o);
    } else if (!strncmp (last, "--", 2) && eq) {
        c->head = eq + 1 - last;
        c->stem = eq + 1;
        if ((o = find_long (t, last + 2, eq - last - 2)))
            complete_value (c, o);
    } else if (*last == '-') {
        offer_options (c, t);
    } else if (!usage || !offer_choices (c, usage)) {
        c->want = want != WANT_NOTHING ? want : want_of (usage);
        if (c->want == WANT_NOTHING)
            c->want = WANT_FILE;
    }
}

/* What usage texts call NAME. */
static enum want want_here (const char *command, const char *sub)
{
    static const struct {
        const char *command, *subs;
        enum want want;
    } t[] = {
        { "module", " remove reload stats debug trace ", WANT_MODULE },
        { "getattr", NULL, WANT_ATTR },
        { "setattr", NULL, WANT_ATTR },
        { "queue", " enable disable start stop status list drain idle ", WANT_QUEUE },
        { "resource", " drain undrain ", WANT_RANK },
    };
    char name[64];

    snprintf (name, sizeof (name), " %s ", sub ? sub : "");
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++)
        if (!strcmp (t[i].command, command)
            && (!t[i].subs || (sub && strstr (t[i].subs, name))))
            return t[i].want;
    return WANT_NOTHING;
}

static void complete_subcommand (struct completion *c, const struct command *cmd,
                                 struct option_tables *t, int count, char **words)
{
    const struct optparse_subcommand *sub;
    int i = 0;

    while (i < count - 1 && words[i][0] == '-')
        i++;
    if (i == count - 1) {
        if (words[i][0] == '-')
            offer_options (c, t);
        for (sub = cmd->subcommands; words[i][0] != '-' && sub->name; sub++)
            if (!(sub->flags & OPTPARSE_SUBCMD_HIDDEN))
                offer (c, sub->name, "", sub->doc);
        return;
    }
    for (sub = cmd->subcommands; sub->name; sub++)
        if (!strcmp (sub->name, words[i]))
            break;
    if (!sub->name)
        return;
    add_table (t, sub->opts);
    /* "create|remove|list": one more word of that kind */
    if (i == count - 2 && words[i + 1][0] != '-' && sub->usage
        && offer_choices (c, sub->usage))
        return;
    complete_arguments (c, t, sub->usage, want_here (cmd->name, sub->name),
                        count - i - 1, words + i + 1);
}

void complete_words (struct completion *c, const struct command *const *commands,
                     int count, char **words)
{
    struct option_tables t = { .count = 0 };
    const struct command *cmd = NULL;
    int i = 0;

    *c = (struct completion){ .stem = words[count - 1] };
    while (i < count - 1 && words[i][0] == '-')
        i++;
    if (i == count - 1) {
        for (int k = 0; commands[k]; k++)
            if (!(commands[k]->flags & CMD_HIDDEN))
                offer (c, commands[k]->name, "", commands[k]->summary);
        return;
    }
    for (int k = 0; commands[k] && !cmd; k++)
        if (!strcmp (commands[k]->name, words[i]))
            cmd = commands[k];
    if (!cmd)
        return;
    add_table (&t, cmd->options);
    for (int k = 0; k < 3; k++)
        add_table (&t, cmd->more_options[k]);
    if (cmd->subcommands)
        complete_subcommand (c, cmd, &t, count - i - 1, words + i + 1);
    else
        complete_arguments (c, &t, cmd->usage, want_here (cmd->name, NULL),
                            count - i - 1, words + i + 1);
}
