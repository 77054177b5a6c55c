/* Owns the page about one suite: its facts, then its tasks with their protocols. */
#include "describe.h"

#include <stdarg.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"

const char *cli_kind_text(fm_answer_kind kind)
{
    switch (kind) {
    case FM_ANSWER_TRACE2D:
        return "2D trace";
    case FM_ANSWER_TRACE3D:
        return "3D trace";
    default:
        return fm_answer_kind_name(kind);
    }
}

/* Text of a suite.yaml, broken into lines. */
static void put_wrapped(fm_buf *out, const cli_style *style, const char *text, int indent)
{
    fm_buf clean = {0};

    fm_text_for_terminal(&clean, text, strlen(text));
    cli_wrap(out, fm_buf_text(&clean), indent, indent, style->width);
    fm_buf_release(&clean);
}

/* "  licence   Apache-2.0" */
static void put_fact(fm_buf *out, const cli_style *style, const char *name, const char *fmt, ...)
    FM_PRINTF(4, 5);
static void put_fact(fm_buf *out, const cli_style *style, const char *name, const char *fmt, ...)
{
    enum { NAME = 8, INDENT = 2 + NAME + 2 };
    fm_buf text = {0};
    va_list args;

    va_start(args, fmt);
    fm_buf_vprintf(&text, fmt, args);
    va_end(args);
    fm_buf_printf(out, "  %s%-*s%s  ", cli_faint(style), NAME, name, cli_plain(style));
    put_wrapped(out, style, fm_buf_text(&text), INDENT);
    fm_buf_release(&text);
}

/* ---- its data ---- */

static void put_state(fm_buf *out, const cli_style *style, const char *name, cli_data_state state,
                      const fm_hub_plan *plan)
{
    fm_hub_totals t = fm_hub_plan_totals(plan);

    switch (state) {
    case CLI_DATA_HERE:
        put_fact(out, style, "data", "here, in %s", plan->folder);
        break;
    case CLI_DATA_PARTLY:
    case CLI_DATA_DAMAGED:
        put_fact(out, style, "data", "%zu of %zu files are here%s: fathom fetch %s", t.here,
                 t.files, t.damaged ? ", some are damaged" : "", name);
        break;
    case CLI_DATA_ABSENT:
        put_fact(out, style, "data", "not here: fathom fetch %s", name);
        break;
    case CLI_DATA_BY_HAND:
        put_fact(out, style, "data", "cannot be fetched: give it with --data DIR");
        break;
    case CLI_DATA_GENERATED:
        put_fact(out, style, "data", "generated at its first run");
        break;
    case CLI_DATA_OWN:
        put_fact(out, style, "data", "give it with --data DIR");
        break;
    }
}

static void put_data(fm_buf *out, const cli_style *style, const cli_subject *subject)
{
    const char *name = subject->task ? subject->task->name : subject->suite->name;
    cli_data_state state;
    fm_hub_settings settings;
    fm_hub_plan plan;
    bool set = cli_hub_settings(&settings, NULL) == FM_OK;

    /* What cannot be looked at is not here; 'fathom check' says why. */
    if (cli_data_look(&plan, set ? &settings : NULL, subject, false, 1, &state, NULL) != FM_OK)
        state = CLI_DATA_ABSENT;
    put_state(out, style, name, state, &plan);
    for (size_t i = 0; i < plan.sources.n; i++) {
        const fm_hub_source *source = &plan.sources.items[i];

        put_fact(out, style, i ? "" : "from", "%s",
                 source->repository ? source->repository : source->url);
    }
    if (plan.sources.by_hand)
        put_fact(out, style, "by hand", "%s", plan.sources.by_hand);
    fm_hub_plan_release(&plan);
}

/* ---- its tasks ---- */

static char *clean_copy(fm_arena *arena, const char *text)
{
    fm_buf clean = {0};

    fm_text_for_terminal(&clean, text, strlen(text));
    char *copy = fm_arena_strdup(arena, fm_buf_text(&clean));
    fm_buf_release(&clean);
    return copy;
}

static fm_status put_protocols(fm_buf *out, const cli_style *style, const fm_catalog *catalog,
                               const fm_task *task, fm_err *err)
{
    static const char *const heading[] = {"PROTOCOL", "", "HEADLINE", "WHAT"};
    const char *cells[FM_MAX_PROTOCOLS][FM_COUNT_OF(heading)];
    fm_arena arena = {0};
    fm_status st = FM_OK;
    size_t n = 0;

    for (; n < FM_MAX_PROTOCOLS && task->protocols[n] && st == FM_OK; n++) {
        const fm_protocol *p = NULL;

        st = fm_catalog_protocol(catalog, task, task->protocols[n], &p, err);
        if (st != FM_OK)
            break;
        cells[n][0] = clean_copy(&arena, p->name);
        cells[n][1] = n == 0 ? "default" : NULL;
        cells[n][2] = p->primary;
        cells[n][3] = clean_copy(&arena, p->summary);
    }
    if (st == FM_OK)
        cli_table(out, style, heading, cells[0], n, FM_COUNT_OF(heading));
    fm_arena_release(&arena);
    return st;
}

static fm_status put_task(fm_buf *out, const cli_style *style, const fm_catalog *catalog,
                          const fm_suite *suite, const fm_task *task, fm_err *err)
{
    bool standard = suite->n_tasks > 1 && strcmp(task->name, suite->default_task) == 0;

    fm_buf_printf(out, "\n%s", cli_bold(style));
    fm_text_for_terminal(out, task->name, strlen(task->name));
    fm_buf_printf(out, "%s: %s%s\n  ", cli_plain(style), cli_kind_text(task->kind),
                  standard ? ", the default task" : "");
    put_wrapped(out, style, task->title, 2);
    return put_protocols(out, style, catalog, task, err);
}

fm_status cli_describe_subject(fm_buf *out, const cli_style *style, const fm_catalog *catalog,
                               const cli_subject *subject, fm_err *err)
{
    const fm_suite *suite = subject->suite;
    fm_status st = FM_OK;

    fm_buf_puts(out, cli_bold(style));
    fm_text_for_terminal(out, suite->name, strlen(suite->name));
    fm_buf_printf(out, "%s: ", cli_plain(style));
    fm_text_for_terminal(out, suite->title, strlen(suite->title));
    fm_buf_puts(out, "\n  ");
    put_wrapped(out, style, suite->summary, 2);
    fm_buf_putc(out, '\n');
    put_fact(out, style, "version", "%s", suite->version);
    put_fact(out, style, "licence", "%s", suite->licence);
    put_fact(out, style, "citation", "%s", suite->citation);
    if (suite->url)
        put_fact(out, style, "url", "%s", suite->url);
    put_data(out, style, subject);
    for (size_t t = 0; t < suite->n_tasks && st == FM_OK; t++)
        if (!subject->task || subject->task == &suite->tasks[t])
            st = put_task(out, style, catalog, suite, &suite->tasks[t], err);
    return st;
}
