/* fathom list: what there is to run, to run it with and to judge it by. */
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "terminal.h"

typedef struct {
    const fm_catalog *catalog;
    const fm_suite *suites;
    size_t n_suites;
    bool whole; /* tasks of the suites, settings of the adapters: too many for an overview */
} stock;

/* Cells of a table, filled row by row; texts made here live in the arena. */
typedef struct {
    fm_arena arena;
    const char *cells[512];
    size_t n;
} grid;

static void put(grid *g, const char *cell)
{
    if (g->n < FM_COUNT_OF(g->cells))
        g->cells[g->n++] = cell;
}

static void put_format(grid *g, const char *fmt, ...) FM_PRINTF(2, 3);
static void put_format(grid *g, const char *fmt, ...)
{
    va_list args;
    fm_buf text = {0};

    va_start(args, fmt);
    fm_buf_vprintf(&text, fmt, args);
    va_end(args);
    put(g, fm_arena_strdup(&g->arena, fm_buf_text(&text)));
    fm_buf_release(&text);
}

static void print_grid(fm_buf *out, const cli_style *style, const char *const *heading,
                       size_t columns, grid *g)
{
    cli_table(out, style, heading, g->cells, g->n / columns, columns);
    fm_arena_release(&g->arena);
}

static const char *kind_name(fm_answer_kind kind)
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

/* ---- suites ---- */

static const char *data_of(const fm_suite *suite)
{
    return suite->generator ? "generated" : "--data DIR";
}

/* "2D trace, (x, y): reference paper" */
static void put_task(grid *g, const fm_task *task)
{
    fm_buf protocols = {0};

    for (size_t p = 0; p < FM_COUNT_OF(task->protocols) && task->protocols[p]; p++)
        fm_buf_printf(&protocols, " %s", task->protocols[p]);
    put_format(g, "%s:%s", task->title, fm_buf_text(&protocols));
    fm_buf_release(&protocols);
}

static void tasks_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"TASK", "DATA", "WHAT AND ITS PROTOCOLS"};
    grid g = {0};

    for (size_t i = 0; i < s->n_suites; i++) {
        for (size_t t = 0; t < s->suites[i].n_tasks; t++) {
            put(&g, s->suites[i].tasks[t].name);
            put(&g, data_of(&s->suites[i]));
            put_task(&g, &s->suites[i].tasks[t]);
        }
    }
    print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
}

static void suites_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"SUITE", "TASKS", "DATA", "WHAT"};
    grid g = {0};

    if (s->whole) {
        tasks_table(out, style, s);
        return;
    }
    for (size_t i = 0; i < s->n_suites; i++) {
        const fm_suite *suite = &s->suites[i];

        put(&g, suite->name);
        put_format(&g, "%zu", suite->n_tasks);
        put(&g, data_of(suite));
        put_format(&g, "%s: %s", suite->title, suite->summary);
    }
    print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
}

static void suites_names(fm_buf *out, const stock *s)
{
    for (size_t i = 0; i < s->n_suites; i++) {
        fm_buf_printf(out, "%s\n", s->suites[i].name);
        for (size_t t = 0; t < s->suites[i].n_tasks; t++)
            if (strcmp(s->suites[i].tasks[t].name, s->suites[i].name) != 0)
                fm_buf_printf(out, "%s\n", s->suites[i].tasks[t].name);
    }
}

static void suites_json(fm_json_writer *w, const stock *s)
{
    for (size_t i = 0; i < s->n_suites; i++) {
        const fm_suite *suite = &s->suites[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", suite->name);
        fm_json_put_string(w, "title", suite->title);
        fm_json_put_string(w, "version", suite->version);
        fm_json_put_string(w, "licence", suite->licence);
        fm_json_put_string(w, "url", suite->url);
        fm_json_put_string(w, "default_task", suite->default_task);
        fm_json_put_bool(w, "generated", suite->generator != NULL);
        fm_json_open(w, "tasks", '[');
        for (size_t t = 0; t < suite->n_tasks; t++) {
            const fm_task *task = &suite->tasks[t];

            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "name", task->name);
            fm_json_put_string(w, "title", task->title);
            fm_json_open(w, "protocols", '[');
            for (size_t p = 0; p < FM_COUNT_OF(task->protocols) && task->protocols[p]; p++)
                fm_json_put_string(w, NULL, task->protocols[p]);
            fm_json_close(w, ']');
            fm_json_close(w, '}');
        }
        fm_json_close(w, ']');
        fm_json_close(w, '}');
    }
}

/* ---- adapters ---- */

/* As it is typed, key=default; a default that would make the column too wide stands behind what it is. */
static void put_setting(grid *g, const fm_adapter_option *o)
{
    enum { MOST = 24 };
    bool wide = o->fallback && strlen(o->name) + strlen(o->fallback) > MOST;

    put_format(g, "  %s=%s", o->name, o->fallback && !wide ? o->fallback : "...");
    if (wide)
        put_format(g, "%s (%s)", o->summary, o->fallback);
    else
        put(g, o->summary);
}

