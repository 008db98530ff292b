/* flux completion: what completes command lines in bash, zsh and fish.
 *
 * The script of a shell hands the line up to the cursor to `flux completion --line`, which
 * knows the tables of all commands, and asks the instance, if there is one, for jobs,
 * queues, modules and keys. Its last line says whether files or programs fit, too. */
#include "cmd/cmd.h"
#include "cmd/complete/candidates.h"
#include "cmd/output/output.h"

#include <flux/job.h>
#include <flux/kvs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 1. /* s: somebody waits at the keyboard */
#define JOBS_MAX 100

static const char bash[] =
    "# bash: put this line into ~/.bashrc\n"
    "#   source <(flux completion bash)\n"
    "_flux () {\n"
    "    local line last cut=0 kind=\n"
    "    local word=${COMP_LINE:0:COMP_POINT}\n"
    "    word=${word##*[[:space:]]}\n"
    "    # COMP_WORDBREAKS cuts words at = and :, and only the rest is replaced\n"
    "    last=${word##*[=:]}\n"
    "    cut=$((${#word} - ${#last}))\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        '\t'*) kind=${line#?} ;;\n"
    "        *) line=${line%%$'\\t'*}; COMPREPLY+=(\"${line:cut}\") ;;\n"
    "        esac\n"
    "    done < <(\"$1\" completion --line \"${COMP_LINE:0:COMP_POINT}\" 2>/dev/null)\n"
    "    [ \"$kind\" = file ] && compopt -o filenames 2>/dev/null\n"
    "    [ -n \"$kind\" ] && while IFS= read -r line; do\n"
    "        COMPREPLY+=(\"$line\")\n"
    "    done < <(compgen -A \"$kind\" -- \"$last\")\n"
    "    case ${#COMPREPLY[@]}-${COMPREPLY[0]} in\n"
    "    1-*[=.]) compopt -o nospace 2>/dev/null ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _flux flux\n";

static const char zsh[] =
    "#compdef flux\n"
    "# zsh: put this file into a directory of $fpath as _flux, or\n"
    "#   source <(flux completion zsh)\n"
    "_flux () {\n"
    "    local line kind=\n"
    "    local -a found\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        $'\\t'*) kind=${line#?} ;;\n"
    "        *) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done < <(flux completion --line \"$LBUFFER\" 2>/dev/null)\n"
    "    (( ${#found} )) && _describe flux found -S ''\n"
    "    case $kind in\n"
    "    file) compset -P '*='; _files ;;\n"
    "    command) _command_names ;;\n"
    "    esac\n"
    "}\n"
    "compdef _flux flux\n";

static const char fish[] =
    "# fish: flux completion fish > ~/.config/fish/completions/flux.fish\n"
    "function __flux_complete\n"
    "    flux completion --line (commandline -cp) 2>/dev/null | while read -l line\n"
    "        switch $line\n"
    "            case (printf '\\tfile')\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case (printf '\\tcommand')\n"
    "                __fish_complete_command\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c flux -f -a '(__flux_complete)'\n";

/* ---- what the instance knows ---- */

struct offers {
    const struct completion *c;
    const char *word; /* the one that is completed, for what stands before stem */
};

static void offer (const struct offers *o, const char *value, const char *what)
{
    if (strncmp (value, o->c->stem, strlen (o->c->stem)) == 0)
        printf ("%.*s%s\t%s\n", o->c->head, o->word, safe (value), safe (what));
}

static json_t *answer (flux_future_t *f)
{
    const char *s;
    json_t *o = NULL;

    if (f && flux_future_wait_for (f, PATIENCE) == 0 && flux_rpc_get (f, &s) == 0 && s)
        o = json_loads (s, 0, NULL);
    flux_future_destroy (f);
    return o;
}

static json_t *ask (flux_t *h, const char *topic)
{
    return answer (flux_rpc (h, topic, NULL, FLUX_NODEID_ANY, 0));
}

static void offer_jobs (flux_t *h, const struct offers *o)
{
    json_t *list = answer (flux_job_list (h, JOBS_MAX, "[\"name\",\"state\"]",
                                          FLUX_USERID_UNKNOWN, 0)),
           *job;
    size_t i;

    json_array_foreach (json_object_get (list, "jobs"), i, job) {
        const char *name = "";
        json_int_t id;
        char f58[32], what[80];
        int state = 0;

        if (json_unpack (job, "{s:I s?s s?i}", "id", &id, "name", &name, "state",
                         &state)
                < 0
            || flux_job_id_encode ((flux_jobid_t)id, "f58", f58, sizeof (f58)) < 0)
            continue;
        snprintf (what, sizeof (what), "%.50s, %s", name,
                  flux_job_statetostr (state, "L"));
        offer (o, f58, what);
        /* for who has no ƒ on the keyboard */
        if (*o->c->stem
            && flux_job_id_encode ((flux_jobid_t)id, "f58plain", f58, sizeof (f58))
                   == 0)
            offer (o, f58, what);
    }
    json_decref (list);
}

