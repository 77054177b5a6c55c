/* fathom power: how many samples a difference takes, and what a number of samples can show. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "catalog.h"
#include "commands.h"
#include "fathom/power.h"
#include "gate.h"
#include "report/compare.h"
#include "report/compare_words.h"
#include "show.h"
#include "terminal.h"

#define SCHEMA "fathom.power/1"

/* What is planned, and where its variance is from. */
typedef struct {
    fm_power_plan plan;
    fm_metric metric; /* how differences are written: a rate unless a pilot says otherwise */
    char source[192];
} planning;

/* ---- where the variance is from ---- */

static fm_status read_number(const cli_args *args, const char *option, double low, double high,
                             double *out, fm_err *err)
{
    const char *text = cli_value(args, option);
    double value;

    if (!text)
        return FM_OK;
    if (!fm_text_to_double(text, &value) || !(value > low && value < high))
        return fm_fail(err, FM_E_USAGE,
                       "option '--%s' wants a number above %g and below %g, not "
                       "'%s'",
                       option, low, high, text);
    *out = value;
    return FM_OK;
}

static fm_status take_stated(const cli_args *args, planning *p, fm_err *err)
{
    double share = 0, deviation = 0, rate = 0;
    fm_status st = read_number(args, "discordant", 0, 1, &share, err);

    if (st == FM_OK)
        st = read_number(args, "sd", 0, INFINITY, &deviation, err);
    if (st == FM_OK)
        st = read_number(args, "unpaired", 0, 1, &rate, err);
    if (st == FM_OK && (share > 0) + (deviation > 0) + (rate > 0) > 1)
        st = fm_fail(err, FM_E_USAGE,
                     "options '--discordant', '--sd' and '--unpaired' exclude each other");
    if (st != FM_OK)
        return st;
    if (deviation > 0) {
        p->plan.variance = deviation * deviation;
        p->metric.role = FM_METRIC_MEAN;
        snprintf(p->source, sizeof(p->source), "paired, standard deviation of a difference %g",
                 deviation);
    } else if (rate > 0) {
        p->plan.variance = 2 * rate * (1 - rate);
        snprintf(p->source, sizeof(p->source), "different samples, %g %% of them right",
                 100 * rate);
    } else if (share > 0) {
        p->plan.variance = share;
        snprintf(p->source, sizeof(p->source), "paired, %g %% right on one side alone",
                 100 * share);
    }
    return FM_OK;
}

/* What a sample's difference varies by once the noise of its askings is taken out. */
static void take_metric(const fm_compared_metric *m, double base_repeats, double repeats,
                        planning *p)
{
    double noise = m->base_noise / base_repeats + m->candidate_noise / repeats;

    p->metric = *m->metric;
    p->plan.variance = m->counted ? (double)(m->counts.gained + m->counts.lost) / (double)m->n
                                  : fmax(0, m->deviation * m->deviation - noise);
    p->plan.base_noise = m->base_noise;
    p->plan.candidate_noise = m->candidate_noise;
    p->plan.variance *= m->design_effect;
    snprintf(p->source, sizeof(p->source), "paired, as in %zu pairs of the pilot (%s)", m->n,
             m->metric->name);
}

static double repeats_of(const fm_view *view)
{
    return fmax(1, fm_json_number(fm_view_results(view), "repeats", 1));
}

static fm_status take_pair(const cli_args *args, fm_view *const *views, planning *p, fm_err *err)
{
    const char *metric = cli_value(args, "metric");
    fm_compare_options options = {.draws = 100, .metrics = {metric}, .n_metrics = metric != NULL};
    fm_comparison comparison = {0};
    fm_status st = fm_compare(views, 2, &options, &comparison, err);

    if (st != FM_OK)
        return st;
    const fm_compared_metric *chosen = &comparison.runs[0].metrics[0];
    for (size_t i = 0; i < comparison.n_metrics && !metric; i++)
        if (strcmp(comparison.runs[0].metrics[i].metric->name, comparison.primary) == 0)
            chosen = &comparison.runs[0].metrics[i];
    if (chosen->n < 2)
        st = fm_fail(err, FM_E_INPUT, "the pilot has %zu pairs with a value of '%s': too few",
                     chosen->n, chosen->metric->name);
    else
        take_metric(chosen, repeats_of(views[0]), repeats_of(views[1]), p);
    fm_comparison_release(&comparison);
    return st;
}

/* One run says nothing of how a second one would go with it: as if by chance, which is the worst of
 * the likely cases. */
