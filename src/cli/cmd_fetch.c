/* fathom fetch: bring the data of a suite from where it is published. The work is hub's. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "data.h"
#include "hub/fetch.h"
#include "interrupt.h"
#include "progress.h"
#include "terminal.h"

#define SCHEMA "fathom.fetch/1"

enum { MAX_ONLY = 64 };

typedef struct {
    const cli_args *args;
    const fm_catalog *catalog;
    cli_subject subject;
    fm_hub_settings settings;
    fm_hub_options options;
    fm_hub hub;
    fm_hub_plan plan;
    fm_arena arena;
    fm_hub_totals before;
} job;

/* ---- what there is ---- */

static fm_status revise(job *j, fm_err *err)
{
    const char *revision = cli_value(j->args, "revision");
    fm_hub_source *source = &j->plan.sources.items[0];

    if (!revision)
        return FM_OK;
    if (j->plan.sources.n != 1 || !source->repository)
        return fm_fail(err, FM_E_USAGE,
                       "option '--revision' is for suites of one data set, which '%s' is not",
                       j->subject.suite->name);
    if (!fm_path_stays_inside(revision) || strlen(revision) > 96)
        return fm_fail(err, FM_E_USAGE, "'%s' is no revision: a branch, a tag or a commit",
                       revision);
    source->revision = revision;
    return FM_OK;
}

static fm_status list_files(job *j, fm_err *err)
{
    bool known = false;
    fm_status st;

    if (!j->settings.offline) {
        st = fm_hub_open(&j->hub, &j->settings, &j->options, err);
        return st == FM_OK ? fm_hub_plan_ask(&j->plan, &j->hub, err) : st;
    }
    st = fm_hub_plan_recall(&j->plan, &known, err);
    if (st == FM_OK && !known)
        st = fm_fail(err, FM_E_USAGE, "'%s' is not here, and offline it cannot be fetched",
                     j->subject.suite->name);
    return st;
}

static fm_status want(job *j, fm_err *err)
{
    const char *only[MAX_ONLY];
    size_t n = 0;

    for (size_t i = 0; i < j->args->n; i++) {
        const cli_given *given = &j->args->given[i];

        if (!given->option || strcmp(given->option->name, "only") != 0)
            continue;
        if (n == MAX_ONLY)
            return fm_fail(err, FM_E_USAGE, "more than %d patterns", MAX_ONLY);
        only[n++] = given->value;
    }
    fm_status st = cli_plan_want(&j->plan, &j->subject, only, n, err);
    if (st == FM_OK)
        st = fm_hub_plan_look(&j->plan, false, 1, err);
    j->before = fm_hub_plan_totals(&j->plan);
    if (st == FM_OK && j->before.files == 0 && n > 0)
        st = fm_fail(err, FM_E_USAGE, "no file of '%s' fits '%s'", j->subject.suite->name, only[0]);
    else if (st == FM_OK && j->before.files == 0)
        st = fm_fail(err, FM_E_INPUT, "what '%s' is made of has none of the files that '%s' reads",
                     j->subject.suite->name, cli_operand(j->args, 0));
    return st;
}

/* ---- what is told before ---- */

static void say(const char *fmt, ...) FM_PRINTF(1, 2);

/* One line on stderr. */
static void say(const char *fmt, ...)
{
    fm_buf text = {0}, line = {0};
    va_list args;

    va_start(args, fmt);
    fm_buf_vprintf(&text, fmt, args);
    va_end(args);
    fm_text_for_terminal(&line, fm_buf_text(&text), text.size);
    cli_line_print(&line);
    fm_buf_release(&text);
    fm_buf_release(&line);
}

static void put_amount(fm_buf *out, size_t files, uint64_t bytes)
{
    fm_buf_printf(out, "%zu %s, ", files, files == 1 ? "file" : "files");
    cli_put_size(out, bytes);
}

static void tell_source(const job *j, size_t i)
{
    const fm_hub_source *source = &j->plan.sources.items[i];
    const fm_hub_info *info = &j->plan.infos[i];

    if (source->url)
        say("  from     %s", source->url);
    else
        say("  from     %s, %s = %.10s%s", source->repository, source->revision, info->commit,
            info->gated ? ", gated" : "");
    if (source->repository && info->licence)
        say("  licence  %s, as its page states it", info->licence);
}