static void offer_names (json_t *array, const char *key, const struct offers *o)
{
    json_t *entry;
    size_t i;

    json_array_foreach (array, i, entry) {
        const char *s = json_string_value (key ? json_object_get (entry, key) : entry);

        if (s)
            offer (o, s, "");
    }
}

static void offer_queues (flux_t *h, const struct offers *o)
{
    json_t *conf = ask (h, "config.get"), *value;
    const char *name;

    json_object_foreach (json_object_get (conf, "queues"), name, value)
        offer (o, name, "queue");
    json_decref (conf);
}

static void offer_ranks (flux_t *h, const struct offers *o)
{
    uint32_t size;
    char text[16];

    if (flux_get_size (h, &size) < 0)
        return;
    for (uint32_t i = 0; i < size && i < 1000; i++) {
        const char *host = flux_get_hostbyrank (h, i);

        snprintf (text, sizeof (text), "%u", i);
        offer (o, text, host ? host : "");
    }
}

/* Those of one directory; a directory ends with a dot. */
static void offer_keys (flux_t *h, const struct offers *o)
{
    const char *dot = strrchr (o->c->stem, '.'), *name;
    char dir[512] = ".", key[1024];
    const flux_kvsdir_t *d;
    flux_future_t *f;
    flux_kvsitr_t *itr;

    if (dot && dot - o->c->stem < (long)sizeof (dir))
        snprintf (dir, sizeof (dir), "%.*s", (int)(dot - o->c->stem), o->c->stem);
    f = flux_kvs_lookup (h, NULL, FLUX_KVS_READDIR, dir);
    if (f && flux_future_wait_for (f, PATIENCE) == 0
        && flux_kvs_lookup_get_dir (f, &d) == 0 && (itr = flux_kvsitr_create (d))) {
        while ((name = flux_kvsitr_next (itr))) {
            snprintf (key, sizeof (key), "%.*s%s%s",
                      dot ? (int)(dot + 1 - o->c->stem) : 0, o->c->stem, name,
                      flux_kvsdir_isdir (d, name) ? "." : "");
            offer (o, key, "");
        }
        flux_kvsitr_destroy (itr);
    }
    flux_future_destroy (f);
}

static void offer_users (const struct offers *o)
{
    struct passwd *pw;

    setpwent ();
    while ((pw = getpwent ()))
        offer (o, pw->pw_name, "");
    endpwent ();
}

static void offer_live (const struct offers *o)
{
    json_t *list;
    flux_t *h;

    if (o->c->want == WANT_USER) {
        offer_users (o);
        return;
    }
    if (!(h = flux_open (NULL, 0)))
        return;
    if (o->c->want == WANT_JOBID)
        offer_jobs (h, o);
    else if (o->c->want == WANT_QUEUE)
        offer_queues (h, o);
    else if (o->c->want == WANT_RANK)
        offer_ranks (h, o);
    else if (o->c->want == WANT_KEY)
        offer_keys (h, o);
    else if (o->c->want == WANT_MODULE) {
        list = ask (h, "module.list");
        offer_names (json_object_get (list, "mods"), "name", o);
        json_decref (list);
    } else if (o->c->want == WANT_ATTR) {
        list = ask (h, "attr.list");
        offer_names (json_object_get (list, "names"), NULL, o);
        json_decref (list);
    }
    flux_close (h);
}

static int complete_line (const char *line)
{
    struct completion c;
    int count;
    char **words = complete_split (line, &count);

    if (!words)
        cmd_die ("out of memory");
    if (count < 2) {
        complete_free (words);
        return 0;
    }
    complete_words (&c, commands, count - 1, words + 1);
    if (c.out.err)
        cmd_die ("out of memory");
    /* what a value stands behind belongs to the word */
    for (const char *s = c.out.data; s && *s; s = strchr (s, '\n') + 1)
        printf ("%.*s%.*s\n", c.head, words[count - 1], (int)strcspn (s, "\n"), s);
    if (c.want == WANT_FILE)
        printf ("\tfile\n");
    else if (c.want == WANT_COMMAND)
        printf ("\tcommand\n");
    else if (c.want != WANT_NOTHING) {
        struct offers o = { &c, words[count - 1] };

        offer_live (&o);
    }
    buf_fini (&c.out);
    complete_free (words);
    return 0;
}

static const struct optparse_option opts[] = {
    { .name = "line",
      .has_arg = 1,
      .arginfo = "TEXT",
      .usage = "Print what may stand at the end of this command line" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } t[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    const char *line = optparse_get_str (p, "line", NULL);
    int i = optparse_option_index (p);

    if (line && argc == i)
        return complete_line (line);
    if (line || argc - i != 1)
        cmd_usage_error (p, "the name of a shell is expected: bash, zsh or fish");
    for (size_t k = 0; k < sizeof (t) / sizeof (t[0]); k++) {
        if (!strcmp (t[k].shell, argv[i])) {
            fputs (t[k].script, stdout);
            return 0;
        }
    }
    cmd_die ("there is none for '%s': bash, zsh and fish", argv[i]);
}

const struct command cmd_completion = {
    .name = "completion",
    .summary = "Complete command lines in bash, zsh and fish",
    .usage = "bash|zsh|fish",
    .group = "other",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2,
};
