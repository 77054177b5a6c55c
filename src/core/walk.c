/* Owns the passes over the data: which samples of a pass are wanted, in which order they are given,
 * and that no two askings share an id. What a filter or a shard is belongs to selection.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/idmap.h"
#include "base/rng.h"
#include "base/size.h"
#include "base/text.h"
#include "core/selection.h"
#include "core/selection_internal.h"

/* A shuffled walk reads the data once for as many samples as fit into this: the larger, the fewer
 * passes. A text sample takes some 500 bytes. */
#define WINDOW_BYTES ((size_t)8 << 20)

/* The ordinal of a sample is its place among those that the filters let through. A shuffle keeps it
 * in four bytes, with a mark in the highest bit on those of this shard. */
#define MINE        (UINT32_C(1) << 31)
#define MAX_SAMPLES ((size_t)MINE - 1)

struct fm_walk {
    fm_selection selection;
    fm_filter filters[FM_MAX_FILTERS];
    const fm_loader_ops *loader;
    fm_walk_opener open_loader;
    void *context;
    fm_walk_order order;
    const char *data_dir;
    size_t total;

    /* the pass that is under way */
    void *state;      /* the loader's; NULL: none */
    size_t read;      /* samples that the loader gave */
    size_t ordinal;   /* of the next sample that the filters let through */
    bool surveyed;    /* an earlier pass has seen to the ids */
    uint64_t *hashes; /* of the ids, until they are seen to; doubled in size when full */
    size_t capacity;

    /* of a shuffle */
    uint32_t *ranks; /* FM_WALK_ASK: the ordinals in the order of asking */
    size_t n_ranks, ranks_capacity;
    unsigned char *chosen; /* FM_WALK_SUITE with a limit: a bit an ordinal */
    fm_sample *window;     /* the samples of ranks[window_at ... + window_n) */
    size_t window_at, window_n, window_most;

    /* what was given last */
    fm_arena arena;
    fm_sample sample;
    const char *base_id;
    char id[FM_SAMPLE_ID_BYTES];
    size_t at;  /* rank of the next one of a shuffled walk */
    int repeat; /* of the sample (FM_WALK_SUITE) or of this round of askings */
};

static fm_status no_memory(const fm_walk *walk, fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the order of the samples in '%s'",
                   walk->data_dir);
}

/* ---- one pass over the data ---- */

static void end_pass(fm_walk *walk)
{
    if (walk->state)
        walk->loader->close(walk->state);
    walk->state = NULL;
}

static fm_status begin_pass(fm_walk *walk, fm_walk_use use, fm_err *err)
{
    end_pass(walk);
    walk->read = 0;
    walk->ordinal = 0;
    return walk->open_loader(walk->context, use, &walk->state, err);
}

/* The sample that was read last is one of the walk's. */
static fm_status complete(const fm_walk *walk, fm_arena *arena, fm_sample *sample, fm_err *err)
{
    return walk->loader->complete ? walk->loader->complete(walk->state, arena, sample, err) : FM_OK;
}

/* "<base>#<2 to most>", which would be the id of an asking of another sample. */
static bool reads_like_repeat(const char *id, int most)
{
    const char *mark = strrchr(id, '#');
    uint64_t k;

    return mark && mark > id && mark[1] != '0' && fm_text_to_uint64(mark + 1, &k) && k >= 2 &&
           k <= (uint64_t)most;
}

static fm_status check_repeats(const fm_walk *walk, const char *id, fm_err *err)
{
    int most = fm_selection_repeat(&walk->selection);

    if (most > 1 && reads_like_repeat(id, most))
        return fm_fail(err, FM_E_INPUT,
                       "id '%s' in '%s' reads like another asking of '%.*s': this data cannot be "
                       "asked %d times",
                       id, walk->data_dir, (int)(strrchr(id, '#') - id), id, most);
    if (most > 1 && snprintf(NULL, 0, "%s#%d", id, most) >= FM_SAMPLE_ID_BYTES)
        return fm_fail(err, FM_E_INPUT, "id '%s' in '%s' is too long for '#%d' behind it", id,
                       walk->data_dir, most);
    return FM_OK;
}

