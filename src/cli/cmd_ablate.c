/* fathom ablate: train the arms of a plan, ask them, and hold them against each other. Training is train's,
 * asking and comparing core's; owns their order, and the folder:
 *
 *   start.sha256       the model that arms begin from
 *   recipes/ARM.yaml   the recipe of an arm, with its changes
 *   models/ARM/        its training, as `fathom train` has it
 *   runs/ARM/TASK/     its runs, as `fathom run` has them
 *   table.md           what came out
 *
 * Whatever stands there is gone on with, wherever the folder is by then, and what is done is not done again.
 * All that can be wrong with a plan is looked for before the first step, for a step may be hours later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ablation.h"
#include "adapters/engine_model.h"
#include "base/clock.h"
#include "base/size.h"
#include "catalog.h"
#include "commands.h"
#include "core/compare.h"
#include "interrupt.h"
#include "open_model.h"
#include "progress.h"
#include "report/ablation.h"
#include "show.h"
#include "terminal.h"
#include "train/session.h"

typedef struct {
    cli_ablation plan;
    fm_catalog catalog;
    const char *dir;
    int jobs;
    uint64_t limit;
    char start[FM_PATH_BYTES];                 /* the model that arms begin from */
    char models[CLI_MOST_ARMS][FM_PATH_BYTES]; /* of the arms */
} ablating;

/* DIR/what/arm, or DIR/what/arm/rest. */
static fm_status path_in(const ablating *a, const char *what, const char *arm, const char *rest,
                         char out[FM_PATH_BYTES], fm_err *err)
{
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];
    fm_status st = fm_path_join(folder, a->dir, what, err);

    if (st == FM_OK)
        st = fm_path_join(rest ? path : out, folder, arm, err);
    return st == FM_OK && rest ? fm_path_join(out, path, rest, err) : st;
}

/* ---- training ---- */

/* Recipes stand in another folder than the plan. */
static fm_status whole_path(const char *given, char out[FM_PATH_BYTES], fm_err *err)
{
    char *whole = realpath(given, NULL);

    if (!whole || strlen(whole) >= FM_PATH_BYTES) {
        free(whole);
        return fm_fail(err, FM_E_INPUT, "cannot open '%s': no folder of that name", given);
    }
    memcpy(out, whole, strlen(whole) + 1);
    free(whole);
    return FM_OK;
}

/* The model that an arm begins from, from the folder of recipes where it is another arm's: all may go
 * elsewhere. */
static fm_status start_of(const ablating *a, const cli_arm *arm, char out[FM_PATH_BYTES],
                          fm_err *err)
{
    int from = arm->from;

    while (from >= 0 && !a->plan.arms[from].recipe)
        from = a->plan.arms[from].from;
    if (from < 0)
        return whole_path(a->start, out, err);
    snprintf(out, FM_PATH_BYTES, "../models/%s/model", a->plan.arms[from].name);
    return FM_OK;
}

/* One that cannot be trained by does not stay, for then the plan could not be put right. */
static fm_status put_recipe(const char *path, const fm_buf *text, fm_err *err)
{
    fm_arena arena = {0};
    tr_recipe recipe;
    fm_status st = fm_file_write_atomic(path, text->data, text->size, err);

    if (st != FM_OK)
        return st;
    st = tr_recipe_read(&recipe, path, &arena, err);
    if (st != FM_OK)
        (void)remove(path);
    fm_arena_release(&arena);
    return st;
}

/* One that stands there stays: a training that was begun by it cannot go on by another. */
static fm_status keep_recipe(const char *path, const fm_buf *text, fm_err *err)
{
    fm_buf there = {0};

    if (!fm_file_exists(path))
        return put_recipe(path, text, err);
    fm_status st = fm_file_read(path, 1 << 20, &there, err);
    if (st == FM_OK &&
        (there.size != text->size || memcmp(there.data, text->data, text->size) != 0))
        st = fm_fail(err, FM_E_INPUT,
                     "'%s' is not what the plan says now: go on with the plan that it is of, or "
                     "take another folder",
                     path);
    fm_buf_release(&there);
    return st;
}

static fm_status recipe_path(const ablating *a, const cli_arm *arm, char out[FM_PATH_BYTES],
                             fm_err *err)
{
    char name[FM_PATH_BYTES];

    snprintf(name, sizeof(name), "%s.yaml", arm->name);
    return path_in(a, "recipes", name, NULL, out, err);
}