static void tell(const job *j)
{
    const fm_suite *suite = j->subject.suite;
    fm_hub_totals t = j->before;
    fm_buf amount = {0}, rest = {0};

    put_amount(&amount, t.files, t.bytes);
    if (t.here == t.files)
        fm_buf_puts(&rest, "; all of it is here");
    else if (t.here + t.partial_bytes > 0) {
        fm_buf_puts(&rest, "; ");
        cli_put_size(&rest, t.bytes - t.here_bytes - t.partial_bytes);
        fm_buf_puts(&rest, " are to come");
    }
    say("%s: %s%s", suite->title, fm_buf_text(&amount), fm_buf_text(&rest));
    for (size_t i = 0; i < j->plan.sources.n; i++)
        tell_source(j, i);
    say("  licence  %s, as the suite states it", suite->licence);
    say("  into     %s", j->plan.folder);
    fm_buf_release(&amount);
    fm_buf_release(&rest);
}

/* Terms are accepted by people, on the page; the word for it is --yes. */
static fm_status check_terms(const job *j, fm_err *err)
{
    if (cli_has(j->args, "yes"))
        return FM_OK;
    for (size_t i = 0; i < j->plan.sources.n; i++)
        if (j->plan.infos[i].gated)
            return fm_fail(err, FM_E_USAGE,
                           "'%s' is gated: read and accept its terms on %s/datasets/%s, then give "
                           "the same command with --yes",
                           j->plan.sources.items[i].repository, j->settings.endpoint,
                           j->plan.sources.items[i].repository);
    return FM_OK;
}

/* ---- what is told after ---- */

static const char *state_name(fm_hub_state state)
{
    static const char *const names[] = {[FM_HUB_MISSING] = "missing",
                                        [FM_HUB_STORED] = "stored",
                                        [FM_HUB_PRESENT] = "present",
                                        [FM_HUB_DAMAGED] = "damaged"};

    return names[state];
}

static void put_json(fm_buf *out, const job *j, bool dry)
{
    fm_json_writer w = {.out = out, .pretty = true};
    fm_hub_totals t = fm_hub_plan_totals(&j->plan);

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "suite", j->subject.suite->name);
    fm_json_put_string(&w, "folder", j->plan.folder);
    fm_json_put_int(&w, "files", (int64_t)t.files);
    fm_json_put_int(&w, "bytes", (int64_t)t.bytes);
    fm_json_put_int(&w, "files_before", (int64_t)j->before.here);
    fm_json_put_int(&w, "bytes_before", (int64_t)(j->before.here_bytes + j->before.partial_bytes));
    fm_json_put_bool(&w, "complete", t.here == t.files);
    fm_json_open(&w, "sources", '[');
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        const fm_hub_source *source = &j->plan.sources.items[i];
        const fm_hub_info *info = &j->plan.infos[i];

        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "repository", source->repository);
        fm_json_put_string(&w, "url", source->url);
        fm_json_put_string(&w, "revision", source->revision);
        fm_json_put_string(&w, "commit", source->repository ? info->commit : NULL);
        fm_json_put_string(&w, "licence", info->licence);
        fm_json_put_bool(&w, "gated", info->gated);
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, ']');
    fm_json_put_string(&w, "by_hand", j->plan.sources.by_hand);
    if (dry)
        fm_json_open(&w, "list", '[');
    for (size_t i = 0; dry && i < j->plan.n; i++) {
        const fm_hub_file *file = &j->plan.files[i];

        if (!file->wanted)
            continue;
        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "name", file->name);
        fm_json_put_int(&w, "bytes", (int64_t)file->size_bytes);
        fm_json_put_string(&w, "hash", file->hash);
        fm_json_put_string(&w, "state", state_name(file->state));
        fm_json_close(&w, '}');
    }
    if (dry)
        fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

static void put_list(fm_buf *out, const job *j)
{
    for (size_t i = 0; i < j->plan.n; i++) {
        const fm_hub_file *file = &j->plan.files[i];
        fm_buf size = {0};

        if (!file->wanted)
            continue;
        cli_put_size(&size, file->size_bytes);
        fm_buf_printf(out, "%-8s %11s  ", state_name(file->state), fm_buf_text(&size));
        fm_text_for_terminal(out, file->name, strlen(file->name));
        fm_buf_putc(out, '\n');
        fm_buf_release(&size);
    }
}