static bool grow(void **array, size_t *capacity, size_t n, size_t size)
{
    size_t want = *capacity ? *capacity * 2 : 1024, bytes;
    void *grown = n < *capacity                     ? *array
                  : fm_size_mul(want, size, &bytes) ? realloc(*array, bytes)
                                                    : NULL;

    if (!grown)
        return false;
    *capacity = n < *capacity ? *capacity : want;
    *array = grown;
    return true;
}

static fm_status note_id(fm_walk *walk, const char *id, fm_err *err)
{
    fm_status st = check_repeats(walk, id, err);
    void *hashes = walk->hashes;

    if (st != FM_OK)
        return st;
    if (!grow(&hashes, &walk->capacity, walk->read, sizeof(*walk->hashes)))
        return no_memory(walk, err);
    walk->hashes = hashes;
    walk->hashes[walk->read] = fm_hash_quick(id, strlen(id));
    return FM_OK;
}

static bool let_through(const fm_walk *walk, const fm_sample *sample)
{
    for (size_t i = 0; i < walk->selection.n_filters; i++)
        if (!fm_filter_holds(&walk->filters[i], sample))
            return false;
    return true;
}

/* The next sample that the filters let through, in `arena`; without a shuffle the limit ends the
 * pass. */
static fm_status pass_next(fm_walk *walk, fm_arena *arena, fm_sample *out, bool *more, fm_err *err)
{
    const fm_selection *s = &walk->selection;

    for (;;) {
        fm_arena_place place = fm_arena_mark(arena);
        fm_status st;

        *more = false;
        if (!s->shuffle && s->limit && walk->ordinal == s->limit)
            return FM_OK;
        st = walk->loader->next(walk->state, arena, out, more, err);
        if (st == FM_OK && *more && !walk->surveyed)
            st = note_id(walk, out->id, err);
        if (st != FM_OK || !*more)
            return st;
        walk->read++;
        if (let_through(walk, out)) {
            walk->ordinal++;
            return FM_OK;
        }
        fm_arena_rewind(arena, place);
    }
}

static bool in_shard(const fm_walk *walk, const char *id)
{
    return fm_shard_of(id, walk->selection.shards) == walk->selection.shard;
}

