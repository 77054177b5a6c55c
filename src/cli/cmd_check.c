/* fathom check: is this set up? The data of suites, and what else a run or a report needs. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "base/threads.h"
#include "catalog.h"
#include "commands.h"
#include "data.h"
#include "report/gnuplot.h"
#include "terminal.h"

#define SCHEMA "fathom.check/1"

enum { MOST_NAMED = 20, MAX_CELLS = 512 };

static const char *const verdict_names[] = {
    [CLI_DATA_HERE] = "here",       [CLI_DATA_PARTLY] = "partly here",
    [CLI_DATA_ABSENT] = "not here", [CLI_DATA_DAMAGED] = "damaged",
    [CLI_DATA_BY_HAND] = "by hand", [CLI_DATA_GENERATED] = "generated",
    [CLI_DATA_OWN] = "with --data"};

/* What is here of one suite or task. */
typedef struct {
    const char *name; /* as it was asked for */
    cli_subject subject;
    fm_hub_plan plan;
    cli_data_state verdict;
    fm_hub_totals totals;
} finding;

typedef struct {
    const fm_catalog *catalog;
    fm_hub_settings settings;
    bool verify;
    int jobs;
    fm_arena arena;
    finding *items;
    size_t n;
} job;

/* ---- looking ---- */

static fm_status find(job *j, const cli_args *args, fm_err *err)
{
    fm_suite *suites;
    size_t named = cli_operands(args);
    fm_status st = fm_catalog_suites(j->catalog, &j->arena, &suites, &j->n, err);

    if (st != FM_OK)
        return st;
    j->n = named ? named : j->n;
    j->items = fm_arena_alloc(&j->arena, j->n + 1, sizeof(*j->items));
    if (!j->items)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu suites", j->n);
    for (size_t i = 0; i < j->n && st == FM_OK; i++) {
        finding *f = &j->items[i];

        f->name = named ? cli_operand(args, i) : suites[i].name;
        if (named)
            st = cli_subject_find(j->catalog, f->name, &j->arena, &f->subject, err);
        else
            f->subject = (cli_subject){.suite = &suites[i]};
        if (st == FM_OK)
            st = cli_data_look(&f->plan, &j->settings, &f->subject, j->verify, j->jobs, &f->verdict,
                               err);
        f->totals = fm_hub_plan_totals(&f->plan);
    }
    return st;
}

/* ---- what else there is ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

static bool has_gnuplot(void)
{
    fm_buf script = {0}, out = {0};
    bool found = false;

    fm_buf_puts(&script, "exit\n");
    bool ran = fm_gnuplot_run(&script, 10, &out, &found, NULL) == FM_OK;
    fm_buf_release(&script);
    fm_buf_release(&out);
    return ran && found;
}

/* A folder that is there, or the nearest one above it. */
static bool is_writable(const char *path)
{
    char part[FM_PATH_BYTES];

    snprintf(part, sizeof(part), "%s", path);
    while (!fm_dir_exists(part)) {
        char *slash = strrchr(part, '/');

        if (!slash || slash == part)
            return access("/", W_OK) == 0;
        *slash = '\0';
    }
    return access(part, W_OK) == 0;
}

static void put_folder(fm_buf *out, const char *path)
{
    struct statvfs disk;

    fm_text_for_terminal(out, path, strlen(path));
    if (!is_writable(path))
        fm_buf_puts(out, ", which cannot be written");
    else if (statvfs(path, &disk) == 0) {
        fm_buf_puts(out, ", ");
        cli_put_size(out, (uint64_t)disk.f_bavail * disk.f_frsize);
        fm_buf_puts(out, " free");
    }
}

