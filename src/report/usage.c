/* Owns how what a run took is said in a line or three. */
#include "report/usage.h"

#include "base/json.h"
#include "base/size.h"

void fm_report_put_count(fm_buf *out, double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t i = 0;

    while (count >= 10000 - 0.5 && i + 1 < FM_COUNT_OF(units)) {
        count /= 1000;
        i++;
    }
    if (i == 0)
        fm_buf_printf(out, "%.0f", count);
    else
        fm_buf_printf(out, "%.*f%s", count < 10 ? 2 : count < 100 ? 1 : 0, count, units[i]);
}

void fm_report_put_money(fm_buf *out, double cost)
{
    fm_buf_printf(out, "$%.*f", cost < 1 ? 4 : 2, cost);
}

static void put_seconds(fm_buf *out, double seconds)
{
    if (seconds < 0.9995)
        fm_buf_printf(out, "%.0f ms", seconds * 1000);
    else
        fm_buf_printf(out, "%.*f s", seconds < 10 ? 2 : seconds < 100 ? 1 : 0, seconds);
}

/* "1020 requests, 20 of them again, 30 from the cache, $0.1234" */
static void put_requests(fm_buf *out, const cJSON *usage, double samples)
{
    double attempts = fm_json_number(usage, "attempts", 0);
    double cached = fm_json_number(usage, "cached", 0);
    double cost = fm_json_number(usage, "cost_usd", -1);

    fm_buf_puts(out, "took ");
    fm_report_put_count(out, attempts - cached);
    fm_buf_puts(out, attempts - cached == 1 ? " request" : " requests");
    if (attempts > samples) {
        fm_buf_puts(out, ", ");
        fm_report_put_count(out, attempts - samples);
        fm_buf_puts(out, " of them again");
    }
    if (cached > 0) {
        fm_buf_puts(out, ", ");
        fm_report_put_count(out, cached);
        fm_buf_puts(out, " from the cache");
    }
    if (cost >= 0) {
        fm_buf_puts(out, ", ");
        fm_report_put_money(out, cost);
    }
}

/* "812k tokens in, 23.1k out, 4010 thought" */
static void put_tokens(fm_buf *out, const cJSON *tokens, const char *between)
{
    double cached = fm_json_number(tokens, "cached", 0);
    double thought = fm_json_number(tokens, "thought", 0);

    if (fm_json_number(tokens, "attempts", 0) <= 0)
        return;
    fm_buf_puts(out, between);
    fm_report_put_count(out, fm_json_number(tokens, "input", 0));
    fm_buf_puts(out, " tokens in");
    if (cached > 0) {
        fm_buf_puts(out, " (");
        fm_report_put_count(out, cached);
        fm_buf_puts(out, " of them from the provider's cache)");
    }
    fm_buf_puts(out, ", ");
    fm_report_put_count(out, fm_json_number(tokens, "output", 0));
    fm_buf_puts(out, " out");
    if (thought > 0) {
        fm_buf_puts(out, ", ");
        fm_report_put_count(out, thought);
        fm_buf_puts(out, " thought");
    }
}

static void put_latency(fm_buf *out, const cJSON *latency, const char *between)
{
    static const char *const names[] = {"p50", "p95", "p99"};

    if (!cJSON_IsObject(latency))
        return;
    fm_buf_printf(out, "%sa reply after ", between);
    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        fm_buf_puts(out, i ? ", " : "");
        put_seconds(out, fm_json_number(latency, names[i], 0));
        fm_buf_printf(out, " (%s)", names[i]);
    }
}

void fm_report_put_usage(fm_buf *out, const cJSON *usage, double samples, const char *between)
{
    const cJSON *tokens = fm_json_get(usage, "tokens"), *latency = fm_json_get(usage, "latency_s");
    bool worth =
        fm_json_number(usage, "attempts", 0) > samples || fm_json_number(usage, "cached", 0) > 0 ||
        fm_json_number(tokens, "attempts", 0) > 0 || fm_json_number(latency, "p50", 0) >= 1e-3;

    if (!worth)
        return;
    put_requests(out, usage, samples);
    put_tokens(out, tokens, between);
    put_latency(out, latency, between);
}