static fm_status write_recipe(const ablating *a, const cli_arm *arm, fm_err *err)
{
    char from[FM_PATH_BYTES], path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    const cJSON *item;
    fm_status st = start_of(a, arm, from, err);

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "model", from);
    cJSON_ArrayForEach(item, arm->recipe)
    {
        if (strcmp(item->string, "model") != 0)
            fm_json_put_tree(&w, item->string, item);
    }
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    if (st == FM_OK)
        st = recipe_path(a, arm, path, err);
    if (st == FM_OK)
        st = fm_buf_check(&text, "a recipe", err);
    if (st == FM_OK)
        st = keep_recipe(path, &text, err);
    fm_buf_release(&text);
    return st;
}

static void tell_trained(const ablating *a, const cli_arm *arm, double seconds)
{
    char text[256];

    if (seconds < 60)
        return;
    snprintf(text, sizeof(text), "%s is trained (%.0f min), arm %d of %zu", arm->name, seconds / 60,
             (int)(arm - a->plan.arms) + 1, a->plan.n_arms);
    cli_notice(NULL, text);
}

static fm_status train_arm(const ablating *a, const cli_arm *arm, fm_err *err)
{
    char recipe[FM_PATH_BYTES], folder[FM_PATH_BYTES], label[192];
    cli_train_progress progress = {.label = label};
    tr_session session = {.recipe = recipe,
                          .folder = folder,
                          .rewarded = arm->rewarded,
                          .threads = a->jobs,
                          .stop = &cli_interrupted,
                          .progress = cli_train_progress_show,
                          .context = &progress};
    double began = fm_clock_seconds();
    fm_status st = recipe_path(a, arm, recipe, err);

    snprintf(label, sizeof(label), "%s, arm %d of %zu", arm->name, (int)(arm - a->plan.arms) + 1,
             a->plan.n_arms);
    if (st == FM_OK)
        st = path_in(a, "models", arm->name, NULL, folder, err);
    if (st == FM_OK)
        st = tr_session_run(&session, err);
    cli_line_clear();
    if (st == FM_OK)
        tell_trained(a, arm, fm_clock_seconds() - began);
    return st;
}

/* An arm without a recipe is the model of another. */
static fm_status make_model(ablating *a, size_t index, fm_err *err)
{
    const cli_arm *arm = &a->plan.arms[index];
    const char *same = arm->from < 0 ? a->start : a->models[arm->from];
    fm_status st = FM_OK;

    if (!arm->recipe) {
        memcpy(a->models[index], same, strlen(same) + 1);
        return FM_OK;
    }
    st = train_arm(a, arm, err);
    return st == FM_OK ? path_in(a, "models", arm->name, "model", a->models[index], err) : st;
}

/* ---- asking ---- */

static fm_status run_folder(const ablating *a, const cli_arm *arm, const cli_ablated_task *task,
                            char out[FM_PATH_BYTES], fm_err *err)
{
    return path_in(a, "runs", arm->name, task->folder, out, err);
}

/* How an arm is asked; `settings` have room for the model beside its own. */
static fm_run_options options_of(const cli_arm *arm, const cli_ablated_task *task,
                                 const char *model, fm_setting *settings, const char *folder)
{
    settings[0] = (fm_setting){"model", model};
    memcpy(settings + 1, arm->settings, arm->n_settings * sizeof(*settings));
    return (fm_run_options){.target = task->target,
                            .data_dir = task->data,
                            .out_dir = folder,
                            .adapter = "engine",
                            .settings = settings,
                            .n_settings = arm->n_settings + 1,
                            .seed = 1,
                            .answers = arm->answers};
}

static fm_status ask_arm(ablating *a, size_t index, const cli_ablated_task *task, fm_err *err)
{
    const cli_arm *arm = &a->plan.arms[index];
    fm_setting settings[CLI_MOST_ARM_SETTINGS + 1];
    char folder[FM_PATH_BYTES], label[192];
    cli_progress progress = {.label = label};
    fm_run_options o = options_of(arm, task, a->models[index], settings, folder);
    fm_status st = run_folder(a, arm, task, folder, err);

    o.selection.limit = a->limit;
    o.jobs = a->jobs;
    o.progress = cli_progress_show;
    o.context = &progress;
    o.stop = &cli_interrupted;
    snprintf(label, sizeof(label), "%s, %s", arm->name, task->target);
    if (st == FM_OK)
        st = fm_run_execute(&a->catalog, &o, err);
    cli_progress_end(&progress);
    return st;
}

