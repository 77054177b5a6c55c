/* Why the real replies of TraceSpatial-Bench fail: RoboTracer and Gemini 3 Pro, 3D. Only items 0 to 49
 * have rasters, which are synthetic scenes around the real annotation. Skipped by name without them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/reference.h"
#include "../support/scratch.h"
#include "../support/test_catalog.h"
#include "core/diagnosis.h"
#include "core/run.h"

TestSuite(reference_steps, .init = scratch_make, .fini = scratch_remove);

static fm_diagnosis diagnosis;
static fm_diagnosis_totals totals;

static void diagnose(const char *model, const char *answers)
{
    char data[4096], predictions[4096];
    fm_view *view = NULL;
    fm_err err = {0};

    snprintf(data, sizeof(data), "%s", reference_data("tracespatial/scenes"));
    snprintf(predictions, sizeof(predictions), "%s/predictions/%s_3D.jsonl",
             reference_data("tracespatial"), model);
    fm_run_options options = {.target = "tracespatial-3d@paper",
                              .data_dir = data,
                              .out_dir = scratch_path(model),
                              .answers = answers,
                              .jobs = 2};
    cr_assert(eq(int, fm_run_import(test_catalog(), predictions, &options, &err), FM_OK), "%s",
              err.text);
    cr_assert(eq(int, fm_view_open(&view, test_catalog(), options.out_dir, NULL, &err), FM_OK));
    cr_assert(eq(int, fm_diagnosis_make(view, &fm_process_robotracer, 2, &diagnosis, &err), FM_OK),
              "%s", err.text);
    cr_assert(eq(int, fm_diagnosis_sum(&diagnosis, NULL, &totals, &err), FM_OK));
    fm_view_close(view);
}

static void expect_causes(size_t start, size_t depth, size_t path, size_t end)
{
    cr_expect(eq(sz, totals.causes[FM_STAGE_COMPLETE] + totals.causes[FM_STAGE_FRAME], 0));
    cr_expect(eq(sz, totals.causes[FM_STAGE_START], start));
    cr_expect(eq(sz, totals.causes[FM_STAGE_DEPTH], depth));
    cr_expect(eq(sz, totals.causes[FM_STAGE_PATH], path));
    cr_expect(eq(sz, totals.causes[FM_STAGE_END], end));
    cr_expect(eq(sz, totals.other, 0));
}

Test(reference_steps, gemini_fails_by_its_depth)
{
    diagnose("Gemini3Pro", "json");
    cr_expect(eq(sz, totals.judged, 50));
    cr_expect(eq(sz, totals.succeeded, 3));
    expect_causes(11, 31, 3, 2);
    cr_expect(epsilon_eq(dbl, totals.scale, 0.67, 0.01));
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_DEPTH].change, 0.50, 1e-9));
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_SCALE].change, 0.24, 1e-9));
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_START].change, 0.16, 1e-9));
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_END].change, 0.08, 1e-9));
    fm_diagnosis_release(&diagnosis);
}

Test(reference_steps, robotracer_fails_here_and_there)
{
    diagnose("RoboTracer_Intrinsics_Depth", "tuples");
    cr_expect(eq(sz, totals.succeeded, 17));
    expect_causes(10, 10, 6, 7);
    cr_expect(epsilon_eq(dbl, totals.oracles[FM_ORACLE_DEPTH].change, 0.22, 1e-9));
    fm_diagnosis_release(&diagnosis);
}
