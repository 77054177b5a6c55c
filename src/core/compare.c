/* Owns who is compared with whom: what runs must share, the pairs, the flips, and what several
 * metrics together are held to. The numbers of one metric are compare_metric.c's. */
#include "core/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "base/threads.h"
#include "core/compare_internal.h"
#include "core/groups.h"
#include "fathom/multiple.h"

/* Everything that one comparison holds while it is made. */
typedef struct {
    fm_view *const *views;
    size_t n_views;
    const fm_compare_options *options;
    fm_comparison *out;
    fm_graded *graded;      /* [n_views] */
    fm_pairing *pairings;   /* [n_views - 1] */
    fm_pair **pairs;        /* likewise */
    fm_compare_slot *slots; /* [n_views - 1][n_metrics] */
    size_t n_slots;         /* room for so many a candidate */
    fm_headline *headline;  /* of a protocol that pools; in the arena */
    bool pools;             /* there is one, in the last slot */
} work;

const char *fm_gate_verdict_name(fm_gate_verdict verdict)
{
    static const char *const names[] = {
        [FM_GATE_PASS] = "pass", [FM_GATE_FAIL] = "fail", [FM_GATE_INCONCLUSIVE] = "inconclusive"};

    return names[verdict];
}

static const fm_compare_slot *slot_of(const work *w, size_t run, size_t metric)
{
    return &w->slots[run * w->n_slots + metric];
}

static const fm_metric *metric_of(const work *w, size_t metric)
{
    const fm_compare_slot *slot = slot_of(w, 0, metric);

    return slot->pooled ? &w->headline->metric
                        : &fm_view_protocol(w->views[0])->metrics[slot->base];
}

static int jobs_of(const work *w)
{
    return w->options->jobs > 0 ? w->options->jobs : fm_threads_available();
}

/* ---- what runs must share ---- */

static const struct {
    const char *name;
    unsigned bit;
} identities[] = {
#define IDENTITY(code, text, value) {text, value},
    FM_COMPARE_IDENTITY_MAP(IDENTITY)
#undef IDENTITY
};

bool fm_compare_identity_from_name(const char *name, unsigned *bits)
{
    for (size_t i = 0; i < FM_COUNT_OF(identities); i++) {
        if (strcmp(identities[i].name, name) != 0)
            continue;
        *bits |= identities[i].bit;
        return true;
    }
    return false;
}

/* Where it stands, in results.json or in an object of manifest.json. */
static const struct {
    fm_compare_identity bit;
    const char *what, *object, *member; /* object NULL: of the results */
} shared[] = {
    {FM_COMPARE_SUITE, "task", NULL, "task"},
    {FM_COMPARE_SUITE, "version of the suite", NULL, "suite_version"},
    {FM_COMPARE_PROTOCOL, "protocol", NULL, "protocol"},
    {FM_COMPARE_PROTOCOL, "version of the protocol", NULL, "protocol_version"},
    {FM_COMPARE_PROMPT, "prompt", "prompt", "sha256"},
    {FM_COMPARE_DATA, "data", "data", "sha256"},
};

static const char *name_of_bit(unsigned bit)
{
    for (size_t i = 0; i < FM_COUNT_OF(identities); i++)
        if (identities[i].bit == bit)
            return identities[i].name;
    return "";
}

static void text_of(const fm_view *view, const char *object, const char *member, char *out,
                    size_t size)
{
    const cJSON *root =
        object ? fm_json_get(fm_view_manifest(view), object) : fm_view_results(view);
    const cJSON *item = fm_json_get(root, member);

    if (cJSON_IsNumber(item))
        snprintf(out, size, "%g", item->valuedouble);
    else
        snprintf(out, size, "%s", cJSON_IsString(item) ? item->valuestring : "not stated");
}

