/* Selections: what filters, shards, shuffles, limits and repeats keep, and in which order. The data
 * is a loader of this file that makes samples up and counts its passes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/selection.h"

/* ---- a loader of `n` samples: id "s<i>", category by parity, steps i mod 5 ---- */

typedef struct {
    size_t n, at;
    const char *const *ids; /* instead of "s<i>"; NULL: none */
} source;

static int opened;

static fm_status source_next(void *state, struct fm_arena *arena, fm_sample *out, bool *more,
                             fm_err *err)
{
    source *s = state;
    char id[32];

    (void)err;
    *more = s->at < s->n;
    if (!*more)
        return FM_OK;
    snprintf(id, sizeof(id), "s%zu", s->at);
    *out = (fm_sample){.id = fm_arena_strdup(arena, s->ids ? s->ids[s->at] : id),
                       .category = s->at % 2   ? "outdoor"
                                   : s->at % 4 ? "indoor"
                                               : NULL,
                       .steps = (int)(s->at % 5),
                       .instruction = fm_arena_strdup(arena, "move it"),
                       .target = "red cup"};
    s->at++;
    return FM_OK;
}

static void source_close(void *state)
{
    free(state);
}

static size_t completed, opened_for_names;

static fm_status source_open(void *context, fm_walk_use use, void **state, fm_err *err)
{
    source *copy = malloc(sizeof(*copy));

    (void)err;
    opened_for_names += use == FM_WALK_NAMES;
    *copy = *(const source *)context;
    *state = copy;
    opened++;
    return FM_OK;
}

static fm_status source_complete(void *state, struct fm_arena *arena, fm_sample *sample,
                                 fm_err *err)
{
    (void)state, (void)arena, (void)err;
    sample->image_path = "/picture.png";
    completed++;
    return FM_OK;
}

static const fm_loader_ops loader = {
    .name = "made", .next = source_next, .complete = source_complete, .close = source_close};

#define MAX_ASKINGS 4000

/* The ids of a walk, one after another in `text`, and how many. */
typedef struct {
    char ids[MAX_ASKINGS][16];
    size_t n, total;
} walked;

static fm_status walk_from(source *from, const fm_selection *selection, fm_walk_order order,
                           walked *out, fm_err *err)
{
    fm_walk *walk = NULL;
    bool more = true;
    fm_status st = fm_walk_open(&walk, selection, &loader, source_open, from, order, "data", err);

    *out = (walked){.total = st == FM_OK ? fm_walk_total(walk) : 0};
    while (st == FM_OK) {
        fm_selected selected;

        st = fm_walk_next(walk, &selected, &more, err);
        if (st != FM_OK || !more)
            break;
        cr_assert(lt(sz, out->n, MAX_ASKINGS));
        cr_assert(selected.sample->image_path != NULL, "not completed");
        snprintf(out->ids[out->n++], sizeof(out->ids[0]), "%s", selected.sample->id);
    }
    fm_walk_close(walk);
    return st;
}

static void walk_made(size_t n, const fm_selection *selection, fm_walk_order order, walked *out)
{
    source from = {.n = n};
    fm_err err = {0};

    cr_assert(eq(int, walk_from(&from, selection, order, out, &err), FM_OK), "%s", err.text);
    if (order == FM_WALK_ASK)
        cr_assert(eq(sz, out->total, out->n));
}

static char *joined(const walked *w)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < w->n && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "", w->ids[i]);
    return text;
}

