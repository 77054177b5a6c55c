/* A comparison for programs: every number, and how it was come by. */
#include "base/json.h"
#include "report/compare_words.h"

static void put_interval(fm_json_writer *w, const char *key, const fm_interval *interval)
{
    fm_json_put_vector(w, key, (double[]){interval->low, interval->high}, 2);
}

static void put_side(fm_json_writer *w, const char *key, const fm_report_run *run,
                     const size_t by_status[FM_SAMPLE_STATUS_COUNT])
{
    fm_json_open(w, key, '{');
    fm_json_put_string(w, "dir", run->dir);
    fm_json_put_string(w, "name", run->name);
    fm_json_open(w, "statuses", '{');
    for (size_t i = 0; i < FM_SAMPLE_STATUS_COUNT; i++)
        fm_json_put_int(w, fm_sample_status_name((fm_sample_status)i), (int64_t)by_status[i]);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void put_reading(fm_json_writer *w, const char *key, const fm_compare_reading *reading)
{
    fm_json_open(w, key, '{');
    fm_json_put_int(w, "n", (int64_t)reading->n);
    fm_json_put_number(w, "difference", reading->difference);
    fm_json_close(w, '}');
}

static const char *why_name(fm_verdict_why why)
{
    static const char *const names[] = {
        [FM_WHY_DECIDED] = "decided",         [FM_WHY_FEW] = "too_few",
        [FM_WHY_FAILURES] = "failed_replies", [FM_WHY_BOOTSTRAP] = "bootstrap_disagrees",
        [FM_WHY_NOTHING] = "no_pairs",        [FM_WHY_GROUP] = "empty_group"};

    return names[why];
}

static void put_gate(fm_json_writer *w, const fm_comparison *c, const fm_compared_run *run,
                     const fm_compared_metric *m)
{
    fm_buf reason = {0};

    fm_put_gate_reason(&reason, c, run, m);
    fm_json_open(w, "gate", '{');
    fm_json_put_string(w, "verdict", fm_gate_verdict_name(m->gate.verdict));
    fm_json_put_string(w, "why", why_name(m->gate.why));
    fm_json_put_string(w, "reason", fm_buf_text(&reason));
    fm_json_put_number(w, "bound", m->gate.bound);
    put_interval(w, "interval", &m->gate.interval);
    fm_json_put_number(w, "p_pass", m->gate.p_pass);
    fm_json_put_number(w, "p_fail", m->gate.p_fail);
    fm_json_put_number(w, "pairs_to_decide", m->gate.items);
    fm_json_close(w, '}');
    fm_buf_release(&reason);
}

static void put_metric(fm_json_writer *w, const fm_comparison *c, const fm_compared_run *run,
                       const fm_compared_metric *m)
{
    fm_json_open(w, m->metric->name, '{');
    fm_json_put_string(w, "role", m->metric->role == FM_METRIC_RATE ? "rate" : "mean");
    fm_json_put_bool(w, "pooled", m->pooled);
    fm_json_put_string(w, "unit", m->metric->unit);
    fm_json_put_int(w, "better", m->metric->better);
    fm_json_put_int(w, "n", (int64_t)m->n);
    fm_json_put_number(w, "base", m->base);
    fm_json_put_number(w, "candidate", m->candidate);
    fm_json_put_number(w, "difference", m->difference);
    if (m->counted) {
        fm_json_put_int(w, "gained", (int64_t)m->counts.gained);
        fm_json_put_int(w, "lost", (int64_t)m->counts.lost);
    }
    put_interval(w, "interval", &m->interval);
    fm_json_put_string(w, "interval_method", m->interval_method);
    fm_json_put_number(w, "p", m->p);
    if (m->counted)
        fm_json_put_number(w, "p_mid", m->mid_p);
    fm_json_put_string(w, "p_method", m->p_method);
    fm_json_put_number(w, "p_holm", m->p_holm);
    fm_json_put_number(w, "p_benjamini_hochberg", m->p_bh);
    fm_json_put_number(w, "sd_difference", m->deviation);
    fm_json_put_number(w, "detectable", m->detectable);
    if (m->clusters) {
        fm_json_put_int(w, "clusters", (int64_t)m->clusters);
        fm_json_put_number(w, "design_effect", m->design_effect);
    }
    if (m->base_noise > 0 || m->candidate_noise > 0) {
        fm_json_put_number(w, "base_noise", m->base_noise);
        fm_json_put_number(w, "candidate_noise", m->candidate_noise);
    }
    put_reading(w, "failed_as_wrong", &m->wrong);
    put_reading(w, "failed_dropped", &m->dropped);
    if (m->gated)
        put_gate(w, c, run, m);
    fm_json_close(w, '}');
}

static void put_flips(fm_json_writer *w, const fm_compared_run *run)
{
    fm_json_open(w, "changed", '[');
    for (size_t i = 0; i < run->n_flips; i++) {
        const fm_compare_flip *flip = &run->flips[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "id", flip->id);
        fm_json_put_string(w, "change", flip->gained ? "gained" : "lost");
        fm_json_put_string(w, "base_status", fm_sample_status_name(flip->base_status));
        fm_json_put_string(w, "candidate_status", fm_sample_status_name(flip->candidate_status));
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
}

static void put_options(fm_json_writer *w, const fm_comparison *c, size_t tests)
{
    const fm_compare_options *o = c->options;

    fm_json_put_string(w, "cluster", c->cluster);
    fm_json_put_string(w, "differs", c->differences);
    fm_json_put_number(w, "confidence", FM_COMPARE_CONFIDENCE);
    fm_json_put_number(w, "power", FM_COMPARE_POWER);
    fm_json_put_int(w, "draws", (int64_t)o->draws);
    fm_json_put_int(w, "seed", (int64_t)o->seed);
    fm_json_put_int(w, "tests", (int64_t)tests);
    if (o->gate == FM_GATE_NONE)
        return;
    fm_json_open(w, "gate", '{');
    fm_json_put_string(w, "kind", o->gate == FM_GATE_SUPERIOR ? "superior" : "noninferior");
    fm_json_put_number(w, "margin", o->margin);
    fm_json_put_number(w, "alpha", o->alpha);
    fm_json_put_bool(w, "anytime", o->anytime);
    fm_json_put_string(w, "verdict", fm_gate_verdict_name(c->verdict));
    fm_json_close(w, '}');
}

static void put_run(fm_json_writer *w, const fm_comparison *c, const fm_report_model *names,
                    size_t i)
{
    const fm_compared_run *run = &c->runs[i];

    fm_json_open(w, NULL, '{');
    put_side(w, "base", &names->runs[0], run->by_status[0]);
    put_side(w, "candidate", &names->runs[i + 1], run->by_status[1]);
    fm_json_put_int(w, "pairs", (int64_t)run->pairs);
    fm_json_put_int(w, "base_only", (int64_t)run->base_only);
    fm_json_put_int(w, "candidate_only", (int64_t)run->candidate_only);
    fm_json_put_int(w, "failed", (int64_t)run->failed);
    fm_json_open(w, "metrics", '{');
    for (size_t m = 0; m < c->n_metrics; m++)
        put_metric(w, c, run, &run->metrics[m]);
    fm_json_close(w, '}');
    if (c->flip_metric) {
        fm_json_put_string(w, "changed_metric", c->flip_metric);
        put_flips(w, run);
    }
    fm_json_close(w, '}');
}

static fm_status put_suite(fm_json_writer *w, const fm_comparison *comparison, size_t tests,
                           fm_err *err)
{
    fm_report_model names = {0};
    fm_status st = fm_compare_names(comparison, &names, err);

    if (st == FM_OK) {
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "schema", FM_COMPARE_SCHEMA);
        fm_json_put_string(w, "task", names.runs[0].task);
        fm_json_put_string(w, "protocol", names.runs[0].protocol);
        fm_json_put_string(w, "primary", comparison->primary);
        put_options(w, comparison, tests);
        fm_json_open(w, "comparisons", '[');
        for (size_t i = 0; i < comparison->n; i++)
            put_run(w, comparison, &names, i);
        fm_json_close(w, ']');
        fm_json_close(w, '}');
    }
    fm_report_model_release(&names);
    return st;
}

fm_status fm_compare_json(fm_buf *out, const fm_comparison *comparisons, size_t n, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    size_t tests = fm_compare_tests(comparisons, n);
    fm_status st = FM_OK;

    if (n > 1) {
        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "schema", FM_COMPARE_SUITES_SCHEMA);
        if (comparisons[0].options->gate != FM_GATE_NONE)
            fm_json_put_string(&w, "verdict",
                               fm_gate_verdict_name(fm_compare_worst(comparisons, n)));
        fm_json_open(&w, "suites", '[');
    }
    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = put_suite(&w, &comparisons[i], tests, err);
    if (n > 1) {
        fm_json_close(&w, ']');
        fm_json_close(&w, '}');
    }
    fm_buf_putc(out, '\n');
    return st == FM_OK ? fm_buf_check(out, "the comparison", err) : st;
}