/* Settings stand below their adapter. */
static void adapters_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"ADAPTER", "WHAT"};
    grid g = {0};

    for (const fm_adapter_ops *const *a = s->catalog->adapters; *a; a++) {
        put(&g, (*a)->name);
        put_format(&g, "%s%s", (*a)->summary,
                   (*a)->caps & FM_CAP_SEES_TRUTH ? " (sees the truth)" : "");
        for (const fm_adapter_option *o = (*a)->options; s->whole && o && o->name; o++)
            put_setting(&g, o);
    }
    print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
}

static void adapters_names(fm_buf *out, const stock *s)
{
    for (const fm_adapter_ops *const *a = s->catalog->adapters; *a; a++)
        fm_buf_printf(out, "%s\n", (*a)->name);
}

static void adapters_json(fm_json_writer *w, const stock *s)
{
    for (const fm_adapter_ops *const *a = s->catalog->adapters; *a; a++) {
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", (*a)->name);
        fm_json_put_string(w, "summary", (*a)->summary);
        fm_json_put_bool(w, "sees_truth", (*a)->caps & FM_CAP_SEES_TRUTH);
        fm_json_put_bool(w, "offline", (*a)->caps & FM_CAP_OFFLINE);
        fm_json_open(w, "settings", '[');
        for (const fm_adapter_option *o = (*a)->options; o && o->name; o++) {
            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "name", o->name);
            fm_json_put_string(w, "summary", o->summary);
            fm_json_put_string(w, "default", o->fallback);
            fm_json_close(w, '}');
        }
        fm_json_close(w, ']');
        fm_json_close(w, '}');
    }
}

/* ---- protocols and their metrics ---- */

static void protocols_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"PROTOCOL", "JUDGES", "POLICY", "WHAT"};
    grid g = {0};

    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++) {
        put(&g, (*p)->name);
        put(&g, kind_name((*p)->kind));
        put(&g, (*p)->policy);
        put(&g, (*p)->summary);
    }
    print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
}

static void protocols_names(fm_buf *out, const stock *s)
{
    const fm_protocol *const *all = s->catalog->protocols;

    for (size_t i = 0; all[i]; i++) {
        bool before = false;

        for (size_t j = 0; j < i; j++)
            before = before || strcmp(all[i]->name, all[j]->name) == 0;
        if (!before)
            fm_buf_printf(out, "%s\n", all[i]->name);
    }
}

static const char *better_text(int better)
{
    return better > 0 ? "higher" : better < 0 ? "lower" : "";
}

static const char *role_text(fm_metric_role role)
{
    return role == FM_METRIC_RATE ? "rate" : role == FM_METRIC_MEAN ? "mean" : "detail";
}

static void metrics_json(fm_json_writer *w, const fm_protocol *p)
{
    for (size_t i = 0; i < p->n_metrics; i++) {
        const fm_metric *m = &p->metrics[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", m->name);
        fm_json_put_string(w, "role", role_text(m->role));
        fm_json_put_string(w, "unit", m->unit);
        fm_json_put_int(w, "better", m->better);
        fm_json_put_string(w, "summary", m->summary);
        fm_json_close(w, '}');
    }
}

static void protocols_json(fm_json_writer *w, const stock *s)
{
    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++) {
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", (*p)->name);
        fm_json_put_string(w, "answer", fm_answer_kind_name((*p)->kind));
        fm_json_put_int(w, "version", (*p)->version);
        fm_json_put_string(w, "policy", (*p)->policy);
        fm_json_put_string(w, "primary", (*p)->primary);
        fm_json_put_string(w, "summary", (*p)->summary);
        fm_json_open(w, "metrics", '[');
        metrics_json(w, *p);
        fm_json_close(w, ']');
        fm_json_close(w, '}');
    }
}

static void metrics_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"METRIC", "KIND", "UNIT", "BETTER", "WHAT"};

    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++) {
        grid g = {0};

        fm_buf_printf(out, "%s  %s, %s (primary: %s)\n", p == s->catalog->protocols ? "" : "\n",
                      (*p)->name, kind_name((*p)->kind), (*p)->primary);
        for (size_t i = 0; i < (*p)->n_metrics; i++) {
            const fm_metric *m = &(*p)->metrics[i];

            put(&g, m->name);
            put(&g, role_text(m->role));
            put(&g, m->unit);
            put(&g, better_text(m->better));
            put(&g, m->summary);
        }
        print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
    }
}

static void metrics_names(fm_buf *out, const stock *s)
{
    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++)
        for (size_t i = 0; i < (*p)->n_metrics; i++)
            fm_buf_printf(out, "%s\n", (*p)->metrics[i].name);
}

/* ---- commands ---- */

static void commands_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"COMMAND", "WHAT"};
    grid g = {0};

    (void)s;
    for (size_t i = 0; cli_commands[i]; i++) {
        put(&g, cli_commands[i]->name);
        put(&g, cli_commands[i]->summary);
    }
    print_grid(out, style, heading, FM_COUNT_OF(heading), &g);
}