/* The names of the variables, never what they hold. */
static void put_keys(fm_buf *out, const fm_adapter_ops *adapter)
{
    for (size_t i = 0; i < FM_COUNT_OF(adapter->keys) && adapter->keys[i]; i++)
        if (is_set(adapter->keys[i])) {
            fm_buf_printf(out, "%s is set", adapter->keys[i]);
            return;
        }
    fm_buf_printf(out, "needs %s", adapter->keys[0]);
    for (size_t i = 1; i < FM_COUNT_OF(adapter->keys) && adapter->keys[i]; i++)
        fm_buf_printf(out, " or %s", adapter->keys[i]);
    fm_buf_puts(out, " for its own service");
}

/* ---- in words ---- */

/* Cells of a table; texts are made in the arena. */
typedef struct {
    const char *cells[MAX_CELLS];
    size_t n;
    fm_arena *arena;
} grid;

static void put(grid *g, const fm_buf *text)
{
    if (g->n < FM_COUNT_OF(g->cells))
        g->cells[g->n++] = fm_arena_strdup(g->arena, fm_buf_text(text));
}

static void put_word(grid *g, const char *word)
{
    if (g->n < FM_COUNT_OF(g->cells))
        g->cells[g->n++] = word;
}

static void put_suites(fm_buf *out, const cli_style *style, job *j)
{
    static const char *const heading[] = {"suite", "data", "files", "size", "from"};
    grid g = {.arena = &j->arena};

    for (size_t i = 0; i < j->n; i++) {
        const finding *f = &j->items[i];
        fm_buf files = {0}, size = {0}, from = {0};

        if (f->totals.files) {
            fm_buf_printf(&files, "%zu/%zu", f->totals.here, f->totals.files);
            cli_put_size(&size, f->totals.here_bytes);
        }
        for (size_t k = 0; k < f->plan.sources.n; k++)
            fm_buf_printf(&from, "%s%s", k ? ", " : "",
                          f->plan.sources.items[k].repository ? f->plan.sources.items[k].repository
                                                              : f->plan.sources.items[k].url);
        put_word(&g, f->name);
        put_word(&g, verdict_names[f->verdict]);
        put(&g, &files);
        put(&g, &size);
        put(&g, &from);
        fm_buf_release(&files);
        fm_buf_release(&size);
        fm_buf_release(&from);
    }
    cli_table(out, style, heading, g.cells, g.n / 5, 5);
}

static void put_surroundings(fm_buf *out, const cli_style *style, job *j)
{
    static const char *const heading[] = {"what", "state"};
    grid g = {.arena = &j->arena};
    fm_buf text = {0};

    put_word(&g, "gnuplot");
    put_word(&g, has_gnuplot() ? "found" : "not found: reports come without plots");
    put_word(&g, "own cache");
    put_folder(&text, j->settings.own);
    put(&g, &text);
    put_word(&g, "hub's cache");
    fm_buf_clear(&text);
    put_folder(&text, j->settings.cache);
    put(&g, &text);
    put_word(&g, "hub");
    fm_buf_clear(&text);
    fm_text_for_terminal(&text, j->settings.endpoint, strlen(j->settings.endpoint));
    fm_buf_printf(&text, "%s, %s", j->settings.offline ? ", offline" : "",
                  j->settings.token[0] ? "with the token of "
                                       : "no token: gated data needs HF_TOKEN");
    fm_text_for_terminal(&text, j->settings.token_from, strlen(j->settings.token_from));
    put(&g, &text);
    for (const fm_adapter_ops *const *a = j->catalog->adapters; *a; a++) {
        if (!(*a)->keys[0])
            continue;
        put_word(&g, (*a)->name);
        fm_buf_clear(&text);
        put_keys(&text, *a);
        put(&g, &text);
    }
    fm_buf_release(&text);
    fm_buf_putc(out, '\n');
    cli_table(out, style, heading, g.cells, g.n / 2, 2);
}

