/* Owns what many diagnosed samples say together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/diagnosis.h"

static void count(fm_share *share, bool hit)
{
    share->n++;
    share->hits += hit;
}

static void close_share(fm_share *share)
{
    share->interval = fm_stats_wilson(share->hits, share->n, 0.95);
}

/* ---- stages ---- */

static void add_stages(const fm_diagnosed *item, fm_diagnosis_totals *t)
{
    const fm_stage *s = item->stages;
    bool early = s[FM_STAGE_START].verdict == FM_FALSE || s[FM_STAGE_DEPTH].verdict == FM_FALSE;

    t->staged++;
    t->without_verdict += item->success == FM_UNKNOWN;
    for (int i = 0; i < FM_STAGES; i++)
        if (s[i].verdict != FM_UNKNOWN)
            count(&t->stages[i], s[i].verdict == FM_FALSE);
    if (s[FM_STAGE_END].verdict != FM_UNKNOWN && s[FM_STAGE_START].verdict != FM_UNKNOWN)
        count(early ? &t->end_after_start : &t->end_after_none,
              s[FM_STAGE_END].verdict == FM_FALSE);
    if (item->success != FM_FALSE)
        return;
    if (item->cause >= 0)
        t->causes[item->cause]++;
    else
        t->other++;
}

/* ---- steps ---- */

static void add_steps(const fm_diagnosed *item, fm_diagnosis_totals *t)
{
    size_t index = 0;
    bool reasoned = false, erred = false;

    for (size_t i = 0; i < item->n_judgements; i++) {
        const fm_step_judgement *j = &item->judgements[i];

        reasoned = reasoned || j->step;
        if (j->step ? j->step->kind != FM_STEP_UNKNOWN : j->key != NULL)
            t->verdicts[j->step ? j->step->kind : j->key->kind][j->verdict]++;
        if (!j->step || !j->key)
            continue;
        bool wrong = j->verdict != FM_STEP_RIGHT;
        count(&t->by_index[index < FM_DIAGNOSIS_INDICES - 1 ? index : FM_DIAGNOSIS_INDICES - 1],
              wrong);
        if (index++)
            count(erred ? &t->step_after_error : &t->step_after_none, wrong);
        erred = erred || wrong;
    }
    t->reasoned += reasoned;
    t->keyed += item->n_keys > 0;
    if (index && item->success != FM_UNKNOWN)
        count(erred ? &t->outcome_after_error : &t->outcome_after_none, item->success == FM_FALSE);
}

/* ---- depth ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void sum_depth(const fm_diagnosed *const *items, size_t n, double *values,
                      fm_diagnosis_totals *t)
{
    double squares[3] = {0};
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        const fm_depth_error *e = &items[i]->depth;

        if (!items[i]->has_depth)
            continue;
        values[m++] = e->scale;
        squares[0] += e->rms_m * e->rms_m;
        squares[1] += e->after_scale_m * e->after_scale_m;
        squares[2] += e->after_affine_m * e->after_affine_m;
    }
    t->with_depth = m;
    if (!m)
        return;
    qsort(values, m, sizeof(*values), by_value);
    t->scale = fm_stats_quantile(values, m, 0.5);
    t->scale_low = fm_stats_quantile(values, m, 0.25);
    t->scale_high = fm_stats_quantile(values, m, 0.75);
    t->rms_m = sqrt(squares[0] / (double)m);
    t->after_scale_m = sqrt(squares[1] / (double)m);
    t->after_affine_m = sqrt(squares[2] / (double)m);
}

/* ---- substitutions ---- */

static fm_status sum_oracle(const fm_diagnosed *const *items, size_t n, fm_oracle oracle,
                            double *values, fm_diagnosis_totals *t, fm_err *err)
{
    size_t m = 0;
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (items[i]->success == FM_UNKNOWN || !items[i]->staged)
            continue;
        fm_verdict with = items[i]->oracles[oracle];

        /* What cannot be substituted stays as it is. */
        values[m++] = with == FM_UNKNOWN ? 0 : (with == FM_TRUE) - (items[i]->success == FM_TRUE);
        any = any || with != FM_UNKNOWN;
    }
    if (!any)
        return FM_OK;
    t->oracles[oracle].known = true;
    t->oracles[oracle].change = fm_stats_mean(values, m);
    return fm_stats_bootstrap_mean(values, m, FM_STATS_DRAWS, 0.95, 1, &t->oracles[oracle].interval,
                                   err);
}

/* ---- all ---- */

static void close_shares(fm_diagnosis_totals *t)
{
    fm_share *const shares[] = {&t->step_after_error,    &t->step_after_none,
                                &t->outcome_after_error, &t->outcome_after_none,
                                &t->end_after_start,     &t->end_after_none};

    for (int i = 0; i < FM_STAGES; i++)
        close_share(&t->stages[i]);
    for (int i = 0; i < FM_DIAGNOSIS_INDICES; i++)
        close_share(&t->by_index[i]);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        close_share(shares[i]);
}

static bool is_in(const fm_diagnosed *item, const char *category)
{
    return !category || (item->category && strcmp(item->category, category) == 0);
}

fm_status fm_diagnosis_sum(const fm_diagnosis *diagnosis, const char *category,
                           fm_diagnosis_totals *out, fm_err *err)
{
    const fm_diagnosed **items = calloc(diagnosis->n + 1, sizeof(*items));
    double *values = calloc(diagnosis->n + 1, sizeof(*values));
    fm_diagnosis_totals t = {0};
    fm_status st = FM_OK;

    if (!items || !values)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the totals");
    for (size_t i = 0; st == FM_OK && i < diagnosis->n; i++) {
        const fm_diagnosed *item = &diagnosis->items[i];

        if (!is_in(item, category))
            continue;
        items[t.n++] = item;
        t.judged += item->success != FM_UNKNOWN;
        t.succeeded += item->success == FM_TRUE;
        if (item->staged)
            add_stages(item, &t);
        add_steps(item, &t);
    }
    if (st == FM_OK)
        sum_depth(items, t.n, values, &t);
    for (int i = 0; st == FM_OK && i < FM_ORACLES; i++)
        st = sum_oracle(items, t.n, (fm_oracle)i, values, &t, err);
    close_shares(&t);
    free(items);
    free(values);
    if (st == FM_OK)
        *out = t;
    return st;
}