static void commands_names(fm_buf *out, const stock *s)
{
    (void)s;
    for (size_t i = 0; cli_commands[i]; i++)
        fm_buf_printf(out, "%s\n", cli_commands[i]->name);
}

static void commands_json(fm_json_writer *w, const stock *s)
{
    (void)s;
    for (size_t i = 0; cli_commands[i]; i++) {
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", cli_commands[i]->name);
        fm_json_put_string(w, "summary", cli_commands[i]->summary);
        fm_json_close(w, '}');
    }
}

/* ---- the command ---- */

static const struct section {
    const char *name;
    bool overview; /* shown when nothing is named */
    void (*table)(fm_buf *out, const cli_style *style, const stock *s);
    void (*names)(fm_buf *out, const stock *s);
    void (*json)(fm_json_writer *w, const stock *s); /* NULL: stands inside another one */
} sections[] = {
    {"suites", true, suites_table, suites_names, suites_json},
    {"adapters", true, adapters_table, adapters_names, adapters_json},
    {"protocols", true, protocols_table, protocols_names, protocols_json},
    {"metrics", false, metrics_table, metrics_names, NULL},
    {"commands", false, commands_table, commands_names, commands_json},
};

static fm_status find_section(const char *name, const struct section **out, fm_err *err)
{
    const char *names[FM_COUNT_OF(sections)];

    for (size_t i = 0; i < FM_COUNT_OF(sections); i++) {
        names[i] = sections[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = &sections[i];
            return FM_OK;
        }
    }
    const char *near = fm_text_nearest(name, names, FM_COUNT_OF(names));
    if (near)
        return fm_fail(err, FM_E_USAGE, "nothing called '%s' to list; did you mean '%s'?", name,
                       near);
    return fm_fail(
        err, FM_E_USAGE,
        "nothing called '%s' to list; there are suites, adapters, protocols, metrics and commands",
        name);
}

static void print_json(fm_buf *out, const stock *s, const struct section *only)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.list/1");
    for (size_t i = 0; i < FM_COUNT_OF(sections); i++) {
        if (!sections[i].json || (only && only != &sections[i]))
            continue;
        fm_json_open(&w, sections[i].name, '[');
        sections[i].json(&w, s);
        fm_json_close(&w, ']');
    }
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

static void print_tables(fm_buf *out, const stock *s, const struct section *only)
{
    cli_style style = cli_style_for(stdout);
    bool first = true;

    for (size_t i = 0; i < FM_COUNT_OF(sections); i++) {
        if (only ? only != &sections[i] : !sections[i].overview)
            continue;
        if (!only)
            fm_buf_printf(out, "%s%s%s%s\n", first ? "" : "\n", cli_bold(&style), sections[i].name,
                          cli_plain(&style));
        sections[i].table(out, &style, s);
        first = false;
    }
}

static fm_status list_run(const cli_args *args, fm_err *err)
{
    const char *name = cli_operand(args, 0);
    const struct section *only = NULL;
    fm_catalog catalog = {0};
    fm_arena arena = {0};
    fm_suite *suites = NULL;
    stock s = {.catalog = &catalog};
    fm_buf out = {0};
    fm_status st = name ? find_section(name, &only, err) : FM_OK;

    if (st == FM_OK && cli_has(args, "names") && !only)
        st = fm_fail(err, FM_E_USAGE, "option '--names' needs one of the lists");
    /* Metrics stand with their protocols. */
    if (st == FM_OK && only && !only->json && cli_has(args, "json"))
        st = find_section("protocols", &only, err);
    if (st == FM_OK)
        st = cli_catalog(&catalog, err);
    if (st == FM_OK && (!only || strcmp(only->name, "suites") == 0))
        st = fm_catalog_suites(&catalog, &arena, &suites, &s.n_suites, err);
    s.suites = suites;
    s.whole = only != NULL;
    if (st == FM_OK) {
        if (only && cli_has(args, "names"))
            only->names(&out, &s);
        else if (cli_has(args, "json"))
            print_json(&out, &s, only);
        else
            print_tables(&out, &s, only);
        st = cli_print(&out, err);
    }
    fm_buf_release(&out);
    fm_arena_release(&arena);
    return st;
}

static const cli_option options[] = {
    {.name = "names", .help = "bare names, one a line, for scripts and completions"},
    {.name = "json", .help = "the list as JSON (schema fathom.list/1)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom list", "suites, adapters and protocols"},
    {"fathom list suites", "every task with its protocols"},
    {"fathom list adapters", "adapters and their settings"},
    {"fathom list metrics", "what every protocol measures"},
    {"fathom list adapters --json", "for a program"},
    {0},
};

const cli_command cli_command_list = {
    .name = "list",
    .summary = "show suites, adapters, protocols, metrics and commands",
    .operands = "[suites|adapters|protocols|metrics|commands]",
    .operand_kind = CLI_WORDS,
    .operand_words = "suites adapters protocols metrics commands",
    .max_operands = 1,
    .options = options,
    .examples = examples,
    .run = list_run,
};
