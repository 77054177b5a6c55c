/*
 * A run as a record of Every Eval Ever, from which converters reach other harnesses' formats.
 * Source: github.com/evaleval/every_eval_ever, eval.schema.json 0.2.1.
 *
 * The schema wants a range for every score. Rates have one; a mean has none that is known, and then stands
 * between the largest numbers that a double holds, with "range": "not known" beside it. All details are
 * strings there. The times are the run's: the same run gives the same bytes.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "report/writers.h"

#define SCHEMA_VERSION "0.2.1"

static const char *setting(const fm_report_run *run, const char *key)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, fm_json_get(fm_json_get(run->manifest, "adapter"), "settings"))
    {
        const char *name = fm_json_string(item, "key");

        if (name && strcmp(name, key) == 0)
            return fm_json_string(item, "value");
    }
    return NULL;
}

/* The model where the adapter was told one, else the run's name. */
static const char *model_of(const fm_report_run *run)
{
    const char *model = setting(run, "model");

    return model ? model : run->name;
}

/* The manifest's time in seconds since 1970; "0" where it states none. */
static void put_epoch(char out[32], const fm_report_run *run)
{
    const char *text = fm_json_string(run->manifest, "created");
    struct tm tm = {0};
    bool read = text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) != NULL;

    snprintf(out, 32, "%lld", read ? (long long)timegm(&tm) : 0LL);
}

static void put_detail(fm_json_writer *w, const char *key, double value)
{
    char text[FM_JSON_NUMBER_BYTES];

    if (isfinite(value))
        fm_json_put_bytes(w, key, text, fm_json_format_number(value, text));
}

/* ---- one number ---- */

