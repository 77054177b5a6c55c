/* Models for the tests of the reports, made from texts in the schemas of docs/run-directory.md. */
#ifndef FM_TESTS_REPORT_FIXTURE_H
#define FM_TESTS_REPORT_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/model.h"

/* Criterion compares strings that it could change. */
#define TEXT(s) ((char *)(s))

typedef struct {
    fm_report_model model;
    cJSON *manifest, *results[4];
} report_fixture;

static inline cJSON *fixture_json(const char *text)
{
    cJSON *out = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_json_parse(text, strlen(text), "fixture", &out, &err), FM_OK), "%s",
              err.text);
    return out;
}

/* One run: results.json, then its lines of samples.jsonl; finish with fixture_finish(). */
static inline fm_report_run *fixture_run(report_fixture *f, const char *dir, const char *results,
                                         const char *const *lines, size_t n)
{
    fm_report_run *run;
    size_t i = f->model.n;

    if (i == 0) {
        cr_assert(eq(int, fm_report_model_reserve(&f->model, 4, NULL), FM_OK));
        f->manifest = fixture_json(
            "{\"schema\": \"fathom.manifest/1\", \"created\": \"2026-11-22T13:40:00Z\","
            " \"fathom\": {\"version\": \"0.1.0\", \"compiler\": \"gcc 12.2.0\"},"
            " \"suite\": {\"name\": \"tabletop\", \"version\": \"1\"},"
            " \"adapter\": {\"name\": \"jitter\", \"settings\": {\"noise_px\": \"4\"}}}");
    }
    f->results[i] = fixture_json(results);
    cr_assert(eq(int, fm_report_model_add(&f->model, f->manifest, f->results[i], dir, &run, NULL),
                 FM_OK));
    for (size_t k = 0; k < n; k++)
        cr_assert(
            eq(int, fm_report_run_add(&f->model, run, fixture_json(lines[k]), NULL, NULL), FM_OK));
    return run;
}

static inline void fixture_finish(report_fixture *f)
{
    cr_assert(eq(int, fm_report_model_finish(&f->model, NULL), FM_OK));
}

static inline void fixture_release(report_fixture *f)
{
    fm_report_model_release(&f->model);
    cJSON_Delete(f->manifest);
    for (size_t i = 0; i < 4; i++)
        cJSON_Delete(f->results[i]);
}

#define FIXTURE_RESULTS(adapter, protocol, success)                                                \
    "{\"schema\": \"fathom.results/1\", \"suite\": \"tabletop\", \"suite_version\": \"1\","        \
    " \"task\": \"tabletop-3d\", \"protocol\": \"" protocol "\", \"protocol_version\": 1,"         \
    " \"adapter\": \"" adapter "\", \"sees_truth\": true, \"n\": 4,"                               \
    " \"counts\": {\"ok\": 2, \"parse_error\": 1, \"timeout\": 1, \"skipped\": 0},"                \
    " \"primary\": \"success\", \"aggregates\": {"                                                 \
    " \"start_ok\": {\"value\": 1, \"numerator\": 2, \"denominator\": 2, \"excluded\": 2,"         \
    "   \"ci_low\": 0.342, \"ci_high\": 1, \"role\": \"rate\", \"better\": 1, \"unit\": \"\"},"    \
    " \"success\": {\"value\": " success ", \"numerator\": 3, \"denominator\": 4,"                 \
    "   \"excluded\": 0, \"ci_low\": 0.301, \"ci_high\": 0.954, \"role\": \"rate\","               \
    "   \"better\": 1, \"unit\": \"\"},"                                                           \
    " \"dfd\": {\"value\": 0.03127, \"numerator\": 0.06, \"denominator\": 2, \"excluded\": 2,"     \
    "   \"ci_low\": 0.026, \"ci_high\": 0.0371, \"role\": \"mean\", \"better\": -1,"               \
    "   \"unit\": \"m\"},"                                                                         \
    " \"rmse\": {\"value\": null, \"numerator\": 0, \"denominator\": 0, \"excluded\": 4,"          \
    "   \"role\": \"mean\", \"better\": -1, \"unit\": \"m\"}}}"

#endif
