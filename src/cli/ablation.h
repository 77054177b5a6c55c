/**
 * What `fathom ablate` does, as a file states it: arms, which are models trained alike but for what each is
 * about, or one model asked in several ways; tasks that all of them are asked; and contrasts, which arms are
 * held against which. docs/training.md lists the members.
 *
 * An arm's recipe is the file that it names with its changes put in, and with the model that it begins from.
 */
#ifndef FM_CLI_ABLATION_H
#define FM_CLI_ABLATION_H

#include "base/files.h"
#include "base/json.h"
#include "fathom/adapter.h"

enum { CLI_MOST_ARMS = 24, CLI_MOST_ABLATED = 16, CLI_MOST_ARM_SETTINGS = 16 };

typedef struct {
    const char *name; /* letters, digits, - and _: it is the name of a folder too */
    int from;      /* the arm before it whose model it begins from, or is; -1: the plan's model */
    cJSON *recipe; /* to train by, without its model; NULL: it is asked as it is */
    bool rewarded; /* the recipe has `rft` */
    const char *answers; /* form of a trace (fathom/answers.h); NULL: the task's */
    fm_setting settings[CLI_MOST_ARM_SETTINGS]; /* of the adapter, beside the model */
    size_t n_settings;
} cli_arm;

typedef struct {
    const char *target; /* "tabletop-measuring@quarter" */
    const char *data;   /* folder, or NULL: the suite's own */
    const char *folder; /* of its runs within an arm's: the target, with - for @ */
} cli_ablated_task;

typedef struct {
    const char *title;
    int base, arms[CLI_MOST_ARMS];
    size_t n_arms;
} cli_contrast;

typedef struct {
    fm_arena arena;
    const char *path;  /* of the file */
    const char *model; /* that arms begin from; NULL: the file does not say */
    uint64_t limit;    /* samples of a task; 0: all */
    cli_arm arms[CLI_MOST_ARMS];
    size_t n_arms;
    cli_ablated_task tasks[CLI_MOST_ABLATED];
    size_t n_tasks;
    const char *metrics[CLI_MOST_ABLATED]; /* none: the headline of each task's protocol */
    size_t n_metrics;
    cli_contrast contrasts[CLI_MOST_ABLATED];
    size_t n_contrasts;
} cli_ablation;

/* Start it as {0}; released by the caller, on failure too. FM_E_INPUT names file and member. */
FM_MUST_CHECK fm_status cli_ablation_read(cli_ablation *out, const char *path, fm_err *err);
void cli_ablation_release(cli_ablation *plan);

#endif
