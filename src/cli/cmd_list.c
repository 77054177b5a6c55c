/* fathom list: what there is to run, to run it with and to judge it by. */
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/staging.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "data.h"
#include "describe.h"
#include "describe_model.h"
#include "open_model.h"
#include "terminal.h"

typedef struct {
    const fm_catalog *catalog;
    const fm_suite *suites;
    size_t n_suites;
    bool whole; /* tasks of the suites, settings of the adapters: too many for an overview */
    cli_subject subject;             /* the suite or task that was named; {0}: none was */
    const fm_hub_settings *settings; /* NULL: there are none that hold */
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
    fm_buf text = {0}, clean = {0};

    va_start(args, fmt);
    fm_buf_vprintf(&text, fmt, args);
    va_end(args);
    fm_text_for_terminal(&clean, fm_buf_text(&text), text.size);
    put(g, fm_arena_strdup(&g->arena, fm_buf_text(&clean)));
    fm_buf_release(&text);
    fm_buf_release(&clean);
}

static void print_grid(fm_buf *out, const cli_style *style, const char *const *heading,
                       size_t columns, grid *g)
{
    cli_table(out, style, heading, g->cells, g->n / columns, columns);
    fm_arena_release(&g->arena);
}

/* ---- suites ---- */

/* Where the data of a suite comes from; "here" where all of it was fetched. */
static const char *data_of(const stock *s, const fm_suite *suite)
{
    static const char *const words[] = {
        [CLI_DATA_HERE] = "here",       [CLI_DATA_PARTLY] = "fetch",
        [CLI_DATA_ABSENT] = "fetch",    [CLI_DATA_DAMAGED] = "fetch",
        [CLI_DATA_BY_HAND] = "by hand", [CLI_DATA_GENERATED] = "generated",
        [CLI_DATA_OWN] = "by hand",
    };
    cli_subject whole = {.suite = suite};
    cli_data_state state;
    fm_hub_plan plan;

    /* 'fathom check' says why. */
    if (cli_data_look(&plan, s->settings, &whole, false, 1, &state, NULL) != FM_OK)
        state = CLI_DATA_ABSENT;
    fm_hub_plan_release(&plan);
    return words[state];
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
        const char *data = data_of(s, &s->suites[i]);

        for (size_t t = 0; t < s->suites[i].n_tasks; t++) {
            put_format(&g, "%s", s->suites[i].tasks[t].name);
            put(&g, data);
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

        put_format(&g, "%s", suite->name);
        put_format(&g, "%zu", suite->n_tasks);
        put(&g, data_of(s, suite));
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
        fm_json_put_string(w, "summary", suite->summary);
        fm_json_put_string(w, "version", suite->version);
        fm_json_put_string(w, "licence", suite->licence);
        fm_json_put_string(w, "citation", suite->citation);
        fm_json_put_string(w, "url", suite->url);
        fm_json_put_string(w, "data", data_of(s, s->subject.suite ? s->subject.suite : suite));
        fm_json_put_string(w, "default_task", suite->default_task);
        fm_json_put_bool(w, "generated", suite->generator != NULL);
        fm_json_open(w, "tasks", '[');
        for (size_t t = 0; t < suite->n_tasks; t++) {
            const fm_task *task = &suite->tasks[t];

            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "name", task->name);
            fm_json_put_string(w, "title", task->title);
            fm_json_put_string(w, "answer", fm_answer_kind_name(task->kind));
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

/* The variables by name, never what they hold. */
static void put_keys(grid *g, const fm_adapter_ops *adapter)
{
    fm_buf names = {0};

    for (size_t i = 0; i < FM_COUNT_OF(adapter->keys) && adapter->keys[i]; i++)
        fm_buf_printf(&names, "%s%s", i ? " or " : "", adapter->keys[i]);
    put(g, "  (key)");
    put_format(g, "in the environment, as %s", fm_buf_text(&names));
    fm_buf_release(&names);
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
        if (s->whole && (*a)->keys[0])
            put_keys(&g, *a);
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
        fm_json_open(w, "keys", '[');
        for (size_t i = 0; i < FM_COUNT_OF((*a)->keys) && (*a)->keys[i]; i++)
            fm_json_put_string(w, NULL, (*a)->keys[i]);
        fm_json_close(w, ']');
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
        put(&g, cli_kind_text((*p)->kind));
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

/* Of a task, or (NULL) of every task of its kind. */
static void protocol_json(fm_json_writer *w, const fm_protocol *p, const char *task)
{
    fm_json_open(w, NULL, '{');
    if (task)
        fm_json_put_string(w, "task", task);
    fm_json_put_string(w, "name", p->name);
    fm_json_put_string(w, "answer", fm_answer_kind_name(p->kind));
    fm_json_put_int(w, "version", p->version);
    fm_json_put_string(w, "policy", p->policy);
    fm_json_put_string(w, "primary", p->primary);
    fm_json_put_string(w, "summary", p->summary);
    fm_json_open(w, "metrics", '[');
    metrics_json(w, p);
    fm_json_close(w, ']');
    fm_json_close(w, '}');
}

static void protocols_json(fm_json_writer *w, const stock *s)
{
    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++)
        protocol_json(w, *p, NULL);
}

/* Those of the one suite that is left. */
static fm_status subject_protocols_json(fm_json_writer *w, const stock *s, fm_err *err)
{
    for (size_t t = 0; t < s->suites[0].n_tasks; t++) {
        const fm_task *task = &s->suites[0].tasks[t];

        for (size_t i = 0; i < FM_COUNT_OF(task->protocols) && task->protocols[i]; i++) {
            const fm_protocol *p;
            fm_status st = fm_catalog_protocol(s->catalog, task, task->protocols[i], &p, err);

            if (st != FM_OK)
                return st;
            protocol_json(w, p, task->name);
        }
    }
    return FM_OK;
}

static void metrics_table(fm_buf *out, const cli_style *style, const stock *s)
{
    static const char *const heading[] = {"METRIC", "KIND", "UNIT", "BETTER", "WHAT"};

    for (const fm_protocol *const *p = s->catalog->protocols; *p; p++) {
        grid g = {0};

        fm_buf_printf(out, "%s  %s, %s (primary: %s)\n", p == s->catalog->protocols ? "" : "\n",
                      (*p)->name, cli_kind_text((*p)->kind), (*p)->primary);
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

static const struct section *section_called(const char *name)
{
    for (size_t i = 0; i < FM_COUNT_OF(sections); i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

/* What a name may mean, the lists first. */
typedef struct {
    const char *names[512];
    size_t n;
} known;

/* Whether this is the name; if it is not, it is one to suggest. */
static bool is_called(known *k, const char *candidate, const char *name)
{
    if (strcmp(candidate, name) == 0)
        return true;
    if (k->n < FM_COUNT_OF(k->names))
        k->names[k->n++] = candidate;
    return false;
}

/* Leave the one suite in the stock, or the one task of it. `only` is room for that. */
static bool narrow_to_suite(stock *s, known *k, const char *name, fm_suite *only)
{
    for (size_t i = 0; i < s->n_suites; i++) {
        const fm_suite *suite = &s->suites[i];

        s->subject = (cli_subject){.suite = suite};
        *only = *suite;
        bool found = is_called(k, suite->name, name);
        for (size_t t = 0; t < suite->n_tasks && !found; t++) {
            found = is_called(k, suite->tasks[t].name, name);
            if (!found)
                continue;
            s->subject.task = &suite->tasks[t];
            only->tasks[0] = suite->tasks[t];
            only->n_tasks = 1;
        }
        if (!found)
            continue;
        s->suites = only;
        s->n_suites = 1;
        return true;
    }
    s->subject = (cli_subject){0};
    return false;
}

/* Likewise the one adapter in the catalogue; `only` has room for its list. */
static bool narrow_to_adapter(fm_catalog *catalog, known *k, const char *name,
                              const fm_adapter_ops *only[2])
{
    for (const fm_adapter_ops *const *a = catalog->adapters; *a; a++) {
        if (!is_called(k, (*a)->name, name))
            continue;
        only[0] = *a;
        only[1] = NULL;
        catalog->adapters = only;
        return true;
    }
    return false;
}

static fm_status nothing_called(const char *name, const known *k, fm_err *err)
{
    const char *near = fm_text_nearest(name, k->names, k->n);

    if (near)
        return fm_fail(err, FM_E_USAGE, "nothing called '%s' to list; did you mean '%s'?", name,
                       near);
    return fm_fail(err, FM_E_USAGE,
                   "nothing called '%s' to list; there are suites, adapters, protocols, metrics "
                   "and commands, and the names of suites, tasks and adapters",
                   name);
}

static fm_status print_json(fm_buf *out, const stock *s, const struct section *only, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    fm_status st = FM_OK;

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.list/1");
    for (size_t i = 0; i < FM_COUNT_OF(sections); i++) {
        if (!sections[i].json || (only && only != &sections[i]))
            continue;
        fm_json_open(&w, sections[i].name, '[');
        sections[i].json(&w, s);
        fm_json_close(&w, ']');
    }
    if (s->subject.suite) {
        fm_json_open(&w, "protocols", '[');
        st = subject_protocols_json(&w, s, err);
        fm_json_close(&w, ']');
    }
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
    return st;
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

static fm_status print_page(fm_buf *out, const stock *s, const struct section *only, fm_err *err)
{
    cli_style style = cli_style_for(stdout);

    if (s->subject.suite)
        return cli_describe_subject(out, &style, s->catalog, &s->subject, err);
    print_tables(out, s, only);
    return FM_OK;
}

/* `name` is that of a list, or of one thing that stands in one: then the stock has nothing else. */
static fm_status show(const cli_args *args, stock *s, fm_catalog *catalog, fm_err *err)
{
    const char *name = cli_operand(args, 0);
    const struct section *only = name ? section_called(name) : NULL;
    const fm_adapter_ops *one_adapter[2];
    bool one = name && !only;
    fm_suite one_suite;
    known k = {.n = 0};
    fm_buf out = {0};
    fm_status st = FM_OK;

    for (size_t i = 0; one && i < FM_COUNT_OF(sections); i++)
        k.names[k.n++] = sections[i].name;
    if (one && narrow_to_suite(s, &k, name, &one_suite))
        only = section_called("suites");
    else if (one && narrow_to_adapter(catalog, &k, name, one_adapter))
        only = section_called("adapters");
    else if (one)
        return nothing_called(name, &k, err);
    if (cli_has(args, "names") && (one || !only))
        return fm_fail(err, FM_E_USAGE, "option '--names' needs one of the lists");
    /* Metrics stand with their protocols. */
    if (only && !only->json && cli_has(args, "json"))
        only = section_called("protocols");
    s->whole = only != NULL;
    if (only && cli_has(args, "names"))
        only->names(&out, s);
    else if (cli_has(args, "json"))
        st = print_json(&out, s, only, err);
    else
        st = print_page(&out, s, only, err);
    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* A name with a slash, or of something at `path` that is no suite's or adapter's. */
static bool is_model(const char *name, const char *path, const fm_catalog *catalog, const stock *s)
{
    known k = {.n = 0};
    stock found = *s;
    fm_catalog one = *catalog;
    fm_suite one_suite;
    const fm_adapter_ops *one_adapter[2];

    if (strchr(name, '/'))
        return true;
    return fm_path_is_occupied(path) && !section_called(name) &&
           !narrow_to_suite(&found, &k, name, &one_suite) &&
           !narrow_to_adapter(&one, &k, name, one_adapter);
}

static fm_status show_model(const cli_args *args, const char *path, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_buf out = {0};
    fm_status st = cli_has(args, "names")
                       ? fm_fail(err, FM_E_USAGE, "option '--names' needs one of the lists")
                   : cli_has(args, "json") ? cli_describe_model_json(&out, path, err)
                                           : cli_describe_model(&out, &style, path, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status list_run(const cli_args *args, fm_err *err)
{
    const char *name = cli_operand(args, 0);
    const struct section *only = name ? section_called(name) : NULL;
    fm_hub_settings settings;
    fm_catalog catalog = {0};
    fm_arena arena = {0};
    fm_suite *suites = NULL;
    stock s = {.catalog = &catalog};
    char path[FM_PATH_BYTES] = "";
    fm_status st = cli_catalog(&catalog, err);

    if (st == FM_OK && name)
        st = cli_model_path(path, name, err);
    /* The lists of code need no suite.yaml. */
    if (st == FM_OK && (!only || strcmp(only->name, "suites") == 0))
        st = fm_catalog_suites(&catalog, &arena, &suites, &s.n_suites, err);
    s.suites = suites;
    if (cli_hub_settings(&settings, NULL) == FM_OK)
        s.settings = &settings;
    if (st == FM_OK)
        st = name && is_model(name, path, &catalog, &s) ? show_model(args, path, err)
                                                        : show(args, &s, &catalog, err);
    fm_arena_release(&arena);
    return st;
}

static const char *const description[] = {
    "NAME is a suite, a task or an adapter. Of a suite or task it shows licence and citation, "
    "where "
    "its data is or comes from, and the protocols with the metric that is each one's headline.",
    "MODEL is a folder with a model, a GGUF file, or robotracer-nano, which comes with fathom: its "
    "parts, what each is, how it is stored, "
    "and "
    "what is missing (--json: schema fathom.model/1). A path with a '/' in it is always a model.",
    NULL,
};

static const cli_option options[] = {
    {.name = "names", .help = "bare names, one a line, for scripts and completions"},
    {.name = "json", .help = "the list as JSON (schema fathom.list/1)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom list", "suites, adapters and protocols"},
    {"fathom list suites", "every task with its protocols"},
    {"fathom list vsi-bench", "one suite, or one task: its data, tasks and protocols"},
    {"fathom list adapters", "adapters and their settings"},
    {"fathom list gemini", "one adapter"},
    {"fathom list models/tiny", "what a model folder holds"},
    {"fathom list metrics", "what every protocol measures"},
    {"fathom list adapters --json", "for a program"},
    {0},
};

const cli_command cli_command_list = {
    .name = "list",
    .summary = "show suites, adapters, protocols, metrics and commands",
    .operands = "[suites|adapters|protocols|metrics|commands|NAME|MODEL]",
    .description = description,
    .operand_kind = CLI_WORDS,
    .operand_words = "suites adapters protocols metrics commands",
    .max_operands = 1,
    .options = options,
    .examples = examples,
    .run = list_run,
};