/* ---- holding against each other ---- */

typedef struct {
    cli_views views;
    const char *names[CLI_MOST_ARMS];
    fm_compare_suite suites[CLI_MOST_ABLATED];
    fm_comparison comparisons[CLI_MOST_ABLATED];
    fm_compare_options options;
} contrasting;

static fm_status open_runs(const ablating *a, const cli_contrast *contrast, contrasting *out,
                           fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t t = 0; st == FM_OK && t < a->plan.n_tasks; t++) {
        for (size_t i = 0; st == FM_OK && i <= contrast->n_arms; i++) {
            const cli_arm *arm = &a->plan.arms[i ? contrast->arms[i - 1] : contrast->base];
            char folder[FM_PATH_BYTES];

            st = run_folder(a, arm, &a->plan.tasks[t], folder, err);
            if (st == FM_OK)
                st = cli_views_add_one(&out->views, &a->catalog, folder, NULL, err);
            if (i)
                out->names[i - 1] = arm->name;
        }
    }
    for (size_t t = 0; st == FM_OK && t < a->plan.n_tasks; t++)
        out->suites[t] =
            (fm_compare_suite){out->views.items + t * (contrast->n_arms + 1), contrast->n_arms + 1};
    return st;
}

/* Headlines of the tasks, each once. */
static void choose_metrics(const ablating *a, contrasting *out)
{
    fm_compare_options *o = &out->options;

    for (; o->n_metrics < a->plan.n_metrics; o->n_metrics++)
        o->metrics[o->n_metrics] = a->plan.metrics[o->n_metrics];
    for (size_t t = 0; a->plan.n_metrics == 0 && t < a->plan.n_tasks; t++) {
        const char *headline = fm_view_protocol(out->suites[t].views[0])->primary;
        size_t i = 0;

        while (i < o->n_metrics && strcmp(o->metrics[i], headline) != 0)
            i++;
        if (i == o->n_metrics)
            o->metrics[o->n_metrics++] = headline;
    }
}

/* Prompts differ where the form of answers does. */
static fm_status hold(const ablating *a, const cli_contrast *contrast, contrasting *out,
                      fm_ablation_contrast *row, fm_err *err)
{
    fm_status st = open_runs(a, contrast, out, err);

    if (st != FM_OK)
        return st;
    out->options = (fm_compare_options){.allowed = FM_COMPARE_PROMPT,
                                        .seed = FM_COMPARE_SEED,
                                        .draws = FM_COMPARE_DRAWS,
                                        .jobs = a->jobs,
                                        .alpha = 1 - FM_COMPARE_CONFIDENCE};
    choose_metrics(a, out);
    *row = (fm_ablation_contrast){contrast->title,  a->plan.arms[contrast->base].name,
                                  out->names,       contrast->n_arms,
                                  out->comparisons, a->plan.n_tasks};
    return fm_compare_suites(out->suites, a->plan.n_tasks, &out->options, out->comparisons, err);
}