static fm_status check_shared(work *w, const fm_view *view, unsigned *differing, fm_err *err)
{
    for (size_t i = 0; i < FM_COUNT_OF(shared); i++) {
        char a[128], b[128];

        text_of(w->views[0], shared[i].object, shared[i].member, a, sizeof(a));
        text_of(view, shared[i].object, shared[i].member, b, sizeof(b));
        if (strcmp(a, b) == 0)
            continue;
        *differing |= shared[i].bit;
        if (w->options->allowed & shared[i].bit)
            continue;
        return fm_fail(err, FM_E_USAGE,
                       "'%s' cannot be compared with '%s': the %s differs, %.24s there and %.24s "
                       "here; --allow-different %s compares them all the same",
                       fm_view_dir(view), fm_view_dir(w->views[0]), shared[i].what, a, b,
                       name_of_bit(shared[i].bit));
    }
    return FM_OK;
}

static fm_status check_all_shared(work *w, fm_err *err)
{
    unsigned differing = 0;
    char names[64] = "";

    for (size_t i = 1; i < w->n_views; i++) {
        fm_status st = check_shared(w, w->views[i], &differing, err);

        if (st != FM_OK)
            return st;
    }
    for (size_t i = 0; i < FM_COUNT_OF(identities); i++) {
        size_t used = strlen(names);

        if (differing & identities[i].bit)
            snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
                     identities[i].name);
    }
    w->out->differences = fm_arena_strdup(&w->out->arena, names);
    return w->out->differences ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a comparison");
}

/* ---- metrics ---- */

static size_t find_metric(const fm_protocol *protocol, const char *name)
{
    size_t i = 0;

    while (i < protocol->n_metrics && (strcmp(protocol->metrics[i].name, name) != 0 ||
                                       protocol->metrics[i].role == FM_METRIC_DETAIL))
        i++;
    return i;
}

static bool asks_again(const fm_view *view)
{
    return fm_json_number(fm_view_results(view), "repeats", 1) > 1;
}

static bool any_asks_again(const work *w)
{
    for (size_t v = 0; v < w->n_views; v++)
        if (asks_again(w->views[v]))
            return true;
    return false;
}

static bool is_headline(const work *w, const char *name)
{
    return w->pools && strcmp(name, w->headline->name) == 0;
}