/* Pictures are laid out for the samples of the walk alone, however often the data is read. */
Test(selection, only_what_is_chosen_is_completed)
{
    const fm_selection some[] = {
        {.shuffle = true, .shuffle_seed = 1, .limit = 3},
        {.limit = 3},
        {.filters = {"category=outdoor"}, .n_filters = 1, .limit = 3},
    };
    walked w;

    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        for (int order = FM_WALK_SUITE; order <= FM_WALK_ASK; order++) {
            completed = opened_for_names = 0;
            walk_made(40, &some[i], (fm_walk_order)order, &w);
            cr_assert(eq(sz, w.n, 3));
            cr_assert(eq(sz, completed, 3));
            cr_assert(eq(sz, opened_for_names, order == FM_WALK_ASK || some[i].shuffle));
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void sort(walked *w)
{
    qsort(w->ids, w->n, sizeof(w->ids[0]), by_text);
}

static walked a, b;

/* ---- filters ---- */

struct filtered {
    char filter[40], ids[60];
};

ParameterizedTestParameters(selection, filters_keep_what_holds)
{
    static struct filtered cases[] = {
        {"id=s3", "s3"},
        {"id!=s3", "s0 s1 s2 s4 s5 s6 s7"},
        {"category=out*", "s1 s3 s5 s7"},
        {"category=indoor", "s2 s6"},
        {"category!=outdoor", "s0 s2 s4 s6"}, /* unstated is not outdoor */
        {"category=*", "s1 s2 s3 s5 s6 s7"},
        {"steps>=3", "s3 s4"},
        {"steps>3", "s4"},
        {"steps<2", "s1 s6"}, /* 0: not stated */
        {"steps<=2", "s1 s2 s6 s7"},
        {"steps=2", "s2 s7"},
        {"steps!=2", "s0 s1 s3 s4 s5 s6"},
        {"target=red?cup", "s0 s1 s2 s3 s4 s5 s6 s7"},
        {"destination=*", ""},
        {"instruction=", ""},
    };

    return cr_make_param_array(struct filtered, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct filtered *c, selection, filters_keep_what_holds)
{
    fm_selection s = {.filters = {c->filter}, .n_filters = 1};

    walk_made(8, &s, FM_WALK_ASK, &a);
    cr_assert(eq(str, joined(&a), c->ids), "%s", c->filter);
}

Test(selection, all_filters_must_hold)
{
    fm_selection s = {.filters = {"category=outdoor", "steps>=2"}, .n_filters = 2};

    walk_made(8, &s, FM_WALK_SUITE, &a);
    cr_assert(eq(str, joined(&a), (char *)"s3 s7"));
}

struct refused {
    char filter[40], says[60];
};

ParameterizedTestParameters(selection, filters_that_are_none_are_refused)
{
    static struct refused cases[] = {
        {"", "not of the form"},
        {"steps", "not of the form"},
        {"=3", "not of the form"},
        {"stepps>3", "did you mean 'steps'"},
        {"color=red", "there is no 'color'"},
        {"steps>many", "'many' is no number"},
        {"category<b", "compared with = or !="},
        {"id!3", "'!' alone"},
    };

    return cr_make_param_array(struct refused, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refused *c, selection, filters_that_are_none_are_refused)
{
    fm_selection s = {.filters = {c->filter}, .n_filters = 1};
    fm_err err = {0};

    cr_assert(eq(int, fm_selection_check(&s, &err), FM_E_USAGE), "%s", c->filter);
    cr_assert(strstr(err.text, c->says) != NULL, "%s", err.text);
}

/* ---- order ---- */

Test(selection, asks_every_sample_once_before_any_twice)
{
    fm_selection s = {.repeat = 3, .limit = 2};

    walk_made(5, &s, FM_WALK_ASK, &a);
    cr_assert(eq(str, joined(&a), (char *)"s0 s1 s0#2 s1#2 s0#3 s1#3"));
    walk_made(5, &s, FM_WALK_SUITE, &a);
    cr_assert(eq(str, joined(&a), (char *)"s0 s0#2 s0#3 s1 s1#2 s1#3"));
}

Test(selection, a_shuffle_keeps_everything_and_depends_on_its_seed_alone)
{
    fm_selection s = {.shuffle = true, .shuffle_seed = 7}, plain = {0};

    walk_made(1000, &s, FM_WALK_ASK, &a);
    walk_made(1000, &s, FM_WALK_ASK, &b);
    cr_assert(eq(int, memcmp(a.ids, b.ids, sizeof(a.ids)), 0));
    s.shuffle_seed = 8;
    walk_made(1000, &s, FM_WALK_ASK, &b);
    cr_assert(ne(int, memcmp(a.ids, b.ids, sizeof(a.ids)), 0));
    walk_made(1000, &plain, FM_WALK_ASK, &b);
    cr_assert(ne(int, memcmp(a.ids, b.ids, sizeof(a.ids)), 0));
    sort(&a);
    sort(&b);
    cr_assert(eq(int, memcmp(a.ids, b.ids, sizeof(a.ids)), 0));
}

Test(selection, a_shuffled_order_is_for_asking_not_for_grading)
{
    fm_selection s = {.shuffle = true, .shuffle_seed = 7};

    walk_made(6, &s, FM_WALK_SUITE, &a);
    cr_assert(eq(str, joined(&a), (char *)"s0 s1 s2 s3 s4 s5"));
}

Test(selection, a_limit_of_a_shuffle_is_a_random_subset)
{
    fm_selection s = {.shuffle = true, .shuffle_seed = 7, .limit = 20};

    walk_made(1000, &s, FM_WALK_ASK, &a);
    cr_assert(eq(sz, a.n, 20));
    walk_made(1000, &s, FM_WALK_SUITE, &b);
    sort(&a);
    sort(&b);
    cr_assert(eq(int, memcmp(a.ids, b.ids, sizeof(a.ids)), 0));
    cr_assert(ne(str, b.ids[0], (char *)"s0"));
}

Test(selection, a_larger_limit_goes_on_where_a_smaller_one_ended)
{
    fm_selection s = {.shuffle = true, .shuffle_seed = 7, .limit = 20};

    walk_made(1000, &s, FM_WALK_ASK, &a);
    s.limit = 50;
    walk_made(1000, &s, FM_WALK_ASK, &b);
    cr_assert(eq(int, memcmp(a.ids, b.ids, 20 * sizeof(a.ids[0])), 0));
}

/* 80 kB a sample: a window holds a hundred of them. */
static fm_status heavy_next(void *state, struct fm_arena *arena, fm_sample *out, bool *more,
                            fm_err *err)
{
    fm_status st = source_next(state, arena, out, more, err);

    cr_assert(lt(sz, arena->used_bytes, (size_t)12 << 20));
    if (*more)
        out->target = memset(fm_arena_alloc(arena, 80000, 1), 'x', 79999);
    return st;
}

Test(selection, large_samples_are_read_in_several_passes)
{
    static const fm_loader_ops heavy = {.name = "heavy", .next = heavy_next, .close = source_close};
    source from = {.n = 300};
    fm_selection s = {.shuffle = true, .shuffle_seed = 7, .repeat = 2};
    fm_walk *walk = NULL;
    fm_err err = {0};
    size_t n = 0;

    walk_made(300, &s, FM_WALK_ASK, &a);
    opened = 0;
    cr_assert(eq(int,
                 fm_walk_open(&walk, &s, &heavy, source_open, &from, FM_WALK_ASK, "data", &err),
                 FM_OK));
    for (bool more = true;; n++) {
        fm_selected selected;

        cr_assert(eq(int, fm_walk_next(walk, &selected, &more, &err), FM_OK), "%s", err.text);
        if (!more)
            break;
        cr_assert(eq(str, (char *)selected.sample->id, a.ids[n]));
        cr_assert(eq(sz, strlen(selected.sample->target), 79999));
    }
    cr_assert(eq(sz, n, 600));
    cr_assert(gt(int, opened, 4));
    cr_assert(lt(int, opened, 12));
    fm_walk_close(walk);
}

Test(selection, memory_of_a_walk_can_be_the_callers)
{
    source from = {.n = 3};
    fm_selection s = {.repeat = 2};
    fm_selected all[6];
    fm_arena arena = {0};
    fm_walk *walk = NULL;
    bool more;

    cr_assert(eq(int,
                 fm_walk_open(&walk, &s, &loader, source_open, &from, FM_WALK_SUITE, "data", NULL),
                 FM_OK));
    for (size_t i = 0; i < 6; i++)
        cr_assert(eq(int, fm_walk_next_in(walk, &arena, &all[i], &more, NULL), FM_OK));
    fm_walk_close(walk);
    cr_assert(eq(str, (char *)all[0].sample->id, (char *)"s0"));
    cr_assert(eq(str, (char *)all[1].sample->id, (char *)"s0#2"));
    cr_assert(eq(str, (char *)all[5].sample->id, (char *)"s2#2"));
    cr_assert(eq(str, (char *)all[5].base_id, (char *)"s2"));
    cr_assert(eq(int, all[5].repeat, 2));
    fm_arena_release(&arena);
}

/* ---- shards ---- */

Test(selection, the_shard_of_an_id_is_that_of_its_hash)
{
    /* printf 7 | sha256sum: 7902699be42c8a8e... */
    cr_assert(eq(int, fm_shard_of("7", 10), (int)(UINT64_C(0x7902699be42c8a8e) % 10)));
    cr_assert(eq(int, fm_shard_of("7", 1), 0));
    cr_assert(eq(int, fm_shard_of("7", 0), 0));
}

static void shards_are_the_run(fm_selection s)
{
    static walked part;

    walk_made(1000, &s, FM_WALK_ASK, &a);
    b.n = 0;
    s.shards = 4;
    for (s.shard = 0; s.shard < 4; s.shard++) {
        walk_made(1000, &s, FM_WALK_ASK, &part);
        cr_assert(gt(sz, part.n, a.n / 8));
        memcpy(b.ids[b.n], part.ids, part.n * sizeof(part.ids[0]));
        b.n += part.n;
    }
    cr_assert(eq(sz, a.n, b.n));
    sort(&a);
    sort(&b);
    cr_assert(eq(int, memcmp(a.ids, b.ids, a.n * sizeof(a.ids[0])), 0));
}

Test(selection, shards_together_are_the_run)
{
    shards_are_the_run((fm_selection){0});
    shards_are_the_run((fm_selection){.repeat = 2});
    shards_are_the_run((fm_selection){.limit = 100});
    shards_are_the_run((fm_selection){.limit = 100, .shuffle = true, .shuffle_seed = 3});
    shards_are_the_run((fm_selection){.filters = {"steps>=2"}, .n_filters = 1});
}

struct shard_case {
    char task[16], count[16], min[16], step[16], index[16], completions[16];
    int shard, shards; /* -1: refused */
};

ParameterizedTestParameters(selection, shards_come_from_the_environment)
{
    static struct shard_case cases[] = {
        {"", "", "", "", "", "", 0, 0},      {"2", "4", "0", "1", "", "", 2, 4},
        {"2", "4", "1", "", "", "", 1, 4},   {"6", "4", "0", "2", "", "", 3, 4},
        {"0", "1", "0", "", "", "", 0, 0},   {"2", "", "", "", "", "", -1, 0},
        {"2", "1", "2", "", "", "", -1, 0}, /* one task submitted again */
        {"7", "4", "0", "", "", "", -1, 0}, /* a list with gaps */
        {"3", "4", "0", "2", "", "", -1, 0}, {"x", "4", "0", "", "", "", -1, 0},
        {"", "", "", "", "3", "4", 3, 4},    {"", "", "", "", "4", "4", -1, 0},
        {"", "", "", "", "3", "", -1, 0},
    };

    return cr_make_param_array(struct shard_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static void set(const char *name, const char *value)
{
    if (*value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

ParameterizedTest(struct shard_case *c, selection, shards_come_from_the_environment)
{
    fm_selection s = {0};
    const char *origin = "unset";
    fm_err err = {0};

    set("SLURM_ARRAY_TASK_ID", c->task);
    set("SLURM_ARRAY_TASK_COUNT", c->count);
    set("SLURM_ARRAY_TASK_MIN", c->min);
    set("SLURM_ARRAY_TASK_STEP", c->step);
    set("JOB_COMPLETION_INDEX", c->index);
    set("JOB_COMPLETIONS", c->completions);
    cr_assert(eq(int, fm_shard_read(NULL, &s, &origin, &err), c->shard < 0 ? FM_E_USAGE : FM_OK),
              "%s", err.text);
    if (c->shard >= 0) {
        cr_assert(eq(int, s.shard, c->shard));
        cr_assert(eq(int, s.shards, c->shards));
        cr_assert(eq(int, origin != NULL, *c->task || *c->index));
    }
}

Test(selection, a_shard_that_is_given_wins_over_the_environment)
{
    fm_selection s = {0};
    const char *origin;

    set("SLURM_ARRAY_TASK_ID", "1");
    set("SLURM_ARRAY_TASK_COUNT", "2");
    cr_assert(eq(int, fm_shard_read("3/7", &s, &origin, NULL), FM_OK));
    cr_assert(eq(int, s.shard, 3));
    cr_assert(eq(int, s.shards, 7));
    cr_assert(eq(str, (char *)origin, (char *)"--shard"));
    cr_assert(eq(int, fm_shard_read("0/1", &s, &origin, NULL), FM_OK));
    cr_assert(eq(int, s.shards, 0));
}

Test(selection, shards_that_are_none_are_refused)
{
    static const char *const texts[] = {
        "", "3", "4/4", "-1/4", "1/0", "a/b", "1/2/3", "1/99999999999", "00000000000000000000/4"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fm_selection s = {0};
        const char *origin;

        cr_assert(eq(int, fm_shard_read(texts[i], &s, &origin, NULL), FM_E_USAGE), "%s", texts[i]);
    }
}

/* ---- ids ---- */

static fm_status walk_ids(const char *const *ids, size_t n, int repeat, fm_walk_order order,
                          fm_err *err)
{
    source from = {.n = n, .ids = ids};
    fm_selection s = {.repeat = repeat};

    *err = (fm_err){0};
    return walk_from(&from, &s, order, &a, err);
}

Test(selection, ids_that_stand_twice_are_refused)
{
    static const char *const ids[] = {"a", "b", "c", "b"};
    fm_err err;

    for (int order = FM_WALK_SUITE; order <= FM_WALK_ASK; order++) {
        cr_assert(eq(int, walk_ids(ids, 4, 1, order, &err), FM_E_INPUT));
        cr_assert(eq(str, err.text, (char *)"id 'b' stands twice in the data in 'data'"));
        cr_assert(eq(int, walk_ids(ids, 3, 1, order, &err), FM_OK));
    }
}

Test(selection, ids_that_read_like_repeats_are_refused_where_there_are_repeats)
{
    static const char *const ids[] = {"a", "b#2"}, *const others[] = {"a#9", "b#02", "#2", "c#1"};
    fm_err err;

    for (int order = FM_WALK_SUITE; order <= FM_WALK_ASK; order++) {
        cr_assert(eq(int, walk_ids(ids, 2, 1, order, &err), FM_OK));
        cr_assert(eq(int, walk_ids(ids, 2, 2, order, &err), FM_E_INPUT));
        cr_assert(strstr(err.text, "'b#2'") != NULL, "%s", err.text);
        cr_assert(eq(int, walk_ids(others, 4, 3, order, &err), FM_OK), "%s", err.text);
    }
}

Test(selection, ids_leave_room_for_repeats)
{
    char id[FM_SAMPLE_ID_BYTES];
    const char *const ids[] = {id};
    fm_err err;

    memset(id, 'x', sizeof(id));
    id[FM_SAMPLE_ID_BYTES - 3] = '\0'; /* "#9" fits, "#10" does not */
    cr_assert(eq(int, walk_ids(ids, 1, 9, FM_WALK_ASK, &err), FM_OK));
    cr_assert(eq(int, walk_ids(ids, 1, 10, FM_WALK_ASK, &err), FM_E_INPUT));
}

Test(selection, no_samples_are_no_askings)
{
    fm_selection s = {.shuffle = true, .repeat = 2};

    walk_made(0, &s, FM_WALK_ASK, &a);
    cr_assert(eq(sz, a.n, 0));
}

/* ---- as JSON ---- */

static void round_trip(const fm_selection *s, const char *expected)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};
    fm_arena arena = {0};
    fm_selection back;
    cJSON *tree = NULL;

    fm_json_open(&w, NULL, '{');
    fm_selection_put(s, &w);
    fm_json_close(&w, '}');
    cr_assert(eq(str, (char *)fm_buf_text(&text), (char *)expected));
    cr_assert(eq(int, fm_json_parse(text.data, text.size, "test", &tree, NULL), FM_OK));
    cr_assert(eq(int, fm_selection_get(tree, "test", &arena, &back, NULL), FM_OK));
    cr_assert(fm_selection_equal(s, &back));
    cJSON_Delete(tree);
    fm_arena_release(&arena);
    fm_buf_release(&text);
}

Test(selection, what_is_written_is_read_back)
{
    fm_selection s = {.filters = {"id=\"*\"", "steps>1"},
                      .n_filters = 2,
                      .shard = 1,
                      .shards = 4,
                      .shuffle = true,
                      .limit = 10,
                      .repeat = 3};

    round_trip(&(fm_selection){.repeat = 1}, "{}");
    round_trip(&s,
               "{\"filters\": [\"id=\\\"*\\\"\", \"steps>1\"], \"shuffle_seed\": 0, \"limit\": 10, "
               "\"shard\": \"1/4\", \"repeat\": 3}");
}

Test(selection, every_part_counts_when_two_are_compared)
{
    const fm_selection base = {.filters = {"id=1"}, .n_filters = 1, .shards = 4, .limit = 3};
    fm_selection other[6];

    for (size_t i = 0; i < 6; i++)
        other[i] = base;
    other[0].filters[0] = "id=2";
    other[1].shard = 1;
    other[2].limit = 4;
    other[3].repeat = 2;
    other[4].shuffle = true;
    other[5].n_filters = 0;
    cr_assert(fm_selection_equal(&base, &base));
    for (size_t i = 0; i < 6; i++)
        cr_assert(fm_selection_equal(&base, &other[i]) == false, "%zu", i);
}

Test(selection, a_damaged_selection_is_bad_input)
{
    static const char *const texts[] = {"{\"filters\":[1]}",   "{\"filters\":[\"no\"]}",
                                        "{\"shard\":\"4/4\"}", "{\"limit\":-1}",
                                        "{\"repeat\":1e9}",    "{\"shuffle_seed\":\"x\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fm_arena arena = {0};
        fm_selection s;
        fm_err err = {0};
        cJSON *tree = NULL;

        cr_assert(eq(int, fm_json_parse(texts[i], strlen(texts[i]), "test", &tree, NULL), FM_OK));
        cr_assert(eq(int, fm_selection_get(tree, "test", &arena, &s, &err), FM_E_INPUT), "%s",
                  texts[i]);
        cr_assert(eq(int, strncmp(err.text, "test: ", 6), 0), "%s", err.text);
        cJSON_Delete(tree);
        fm_arena_release(&arena);
    }
}