/* ---- ids that stand twice ---- */

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Equal hashes need not be equal ids: read the data again and look at these alone. */
static fm_status look_at_doubles(const fm_walk *walk, const uint64_t *doubles, size_t n,
                                 fm_err *err)
{
    fm_arena arena = {0};
    fm_id_map ids = {0};
    void *state = NULL;
    fm_status st = walk->open_loader(walk->context, FM_WALK_NAMES, &state, err);

    for (size_t i = 0; st == FM_OK && i < walk->read; i++) {
        fm_sample sample;
        bool more, fresh = true;

        fm_arena_reset(&arena);
        st = walk->loader->next(state, &arena, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        uint64_t hash = fm_hash_quick(sample.id, strlen(sample.id));
        if (!bsearch(&hash, doubles, n, sizeof(hash), by_hash))
            continue;
        if (!fm_id_map_put(&ids, sample.id, 0, &fresh, NULL))
            st = no_memory(walk, err);
        else if (!fresh)
            st = fm_fail(err, FM_E_INPUT, "id '%s' stands twice in the data in '%s'", sample.id,
                         walk->data_dir);
    }
    if (state)
        walk->loader->close(state);
    fm_id_map_release(&ids);
    fm_arena_release(&arena);
    return st;
}

/* Ids decide which reply belongs to which sample. Eight bytes a sample tell whether two may be equal,
 * where a table of the ids would take fifty. */
static fm_status check_ids(fm_walk *walk, fm_err *err)
{
    size_t n = 0;
    fm_status st = FM_OK;

    if (walk->read)
        qsort(walk->hashes, walk->read, sizeof(*walk->hashes), by_hash);
    for (size_t i = 1; i < walk->read; i++)
        if (walk->hashes[i] == walk->hashes[i - 1] &&
            (n == 0 || walk->hashes[n - 1] != walk->hashes[i]))
            walk->hashes[n++] = walk->hashes[i];
    if (n)
        st = look_at_doubles(walk, walk->hashes, n, err);
    free(walk->hashes);
    walk->hashes = NULL;
    walk->capacity = 0;
    walk->surveyed = true;
    return st;
}

/* ---- the first pass: how many, and in which order ---- */

static fm_status note_rank(fm_walk *walk, bool mine, fm_err *err)
{
    void *ranks = walk->ranks;

    if (walk->n_ranks >= MAX_SAMPLES)
        return fm_fail(err, FM_E_INPUT, "'%s' holds too many samples to be shuffled",
                       walk->data_dir);
    if (!grow(&ranks, &walk->ranks_capacity, walk->n_ranks, sizeof(*walk->ranks)))
        return no_memory(walk, err);
    walk->ranks = ranks;
    walk->ranks[walk->n_ranks] = (uint32_t)walk->n_ranks | (mine ? MINE : 0);
    walk->n_ranks++;
    return FM_OK;
}

/* Fisher and Yates from the front, so that a smaller limit gives the first of a larger one's; then
 * the limit, then the shard. */
static void shuffle(fm_walk *walk)
{
    const fm_selection *s = &walk->selection;
    size_t kept = s->limit && s->limit < walk->n_ranks ? (size_t)s->limit : walk->n_ranks, n = 0;
    fm_rng rng;

    fm_rng_seed(&rng, s->shuffle_seed);
    for (size_t i = 0; i < kept; i++) {
        size_t j = i + (size_t)fm_rng_below(&rng, walk->n_ranks - i);
        uint32_t other = walk->ranks[j];

        walk->ranks[j] = walk->ranks[i];
        walk->ranks[i] = other;
    }
    for (size_t i = 0; i < kept; i++)
        if (walk->ranks[i] & MINE)
            walk->ranks[n++] = walk->ranks[i] & ~MINE;
    walk->n_ranks = n;
}

/* In the data's order a bit for each sample says all that a shuffle with a limit does. */
static fm_status choose(fm_walk *walk, fm_err *err)
{
    walk->chosen = calloc(walk->ordinal / 8 + 1, 1);
    if (!walk->chosen)
        return no_memory(walk, err);
    for (size_t i = 0; i < walk->n_ranks; i++)
        walk->chosen[walk->ranks[i] / 8] |= (unsigned char)(1 << walk->ranks[i] % 8);
    free(walk->ranks);
    walk->ranks = NULL;
    return FM_OK;
}

static fm_status survey(fm_walk *walk, fm_err *err)
{
    uint64_t bytes = 0;
    size_t mine = 0;
    fm_status st = begin_pass(walk, FM_WALK_NAMES, err);

    while (st == FM_OK) {
        fm_sample sample;
        bool more;

        fm_arena_reset(&walk->arena);
        st = pass_next(walk, &walk->arena, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        bytes += walk->arena.used_bytes + sizeof(sample);
        bool here = in_shard(walk, sample.id);
        mine += here;
        if (walk->selection.shuffle)
            st = note_rank(walk, here, err);
    }
    if (st == FM_OK)
        st = check_ids(walk, err);
    if (st == FM_OK && walk->selection.shuffle) {
        shuffle(walk);
        mine = walk->n_ranks;
        walk->window_most = WINDOW_BYTES / (size_t)(bytes / (walk->ordinal + 1) + 1) + 1;
    }
    walk->total = mine * (size_t)fm_selection_repeat(&walk->selection);
    if (st == FM_OK && walk->selection.shuffle && walk->order == FM_WALK_SUITE)
        st = choose(walk, err);
    return st;
}

/* ---- a shuffled walk: many samples of one pass, in the order of their ranks ---- */

static fm_status changed(const fm_walk *walk, fm_err *err)
{
    return fm_fail(err, FM_E_INPUT, "the data in '%s' changed while it was read", walk->data_dir);
}

/* Fill walk->window; wanted[n] are ordinals << 32 | places in the window, ascending. */
static fm_status fill_window(fm_walk *walk, const uint64_t *wanted, size_t n, fm_err *err)
{
    fm_status st = begin_pass(walk, FM_WALK_SAMPLES, err);

    fm_arena_reset(&walk->arena);
    for (size_t i = 0; st == FM_OK && i < n;) {
        fm_arena_place place = fm_arena_mark(&walk->arena);
        size_t ordinal = walk->ordinal;
        fm_sample sample;
        bool more;

        st = pass_next(walk, &walk->arena, &sample, &more, err);
        if (st == FM_OK && !more)
            st = changed(walk, err);
        if (st != FM_OK)
            break;
        if (ordinal != wanted[i] >> 32) {
            fm_arena_rewind(&walk->arena, place);
            continue;
        }
        st = complete(walk, &walk->arena, &sample, err);
        walk->window[wanted[i++] & UINT32_MAX] = sample;
    }
    end_pass(walk);
    return st;
}

static fm_status load_window(fm_walk *walk, fm_err *err)
{
    size_t left = walk->n_ranks - walk->at;
    size_t n = left < walk->window_most ? left : walk->window_most;
    uint64_t *wanted = calloc(n, sizeof(*wanted));
    fm_status st;

    if (!walk->window)
        walk->window = calloc(n, sizeof(*walk->window));
    if (!wanted || !walk->window) {
        free(wanted);
        return no_memory(walk, err);
    }
    for (size_t i = 0; i < n; i++)
        wanted[i] = (uint64_t)walk->ranks[walk->at + i] << 32 | i;
    qsort(wanted, n, sizeof(*wanted), by_hash);
    st = fill_window(walk, wanted, n, err);
    walk->window_at = walk->at;
    walk->window_n = st == FM_OK ? n : 0;
    free(wanted);
    return st;
}

/* ---- walking ---- */

fm_status fm_walk_open(fm_walk **out, const fm_selection *selection, const fm_loader_ops *loader,
                       fm_walk_opener open_loader, void *context, fm_walk_order order,
                       const char *data_dir, fm_err *err)
{
    fm_status st = fm_selection_check(selection, err);
    fm_walk *walk;

    if (st != FM_OK)
        return st;
    walk = calloc(1, sizeof(*walk));
    if (!walk)
        return fm_fail(err, FM_E_NOMEM, "no memory for a walk over '%s'", data_dir);
    *walk = (fm_walk){.selection = *selection,
                      .loader = loader,
                      .open_loader = open_loader,
                      .context = context,
                      .order = order,
                      .data_dir = data_dir,
                      .repeat = 1};
    if (order == FM_WALK_SUITE && !selection->limit)
        walk->selection.shuffle = false; /* all are chosen, in the data's order */
    for (size_t i = 0; st == FM_OK && i < selection->n_filters; i++)
        st = fm_filter_read(selection->filters[i], &walk->filters[i], err);
    if (st == FM_OK && (order == FM_WALK_ASK || walk->selection.shuffle))
        st = survey(walk, err);
    if (st == FM_OK && (order == FM_WALK_SUITE || !walk->selection.shuffle))
        st = begin_pass(walk, FM_WALK_SAMPLES, err);
    else
        end_pass(walk);
    if (st == FM_OK)
        *out = walk;
    else
        fm_walk_close(walk);
    return st;
}

size_t fm_walk_total(const fm_walk *walk)
{
    return walk->order == FM_WALK_ASK ? walk->total : 0;
}

/* The next sample of the pass that is this walk's. */
static fm_status next_of_pass(fm_walk *walk, fm_arena *arena, bool *more, fm_err *err)
{
    fm_status st;

    do {
        fm_arena_place place = fm_arena_mark(arena);
        size_t ordinal = walk->ordinal;

        st = pass_next(walk, arena, &walk->sample, more, err);
        if (st != FM_OK || !*more)
            break;
        if (walk->chosen ? walk->chosen[ordinal / 8] >> ordinal % 8 & 1
                         : in_shard(walk, walk->sample.id))
            break;
        fm_arena_rewind(arena, place);
    } while (true);
    if (st == FM_OK && *more)
        st = complete(walk, arena, &walk->sample, err);
    else if (st == FM_OK && !walk->surveyed)
        st = check_ids(walk, err);
    return st;
}

static void name_asking(fm_walk *walk, fm_selected *out)
{
    walk->sample.id = walk->base_id;
    if (walk->repeat > 1) {
        snprintf(walk->id, sizeof(walk->id), "%s#%d", walk->base_id, walk->repeat);
        walk->sample.id = walk->id;
    }
    *out = (fm_selected){.sample = &walk->sample, .base_id = walk->base_id, .repeat = walk->repeat};
}

static fm_status next_in_suite(fm_walk *walk, fm_arena *arena, fm_selected *out, bool *more,
                               fm_err *err)
{
    fm_status st = FM_OK;

    *more = true;
    if (walk->base_id && walk->repeat < fm_selection_repeat(&walk->selection)) {
        walk->repeat++;
    } else {
        st = next_of_pass(walk, arena, more, err);
        walk->repeat = 1;
        walk->base_id = st == FM_OK && *more ? walk->sample.id : NULL;
    }
    if (st == FM_OK && *more)
        name_asking(walk, out);
    return st;
}

/* From the window, which the next rank may be behind, or, after the last one, before. */
static fm_status next_shuffled(fm_walk *walk, bool *more, fm_err *err)
{
    fm_status st = FM_OK;

    *more = walk->at < walk->n_ranks;
    if (!*more)
        return FM_OK;
    if (walk->at < walk->window_at || walk->at >= walk->window_at + walk->window_n)
        st = load_window(walk, err);
    if (st == FM_OK)
        walk->sample = walk->window[walk->at++ - walk->window_at];
    return st;
}

static fm_status next_to_ask(fm_walk *walk, bool *more, fm_err *err)
{
    if (walk->selection.shuffle)
        return next_shuffled(walk, more, err);
    fm_arena_reset(&walk->arena);
    return next_of_pass(walk, &walk->arena, more, err);
}

static fm_status next_round(fm_walk *walk, fm_err *err)
{
    walk->repeat++;
    walk->at = 0;
    return walk->selection.shuffle ? FM_OK : begin_pass(walk, FM_WALK_SAMPLES, err);
}

fm_status fm_walk_next(fm_walk *walk, fm_selected *out, bool *more, fm_err *err)
{
    fm_status st;

    if (walk->order == FM_WALK_SUITE) {
        if (walk->repeat >= fm_selection_repeat(&walk->selection))
            fm_arena_reset(&walk->arena);
        return next_in_suite(walk, &walk->arena, out, more, err);
    }
    st = next_to_ask(walk, more, err);
    if (st == FM_OK && !*more && walk->repeat < fm_selection_repeat(&walk->selection)) {
        st = next_round(walk, err);
        if (st == FM_OK)
            st = next_to_ask(walk, more, err);
    }
    if (st != FM_OK || !*more)
        return st;
    walk->base_id = walk->sample.id;
    name_asking(walk, out);
    return FM_OK;
}

fm_status fm_walk_next_in(fm_walk *walk, fm_arena *arena, fm_selected *out, bool *more, fm_err *err)
{
    fm_status st = next_in_suite(walk, arena, out, more, err);
    fm_sample *copy;

    if (st != FM_OK || !*more)
        return st;
    copy = fm_arena_alloc(arena, 1, sizeof(*copy));
    if (!copy)
        return no_memory(walk, err);
    *copy = walk->sample;
    if (copy->id == walk->id && !(copy->id = fm_arena_strdup(arena, walk->id)))
        return no_memory(walk, err);
    out->sample = copy;
    return FM_OK;
}

void fm_walk_close(fm_walk *walk)
{
    if (!walk)
        return;
    end_pass(walk);
    fm_arena_release(&walk->arena);
    free(walk->hashes);
    free(walk->ranks);
    free(walk->chosen);
    free(walk->window);
    free(walk);
}
