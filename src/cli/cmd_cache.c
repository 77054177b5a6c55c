/* fathom cache: look after the response cache. */
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "core/cache.h"
#include "terminal.h"

#define SCHEMA "fathom.cache_report/1"

typedef struct {
    fm_cache *cache;
    const cli_args *args;
    fm_cache_report report;
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

/* ---- the verbs ---- */

static fm_status do_stat(job *j, fm_err *err)
{
    return fm_cache_stat(j->cache, &j->report, err);
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
    return st == FM_OK ? fm_cache_prune(j->cache, max_age_s, max_bytes, &j->report, err) : st;
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

static void put_text(fm_buf *out, const struct verb *verb, const char *dir,
                     const fm_cache_report *report, bool removed_broken)
{
    fm_buf_printf(out, "%s%zu %s, ", verb->says, report->entries,
                  report->entries == 1 ? "reply" : "replies");
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
                      report->broken && removed_broken ? " and removed" : "");
    fm_buf_puts(out, ": ");
    fm_text_for_terminal(out, dir, strlen(dir));
    fm_buf_putc(out, '\n');
}

static void put_json(fm_buf *out, const struct verb *verb, const char *dir,
                     const fm_cache_report *report)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "verb", verb->name);
    fm_json_put_string(&w, "dir", dir);
    fm_json_put_int(&w, verb->run == do_prune ? "removed" : "entries", (int64_t)report->entries);
    fm_json_put_int(&w, "bytes", (int64_t)report->bytes);
    if (verb->run == do_verify)
        fm_json_put_int(&w, "broken", (int64_t)report->broken);
    fm_json_put_number(&w, "newest_s", report->newest_s);
    fm_json_put_number(&w, "oldest_s", report->oldest_s);
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

static fm_status cache_run(const cli_args *args, fm_err *err)
{
    const char *dir = cli_value(args, "dir");
    char own[FM_PATH_BYTES];
    const struct verb *verb = NULL;
    job j = {.args = args};
    fm_buf out = {0};
    fm_status st = find_verb(cli_operand(args, 0), &verb, err);

    if (st == FM_OK)
        st = check_options(args, verb, err);
    if (st == FM_OK && !dir) {
        st = cli_cache_folder("replies", own, err);
        dir = own;
    }
    if (st == FM_OK)
        st = fm_cache_open(&j.cache, dir, cli_notice, NULL, err);
    if (st == FM_OK)
        st = verb->run(&j, err);
    if (st == FM_OK) {
        if (cli_has(args, "json"))
            put_json(&out, verb, dir, &j.report);
        else
            put_text(&out, verb, dir, &j.report, cli_has(args, "remove"));
        st = cli_print(&out, err);
    }
    if (st == FM_OK && j.report.broken && !cli_has(args, "remove"))
        st = fm_fail(err, FM_E_INPUT, "%zu broken; --remove removes them", j.report.broken);
    fm_buf_release(&out);
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
    NULL,
};

static const cli_option options[] = {
    {.name = "dir",
     .argument = "DIR",
     .help = "the cache's folder (default: replies in $FATHOM_CACHE)",
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
    {0},
};

const cli_command cli_command_cache = {
    .name = "cache",
    .summary = "look after the response cache",
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
