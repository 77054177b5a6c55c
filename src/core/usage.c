/* Owns the sums over attempts. Times are kept one by one, in four bytes each, for the percentiles. */
#include "core/usage.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"

typedef struct {
    float *values;
    size_t n, capacity;
    double sum;
} series;

struct fm_usage_totals {
    size_t by_status[FM_SAMPLE_STATUS_COUNT];
    size_t attempts, cached;
    size_t stated; /* attempts that stated tokens */
    fm_usage tokens;
    size_t priced; /* attempts of known cost */
    double cost;
    series latency, server, queue;
};

fm_usage_totals *fm_usage_new(void)
{
    return calloc(1, sizeof(fm_usage_totals));
}

void fm_usage_free(fm_usage_totals *totals)
{
    if (!totals)
        return;
    free(totals->latency.values);
    free(totals->server.values);
    free(totals->queue.values);
    free(totals);
}

/* ---- adding ---- */

/* Nothing and NaN are no times. */
static bool add_time(series *s, double seconds)
{
    double value = round(seconds * 1e6) / 1e6; /* as the record has it: the same sums when read */
    size_t capacity = s->capacity ? s->capacity * 2 : 256, bytes;

    if (!(value > 0))
        return true;
    if (s->n == s->capacity) {
        float *grown =
            fm_size_mul(capacity, sizeof(*grown), &bytes) ? realloc(s->values, bytes) : NULL;

        if (!grown)
            return false;
        s->values = grown;
        s->capacity = capacity;
    }
    s->values[s->n++] = (float)value;
    s->sum += value;
    return true;
}

fm_status fm_usage_add(fm_usage_totals *totals, const fm_attempt *attempt, fm_err *err)
{
    const fm_reply *reply = attempt->reply;
    const fm_usage *u = &reply->usage;

    if (!add_time(&totals->queue, attempt->queue_s) ||
        (!reply->cached && (!add_time(&totals->latency, reply->latency_s) ||
                            !add_time(&totals->server, reply->server_s))))
        return fm_fail(err, FM_E_NOMEM, "no memory for the times of the attempts");

    totals->attempts++;
    totals->cached += reply->cached;
    totals->by_status[reply->status]++;
    if (isfinite(attempt->cost)) {
        totals->priced++;
        totals->cost += attempt->cost;
    }
    if (u->stated && !reply->cached) {
        totals->stated++;
        totals->tokens.input_tokens += u->input_tokens;
        totals->tokens.output_tokens += u->output_tokens;
        totals->tokens.thought_tokens += u->thought_tokens;
        totals->tokens.cached_tokens += u->cached_tokens;
    }
    return FM_OK;
}

double fm_usage_cost(const fm_usage_totals *totals)
{
    return totals->priced ? totals->cost : NAN;
}

/* ---- writing ---- */

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Nearest rank: a time that occurred. Six digits are what four bytes hold. */
static double percentile(const series *s, double share)
{
    size_t rank = (size_t)ceil(share * (double)s->n);
    double value = s->values[rank > 0 ? rank - 1 : 0];

    return round(value * 1e6) / 1e6;
}

static void put_series(fm_json_writer *w, const char *key, series *s)
{
    if (s->n == 0) {
        fm_json_put_null(w, key);
        return;
    }
    qsort(s->values, s->n, sizeof(*s->values), ascending);
    fm_json_open(w, key, '{');
    fm_json_put_int(w, "n", (int64_t)s->n);
    fm_json_put_number(w, "mean", round(s->sum / (double)s->n * 1e6) / 1e6);
    fm_json_put_number(w, "p50", percentile(s, 0.5));
    fm_json_put_number(w, "p95", percentile(s, 0.95));
    fm_json_put_number(w, "p99", percentile(s, 0.99));
    fm_json_put_number(w, "max", percentile(s, 1));
    fm_json_close(w, '}');
}

static void put_tokens(fm_json_writer *w, const fm_usage_totals *totals)
{
    const fm_usage *t = &totals->tokens;

    fm_json_open(w, "tokens", '{');
    fm_json_put_int(w, "attempts", (int64_t)totals->stated);
    fm_json_put_int(w, "input", t->input_tokens);
    fm_json_put_int(w, "output", t->output_tokens);
    fm_json_put_int(w, "thought", t->thought_tokens);
    fm_json_put_int(w, "cached", t->cached_tokens);
    fm_json_close(w, '}');
}

void fm_usage_put(fm_usage_totals *totals, fm_json_writer *w)
{
    fm_json_put_int(w, "attempts", (int64_t)totals->attempts);
    fm_json_put_int(w, "cached", (int64_t)totals->cached);
    fm_json_open(w, "statuses", '{');
    for (int i = 0; i < FM_SAMPLE_STATUS_COUNT; i++)
        if (totals->by_status[i])
            fm_json_put_int(w, fm_sample_status_name((fm_sample_status)i),
                            (int64_t)totals->by_status[i]);
    fm_json_close(w, '}');
    put_tokens(w, totals);
    fm_json_put_number(w, "cost_usd", fm_usage_cost(totals)); /* NaN becomes null */
    put_series(w, "latency_s", &totals->latency);
    put_series(w, "server_s", &totals->server);
    put_series(w, "queue_s", &totals->queue);
}