static fm_status take_run(const cli_args *args, const fm_view *view, planning *p, fm_err *err)
{
    const char *name = cli_value(args, "metric");
    const fm_protocol *protocol = fm_view_protocol(view);
    const cJSON *aggregates = fm_json_get(fm_view_results(view), "aggregates"), *aggregate;

    name = name ? name : protocol->primary;
    aggregate = fm_json_get(aggregates, name);
    double value = fm_json_number(aggregate, "value", NAN);
    const char *role = fm_json_string(aggregate, "role");
    if (!role || strcmp(role, "rate") != 0 || !(value > 0 && value < 1))
        return fm_fail(err, FM_E_INPUT,
                       "one run is a pilot for a rate between 0 and 100 %%, which '%s' of '%s' is "
                       "not; give a second run, --discordant or --sd",
                       name, fm_view_dir(view));
    p->plan.variance = 2 * value * (1 - value);
    snprintf(p->source, sizeof(p->source),
             "paired with a run that is right elsewhere by chance (%.100s %.1f %%)", name,
             100 * value);
    return FM_OK;
}

static fm_status take_pilot(const cli_args *args, planning *p, fm_err *err)
{
    fm_catalog catalog;
    cli_views views = {0};
    fm_status st = cli_catalog(&catalog, err);

    for (size_t i = 0; st == FM_OK && i < cli_operands(args); i++)
        st = cli_views_add_one(&views, &catalog, cli_operand(args, i), cli_value(args, "protocol"),
                               err);
    if (st == FM_OK)
        st = views.n == 2 ? take_pair(args, views.items, p, err)
                          : take_run(args, views.items[0], p, err);
    cli_views_release(&views);
    return st;
}

static fm_status make_plan(const cli_args *args, planning *p, fm_err *err)
{
    uint64_t repeats = 1;

    *p = (planning){.plan = {.one_sided = cli_has(args, "one-sided")},
                    .metric = {.name = "", .unit = "", .role = FM_METRIC_RATE}};
    fm_status st = read_number(args, "alpha", 0, 0.5, &p->plan.alpha, err);
    if (st == FM_OK)
        st = read_number(args, "power", 0, 1, &p->plan.power, err);
    if (st == FM_OK)
        st = cli_number(args, "repeat", 1, FM_MAX_REPEAT, &repeats, err);
    if (st == FM_OK)
        st = take_stated(args, p, err);
    p->plan.base_repeats = p->plan.candidate_repeats = (double)repeats;
    if (st != FM_OK || p->plan.variance > 0)
        return st;
    if (cli_operands(args) == 0)
        return fm_fail(err, FM_E_USAGE,
                       "how much do differences vary? give --discordant, --sd or --unpaired, or "
                       "runs as a pilot");
    st = take_pilot(args, p, err);
    if (st == FM_OK && p->plan.variance + p->plan.base_noise + p->plan.candidate_noise == 0)
        st = fm_fail(err, FM_E_INPUT,
                     "the pilot's runs do not differ on any sample: nothing can be planned on it");
    return st;
}

/* ---- what is shown ---- */

static const double sizes[] = {50, 100, 200, 500, 1000, 2000, 5000, 10000};
static const double points[] = {0.01, 0.02, 0.03, 0.05, 0.1};

static void put_shown(fm_buf *out, const planning *p, double n)
{
    fm_put_whole(out, n);
    fm_buf_puts(out, n == 1 ? " sample shows " : " samples show ");
    fm_put_margin(out, &p->metric, fm_power_detectable(&p->plan, n));
    fm_buf_putc(out, '\n');
}

static void put_needed(fm_buf *out, const planning *p, double difference)
{
    fm_put_margin(out, &p->metric, difference);
    fm_buf_puts(out, " takes ");
    fm_put_whole(out, fm_power_items(&p->plan, difference));
    fm_buf_puts(out, " samples\n");
}

static void put_text(fm_buf *out, const planning *p, double difference, double n)
{
    fm_text_for_terminal(out, p->source, strlen(p->source));
    fm_buf_printf(out, "; alpha %g%s, power %g", p->plan.alpha,
                  p->plan.one_sided ? " one-sided" : "", p->plan.power);
    if (p->plan.base_repeats > 1)
        fm_buf_printf(out, ", each asked %g times", p->plan.base_repeats);
    fm_buf_puts(out, "\n\n");
    if (difference > 0)
        put_needed(out, p, difference);
    if (n > 0)
        put_shown(out, p, n);
    for (size_t i = 0; difference <= 0 && n <= 0 && i < sizeof(sizes) / sizeof(*sizes); i++)
        put_shown(out, p, sizes[i]);
    if (difference > 0 || n > 0 || p->metric.role != FM_METRIC_RATE)
        return;
    fm_buf_putc(out, '\n');
    for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
        put_needed(out, p, points[i]);
}