static fm_status check_metric(const work *w, const fm_view *view, const char *name, fm_err *err)
{
    const fm_protocol *protocol = fm_view_protocol(view);
    const char *names[FM_MAX_METRICS + 1], *near;
    char headline[128];
    size_t n = 0;

    if (is_headline(w, name) || find_metric(protocol, name) < protocol->n_metrics)
        return FM_OK;
    fm_groups_headline(protocol, headline, sizeof(headline));
    if (strcmp(name, headline) == 0 && any_asks_again(w))
        return fm_fail(err, FM_E_USAGE,
                       "'%s' of samples asked several times (--repeat) is not compared; '%s', over "
                       "all askings, is",
                       name, protocol->primary);
    if (w->pools)
        names[n++] = w->headline->name;
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (protocol->metrics[i].role != FM_METRIC_DETAIL)
            names[n++] = protocol->metrics[i].name;
    near = fm_text_nearest(name, names, n);
    return fm_fail(err, FM_E_USAGE, "'%s' has no metric '%s' under protocol '%s'%s%s%s",
                   fm_view_dir(view), name, protocol->name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

static bool is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_gated(const work *w, const char *name)
{
    const fm_compare_options *o = w->options;

    if (o->gate == FM_GATE_NONE)
        return false;
    return o->n_gated ? is_in(name, o->gated, o->n_gated) : strcmp(name, w->out->primary) == 0;
}

/* Every named metric must be there in every run; of those that nobody named, the ones that are in
 * all of them are compared. */
static fm_status check_named(const work *w, fm_err *err)
{
    const fm_compare_options *o = w->options;
    fm_status st = FM_OK;

    for (size_t v = 0; v < w->n_views; v++) {
        for (size_t i = 0; st == FM_OK && i < o->n_metrics; i++)
            st = check_metric(w, w->views[v], o->metrics[i], err);
        for (size_t i = 0; st == FM_OK && i < o->n_gated; i++)
            st = check_metric(w, w->views[v], o->gated[i], err);
        if (st == FM_OK && o->gate != FM_GATE_NONE && !o->n_gated)
            st = check_metric(w, w->views[v], w->out->primary, err);
    }
    return st;
}

static bool is_everywhere(const work *w, const char *name)
{
    for (size_t v = 1; v < w->n_views; v++) {
        const fm_protocol *protocol = fm_view_protocol(w->views[v]);

        if (find_metric(protocol, name) == protocol->n_metrics)
            return false;
    }
    return true;
}

/* A gate that cannot fail decides nothing. */
static fm_status check_gate(const fm_compare_options *o, const fm_metric *metric, fm_err *err)
{
    if (metric->better == 0)
        return fm_fail(err, FM_E_USAGE, "metric '%s' has no better side, a gate needs one",
                       metric->name);
    if (metric->role != FM_METRIC_RATE && o->margin_points)
        return fm_fail(err, FM_E_USAGE,
                       "metric '%s' is no rate, a margin of %gpp says nothing of it: name it as a "
                       "number%s%s",
                       metric->name, 100 * o->margin, metric->unit[0] ? " of " : "", metric->unit);
    if (metric->role == FM_METRIC_RATE && o->margin >= 1)
        return fm_fail(err, FM_E_USAGE,
                       "metric '%s' goes from 0 to 1, a margin of %g is all of it: did you mean "
                       "%gpp?",
                       metric->name, o->margin, o->margin);
    return FM_OK;
}

/* The pooled headline ranks the protocol, so that it is what a gate is on where nobody says otherwise. */
static void find_headline(work *w)
{
    bool repeats = any_asks_again(w);

    w->pools = true;
    for (size_t v = 1; w->pools && v < w->n_views; v++)
        w->pools = fm_headline_name(fm_view_protocol(w->views[0]), fm_view_protocol(w->views[v]),
                                    repeats, w->headline);
    if (w->pools)
        w->out->primary = w->headline->name;
}

static bool is_wanted(const work *w, const char *name)
{
    const fm_compare_options *o = w->options;

    return o->n_metrics == 0 || is_in(name, o->metrics, o->n_metrics) || is_gated(w, name);
}

/* A metric of the base in the next slot of every candidate. */
static fm_status take_slot(work *w, size_t metric, bool pooled, fm_err *err)
{
    const fm_metric *m = &fm_view_protocol(w->views[0])->metrics[metric];
    const char *name = pooled ? w->headline->name : m->name;
    bool gated = is_gated(w, name);

    for (size_t v = 1; v < w->n_views; v++)
        w->slots[(v - 1) * w->n_slots + w->out->n_metrics] =
            (fm_compare_slot){.base = metric,
                              .candidate = find_metric(fm_view_protocol(w->views[v]), m->name),
                              .pooled = pooled,
                              .gated = gated};
    w->out->n_metrics++;
    return gated ? check_gate(w->options, pooled ? &w->headline->metric : m, err) : FM_OK;
}

static fm_status choose_metrics(work *w, fm_err *err)
{
    const fm_protocol *protocol = fm_view_protocol(w->views[0]);

    find_headline(w);
    fm_status st = check_named(w, err);
    for (size_t i = 0; st == FM_OK && i < protocol->n_metrics; i++) {
        const fm_metric *m = &protocol->metrics[i];

        if (m->role != FM_METRIC_DETAIL && is_wanted(w, m->name) && is_everywhere(w, m->name))
            st = take_slot(w, i, false, err);
    }
    if (st == FM_OK && w->pools && is_wanted(w, w->headline->name))
        st = take_slot(w, find_metric(protocol, protocol->primary), true, err);
    else
        w->pools = false;
    if (st == FM_OK && w->out->n_metrics == 0)
        st = fm_fail(err, FM_E_INPUT, "the runs have no metric in common");
    return st;
}

/* Lines of older runs say neither category nor source: without the data nothing can be pooled. */
static fm_status group_headline(work *w, fm_err *err)
{
    const fm_view *view = w->views[0];
    const cJSON *aggregate =
        fm_json_get(fm_json_get(fm_view_results(view), "aggregates"), w->headline->name);
    fm_status st = w->pools ? fm_headline_group(&w->graded[0], w->headline, err) : FM_OK;

    if (st != FM_OK || !w->pools || w->headline->pool == FM_POOL_COPIES)
        return st;
    double groups = fm_json_number(aggregate, "groups", (double)w->headline->n_groups);
    if (groups == (double)w->headline->n_groups)
        return FM_OK;
    if (slot_of(w, 0, w->out->n_metrics - 1)->gated)
        return fm_fail(err, FM_E_INPUT,
                       "'%s' does not say what its samples belong to, which '%s' needs; 'fathom "
                       "score %s' writes it, or --metric %s gates on the samples alone",
                       fm_view_dir(view), w->headline->name, fm_view_dir(view),
                       fm_view_protocol(view)->primary);
    w->out->n_metrics--;
    w->pools = false;
    w->out->primary = fm_view_protocol(view)->primary;
    return FM_OK;
}

/* ---- pairs and clusters ---- */

static fm_status load_one(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;

    (void)worker;
    return fm_graded_load(&w->graded[index], w->views[index],
                          index == 0 && (w->options->cluster != FM_CLUSTER_NONE || w->pools), err);
}

static const char *group_of(const fm_graded_sample *sample, fm_cluster cluster)
{
    return cluster == FM_CLUSTER_CATEGORY ? sample->category : sample->picture;
}

/* Number the groups of the base's samples; one without a group is a group of its own. */
static fm_status number_groups(const fm_graded *base, fm_cluster cluster, uint32_t *numbers,
                               size_t *n_groups, fm_err *err)
{
    fm_id_map map = {0};
    fm_status st = FM_OK;

    *n_groups = 0;
    for (size_t i = 0; st == FM_OK && i < base->n; i++) {
        const char *group = group_of(&base->samples[i], cluster);
        uint64_t number = *n_groups;
        bool fresh;

        if ((!group || !fm_id_map_find(&map, group, &number)) && ++*n_groups && group &&
            !fm_id_map_put(&map, group, number, &fresh, NULL))
            st = fm_fail(err, FM_E_NOMEM, "no memory for the groups of the samples");
        numbers[i] = (uint32_t)number;
    }
    fm_id_map_release(&map);
    return st;
}

static bool has_groups(const fm_graded *base, fm_cluster cluster)
{
    for (size_t i = 0; i < base->n; i++)
        if (group_of(&base->samples[i], cluster))
            return true;
    return false;
}

/* numbers[n of the base] where samples are clustered, else NULL. */
static fm_status find_clusters(work *w, uint32_t **numbers, size_t *n_groups, fm_err *err)
{
    const fm_graded *base = &w->graded[0];
    fm_cluster wanted = w->options->cluster;
    fm_cluster cluster = wanted == FM_CLUSTER_AUTO ? FM_CLUSTER_PICTURE : wanted;

    w->out->cluster = "none";
    *numbers = NULL;
    *n_groups = 0;
    if (wanted == FM_CLUSTER_NONE || base->n == 0)
        return FM_OK;
    if (wanted != FM_CLUSTER_AUTO && !has_groups(base, cluster)) {
        const char *notice = fm_view_notice(w->views[0]);

        return fm_fail(err, FM_E_USAGE, "the samples of '%s' have no %s to cluster by%s%s",
                       fm_view_dir(w->views[0]),
                       cluster == FM_CLUSTER_PICTURE ? "picture" : "category", notice ? ": " : "",
                       notice ? notice : "");
    }
    *numbers = calloc(base->n, sizeof(**numbers));
    fm_status st = *numbers ? number_groups(base, cluster, *numbers, n_groups, err)
                            : fm_fail(err, FM_E_NOMEM, "no memory for the groups of the samples");
    /* A picture for every sample is no clustering. */
    if (st != FM_OK || (wanted == FM_CLUSTER_AUTO && *n_groups == base->n)) {
        free(*numbers);
        *numbers = NULL;
        *n_groups = 0;
        return st;
    }
    w->out->cluster = cluster == FM_CLUSTER_PICTURE ? "picture" : "category";
    return FM_OK;
}

static fm_status pair_up(work *w, size_t candidate, const uint32_t *numbers, size_t n_groups,
                         fm_err *err)
{
    const fm_graded *base = &w->graded[0], *other = &w->graded[candidate];
    fm_compared_run *run = &w->out->runs[candidate - 1];
    fm_pair *pairs = calloc(base->n + 1, sizeof(*pairs));

    w->pairs[candidate - 1] = pairs;
    if (!pairs)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu pairs", base->n);
    for (size_t i = 0; i < base->n; i++) {
        uint64_t there;

        if (!fm_id_map_find(&other->ids, base->samples[i].id, &there))
            continue;
        fm_sample_status a = base->samples[i].status, b = other->samples[there].status;
        pairs[run->pairs++] =
            (fm_pair){.base = i, .candidate = there, .cluster = numbers ? numbers[i] : 0};
        run->by_status[0][a]++;
        run->by_status[1][b]++;
        run->failed += a != FM_SAMPLE_OK || b != FM_SAMPLE_OK;
    }
    run->base_only = base->n - run->pairs;
    run->candidate_only = other->n - run->pairs;
    w->pairings[candidate - 1] = (fm_pairing){.options = w->options,
                                              .base = base,
                                              .candidate = other,
                                              .pairs = pairs,
                                              .n_pairs = run->pairs,
                                              .n_clusters = numbers ? n_groups : 0,
                                              .failures = run->failed > 0,
                                              .headline = w->pools ? w->headline : NULL};
    if (run->pairs == 0 && base->n + other->n > 0)
        return fm_fail(err, FM_E_INPUT, "'%s' and '%s' have no sample in common",
                       fm_view_dir(w->views[0]), fm_view_dir(w->views[candidate]));
    return FM_OK;
}

static fm_status pair_all(work *w, fm_err *err)
{
    uint32_t *numbers = NULL;
    size_t n_groups = 0;
    fm_status st = fm_parallel_for(w->n_views, jobs_of(w), load_one, w, err);

    if (st == FM_OK)
        st = group_headline(w, err);
    if (st == FM_OK)
        st = find_clusters(w, &numbers, &n_groups, err);
    for (size_t i = 1; st == FM_OK && i < w->n_views; i++)
        st = pair_up(w, i, numbers, n_groups, err);
    free(numbers);
    return st;
}

/* ---- flips ---- */

/* The protocol's primary metric where it is a rate, else the first rate; a pooled one is of no sample. */
static size_t flip_metric(const work *w)
{
    const char *primary = w->graded[0].protocol->primary;
    size_t found = w->out->n_metrics;

    for (size_t m = 0; m < w->out->n_metrics; m++) {
        const fm_metric *metric = metric_of(w, m);

        if (metric->role != FM_METRIC_RATE || metric->better == 0 || slot_of(w, 0, m)->pooled)
            continue;
        if (strcmp(metric->name, primary) == 0)
            return m;
        found = found == w->out->n_metrics ? m : found;
    }
    return found;
}

/* With repeats, the side that most askings are on. */
static int side_of(const fm_graded *run, size_t sample, size_t metric)
{
    double value = run->scored[sample * run->protocol->n_metrics + metric];

    return isnan(value) || value == 0.5 ? 0 : value > 0.5 ? 1 : -1;
}

static fm_status find_flips(work *w, size_t r, size_t m, fm_err *err)
{
    const fm_pairing *p = &w->pairings[r];
    const fm_metric *metric = metric_of(w, m);
    const fm_compare_slot *slot = slot_of(w, r, m);
    fm_compared_run *run = &w->out->runs[r];

    run->flips = fm_arena_alloc(&w->out->arena, run->pairs + 1, sizeof(*run->flips));
    if (!run->flips)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu pairs", run->pairs);
    for (size_t i = 0; i < p->n_pairs; i++) {
        const fm_pair *pair = &p->pairs[i];
        int before = side_of(p->base, pair->base, slot->base);
        int after = side_of(p->candidate, pair->candidate, slot->candidate);

        if (before * after >= 0)
            continue;
        fm_compare_flip *flip = &run->flips[run->n_flips++];
        *flip = (fm_compare_flip){
            .id = fm_arena_strdup(&w->out->arena, p->base->samples[pair->base].id),
            .gained = (after > 0) == (metric->better > 0),
            .base_status = p->base->samples[pair->base].status,
            .candidate_status = p->candidate->samples[pair->candidate].status};
        if (!flip->id)
            return fm_fail(err, FM_E_NOMEM, "no memory for the samples that changed");
    }
    return FM_OK;
}

static fm_status find_all_flips(work *w, fm_err *err)
{
    size_t m = flip_metric(w);
    fm_status st = FM_OK;

    if (m == w->out->n_metrics)
        return FM_OK;
    w->out->flip_metric = metric_of(w, m)->name;
    for (size_t r = 0; st == FM_OK && r < w->out->n; r++)
        st = find_flips(w, r, m, err);
    return st;
}

/* ---- all metrics of all candidates ---- */

static fm_status compare_one(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;
    size_t run = index / w->out->n_metrics, m = index % w->out->n_metrics;

    (void)worker;
    return fm_compare_metric(&w->pairings[run], slot_of(w, run, m), &w->out->runs[run].metrics[m],
                             err);
}

/* A family: the same p of every metric that has it, of every candidate. */
typedef struct {
    double *(*at)(fm_compared_metric *metric);       /* where it stands; NULL: not in the family */
    double *(*adjusted)(fm_compared_metric *metric); /* where it goes */
    fm_status (*adjust)(const double *p, size_t n, double *adjusted, fm_err *err);
} family;

static double *p_of(fm_compared_metric *m)
{
    return &m->p;
}

static double *p_holm_of(fm_compared_metric *m)
{
    return &m->p_holm;
}

static double *p_bh_of(fm_compared_metric *m)
{
    return &m->p_bh;
}

static double *p_pass_of(fm_compared_metric *m)
{
    return m->gated ? &m->gate.p_pass : NULL;
}

static double *p_fail_of(fm_compared_metric *m)
{
    return m->gated ? &m->gate.p_fail : NULL;
}

static const family families[] = {{p_of, p_holm_of, fm_multiple_holm},
                                  {p_of, p_bh_of, fm_multiple_benjamini_hochberg},
                                  {p_pass_of, p_pass_of, fm_multiple_holm},
                                  {p_fail_of, p_fail_of, fm_multiple_holm}};

static fm_compared_metric *metric_at(fm_comparison *out, size_t index)
{
    return &out->runs[index / out->n_metrics].metrics[index % out->n_metrics];
}

size_t fm_compare_tests(const fm_comparison *comparisons, size_t n)
{
    size_t tests = 0;

    for (size_t i = 0; i < n; i++)
        tests += comparisons[i].n * comparisons[i].n_metrics;
    return tests;
}

/* all: every metric of every run of every suite. */
static fm_status adjust(fm_compared_metric *const *all, size_t n, const family *f, double *p,
                        fm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const double *at = f->at(all[i]);

        p[i] = at ? *at : NAN;
    }
    fm_status st = f->adjust(p, n, p, err);
    for (size_t i = 0; st == FM_OK && i < n; i++) {
        double *to = f->adjusted(all[i]);

        if (to)
            *to = p[i];
    }
    return st;
}

static fm_status adjust_all(fm_comparison *out, size_t n, fm_err *err)
{
    size_t tests = fm_compare_tests(out, n), k = 0;
    fm_compared_metric **all = calloc(tests + 1, sizeof(fm_compared_metric *));
    double *p = calloc(tests + 1, sizeof(*p));
    fm_status st = all && p ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a comparison");

    for (size_t s = 0; st == FM_OK && s < n; s++)
        for (size_t i = 0; i < fm_compare_tests(&out[s], 1); i++)
            all[k++] = metric_at(&out[s], i);
    for (size_t f = 0; st == FM_OK && f < FM_COUNT_OF(families); f++)
        st = adjust(all, tests, &families[f], p, err);
    free(all);
    free(p);
    return st;
}

static fm_gate_verdict worse(fm_gate_verdict a, fm_gate_verdict b)
{
    return a == FM_GATE_FAIL || b == FM_GATE_PASS ? a : b;
}

static void decide(fm_comparison *out)
{
    for (size_t i = 0; i < fm_compare_tests(out, 1); i++) {
        fm_compared_metric *m = metric_at(out, i);

        if (!m->gated)
            continue;
        fm_compare_decide(out->options, m);
        out->verdict = worse(out->verdict, m->gate.verdict);
    }
}

fm_gate_verdict fm_compare_worst(const fm_comparison *comparisons, size_t n)
{
    fm_gate_verdict verdict = FM_GATE_PASS;

    for (size_t i = 0; i < n; i++)
        verdict = worse(verdict, comparisons[i].verdict);
    return verdict;
}

static fm_status compare_all(work *w, fm_err *err)
{
    fm_comparison *out = w->out;

    for (size_t r = 0; r < out->n; r++) {
        out->runs[r].metrics =
            fm_arena_alloc(&out->arena, out->n_metrics, sizeof(*out->runs[r].metrics));
        if (!out->runs[r].metrics)
            return fm_fail(err, FM_E_NOMEM, "no memory for a comparison");
    }
    return fm_parallel_for(out->n * out->n_metrics, jobs_of(w), compare_one, w, err);
}

/* ---- from views to verdict ---- */

static fm_status reserve(work *w, fm_err *err)
{
    size_t n = w->n_views - 1;

    w->graded = calloc(w->n_views, sizeof(*w->graded));
    w->pairings = calloc(n, sizeof(*w->pairings));
    w->pairs = calloc(n, sizeof(*w->pairs));
    w->n_slots = fm_view_protocol(w->views[0])->n_metrics + 1;
    w->slots = calloc(n * w->n_slots, sizeof(*w->slots));
    w->out->runs = fm_arena_alloc(&w->out->arena, n, sizeof(*w->out->runs));
    w->headline = fm_arena_alloc(&w->out->arena, 1, sizeof(*w->headline));
    if (w->graded && w->pairings && w->pairs && w->slots && w->out->runs && w->headline)
        return FM_OK;
    return fm_fail(err, FM_E_NOMEM, "no memory for a comparison");
}

static void release(work *w)
{
    for (size_t i = 0; w->graded && i < w->n_views; i++)
        fm_graded_release(&w->graded[i]);
    for (size_t i = 0; w->pairs && i + 1 < w->n_views; i++)
        free(w->pairs[i]);
    free(w->graded);
    free(w->pairings);
    free(w->pairs);
    free(w->slots);
    if (w->headline)
        fm_headline_release(w->headline);
}

/* Everything of one suite but what is adjusted over all of them. */
static fm_status compare_suite(fm_view *const *views, size_t n, const fm_compare_options *options,
                               fm_comparison *out, fm_err *err)
{
    work w = {.views = views, .n_views = n, .options = options, .out = out};

    if (n < 2)
        return fm_fail(err, FM_E_USAGE, "a comparison needs a base and a candidate");
    out->options = options;
    out->views = views;
    out->primary = fm_view_protocol(views[0])->primary;
    out->n = n - 1;
    fm_status st = reserve(&w, err);
    if (st == FM_OK)
        st = check_all_shared(&w, err);
    if (st == FM_OK)
        st = choose_metrics(&w, err);
    if (st == FM_OK)
        st = pair_all(&w, err);
    if (st == FM_OK)
        st = compare_all(&w, err);
    if (st == FM_OK)
        st = find_all_flips(&w, err);
    release(&w);
    return st;
}

fm_status fm_compare(fm_view *const *views, size_t n, const fm_compare_options *options,
                     fm_comparison *out, fm_err *err)
{
    *out = (fm_comparison){0};
    fm_status st = fm_compare_suites(&(fm_compare_suite){views, n}, 1, options, out, err);
    if (st != FM_OK)
        fm_comparison_release(out);
    return st;
}

/* ---- several suites ---- */

static bool has_metric(const fm_compare_suite *suite, const char *name)
{
    const fm_protocol *protocol = fm_view_protocol(suite->views[0]);
    char headline[128];

    fm_groups_headline(protocol, headline, sizeof(headline));
    return find_metric(protocol, name) < protocol->n_metrics || strcmp(headline, name) == 0;
}

/* Of the names those that the suite has. FM_E_USAGE where there were some and none is left. */
static fm_status keep_names(const fm_compare_suite *suite, const char *option,
                            const char *const *names, size_t n, const char **kept, size_t *n_kept,
                            fm_err *err)
{
    const fm_view *base = suite->views[0];

    *n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if (has_metric(suite, names[i]))
            kept[(*n_kept)++] = names[i];
    if (n == 0 || *n_kept > 0)
        return FM_OK;
    return fm_fail(err, FM_E_USAGE, "'%s' has none of the metrics that --%s names: its own is '%s'",
                   fm_view_dir(base), option, fm_view_protocol(base)->primary);
}

static fm_status check_somewhere(const fm_compare_suite *suites, size_t n, const char *const *names,
                                 size_t n_names, fm_err *err)
{
    for (size_t i = 0; i < n_names; i++) {
        size_t s = 0;

        while (s < n && !has_metric(&suites[s], names[i]))
            s++;
        if (s == n)
            return fm_fail(err, FM_E_USAGE, "none of the %zu suites has a metric '%s'", n,
                           names[i]);
    }
    return FM_OK;
}

/* The options of one suite of several. */
static fm_status narrow(const fm_compare_suite *suite, const fm_compare_options *options,
                        fm_comparison *out, const fm_compare_options **narrowed, fm_err *err)
{
    fm_compare_options *own = fm_arena_alloc(&out->arena, 1, sizeof(*own));

    if (!own)
        return fm_fail(err, FM_E_NOMEM, "no memory for a comparison");
    *own = *options;
    *narrowed = own;
    fm_status st = keep_names(suite, "only", options->metrics, options->n_metrics, own->metrics,
                              &own->n_metrics, err);
    if (st == FM_OK)
        st = keep_names(suite, "metric", options->gated, options->n_gated, own->gated,
                        &own->n_gated, err);
    return st;
}

fm_status fm_compare_suites(const fm_compare_suite *suites, size_t n,
                            const fm_compare_options *options, fm_comparison *out, fm_err *err)
{
    fm_status st = FM_OK;

    if (n > 1)
        st = check_somewhere(suites, n, options->metrics, options->n_metrics, err);
    if (st == FM_OK && n > 1)
        st = check_somewhere(suites, n, options->gated, options->n_gated, err);
    for (size_t i = 0; st == FM_OK && i < n; i++) {
        const fm_compare_options *own = options;

        if (n > 1)
            st = narrow(&suites[i], options, &out[i], &own, err);
        if (st == FM_OK)
            st = compare_suite(suites[i].views, suites[i].n, own, &out[i], err);
    }
    if (st == FM_OK)
        st = adjust_all(out, n, err);
    for (size_t i = 0; st == FM_OK && i < n; i++)
        decide(&out[i]);
    return st;
}

void fm_comparison_release(fm_comparison *comparison)
{
    fm_arena_release(&comparison->arena);
    *comparison = (fm_comparison){0};
}