static fm_status print(const job *j, bool dry, fm_err *err)
{
    fm_buf out = {0};

    if (cli_has(j->args, "json")) {
        put_json(&out, j, dry);
    } else if (dry) {
        put_list(&out, j);
    } else {
        fm_text_for_terminal(&out, j->plan.folder, strlen(j->plan.folder));
        fm_buf_putc(&out, '\n');
    }
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static void tell_by_hand(const job *j)
{
    if (j->plan.sources.by_hand && !cli_has(j->args, "json"))
        say("what cannot be fetched: %s", j->plan.sources.by_hand);
}

/* ---- the command ---- */

static fm_status bring(job *j, fm_err *err)
{
    cli_fetch_progress progress = {.label = j->subject.suite->name,
                                   .json = cli_has(j->args, "json")};
    fm_status st = check_terms(j, err);

    if (st == FM_OK && j->settings.offline && j->before.here < j->before.files)
        st = fm_fail(err, FM_E_USAGE,
                     "%zu of %zu files of '%s' are missing, and offline they "
                     "cannot be fetched",
                     j->before.files - j->before.here, j->before.files, j->subject.suite->name);
    if (st == FM_OK && !j->settings.offline)
        st = fm_hub_plan_save(&j->plan, err);
    if (st != FM_OK)
        return st;
    cli_catch_interrupt();
    st = fm_hub_fetch(&j->hub, &j->plan, cli_fetch_progress_show, &progress, err);
    cli_line_clear();
    return st;
}

static fm_status fetch(job *j, fm_err *err)
{
    bool dry = cli_has(j->args, "dry-run");
    fm_status st = revise(j, err);

    if (st == FM_OK)
        st = list_files(j, err);
    if (st == FM_OK)
        st = want(j, err);
    if (st != FM_OK)
        return st;
    if (!cli_has(j->args, "json"))
        tell(j);
    if (!dry)
        st = bring(j, err);
    if (st == FM_OK)
        st = print(j, dry, err);
    if (st == FM_OK)
        tell_by_hand(j);
    return st;
}

static fm_status begin(job *j, fm_err *err)
{
    const fm_suite *suite;
    uint64_t connections = 8;
    fm_status st = cli_number(j->args, "connections", 1, 64, &connections, err);

    j->options = (fm_hub_options){.stop = &cli_interrupted, .connections = (int)connections};
    if (st == FM_OK)
        st = cli_subject_find(j->catalog, cli_operand(j->args, 0), &j->arena, &j->subject, err);
    if (st != FM_OK)
        return st;
    suite = j->subject.suite;
    if (!suite->hub && suite->generator)
        return fm_fail(err, FM_E_USAGE, "suite '%s' is made at its first run: nothing is fetched",
                       suite->name);
    if (!suite->hub)
        return fm_fail(err, FM_E_USAGE,
                       "suite '%s' does not state where it is published: see README.md in '%s'",
                       suite->name, suite->folder);
    st = cli_hub_settings(&j->settings, err);
    j->settings.offline |= cli_has(j->args, "offline");
    if (st == FM_OK)
        st = cli_plan_begin(&j->plan, &j->settings, suite, err);
    if (st == FM_OK && j->plan.sources.n == 0)
        st = fm_fail(err, FM_E_USAGE, "suite '%s' cannot be fetched: %s", suite->name,
                     j->plan.sources.by_hand);
    return st;
}

static fm_status run_fetch(const cli_args *args, fm_err *err)
{
    fm_catalog catalog;
    job j = {.args = args, .catalog = &catalog};
    fm_status st = cli_catalog(&catalog, err);

    if (st == FM_OK)
        st = begin(&j, err);
    if (st == FM_OK)
        st = fetch(&j, err);
    fm_hub_plan_release(&j.plan);
    fm_hub_close(&j.hub);
    fm_arena_release(&j.arena);
    return st;
}

static const char *const description[] = {
    "Downloads what a suite, or one of its tasks, is made of, and prints the folder. 'fathom run' "
    "then "
    "finds it by itself. Several files come at once; each is resumed where it stopped and compared "
    "with its hash before it counts. Give the same command again after an interrupt or a failure.",
    "Files are kept in the cache that all tools of the Hugging Face hub share, so that nothing "
    "comes "
    "twice. Data that is gated needs its terms accepted on its page, HF_TOKEN, and --yes.",
    "docs/fetching.md has the variables, and what is where.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "dry-run", .help = "list the files with their sizes; download nothing"},
    {.name = "only",
     .argument = "PATTERN",
     .help = "only files that fit, like 'Counting/*' or 'raw_data/' for a whole folder",
     .repeats = true},
    {.name = "revision",
     .argument = "REV",
     .help = "branch, tag or commit of the data set (default: the suite's)"},
    {.name = "connections", .argument = "N", .fallback = "8", .help = "files at once, 1 to 64"},
    {.name = "offline",
     .help = "ask nobody; say whether all of it is here (also: HF_HUB_OFFLINE=1)"},
    {.name = "yes", .help = "the terms of gated data were read and accepted"},
    {.name = "json", .help = "print a report, and the progress as JSON lines"},
    {0},
};

static const cli_example examples[] = {
    {"fathom fetch cv-bench", "all of a suite"},
    {"fathom fetch blink-counting", "what one task takes"},
    {"fathom fetch tracespatial --dry-run", "what that would be"},
    {0},
};

const cli_command cli_command_fetch = {
    .name = "fetch",
    .summary = "download a suite's data from its hub, checked and resumable",
    .operands = "SUITE",
    .operand_kind = CLI_SUITE,
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = run_fetch,
};