static fm_status write_table(const ablating *a, const fm_ablation_contrast *rows, size_t n,
                             fm_err *err)
{
    cli_style terminal = cli_style_for(stdout);
    char path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_status st = fm_ablation_markdown(&text, rows, n, err);

    if (st == FM_OK)
        st = fm_path_join(path, a->dir, "table.md", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    fm_buf_clear(&text);
    if (st == FM_OK)
        st = fm_ablation_table(&text, rows, n, terminal.given, terminal.colour, err);
    if (st == FM_OK)
        st = cli_print(&text, err);
    fm_buf_release(&text);
    return st;
}

static fm_status show_contrasts(const ablating *a, fm_err *err)
{
    size_t n = a->plan.n_contrasts;
    contrasting *held = calloc(n, sizeof(*held));
    fm_ablation_contrast *rows = calloc(n, sizeof(*rows));
    fm_status st = held && rows ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for the table");

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = hold(a, &a->plan.contrasts[i], &held[i], &rows[i], err);
    if (st == FM_OK)
        st = write_table(a, rows, n, err);
    for (size_t i = 0; held && i < n; i++) {
        for (size_t t = 0; t < a->plan.n_tasks; t++)
            fm_comparison_release(&held[i].comparisons[t]);
        cli_views_release(&held[i].views);
    }
    free(held);
    free(rows);
    return st;
}

/* ---- words ---- */

static fm_status read_words(ablating *a, const cli_args *args, fm_err *err)
{
    const char *model;
    uint64_t jobs = 0;
    fm_status st = cli_ablation_read(&a->plan, cli_operand(args, 0), err);

    a->dir = cli_value(args, "out");
    a->limit = a->plan.limit;
    if (st == FM_OK)
        st = cli_number(args, "jobs", 0, CLI_MAX_JOBS, &jobs, err);
    if (st == FM_OK)
        st = cli_number(args, "limit", 1, UINT64_C(1) << 32, &a->limit, err);
    a->jobs = (int)jobs;
    if (st != FM_OK)
        return st;
    model = cli_has(args, "model") ? cli_value(args, "model") : a->plan.model;
    if (!model)
        return fm_fail(err, FM_E_USAGE, "'%s' names no 'model' to begin from: --model DIR",
                       a->plan.path);
    return cli_model_path(a->start, model, err);
}

/* ---- what is looked at first ---- */

/* Another model of the same name would begin other arms than those that are trained already. */
static fm_status keep_start(const ablating *a, fm_err *err)
{
    char path[FM_PATH_BYTES], here[FM_HASH_TEXT_BYTES];
    fm_buf there = {0};
    fm_status st = fm_path_join(path, a->dir, "start.sha256", err);

    if (st == FM_OK && !fm_engine_fingerprint(a->start, here))
        st = fm_fail(err, FM_E_INPUT, "cannot read the model '%s'", a->start);
    if (st == FM_OK && !fm_file_exists(path))
        return fm_file_write_atomic(path, here, strlen(here), err);
    if (st == FM_OK)
        st = fm_file_read(path, FM_HASH_TEXT_BYTES, &there, err);
    if (st == FM_OK && (there.size != strlen(here) || memcmp(there.data, here, there.size) != 0))
        st = fm_fail(err, FM_E_INPUT,
                     "'%s' began from another model than '%s' is now: put that one back, or take "
                     "another folder",
                     a->dir, a->start);
    fm_buf_release(&there);
    return st;
}

/* A model that can be asked: where arms begin from a shape without weights, the one that comes along. */
static fm_status find_askable(const ablating *a, char out[FM_PATH_BYTES], fm_err *err)
{
    static const char *const weights[] = {"llm/model.safetensors",
                                          "llm/model.safetensors.index.json"};

    for (size_t i = 0; i < FM_COUNT_OF(weights); i++)
        if (fm_path_join(out, a->start, weights[i], NULL) == FM_OK && fm_file_exists(out))
            return cli_model_path(out, a->start, err);
    return cli_model_path(out, "robotracer-nano", err);
}

/* Task, data, form of answers and settings, as far as they can be told before there is a model. */
static fm_status check_asking(const ablating *a, const cli_arm *arm, const cli_ablated_task *task,
                              fm_err *err)
{
    fm_setting settings[CLI_MOST_ARM_SETTINGS + 1];
    char nowhere[FM_PATH_BYTES], model[FM_PATH_BYTES];
    fm_run_estimate estimate;
    fm_run_options o = options_of(arm, task, model, settings, nowhere);
    fm_status st = path_in(a, "runs", "-", NULL, nowhere, err); /* the name of no arm */

    o.selection.limit = 1;
    if (st == FM_OK)
        st = find_askable(a, model, err);
    return st == FM_OK ? fm_run_dry(&a->catalog, &o, &estimate, err) : st;
}

static bool has_metric(const fm_protocol *protocol, const char *name)
{
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (strcmp(protocol->metrics[i].name, name) == 0)
            return true;
    return false;
}

/* One that none of the tasks has. */
static fm_status check_metric(ablating *a, const char *name, fm_err *err)
{
    fm_target target;
    fm_status st = FM_OK;

    for (size_t t = 0; st == FM_OK && t < a->plan.n_tasks; t++) {
        st = fm_catalog_target(&a->catalog, a->plan.tasks[t].target, &a->plan.arena, &target, err);
        if (st == FM_OK && has_metric(target.protocol, name))
            return FM_OK;
    }
    return st == FM_OK
               ? fm_fail(err, FM_E_INPUT, "%s: no task has a metric '%s'", a->plan.path, name)
               : st;
}

static fm_status check_arm(const ablating *a, const cli_arm *arm, fm_err *err)
{
    fm_status st = arm->recipe ? write_recipe(a, arm, err) : FM_OK;

    for (size_t t = 0; st == FM_OK && t < a->plan.n_tasks; t++)
        st = check_asking(a, arm, &a->plan.tasks[t], err);
    return st == FM_OK ? FM_OK : fm_fail_within(err, st, "%s: arm '%s'", a->plan.path, arm->name);
}

static fm_status check(ablating *a, fm_err *err)
{
    char recipes[FM_PATH_BYTES];
    fm_status st = fm_path_join(recipes, a->dir, "recipes", err);

    for (size_t i = 0; st == FM_OK && i < a->plan.n_metrics; i++)
        st = check_metric(a, a->plan.metrics[i], err);
    if (st == FM_OK)
        st = fm_dir_make(recipes, err);
    if (st == FM_OK)
        st = keep_start(a, err);
    for (size_t i = 0; st == FM_OK && i < a->plan.n_arms; i++)
        st = check_arm(a, &a->plan.arms[i], err);
    return st;
}

/* ---- the command ---- */

static fm_status carry_out(ablating *a, fm_err *err)
{
    fm_status st = cli_catalog(&a->catalog, err);

    cli_catch_interrupt();
    if (st == FM_OK)
        st = check(a, err);
    for (size_t i = 0; st == FM_OK && i < a->plan.n_arms; i++) {
        st = make_model(a, i, err);
        for (size_t t = 0; st == FM_OK && t < a->plan.n_tasks; t++)
            st = ask_arm(a, i, &a->plan.tasks[t], err);
    }
    return st == FM_OK ? show_contrasts(a, err) : st;
}

static fm_status ablate_run(const cli_args *args, fm_err *err)
{
    ablating *a = calloc(1, sizeof(*a));
    fm_status st = a ? read_words(a, args, err) : fm_fail(err, FM_E_NOMEM, "no memory for a plan");

    if (st == FM_OK)
        st = carry_out(a, err);
    if (a)
        cli_ablation_release(&a->plan);
    free(a);
    return st;
}

static const char *const description[] = {
    "Trains the arms of a plan, each from the same model but for what it is about, asks all of "
    "them the "
    "same samples, and shows what each part is worth: one table with paired differences and their "
    "intervals, which DIR/table.md has as Markdown.",
    "The plan is a YAML file: docs/training.md has its members, docs/examples/nano/ablations one "
    "with "
    "the ablations of the paper. An arm names a recipe and what it changes in it, or another arm "
    "whose "
    "model is asked in another way.",
    "Ctrl-C saves; the same command goes on where the last one stopped, and what is done stays. "
    "'fathom train', 'fathom report' and 'fathom steps' read what lies in DIR.",
    NULL,
};

static const cli_option options[] = {
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .help = "folder to make, or to go on in",
     .required = true,
     .kind = CLI_FOLDER},
    {.name = "model",
     .letter = 'M',
     .argument = "M",
     .help = "model that arms begin from (default: the plan's)",
     .kind = CLI_FOLDER},
    {.name = "limit", .argument = "N", .help = "samples of each task (default: the plan's)"},
    {.name = "jobs",
     .letter = 'j',
     .argument = "N",
     .help = "threads; results do not depend on it (default: one a processor)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom ablate ablations/plan.yaml --model robotracer-nano --out runs/ablations",
     "the paper's ablations in miniature"},
    {0},
};

const cli_command cli_command_ablate = {
    .name = "ablate",
    .summary = "train and compare models that differ in one part each",
    .operands = "PLAN",
    .operand_kind = CLI_FILE,
    .min_operands = 1,
    .max_operands = 1,
    .description = description,
    .options = options,
    .examples = examples,
    .run = ablate_run,
};