static void put_files(fm_buf *out, const finding *f)
{
    size_t named = 0, wrong = f->totals.files - f->totals.here;

    for (size_t i = 0; i < f->plan.n && named < MOST_NAMED; i++) {
        const fm_hub_file *file = &f->plan.files[i];

        if (!file->wanted || file->state == FM_HUB_PRESENT || file->state == FM_HUB_STORED)
            continue;
        named++;
        fm_buf_printf(out, "  %-8s ", file->state == FM_HUB_DAMAGED ? "damaged" : "missing");
        fm_text_for_terminal(out, file->name, strlen(file->name));
        fm_buf_putc(out, '\n');
    }
    if (wrong > named)
        fm_buf_printf(out, "  and %zu more\n", wrong - named);
}

static void put_finding(fm_buf *out, const job *j, const finding *f)
{
    const fm_hub_totals *t = &f->totals;

    fm_text_for_terminal(out, f->name, strlen(f->name));
    switch (f->verdict) {
    case CLI_DATA_HERE:
        fm_buf_printf(out, ": here, %zu %s, ", t->files, t->files == 1 ? "file" : "files");
        cli_put_size(out, t->bytes);
        fm_buf_puts(out, j->verify ? ", every hash is right\n" : "\n");
        break;
    case CLI_DATA_PARTLY:
    case CLI_DATA_DAMAGED:
        fm_buf_printf(out, ": %zu of %zu files are here%s: fathom fetch ", t->here, t->files,
                      t->damaged ? ", some are damaged" : "");
        fm_text_for_terminal(out, f->name, strlen(f->name));
        fm_buf_putc(out, '\n');
        break;
    case CLI_DATA_ABSENT:
        fm_buf_puts(out, ": not here: fathom fetch ");
        fm_text_for_terminal(out, f->name, strlen(f->name));
        fm_buf_putc(out, '\n');
        return;
    case CLI_DATA_GENERATED:
        fm_buf_puts(out, ": generated at its first run\n");
        return;
    case CLI_DATA_OWN:
        fm_buf_puts(out, ": give its data with --data\n");
        return;
    case CLI_DATA_BY_HAND:
        break;
    }
    if (f->plan.sources.by_hand) {
        fm_buf_puts(out, f->verdict == CLI_DATA_BY_HAND ? ": cannot be fetched: " : "  by hand  ");
        fm_text_for_terminal(out, f->plan.sources.by_hand, strlen(f->plan.sources.by_hand));
        fm_buf_putc(out, '\n');
    }
    if (f->verdict == CLI_DATA_BY_HAND)
        return;
    fm_buf_puts(out, "  folder   ");
    fm_text_for_terminal(out, f->plan.folder, strlen(f->plan.folder));
    fm_buf_putc(out, '\n');
    put_files(out, f);
}

/* ---- as JSON ---- */

static void put_json_finding(fm_json_writer *w, const finding *f)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "name", f->name);
    fm_json_put_string(w, "data", verdict_names[f->verdict]);
    fm_json_put_string(w, "folder", f->totals.files ? f->plan.folder : NULL);
    fm_json_put_int(w, "files", (int64_t)f->totals.files);
    fm_json_put_int(w, "files_here", (int64_t)f->totals.here);
    fm_json_put_int(w, "files_damaged", (int64_t)f->totals.damaged);
    fm_json_put_int(w, "bytes", (int64_t)f->totals.bytes);
    fm_json_put_int(w, "bytes_here", (int64_t)f->totals.here_bytes);
    fm_json_put_string(w, "by_hand", f->plan.sources.by_hand);
    fm_json_close(w, '}');
}