static void put_source(fm_json_writer *w, const fm_report_run *run)
{
    const char *sha256 = fm_json_string(fm_json_get(run->manifest, "data"), "sha256");

    fm_json_open(w, "source_data", '{');
    fm_json_put_string(w, "dataset_name", fm_json_string(run->results, "suite"));
    fm_json_put_string(w, "source_type", "other");
    fm_json_open(w, "additional_details", '{');
    fm_json_put_string(w, "suite_version", fm_json_string(run->results, "suite_version"));
    fm_json_put_string(w, "task", run->task);
    if (sha256)
        fm_json_put_string(w, "annotations_sha256", sha256);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void put_config(fm_json_writer *w, const cJSON *a, bool rate)
{
    fm_json_open(w, "metric_config", '{');
    fm_json_put_string(w, "evaluation_description", a->string);
    fm_json_put_bool(w, "lower_is_better", fm_json_number(a, "better", 0) < 0);
    fm_json_put_string(w, "score_type", "continuous");
    fm_json_put_number(w, "min_score", rate ? 0 : -DBL_MAX);
    fm_json_put_number(w, "max_score", rate ? 1 : DBL_MAX);
    if (!rate) {
        fm_json_open(w, "additional_details", '{');
        fm_json_put_string(w, "range", "not known");
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
}

static void put_uncertainty(fm_json_writer *w, const fm_report_run *run, const cJSON *a)
{
    const cJSON *bootstrap = fm_json_get(run->results, "bootstrap");
    const char *method = fm_json_string(a, "ci_method");
    double low = fm_json_number(a, "ci_low", NAN), high = fm_json_number(a, "ci_high", NAN);

    fm_json_open(w, "uncertainty", '{');
    if (isfinite(low) && isfinite(high)) {
        fm_json_open(w, "confidence_interval", '{');
        fm_json_put_number(w, "lower", low);
        fm_json_put_number(w, "upper", high);
        fm_json_put_number(w, "confidence_level", fm_json_number(bootstrap, "confidence", 0.95));
        if (method)
            fm_json_put_string(w, "method", method);
        fm_json_close(w, '}');
    }
    fm_json_put_int(w, "num_samples", (int64_t)fm_json_number(a, "denominator", 0));
    if (method && strncmp(method, "bootstrap", 9) == 0)
        fm_json_put_int(w, "num_bootstrap_samples", (int64_t)fm_json_number(bootstrap, "draws", 0));
    fm_json_close(w, '}');
}

static void put_score(fm_json_writer *w, const fm_report_run *run, const cJSON *a)
{
    static const char *const details[] = {"numerator", "denominator", "excluded"};
    const char *unit = fm_json_string(a, "unit");

    fm_json_open(w, "score_details", '{');
    fm_json_put_number(w, "score", fm_json_number(a, "value", 0));
    fm_json_open(w, "details", '{');
    fm_json_put_string(w, "protocol", run->protocol);
    put_detail(w, "protocol_version", fm_json_number(run->results, "protocol_version", NAN));
    if (unit && *unit)
        fm_json_put_string(w, "unit", unit);
    for (size_t i = 0; i < sizeof(details) / sizeof(*details); i++)
        put_detail(w, details[i], fm_json_number(a, details[i], NAN));
    fm_json_close(w, '}');
    put_uncertainty(w, run, a);
    fm_json_close(w, '}');
}

static void put_generation(fm_json_writer *w, const fm_report_run *run)
{
    const char *prompt = fm_json_string(fm_json_get(run->manifest, "prompt"), "text");
    const cJSON *item;

    fm_json_open(w, "generation_config", '{');
    if (prompt) {
        fm_json_open(w, "generation_args", '{');
        fm_json_put_string(w, "prompt_template", prompt);
        fm_json_close(w, '}');
    }
    fm_json_open(w, "additional_details", '{');
    cJSON_ArrayForEach(item, fm_json_get(fm_json_get(run->manifest, "adapter"), "settings"))
    {
        const char *key = fm_json_string(item, "key"), *value = fm_json_string(item, "value");

        if (key && value)
            fm_json_put_string(w, key, value);
    }
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

/* A number that could not be computed is left out: the schema has no place for it. */
static void put_results(fm_json_writer *w, const fm_report_run *run)
{
    const cJSON *a;

    cJSON_ArrayForEach(a, fm_json_get(run->results, "aggregates"))
    {
        const char *role = fm_json_string(a, "role");
        char name[256];

        if (!isfinite(fm_json_number(a, "value", NAN)))
            continue;
        snprintf(name, sizeof(name), "%.80s@%.80s %.80s", run->task, run->protocol, a->string);
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "evaluation_name", name);
        put_source(w, run);
        put_config(w, a, role && strcmp(role, "rate") == 0);
        put_score(w, run, a);
        put_generation(w, run);
        fm_json_close(w, '}');
    }
}

/* ---- the record ---- */

static void put_model(fm_json_writer *w, const fm_report_run *run)
{
    fm_json_open(w, "model_info", '{');
    fm_json_put_string(w, "name", model_of(run));
    fm_json_put_string(w, "id", model_of(run));
    fm_json_open(w, "additional_details", '{');
    fm_json_put_string(w, "adapter", fm_json_string(run->results, "adapter"));
    fm_json_put_string(w, "sees_truth", run->sees_truth ? "true" : "false");
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void put_library(fm_json_writer *w, const fm_report_run *run)
{
    const char *version = fm_json_string(fm_json_get(run->manifest, "fathom"), "version");

    fm_json_open(w, "eval_library", '{');
    fm_json_put_string(w, "name", "fathom");
    fm_json_put_string(w, "version", version ? version : "unknown");
    fm_json_close(w, '}');
}

static void put_identity(fm_json_writer *w, const fm_report_model *model)
{
    fm_hash *hash = fm_hash_new();
    char text[FM_HASH_TEXT_BYTES];
    fm_buf results = {0};
    fm_json_writer plain = {.out = &results};

    for (size_t r = 0; r < model->n; r++)
        fm_json_put_tree(&plain, NULL, model->runs[r].results);
    w->out->failed |= results.failed || !hash;
    if (hash) {
        fm_hash_update(hash, fm_buf_text(&results), results.size);
        fm_hash_finish(hash, text);
        fm_json_open(w, "dedupe_identity", '{');
        fm_json_put_string(w, "content_hash", text);
        fm_json_put_string(w, "hash_algorithm", "sha256");
        fm_json_close(w, '}');
    }
    fm_buf_release(&results);
}

fm_status fm_report_write_every_eval(fm_buf *out, fm_report_model *model,
                                     const fm_report_options *options, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    char epoch[32], id[512];

    (void)options;
    for (size_t r = 0; r < model->n; r++)
        if (model->runs[r].group != 0)
            return fm_fail(err, FM_E_USAGE,
                           "a record of Every Eval Ever is of one run; make one each");
    if (model->n == 0)
        return FM_OK;
    const fm_report_run *run = &model->runs[0];
    put_epoch(epoch, run);
    snprintf(id, sizeof(id), "%.120s/%.240s/%s", run->task, model_of(run), epoch);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema_version", SCHEMA_VERSION);
    fm_json_put_string(&w, "evaluation_id", id);
    put_identity(&w, model);
    fm_json_put_string(&w, "evaluation_timestamp", epoch);
    fm_json_put_string(&w, "retrieved_timestamp", epoch);
    fm_json_open(&w, "source_metadata", '{');
    fm_json_put_string(&w, "source_name", "fathom");
    fm_json_put_string(&w, "source_type", "evaluation_run");
    fm_json_put_string(&w, "source_organization_name", "not stated");
    fm_json_put_string(&w, "evaluator_relationship", "other");
    fm_json_close(&w, '}');
    put_library(&w, run);
    put_model(&w, run);
    fm_json_open(&w, "evaluation_results", '[');
    for (size_t r = 0; r < model->n; r++)
        put_results(&w, &model->runs[r]);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
    return fm_buf_check(out, "record", err);
}
