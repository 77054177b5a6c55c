/* fathom leaderboard: graded runs of many models as one table of places. Nothing is graded here. */
#include <string.h>

#include "base/files.h"
#include "base/threads.h"
#include "catalog.h"
#include "commands.h"
#include "report/board/board.h"
#include "show.h"
#include "terminal.h"

typedef struct {
    fm_catalog catalog;
    fm_arena arena;
    cli_views views;
    fm_board_entry entries[FM_REPORT_MAX_RUNS];
    size_t n;
    fm_published published;
    fm_board board;
} leaderboard;

/* "NAME=RUN", where no run has that whole name. */
static fm_status split_operand(leaderboard *l, const char *operand, const char **name,
                               const char **run, fm_err *err)
{
    const char *equals = strchr(operand, '=');

    *name = NULL;
    *run = operand;
    if (!equals || equals == operand || fm_dir_exists(operand))
        return FM_OK;
    *name = fm_arena_memdup(&l->arena, operand, (size_t)(equals - operand));
    *run = equals + 1;
    return *name ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the runs");
}

static fm_status open_runs(leaderboard *l, const cli_args *args, fm_err *err)
{
    const char *given = cli_value(args, "protocols"), *const *protocols = NULL;
    size_t n_protocols = 0;
    fm_status st =
        given ? cli_names(given, "protocols", &l->arena, &protocols, &n_protocols, err) : FM_OK;

    for (size_t i = 0; st == FM_OK && i < cli_operands(args); i++) {
        const char *name, *run;
        size_t before = l->views.n;

        st = split_operand(l, cli_operand(args, i), &name, &run, err);
        if (st == FM_OK)
            st = cli_views_add(&l->views, &l->catalog, run, protocols, n_protocols, err);
        if (st == FM_OK && l->views.n > FM_REPORT_MAX_RUNS)
            st = fm_fail(err, FM_E_USAGE, "more than %d runs and protocols in a leaderboard",
                         FM_REPORT_MAX_RUNS);
        for (size_t k = before; st == FM_OK && k < l->views.n; k++)
            l->entries[l->n++] = (fm_board_entry){.view = l->views.items[k], .name = name};
    }
    return st;
}

/* Figures stand beside the runs unless nobody wants them. */
static fm_status read_published(leaderboard *l, const cli_args *args, fm_err *err)
{
    const char *given = cli_value(args, "published");
    char path[FM_PATH_BYTES];
    fm_status st = FM_OK;

    if (cli_has(args, "no-published"))
        return given ? fm_fail(err, FM_E_USAGE,
                               "options '--published' and '--no-published' exclude each other")
                     : FM_OK;
    if (!given) {
        st = cli_shared_folder("published", path, err);
        given = path;
    }
    return st == FM_OK ? fm_published_load(given, &l->arena, &l->published, err) : st;
}

/* ---- what is written ---- */

typedef fm_status (*writer)(fm_buf *out, const fm_board *board, fm_err *err);

static const struct {
    const char *option;
    writer write;
} forms[] = {
    {"html", fm_board_html},
    {"markdown", fm_board_markdown},
    {"csv", fm_board_csv},
    {"latex", fm_board_latex},
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* "-" is stdout. */
static fm_status write_form(const leaderboard *l, writer write, const char *path, fm_err *err)
{
    fm_buf out = {0};
    fm_status st = write(&out, &l->board, err);

    if (st == FM_OK)
        st = strcmp(path, "-") == 0 ? cli_print(&out, err)
                                    : fm_file_write_atomic(path, out.data, out.size, err);
    fm_buf_release(&out);
    return st;
}

static fm_status print_table(const leaderboard *l, fm_err *err)
{
    cli_style style = cli_style_for(stdout);
    fm_buf out = {0};
    fm_status st =
        fm_board_table(&out, &l->board, style.given ? style.given : 100, style.colour, err);

    if (st == FM_OK)
        st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static fm_status write_forms(const leaderboard *l, const cli_args *args, fm_err *err)
{
    bool files = false;
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < FORMS; i++) {
        if (!cli_has(args, forms[i].option))
            continue;
        files = true;
        st = write_form(l, forms[i].write, cli_value(args, forms[i].option), err);
    }
    if (st == FM_OK && cli_has(args, "json"))
        return write_form(l, fm_board_json, "-", err);
    return st == FM_OK && !files ? print_table(l, err) : st;
}

static fm_status leaderboard_run(const cli_args *args, fm_err *err)
{
    leaderboard l = {0};
    uint64_t jobs = 0;
    fm_status st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);

    if (st == FM_OK)
        st = cli_catalog(&l.catalog, err);
    if (st == FM_OK)
        st = open_runs(&l, args, err);
    if (st == FM_OK)
        st = read_published(&l, args, err);
    if (st == FM_OK)
        st = fm_board_make(&l.board, l.entries, l.n, &l.published,
                           jobs ? (int)jobs : fm_threads_available(), err);
    if (st == FM_OK)
        st = write_forms(&l, args, err);
    fm_board_release(&l.board);
    cli_views_release(&l.views);
    fm_arena_release(&l.arena);
    return st;
}

static const char *const description[] = {
    "Ranks models by the headline of each task and protocol that their runs hold. Runs share a "
    "column where task, protocol and its version, data and the part of it are the same; a model "
    "is named by adapter and model, or as NAME=RUN says. Places come with the places that a model "
    "may hold and with letters: models that share one are not told apart.",
    "Published figures of the same task and metric stand beside them, marked, without a place. The "
    "same runs in any order give the same bytes. Without an option that writes a file, the table "
    "goes to standard output.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "protocols",
     .argument = "P,...",
     .help = "only these (default: all that the runs hold)",
     .kind = CLI_PROTOCOL},
    {.name = "published",
     .argument = "DIR",
     .help = "folder of published figures (default: those that come with the program)",
     .kind = CLI_FOLDER},
    {.name = "no-published", .help = "leave published figures out"},
    {.name = "html",
     .argument = "FILE",
     .help = "one self-contained page with a table that can be sorted; - for standard output",
     .kind = CLI_FILE},
    {.name = "markdown",
     .argument = "FILE",
     .help = "as Markdown; - for standard output",
     .kind = CLI_FILE},
    {.name = "csv",
     .argument = "FILE",
     .help = "a line for each value, with where it comes from; - for standard output",
     .kind = CLI_FILE},
    {.name = "latex",
     .argument = "FILE",
     .help = "as a LaTeX tabular; - for standard output",
     .kind = CLI_FILE},
    {.name = "json", .help = "print it as JSON (schema fathom.leaderboard/1)"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads; results do not depend on it (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom leaderboard runs/*", "every run, with its place"},
    {"fathom leaderboard ours=runs/new theirs=runs/old --html board.html",
     "a page, with names of your own"},
    {0},
};

const cli_command cli_command_leaderboard = {
    .name = "leaderboard",
    .summary = "rank models over tasks, with published figures beside them",
    .operands = "[NAME=]RUN...",
    .operand_kind = CLI_RUN,
    .min_operands = 1,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = leaderboard_run,
};
