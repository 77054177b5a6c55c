/* results/published: every row is whole and in range, names what the program has, and is flagged
 * exactly where the printed figure cannot be a share of the task's questions. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/test_catalog.h"
#include "base/files.h"
#include "base/size.h"
#include "base/text.h"

enum {
    SUITE,
    TASK,
    METRIC,
    VALUE,
    UNIT,
    MODEL,
    MODALITY,
    SOURCE,
    TABLE,
    PROTOCOL,
    SPLIT,
    FLAG,
    FIELDS
};

#define HEADING "suite,task,metric,value,unit,model,modality,source,table,protocol,split,flag"

typedef struct {
    const char *fields[FIELDS];
    const char *file;
    int line;
    double value;
} row;

typedef void row_check(const row *r, void *context);

static bool split(char *line, row *out)
{
    int n = 0;

    line[strcspn(line, "\r\n")] = '\0';
    for (char *rest = line, *field; (field = strsep(&rest, ","));) {
        if (n == FIELDS)
            return false;
        out->fields[n++] = field;
    }
    return n == FIELDS && fm_text_to_double(out->fields[VALUE], &out->value);
}

static void each_row_of(const char *path, const char *name, row_check *check, void *context)
{
    FILE *f = fopen(path, "r");
    char line[1024];
    row r = {.file = name, .line = 1};

    cr_assert(f != NULL, "cannot open '%s'", path);
    cr_assert(fgets(line, sizeof(line), f) && strncmp(line, HEADING, strlen(HEADING)) == 0,
              "%s: other columns", name);
    while (fgets(line, sizeof(line), f)) {
        r.line++;
        cr_assert(split(line, &r), "%s:%d is no row", name, r.line);
        check(&r, context);
    }
    fclose(f);
}

/* Calls check for every row; returns how many files there are. */
static size_t each_row(row_check *check, void *context)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char folder[FM_PATH_BYTES], path[FM_PATH_BYTES];
    struct dirent *item;
    size_t n = 0;

    cr_assert(
        eq(int, fm_path_join(folder, source ? source : ".", "results/published", NULL), FM_OK));
    DIR *dir = opendir(folder);
    cr_assert(dir != NULL, "cannot open '%s'", folder);
    while ((item = readdir(dir))) {
        size_t length = strlen(item->d_name);

        if (length < 4 || strcmp(item->d_name + length - 4, ".csv") != 0)
            continue;
        cr_assert(eq(int, fm_path_join(path, folder, item->d_name, NULL), FM_OK));
        each_row_of(path, item->d_name, check, context);
        n++;
    }
    closedir(dir);
    return n;
}

static void check_range(const row *r, void *context)
{
    static const struct {
        const char *unit;
        double most;
    } units[] = {{"%", 100}, {"n1", 1.5}, {"n999", 1413}}; /* diagonals */
    static const int needed[] = {SUITE,    TASK,   METRIC,   UNIT, MODEL,
                                 MODALITY, SOURCE, PROTOCOL, SPLIT};
    size_t *rows = context;
    bool known = false;

    ++*rows;
    for (size_t i = 0; i < FM_COUNT_OF(needed); i++)
        cr_expect(r->fields[needed[i]][0] != '\0', "%s:%d lacks a field", r->file, r->line);
    for (size_t i = 0; i < FM_COUNT_OF(units); i++) {
        if (strcmp(r->fields[UNIT], units[i].unit) != 0)
            continue;
        known = true;
        cr_expect(r->value > 0 && r->value <= units[i].most, "%s:%d is out of range", r->file,
                  r->line);
    }
    cr_expect(known, "%s:%d has an unknown unit", r->file, r->line);
}

Test(published, rows_are_whole_and_in_range)
{
    size_t rows = 0;

    cr_assert(eq(sz, each_row(check_range, &rows), 8));
    cr_assert(eq(sz, rows, 453));
}

static void check_names(const row *r, void *context)
{
    const fm_suite *suites = ((const fm_suite **)context)[0];
    size_t n = *((const size_t **)context)[1];

    for (size_t i = 0; i < n; i++) {
        bool found = strcmp(r->fields[TASK], suites[i].name) == 0;

        if (strcmp(r->fields[SUITE], suites[i].name) != 0)
            continue;
        for (size_t t = 0; t < suites[i].n_tasks; t++)
            found |= strcmp(r->fields[TASK], suites[i].tasks[t].name) == 0;
        cr_expect(found, "%s:%d: no task '%s'", r->file, r->line, r->fields[TASK]);
    }
}

Test(published, tasks_are_those_of_the_suites)
{
    fm_arena arena = {0};
    fm_suite *suites;
    size_t n;

    cr_assert(eq(int, fm_catalog_suites(test_catalog(), &arena, &suites, &n, NULL), FM_OK));
    const void *context[] = {suites, &n};
    (void)each_row(check_names, context);
    fm_arena_release(&arena);
}

static const struct {
    const char *task;
    int n;
} sizes[] = {
    {"cv-bench-2d-relation", 650}, {"cv-bench-3d-depth", 600},
    {"cv-bench-3d-distance", 600}, {"blink-spatial-relation", 143},
    {"blink-relative-depth", 124}, {"robospatial-configuration", 123},
    {"embspatial", 3640},          {"qspatial-plus", 101},
    {"qspatial-scannet", 170},     {"msmu-scale-est", 259},
    {"msmu-refer-obj-est", 190},
};

/* Whether `printed` is some k / n in per cent, rounded or cut to two digits. */
static bool is_share(double printed, int n)
{
    for (int k = 0; k <= n; k++)
        if (fabs(round(10000.0 * k / n) - printed * 100) < 0.5 ||
            fabs(floor(10000.0 * k / n) - printed * 100) < 0.5)
            return true;
    return false;
}

static void check_flag(const row *r, void *context)
{
    int *flagged = context;

    if (strcmp(r->file, "robotracer.csv") != 0 ||
        (strcmp(r->fields[TABLE], "1") != 0 && strcmp(r->fields[TABLE], "2") != 0))
        return;
    for (size_t i = 0; i < FM_COUNT_OF(sizes); i++) {
        if (strcmp(r->fields[TASK], sizes[i].task) != 0)
            continue;
        bool doubtful = !is_share(r->value, sizes[i].n);

        cr_expect(doubtful == (r->fields[FLAG][0] != '\0'), "%s:%d: %s %s %s is %sa share of %d",
                  r->file, r->line, r->fields[MODEL], r->fields[TASK], r->fields[VALUE],
                  doubtful ? "not " : "", sizes[i].n);
        *flagged += doubtful;
    }
}

Test(published, figures_that_no_count_gives_are_flagged)
{
    int flagged = 0;

    (void)each_row(check_flag, &flagged);
    cr_assert(eq(int, flagged, 6));
}