static void put_json(fm_buf *out, const planning *p, double difference, double n)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "source", p->source);
    fm_json_put_number(&w, "alpha", p->plan.alpha);
    fm_json_put_bool(&w, "one_sided", p->plan.one_sided);
    fm_json_put_number(&w, "power", p->plan.power);
    fm_json_put_number(&w, "variance", p->plan.variance);
    fm_json_put_number(&w, "base_noise", p->plan.base_noise);
    fm_json_put_number(&w, "candidate_noise", p->plan.candidate_noise);
    fm_json_put_number(&w, "repeats", p->plan.base_repeats);
    if (difference > 0) {
        fm_json_put_number(&w, "difference", difference);
        fm_json_put_number(&w, "samples", fm_power_items(&p->plan, difference));
    }
    fm_json_open(&w, "detectable", '[');
    for (size_t i = 0; i < (n > 0 ? 1 : sizeof(sizes) / sizeof(*sizes)); i++) {
        double size = n > 0 ? n : sizes[i];

        fm_json_open(&w, NULL, '{');
        fm_json_put_number(&w, "samples", size);
        fm_json_put_number(&w, "difference", fm_power_detectable(&p->plan, size));
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

static fm_status power_run(const cli_args *args, fm_err *err)
{
    const char *delta = cli_value(args, "delta");
    double difference = 0;
    uint64_t n = 0;
    planning p;
    fm_buf out = {0};
    fm_status st = delta ? cli_margin(delta, "delta", &difference, err) : FM_OK;

    if (st == FM_OK && delta && difference == 0)
        st = fm_fail(err, FM_E_USAGE, "option '--delta' wants a difference above 0");
    if (st == FM_OK)
        st = cli_number(args, "samples", 1, UINT64_C(1) << 53, &n, err);
    if (st == FM_OK)
        st = make_plan(args, &p, err);
    if (st != FM_OK)
        return st;
    if (cli_has(args, "json"))
        put_json(&out, &p, difference, (double)n);
    else
        put_text(&out, &p, difference, (double)n);
    st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

static const char *const description[] = {
    "How many samples it takes to see a difference (--delta), which difference a number of "
    "samples can show (--samples), or a table of both.",
    "That depends on how much the difference of one sample varies: stated by --discordant, --sd "
    "or --unpaired, or taken from a pilot: two runs of the same samples, or one whose rate stands "
    "for both. A pilot with repeats tells the noise of an answer from the samples' own "
    "differences, so that --repeat can be weighed against more samples.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "delta", .argument = "X", .help = "difference to see: 3pp, or 0.03"},
    {.name = "samples", .letter = 'n', .argument = "N", .help = "samples that there are"},
    {.name = "discordant",
     .argument = "S",
     .help = "share of samples that exactly one of the two has right, like 0.2",
     .group = "how much a sample's difference varies"},
    {.name = "sd", .argument = "S", .help = "standard deviation of a sample's difference"},
    {.name = "unpaired",
     .argument = "P",
     .help = "the two answer different samples, and this share of them right"},
    {.name = "metric", .argument = "M", .help = "of the pilot (default: the protocol's own)"},
    {.name = "protocol",
     .argument = "P",
     .help = "of the pilot's grades (default: each run's own)",
     .kind = CLI_PROTOCOL},
    {.name = "repeat",
     .argument = "K",
     .fallback = "1",
     .help = "each sample is asked K times",
     .group = "the test"},
    {.name = "alpha", .argument = "A", .fallback = "0.05", .help = "chance of a false alarm"},
    {.name = "one-sided", .help = "alpha is that of one direction, as of a gate"},
    {.name = "power",
     .argument = "P",
     .fallback = "0.8",
     .help = "chance to see the difference where it is there"},
    {.name = "json", .help = "as JSON (schema fathom.power/1)"},
    {0},
};

static const cli_example examples[] = {
    {"fathom power --delta 3pp --discordant 0.2", "samples that show three points"},
    {"fathom power runs/base runs/new --delta 2pp", "the same, as those two runs vary"},
    {0},
};

const cli_command cli_command_power = {
    .name = "power",
    .summary = "plan how many samples a difference takes",
    .operands = "[RUN [RUN]]",
    .operand_kind = CLI_RUN,
    .min_operands = 0,
    .max_operands = 2,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = power_run,
};
