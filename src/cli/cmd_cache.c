/* fathom cache: look after what is kept between runs: replies, and packed weights. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/kept.h"
#include "base/size.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "core/cache.h"
#include "engine/packed_folder.h"
#include "terminal.h"

#define SCHEMA "fathom.cache_report/1"

typedef struct {
    const char *dir;
    fm_cache *cache; /* NULL: it is about packed weights */
    const cli_args *args;
    fm_cache_report report;
    rt_packed_about *packed; /* those that there are, or were removed */
    size_t n_packed;
} job;

/* ---- amounts with a unit ---- */

typedef struct {
    const char *suffix;
    double factor;
} unit;

/* "30d" by a table whose first unit is taken where none is written; false: no such amount. */
static bool read_amount(const char *text, const unit *units, size_t n, double *out)
{
    char number[32];
    size_t size = strspn(text, "0123456789."), i = 0;

    while (i < n && strcmp(units[i].suffix, text + size) != 0)
        i++;
    if (text[size] && i == n)
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)(size < 31 ? size : 31), text);
    if (size > 31 || !fm_text_to_double(number, out))
        return false;
    *out *= units[text[size] ? i : 0].factor;
    return true;
}

static fm_status read_bounds(const cli_args *args, double *max_age_s, uint64_t *max_bytes,
                             fm_err *err)
{
    static const unit times[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    static const unit sizes[] = {
        {"B", 1}, {"K", 0x1p10}, {"M", 0x1p20}, {"G", 0x1p30}, {"T", 0x1p40}};
    const char *age = cli_value(args, "max-age"), *size = cli_value(args, "max-size");
    double bytes;

    if (age && !read_amount(age, times, FM_COUNT_OF(times), max_age_s))
        return fm_fail(err, FM_E_USAGE,
                       "option '--max-age' wants a time like 90s, 45m, 12h, 30d or 2w, not '%s'",
                       age);
    if (size && (!read_amount(size, sizes, FM_COUNT_OF(sizes), &bytes) || bytes > 0x1p62))
        return fm_fail(err, FM_E_USAGE,
                       "option '--max-size' wants a size like 500M or 2G, not '%s'", size);
    if (size)
        *max_bytes = (uint64_t)bytes;
    return FM_OK;
}

/* ---- packed weights ---- */

static void count_packed(job *j)
{
    for (size_t i = 0; i < j->n_packed; i++) {
        double age_s = j->packed[i].age_s;

        if (i == 0 || age_s < j->report.newest_s)
            j->report.newest_s = age_s;
        if (i == 0 || age_s > j->report.oldest_s)
            j->report.oldest_s = age_s;
        j->report.bytes += j->packed[i].bytes;
    }
    j->report.entries = j->n_packed;
}

static fm_status list_packed(job *j, fm_err *err)
{
    return rt_packed_list(j->dir, &j->packed, &j->n_packed, err);
}

/* Those that go are what is left in the list. */
static fm_status prune_packed(job *j, double max_age_s, uint64_t max_bytes, fm_err *err)
{
    fm_status st = list_packed(j, err);
    fm_kept *kept = calloc(j->n_packed + 1, sizeof(*kept));
    rt_packed_about *gone = calloc(j->n_packed + 1, sizeof(*gone));

    if (st == FM_OK && (!kept || !gone))
        st = fm_fail(err, FM_E_NOMEM, "no memory for the list of '%s'", j->dir);
    if (st == FM_OK) {
        for (size_t i = 0; i < j->n_packed; i++)
            kept[i] = (fm_kept){j->packed[i].name, j->packed[i].bytes, j->packed[i].age_s, i};
        size_t going = fm_kept_outlived(kept, j->n_packed, max_age_s, max_bytes);
        for (size_t i = 0; i < going && st == FM_OK; i++) {
            gone[i] = j->packed[kept[i].index];
            st = rt_packed_remove(j->dir, gone[i].name, err);
        }
        free(j->packed);
        j->packed = gone;
        j->n_packed = going;
        gone = NULL;
    }
    free(kept);
    free(gone);
    return st;
}

/* ---- the verbs ---- */

static fm_status do_stat(job *j, fm_err *err)
{
    return j->cache ? fm_cache_stat(j->cache, &j->report, err) : list_packed(j, err);
}

static fm_status do_verify(job *j, fm_err *err)
{
    return fm_cache_verify(j->cache, cli_has(j->args, "remove"), &j->report, err);
}

static fm_status do_prune(job *j, fm_err *err)
{
    double max_age_s = -1;
    uint64_t max_bytes = UINT64_MAX;
    fm_status st = read_bounds(j->args, &max_age_s, &max_bytes, err);

    if (st == FM_OK && max_age_s < 0 && max_bytes == UINT64_MAX)
        return fm_fail(err, FM_E_USAGE,
                       "'fathom cache prune' needs --max-age, --max-size or both; --max-size 0 "
                       "removes everything");
    if (st != FM_OK)
        return st;
    return j->cache ? fm_cache_prune(j->cache, max_age_s, max_bytes, &j->report, err)
                    : prune_packed(j, max_age_s, max_bytes, err);
}

static const struct verb {
    const char *name, *says; /* what is before the number of entries */
    fm_status (*run)(job *j, fm_err *err);
} verbs[] = {
    {"stat", "", do_stat},
    {"verify", "", do_verify},
    {"prune", "removed ", do_prune},
};

static fm_status find_verb(const char *name, const struct verb **out, fm_err *err)
{
    const char *names[FM_COUNT_OF(verbs)];

    for (size_t i = 0; i < FM_COUNT_OF(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(verbs[i].name, name) == 0) {
            *out = &verbs[i];
            return FM_OK;
        }
    }
    const char *near = fm_text_nearest(name, names, FM_COUNT_OF(names));
    if (near)
        return fm_fail(err, FM_E_USAGE, "unknown verb '%s'; did you mean '%s'?", name, near);
    return fm_fail(err, FM_E_USAGE, "unknown verb '%s'; there are stat, verify and prune", name);
}

/* An option of one verb means nothing to the others. */
static fm_status check_options(const cli_args *args, const struct verb *verb, fm_err *err)
{
    static const char *const belongs[][2] = {
        {"remove", "verify"}, {"max-age", "prune"}, {"max-size", "prune"}};

    for (size_t i = 0; i < FM_COUNT_OF(belongs); i++)
        if (cli_has(args, belongs[i][0]) && strcmp(belongs[i][1], verb->name) != 0)
            return fm_fail(err, FM_E_USAGE, "option '--%s' belongs to 'fathom cache %s'",
                           belongs[i][0], belongs[i][1]);
    if (cli_has(args, "packed") && verb->run == do_verify)
        return fm_fail(err, FM_E_USAGE,
                       "packed weights are checked whenever they are used: 'fathom cache verify' "
                       "has nothing to do for them");
    return FM_OK;
}

/* ---- what is printed ---- */

static void put_age(fm_buf *out, double seconds)
{
    static const unit units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    size_t i = 0;

    while (i + 1 < FM_COUNT_OF(units) && seconds < units[i].factor)
        i++;
    fm_buf_printf(out, "%.0f %s", seconds / units[i].factor, units[i].suffix);
}

static void put_text(fm_buf *out, const struct verb *verb, const job *j)
{
    const fm_cache_report *report = &j->report;
    bool one = report->entries == 1;

    fm_buf_printf(out, "%s%zu %s, ", verb->says, report->entries,
                  j->cache ? one ? "reply" : "replies"
                  : one    ? "packed model"
                           : "packed models");
    cli_put_size(out, report->bytes);
    if (report->entries) {
        fm_buf_puts(out, ", last used ");
        put_age(out, report->newest_s);
        fm_buf_puts(out, " to ");
        put_age(out, report->oldest_s);
        fm_buf_puts(out, " ago");
    }
    if (verb->run == do_verify)
        fm_buf_printf(out, ", %zu broken%s", report->broken,
                      report->broken && cli_has(j->args, "remove") ? " and removed" : "");
    fm_buf_puts(out, ": ");
    fm_text_for_terminal(out, j->dir, strlen(j->dir));
    fm_buf_putc(out, '\n');
}

/* One line each: how large, how long unused, how its weights are held, whose. */
static void put_packed(fm_buf *out, const job *j)
{
    for (size_t i = 0; i < j->n_packed; i++) {
        const rt_packed_about *p = &j->packed[i];
        const char *model = p->model[0] ? p->model : "(stale: made again when it is wanted)";
        fm_buf size = {0}, age = {0};

        cli_put_size(&size, p->bytes);
        put_age(&age, p->age_s);
        fm_buf_printf(out, "  %10s  %7s ago  %-9s  ", fm_buf_text(&size), fm_buf_text(&age),
                      p->kind);
        fm_text_for_terminal(out, model, strlen(model));
        fm_buf_putc(out, '\n');
        fm_buf_release(&size);
        fm_buf_release(&age);
    }
}

static void put_packed_json(fm_json_writer *w, const job *j)
{
    fm_json_open(w, "packed", '[');
    for (size_t i = 0; i < j->n_packed; i++) {
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "model", j->packed[i].model[0] ? j->packed[i].model : NULL);
        fm_json_put_string(w, "weights", j->packed[i].kind);
        fm_json_put_string(w, "file", j->packed[i].name);
        fm_json_put_int(w, "bytes", (int64_t)j->packed[i].bytes);
        fm_json_put_number(w, "age_s", j->packed[i].age_s);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
}

static void put_json(fm_buf *out, const struct verb *verb, const job *j)
{
    const fm_cache_report *report = &j->report;
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "verb", verb->name);
    fm_json_put_string(&w, "dir", j->dir);
    fm_json_put_int(&w, verb->run == do_prune ? "removed" : "entries", (int64_t)report->entries);
    fm_json_put_int(&w, "bytes", (int64_t)report->bytes);
    if (verb->run == do_verify)
        fm_json_put_int(&w, "broken", (int64_t)report->broken);
    fm_json_put_number(&w, "newest_s", report->newest_s);
    fm_json_put_number(&w, "oldest_s", report->oldest_s);
    if (!j->cache)
        put_packed_json(&w, j);
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* What the verb found, in one of its two forms. */
static fm_status show(const struct verb *verb, const job *j, fm_err *err)
{
    fm_buf out = {0};

    if (cli_has(j->args, "json")) {
        put_json(&out, verb, j);
    } else {
        put_text(&out, verb, j);
        put_packed(&out, j);
    }
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status cache_run(const cli_args *args, fm_err *err)
{
    bool packed = cli_has(args, "packed");
    char own[FM_PATH_BYTES];
    const struct verb *verb = NULL;
    job j = {.dir = cli_value(args, "dir"), .args = args};
    fm_status st = find_verb(cli_operand(args, 0), &verb, err);

    if (st == FM_OK)
        st = check_options(args, verb, err);
    if (st == FM_OK && !j.dir) {
        st = cli_cache_folder(packed ? "packed" : "replies", own, err);
        j.dir = own;
    }
    if (st == FM_OK && !packed)
        st = fm_cache_open(&j.cache, j.dir, cli_notice, NULL, err);
    if (st == FM_OK)
        st = verb->run(&j, err);
    if (st == FM_OK) {
        if (packed)
            count_packed(&j);
        st = show(verb, &j, err);
    }
    if (st == FM_OK && j.report.broken && !cli_has(args, "remove"))
        st = fm_fail(err, FM_E_INPUT, "%zu broken; --remove removes them", j.report.broken);
    free(j.packed);
    fm_cache_close(j.cache);
    return st;
}

static const char *const description[] = {
    "The response cache holds replies of models by what determined them; 'fathom run --cache' "
    "fills "
    "and uses it. Nothing in it is needed: any file may be removed at any time.",
    "stat counts. verify reads every reply and compares its checksum; broken ones, which are never "
    "used, give exit code 4 unless they are removed. prune removes what was not used for a time, "
    "then the longest unused until the rest fits a size.",
    "--packed is about packed weights of models, which 'fathom ask', 'fathom bench' and the "
    "adapter "
    "engine keep for their next opening: they are listed, and pruned in the same way.",
    NULL,
};

static const cli_option options[] = {
    {.name = "packed", .help = "packed weights, in place of replies"},
    {.name = "dir",
     .argument = "DIR",
     .help = "the cache's folder (default: replies or packed in $FATHOM_CACHE)",
     .kind = CLI_FOLDER},
    {.name = "remove", .help = "verify: remove what is broken"},
    {.name = "max-age",
     .argument = "TIME",
     .help = "prune: what was not used for longer, like 30d"},
    {.name = "max-size", .argument = "SIZE", .help = "prune: what is left at most, like 2G"},
    {.name = "json", .help = "the report as JSON (schema " SCHEMA ")"},
    {0},
};

static const cli_example examples[] = {
    {"fathom cache stat", "how many replies there are"},
    {"fathom cache prune --max-age 30d --max-size 2G", "for a nightly job"},
    {"fathom cache stat --packed", "packed weights, model by model"},
    {"fathom cache prune --packed --max-age 90d", "what no model was opened with for long"},
    {0},
};

const cli_command cli_command_cache = {
    .name = "cache",
    .summary = "look after replies and packed weights that are kept",
    .operands = "stat|verify|prune",
    .operand_kind = CLI_WORDS,
    .operand_words = "stat verify prune",
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options,
    .examples = examples,
    .run = cache_run,
};