static void put_json(fm_buf *out, const job *j, bool surroundings)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_bool(&w, "hashed", j->verify);
    fm_json_open(&w, "suites", '[');
    for (size_t i = 0; i < j->n; i++)
        put_json_finding(&w, &j->items[i]);
    fm_json_close(&w, ']');
    if (surroundings) {
        fm_json_put_bool(&w, "gnuplot", has_gnuplot());
        fm_json_put_bool(&w, "own_cache_writable", is_writable(j->settings.own));
        fm_json_put_bool(&w, "hub_cache_writable", is_writable(j->settings.cache));
        fm_json_put_string(&w, "hub", j->settings.endpoint);
        fm_json_put_bool(&w, "offline", j->settings.offline);
        fm_json_put_string(&w, "token_from", j->settings.token[0] ? j->settings.token_from : NULL);
        fm_json_open(&w, "keys", '[');
        for (const fm_adapter_ops *const *a = j->catalog->adapters; *a; a++)
            for (size_t i = 0; i < FM_COUNT_OF((*a)->keys) && (*a)->keys[i]; i++)
                if (is_set((*a)->keys[i]))
                    fm_json_put_string(&w, NULL, (*a)->keys[i]);
        fm_json_close(&w, ']');
    }
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* ---- the command ---- */

static fm_status print(job *j, const cli_args *args, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    bool overview = cli_operands(args) == 0;
    fm_buf out = {0};

    if (cli_has(args, "json")) {
        put_json(&out, j, overview);
    } else if (overview) {
        put_suites(&out, &style, j);
        put_surroundings(&out, &style, j);
    } else {
        for (size_t i = 0; i < j->n; i++)
            put_finding(&out, j, &j->items[i]);
    }
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* Nobody needs all suites: in the overview only what is damaged is a failure. */
static fm_status judge(const job *j, bool overview, fm_err *err)
{
    size_t damaged = 0, missing = 0;

    for (size_t i = 0; i < j->n; i++) {
        damaged += j->items[i].verdict == CLI_DATA_DAMAGED;
        missing += j->items[i].verdict == CLI_DATA_PARTLY ||
                   j->items[i].verdict == CLI_DATA_ABSENT ||
                   j->items[i].verdict == CLI_DATA_BY_HAND;
    }
    if (damaged)
        return fm_fail(err, FM_E_INPUT,
                       "%zu of %zu have damaged files; 'fathom fetch' brings them "
                       "again",
                       damaged, j->n);
    if (missing && !overview)
        return fm_fail(err, FM_E_INCOMPLETE, "%zu of %zu are not all here", missing, j->n);
    return FM_OK;
}

static fm_status run_check(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    uint64_t jobs = 0;
    job j = {.catalog = &catalog, .verify = cli_has(args, "hash")};
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    j.jobs = jobs ? (int)jobs : fm_threads_available();
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK)
        st = cli_hub_settings(&j.settings, err);
    if (st == FM_OK)
        st = find(&j, args, err);
    if (st == FM_OK)
        st = print(&j, args, err);
    if (st == FM_OK)
        st = judge(&j, cli_operands(args) == 0, err);
    for (size_t i = 0; j.items && i < j.n; i++)
        fm_hub_plan_release(&j.items[i].plan);
    fm_arena_release(&j.arena);
    return st;
}

static const char *const description[] = {
    "Says what is here of each suite's data, by name and size, without asking anybody; --hash "
    "reads "
    "every file and compares it with the hash that was listed. Without a SUITE it shows all of "
    "them, "
    "and what else runs and reports need: folders, gnuplot, and which keys are set, by name alone.",
    "Of the suites that are named: exit code 0 where all of their data is here, 3 where some is "
    "missing, 4 where some is damaged. Without names only damage is a failure.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "hash", .help = "compare every file with its hash, not its size alone"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads that read (default: one a processor)"},
    {.name = "json", .help = "print a report as JSON"},
    {0},
};

static const cli_example examples[] = {
    {"fathom check", "everything at a glance"},
    {"fathom check cv-bench --hash", "is it whole, to the last bit"},
    {0},
};

const cli_command cli_command_check = {
    .name = "check",
    .summary = "is this set up: data, folders, keys, tools",
    .operands = "[SUITE...]",
    .operand_kind = CLI_SUITE,
    .min_operands = 0,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = run_check,
};
