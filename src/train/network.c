/* Owns how the parts make up the network, and what its losses are. */
#include "train/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* ---- making ---- */

static bool ends_in(const char *name, const char *end)
{
    size_t size = strlen(name), n = strlen(end);

    return size >= n && strcmp(name + size - n, end) == 0;
}

/* What leads from a block back into its stream. */
static bool leads_back(const char *name)
{
    static const char *const ends[] = {"self_attn.o_proj.weight",   "mlp.down_proj.weight",
                                       "self_attn.out_proj.weight", "mlp.fc2.weight",
                                       "attn.proj.weight",          "mlp.w3.weight"};

    for (size_t i = 0; i < FM_COUNT_OF(ends); i++)
        if (ends_in(name, ends[i]))
            return true;
    return false;
}

/* A bias on the way of geometry into the spatial encoder. */
static bool biases_geometry(const rt_slot *slot)
{
    static const char *const fields[] = {"ray_dirs_encoder.", "depth_encoder.",
                                         "depth_scale_encoder."};

    for (size_t i = 0; i < FM_COUNT_OF(fields); i++)
        if (strncmp(slot->name, fields[i], strlen(fields[i])) == 0)
            return ends_in(slot->name, ".bias") && !ends_in(slot->name, "norm_layer.bias");
    return false;
}

/* Where embeddings are the head too, logits begin near zero: every token is as likely. */
static const float embedding_deviation = 0.02F;

/* What geometry becomes is normed patch by patch, so that without biases its size would be lost: of a
 * single number all but its sign. */
static const float geometry_deviation = 0.5F;

static fm_status visit_slot(void *context, const rt_slot *slot, fm_err *err)
{
    rt_slot made = *slot;

    if (leads_back(slot->name))
        made.start = RT_START_ZEROS;
    if (biases_geometry(slot)) {
        made.start = RT_START_NORMAL;
        made.value = geometry_deviation;
    }
    if (strcmp(slot->name, "model.embed_tokens.weight") == 0)
        made.value = embedding_deviation;
    return tr_store_put(context, &made, err);
}

static const char *const towers[] = {"vision", "spatial"};

static size_t tower_width(const rt_config *c, size_t tower)
{
    return (size_t)(tower == 0 ? c->vision.width : c->spatial.width);
}

static bool has_tower(const tr_network *n, size_t tower)
{
    return n->auxiliary.kinds > 0 && (tower == 0 ? n->config.has_vision : n->config.has_spatial);
}

static fm_status put_head(tr_store *store, const char *tower, const char *name, size_t n_out,
                          size_t n_in, fm_err *err)
{
    char full[64];
    rt_slot weight = {.part = "auxiliary",
                      .name = full,
                      .rank = 2,
                      .shape = {n_out, n_in},
                      .start = RT_START_ZEROS};
    rt_slot bias = {
        .part = "auxiliary", .name = full, .rank = 1, .shape = {n_out}, .start = RT_START_ZEROS};

    snprintf(full, sizeof(full), "%s.%s.weight", tower, name);
    fm_status st = tr_store_put(store, &weight, err);
    snprintf(full, sizeof(full), "%s.%s.bias", tower, name);
    return st == FM_OK ? tr_store_put(store, &bias, err) : st;
}

static fm_status put_heads(tr_network *n, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; i < 2 && st == FM_OK; i++) {
        size_t kinds = (size_t)n->auxiliary.kinds, width = tower_width(&n->config, i);

        if (!has_tower(n, i))
            continue;
        st = put_head(&n->store, towers[i], "kind", kinds, width, err);
        if (st == FM_OK)
            st = put_head(&n->store, towers[i], "colour", kinds, width, err);
        if (st == FM_OK)
            st = put_head(&n->store, towers[i], "place", 3, width, err);
        if (st == FM_OK)
            st = put_head(&n->store, towers[i], "digit", (size_t)TR_DIGITS * 10, width, err);
    }
    return st;
}

static fm_status find_heads(tr_network *n, fm_err *err)
{
    fm_status st = FM_OK;

    for (size_t i = 0; i < 2 && st == FM_OK; i++) {
        tr_source from = {&n->store, "auxiliary", i == 0 ? "vision." : "spatial."};
        size_t kinds = (size_t)n->auxiliary.kinds, width = tower_width(&n->config, i);

        if (!has_tower(n, i))
            continue;
        st = tr_find_linear(&from, &n->heads[i].kind, "kind", kinds, width, true, err);
        if (st == FM_OK)
            st = tr_find_linear(&from, &n->heads[i].colour, "colour", kinds, width, true, err);
        if (st == FM_OK)
            st = tr_find_linear(&from, &n->heads[i].place, "place", 3, width, true, err);
        if (st == FM_OK)
            st = tr_find_linear(&from, &n->heads[i].digit, "digit", (size_t)TR_DIGITS * 10, width,
                                true, err);
    }
    return st;
}

static fm_status find_parts(tr_network *n, fm_err *err)
{
    const rt_config *c = &n->config;
    fm_status st = tr_decoder_find(&n->decoder, &c->llm, &n->store, &n->arena, err);

    if (st == FM_OK && c->has_vision)
        st = tr_tower_find(&n->vision, &c->vision, true, &n->store, "vision_tower", &n->arena, err);
    if (st == FM_OK && c->has_vision)
        st = tr_projector_find(&n->projector, &c->projector, &n->store, "mm_projector", err);
    if (st == FM_OK && c->has_spatial)
        st = tr_spatial_find(&n->spatial, &c->spatial, &n->store, &n->arena, err);
    if (st == FM_OK && c->has_spatial)
        st = tr_projector_find(&n->spatial_projector, &c->spatial.projector, &n->store,
                               "spatial_projector", err);
    if (st == FM_OK && c->has_scale)
        st = tr_scale_decoder_find(&n->scale, &c->scale, c->llm.width, &n->store, err);
    return st == FM_OK ? find_heads(n, err) : st;
}

static void start_inputs(tr_network *n)
{
    if (n->config.has_vision)
        tr_tower_start_positions(&n->vision, &n->store);
    if (n->config.has_spatial) {
        tr_tower_start_positions(&n->spatial.tower, &n->store);
        tr_spatial_start_depth(&n->spatial, &n->store);
    }
}

fm_status tr_network_new(tr_network **out, const rt_config *config, const tr_auxiliary *auxiliary,
                         const char *isa, uint64_t seed, fm_err *err)
{
    const tr_arithmetic *arithmetic = tr_arithmetic_choose(isa);
    tr_network *n = arithmetic ? calloc(1, sizeof(*n)) : NULL;
    fm_rng rng;

    if (!arithmetic)
        return fm_fail(err, FM_E_USAGE, "this machine has no instruction set '%s'", isa);
    if (!n)
        return fm_fail(err, FM_E_NOMEM, "no memory for a network");
    n->config = *config;
    n->auxiliary = *auxiliary;
    fm_rng_seed(&rng, seed);
    fm_status st = config->has_depth ? fm_fail(err, FM_E_INPUT, "a depth tower is not trained")
                                     : rt_layout_walk(config, visit_slot, &n->store, err);
    if (st == FM_OK)
        st = put_heads(n, err);
    if (st == FM_OK)
        st = tr_store_make(&n->store, arithmetic, &rng, err);
    if (st == FM_OK)
        st = find_parts(n, err);
    if (st == FM_OK)
        start_inputs(n);
    if (st != FM_OK) {
        tr_network_free(n);
        return st;
    }
    *out = n;
    return FM_OK;
}

void tr_network_free(tr_network *network)
{
    if (!network)
        return;
    tr_store_release(&network->store);
    fm_arena_release(&network->arena);
    free(network);
}

/* ---- one picture ---- */

enum { TEXT, TILE, VIEW, SOURCES };

/* The rows of the language model: what is shared, then each question without its last token, from
 * which nothing more is learnt; of a group, what is asked once and then what each answers. */
typedef struct {
    const tr_network *network;
    tr_pass *pass;
    const tr_example *example;
    tr_rows features[2]; /* of the towers, for the auxiliary heads */
    tr_rows seen[2];     /* their tokens, whatever the language model is told */
    tr_rows sources[SOURCES];
    int32_t *ids; /* of the text, in order */
    size_t n_ids;
    tr_place *places;
    size_t *positions;
    size_t n, n_shared;
    tr_span *spans;
    size_t n_spans;
    size_t *asked, *answered; /* of each question: its first row, and the first of its answer */
    tr_place *wanted; /* of each question: the <SCALE> token, where there is one, then what precedes
                         each token of the answer */
    size_t n_wanted;
} run;

/* Tokens by quarters, of which the first three have a code: quarter k of token i. */
enum { QUARTERS = 4, CODED = 3 };

/* Of what shows a thing, what is coded gives way to its code. */
static tr_rows tell(run *r, tr_rows x, const tr_codes *codes)
{
    enum { SEEN, TOLD };
    size_t width = x.width / QUARTERS;
    tr_place *from = tr_pass_take(r->pass, x.n * QUARTERS * sizeof(*from));
    const tr_rows sources[] = {tr_rows_of_width(x, width),
                               tr_input(r->pass, codes->rows, codes->n * CODED, width)};

    for (size_t i = 0; from && i < x.n; i++)
        for (size_t k = 0; k < QUARTERS; k++)
            from[i * QUARTERS + k] = i < codes->n && codes->known[i] && k < CODED
                                         ? (tr_place){TOLD, i * CODED + k}
                                         : (tr_place){SEEN, i * QUARTERS + k};
    return tr_rows_of_width(tr_gather(r->pass, sources, 2, from, x.n * QUARTERS, width), x.width);
}

static tr_rows put_seen(run *r, int which, tr_rows tokens)
{
    const tr_codes *codes = &r->example->codes[which];

    r->seen[which] = tokens;
    return r->example->told && codes->n > 0 ? tell(r, tokens, codes) : tokens;
}

static void see(run *r)
{
    const tr_network *n = r->network;
    const tr_example *e = r->example;
    const rt_config *c = &n->config;

    if (e->tile) {
        size_t side = (size_t)(c->vision.image / c->vision.patch);

        r->features[0] = tr_tower_run(r->pass, &n->vision, e->tile, side, side, NULL);
        r->sources[TILE] =
            put_seen(r, 0, tr_projector_run(r->pass, &n->projector, r->features[0], side, side));
    }
    if (e->view.patches) {
        tr_rows token, tapped = tr_spatial_run(r->pass, &n->spatial, &e->view, &token);

        r->features[1] = tapped;
        r->sources[VIEW] = put_seen(r, 1,
                                    tr_projector_run(r->pass, &n->spatial_projector, tapped,
                                                     e->view.rows, e->view.columns));
        if (c->spatial.give_scale_token)
            r->sources[VIEW] =
                tr_append(r->pass, r->sources[VIEW],
                          tr_projector_run(r->pass, &n->spatial_projector, token, 1, 1));
    }
}

static size_t rows_at_most(const run *r)
{
    const tr_example *e = r->example;
    size_t n = e->n_before + r->sources[TILE].n + r->sources[VIEW].n;

    for (size_t i = 0; i < e->n_questions; i++)
        n += e->questions[i].n;
    return n;
}

static void put_text(run *r, int32_t id, size_t position)
{
    r->places[r->n] = (tr_place){TEXT, r->n_ids};
    r->positions[r->n++] = position;
    r->ids[r->n_ids++] = id;
}

static void put_features(run *r, int source)
{
    for (size_t i = 0; i < r->sources[source].n; i++, r->n++) {
        r->places[r->n] = (tr_place){source, i};
        r->positions[r->n] = r->n;
    }
}

/* Tokens [from, to) as a span that sees what all share, and n_between rows of its own question. */
static void put_span(run *r, const tr_question *asked, size_t from, size_t to, size_t between,
                     size_t n_between)
{
    r->spans[r->n_spans++] = (tr_span){.first = r->n,
                                       .n = to - from,
                                       .n_before = r->n_shared,
                                       .between = between,
                                       .n_between = n_between,
                                       .causal = true};
    for (size_t i = from; i < to; i++)
        put_text(r, asked->ids[i], r->n_shared + i);
}

static void lay_out_question(run *r, size_t q)
{
    const tr_question *asked = &r->example->questions[q];

    r->asked[q] = r->n;
    r->answered[q] = r->n + asked->answer;
    put_span(r, asked, 0, asked->n - 1, 0, 0);
}

static void lay_out_in_group(run *r, size_t q)
{
    const tr_question *asked = &r->example->questions[q];
    bool first = q % r->example->group == 0;

    r->asked[q] = first ? r->n : r->asked[q - 1];
    if (first)
        put_span(r, asked, 0, asked->answer, 0, 0);
    r->answered[q] = r->n;
    put_span(r, asked, asked->answer, asked->n - 1, r->asked[q], asked->answer);
}

/* Every row's place, position and span. */
static bool lay_out(run *r)
{
    const tr_example *e = r->example;
    size_t most = rows_at_most(r);

    r->ids = tr_pass_take(r->pass, most * sizeof(*r->ids));
    r->places = tr_pass_take(r->pass, most * sizeof(*r->places));
    r->positions = tr_pass_take(r->pass, most * sizeof(*r->positions));
    r->spans = tr_pass_take(r->pass, (2 * e->n_questions + 1) * sizeof(*r->spans));
    r->asked = tr_pass_take(r->pass, e->n_questions * sizeof(*r->asked));
    r->answered = tr_pass_take(r->pass, e->n_questions * sizeof(*r->answered));
    /* A row is wanted twice at most: by the scale, and by the answer's first token. */
    r->wanted = tr_pass_take(r->pass, 2 * most * sizeof(*r->wanted));
    if (r->pass->failed)
        return false;
    for (size_t i = 0; i < e->n_before; i++) {
        if (e->before[i] == TR_TILE)
            put_features(r, TILE);
        else if (e->before[i] == TR_VIEW)
            put_features(r, VIEW);
        else
            put_text(r, e->before[i], r->n);
    }
    r->n_shared = r->n;
    r->spans[r->n_spans++] = (tr_span){.first = 0, .n = r->n, .causal = true};
    for (size_t q = 0; q < e->n_questions; q++)
        if (e->group > 1)
            lay_out_in_group(r, q);
        else
            lay_out_question(r, q);
    return true;
}

/* That of token i of question q. */
static size_t row_of(const run *r, size_t q, size_t i)
{
    size_t answer = r->example->questions[q].answer;

    return i < answer ? r->asked[q] + i : r->answered[q] + i - answer;
}

static void want(run *r, size_t row)
{
    r->wanted[r->n_wanted++] = (tr_place){0, row};
}

/* All that something is learnt from. */
static void want_learnt(run *r)
{
    for (size_t q = 0; q < r->example->n_questions; q++) {
        const tr_question *asked = &r->example->questions[q];

        if (asked->scale > 0)
            want(r, row_of(r, q, asked->scale));
        for (size_t i = asked->answer; i < asked->n; i++)
            want(r, row_of(r, q, i - 1));
    }
}

/* Every row as the language model takes it. */
static tr_rows embed(run *r)
{
    const tr_network *n = r->network;

    r->sources[TEXT] = tr_embed(r->pass, n->decoder.embeddings, r->ids, r->n_ids);
    return tr_gather(r->pass, r->sources, SOURCES, r->places, r->n, (size_t)n->config.llm.width);
}

/* States of what is wanted. */
static tr_rows go_forward(run *r)
{
    return tr_decoder_run(r->pass, &r->network->decoder, embed(r), r->positions, r->spans,
                          r->n_spans, r->wanted, r->n_wanted);
}

/* ---- losses ---- */

void tr_losses_add(tr_losses *to, const tr_losses *more)
{
    to->token += more->token;
    to->scale += more->scale;
    to->kind += more->kind;
    to->place += more->place;
    to->digit += more->digit;
    to->code += more->code;
    to->kl += more->kl;
    to->n_clipped += more->n_clipped;
    to->n_tokens += more->n_tokens;
    to->n_right += more->n_right;
    to->n_scales += more->n_scales;
    to->n_kinds += more->n_kinds;
    to->n_places += more->n_places;
    to->n_digits += more->n_digits;
    to->n_codes += more->n_codes;
    to->n_shown += more->n_shown;
    to->n_kinds_right += more->n_kinds_right;
    to->n_colours_right += more->n_colours_right;
    to->n_digits_right += more->n_digits_right;
}

/* Rows whose target is `least` or more, and the likeliest too. */
static size_t count_right(tr_rows logits, const int32_t *targets, int32_t least)
{
    size_t right = 0;

    for (size_t i = 0; i < logits.n; i++) {
        if (targets[i] < least)
            continue;
        const float *row = logits.x + i * logits.width;
        size_t best = 0;

        for (size_t j = 1; j < logits.width; j++)
            best = row[j] > row[best] ? j : best;
        right += targets[i] == (int32_t)best;
    }
    return right;
}

/* hidden: as want_learnt() has it; each loss takes its rows of them. What precedes each token of the
 * answers, and these tokens. */
static tr_rows answer_logits(run *r, tr_rows hidden, const int32_t **out)
{
    const tr_example *e = r->example;
    tr_place *places = tr_pass_take(r->pass, r->n_wanted * sizeof(*places));
    int32_t *targets = tr_pass_take(r->pass, r->n_wanted * sizeof(*targets));
    size_t n = 0, row = 0;

    *out = targets;
    for (size_t q = 0; !r->pass->failed && q < e->n_questions; q++) {
        row += e->questions[q].scale > 0;
        for (size_t i = e->questions[q].answer; i < e->questions[q].n; i++) {
            const bool *over = e->questions[q].passed_over;

            places[n] = (tr_place){0, row++};
            targets[n++] = over && over[i - e->questions[q].answer] ? -1 : e->questions[q].ids[i];
        }
    }
    hidden = tr_gather(r->pass, &hidden, 1, places, n, hidden.width);
    return tr_decoder_logits(r->pass, &r->network->decoder, hidden);
}

static void lose_tokens(run *r, tr_rows hidden, double weight, tr_losses *out)
{
    const tr_example *e = r->example;
    const int32_t *targets;
    tr_policy_counts counts = {0};
    tr_rows logits = answer_logits(r, hidden, &targets);

    out->n_tokens = logits.n;
    for (size_t q = 0; q < e->n_questions; q++)
        out->n_tokens -= e->questions[q].n_passed_over;
    out->n_right = count_right(logits, targets, 0);
    out->token =
        e->drawn ? tr_policy_loss(r->pass, logits, targets, e->drawn, e->objective, weight, &counts)
                 : tr_cross_entropy(r->pass, logits, targets, weight);
    out->kl = counts.kl;
    out->n_clipped = counts.n_clipped;
}

static void lose_scales(run *r, tr_rows hidden, double weight, tr_losses *out)
{
    const tr_example *e = r->example;
    tr_place *places = tr_pass_take(r->pass, e->n_questions * sizeof(*places));
    float *targets = tr_pass_floats(r->pass, e->n_questions);
    size_t n = 0, row = 0;

    for (size_t q = 0; !r->pass->failed && q < e->n_questions; q++) {
        const tr_question *asked = &e->questions[q];

        if (asked->scale > 0) {
            places[n] = (tr_place){0, row++};
            targets[n++] = e->log_scale;
        }
        row += asked->n - asked->answer;
    }
    if (n == 0)
        return;
    hidden = tr_gather(r->pass, &hidden, 1, places, n, hidden.width);
    tr_rows logs = tr_scale_decoder_run(r->pass, &r->network->scale, hidden);
    out->n_scales = logs.n;
    out->scale = tr_squares(r->pass, logs, targets, NULL, weight);
}

/* Every digit of every patch as a row of ten. */
static void lose_digits(run *r, tr_rows x, const tr_affine *head, const int32_t *digits,
                        double weight, tr_losses *out)
{
    tr_rows all = tr_apply(r->pass, x, head);
    tr_rows rows = tr_rows_of_width(all, 10);

    out->digit += tr_cross_entropy(r->pass, rows, digits, weight);
    out->n_digits_right += count_right(rows, digits, 0);
    for (size_t i = 0; i < rows.n; i++)
        out->n_digits += digits[i] >= 0;
}

static void lose_patches(run *r, const tr_weights *weights, tr_losses *out)
{
    for (size_t i = 0; i < 2 && r->network->auxiliary.kinds > 0; i++) {
        const tr_labels *labels = &r->example->labels[i];
        tr_rows x = r->features[i];

        if (x.n == 0 || labels->n == 0)
            continue;
        tr_rows kinds = tr_apply(r->pass, x, &r->network->heads[i].kind);
        tr_rows colours = tr_apply(r->pass, x, &r->network->heads[i].colour);
        tr_rows places = tr_apply(r->pass, x, &r->network->heads[i].place);
        out->kind += tr_cross_entropy(r->pass, kinds, labels->kinds, weights->kind);
        out->kind += tr_cross_entropy(r->pass, colours, labels->colours, weights->kind);
        out->place += tr_squares(r->pass, places, labels->places, labels->placed, weights->place);
        if (labels->digits && weights->digit > 0)
            lose_digits(r, x, &r->network->heads[i].digit, labels->digits, weights->digit, out);
        out->n_kinds_right += count_right(kinds, labels->kinds, 1);
        out->n_colours_right += count_right(colours, labels->colours, 1);
        for (size_t j = 0; j < x.n; j++) {
            out->n_kinds += labels->kinds[j] >= 0;
            out->n_shown += labels->kinds[j] > 0;
            out->n_places += labels->placed[j];
        }
    }
}

static void lose_codes_of(run *r, tr_rows x, const tr_codes *codes, double weight, tr_losses *out)
{
    size_t width = x.width / QUARTERS, n = 0;
    tr_place *from = tr_pass_take(r->pass, x.n * CODED * sizeof(*from));
    float *wanted = tr_pass_floats(r->pass, x.n * CODED * width);

    for (size_t i = 0; !r->pass->failed && i < x.n; i++) {
        out->n_codes += codes->known[i];
        for (size_t k = 0; codes->known[i] && k < CODED; k++, n++) {
            from[n] = (tr_place){0, i * QUARTERS + k};
            memcpy(wanted + n * width, codes->rows + (i * CODED + k) * width,
                   width * sizeof(*wanted));
        }
    }
    x = tr_rows_of_width(x, width);
    tr_rows coded = tr_gather(r->pass, &x, 1, from, n, width);
    out->code += tr_squares(r->pass, coded, wanted, NULL, weight / (double)(CODED * width));
}

static void lose_codes(run *r, double weight, tr_losses *out)
{
    for (size_t i = 0; i < 2; i++) {
        const tr_codes *codes = &r->example->codes[i];

        if (codes->n > 0 && weight > 0)
            lose_codes_of(r, tr_part(r->seen[i], 0, codes->n), codes, weight, out);
    }
}

/* Until everything has its row; false where memory ran out. */
static bool prepare(run *r)
{
    see(r);
    return lay_out(r);
}

static void lose_answers(run *r, const tr_weights *weights, tr_losses *out)
{
    if (!lay_out(r))
        return;
    want_learnt(r);
    tr_rows hidden = go_forward(r);
    lose_tokens(r, hidden, weights->token, out);
    if (r->network->config.has_scale)
        lose_scales(r, hidden, weights->scale, out);
}

void tr_network_run(const tr_network *network, tr_pass *pass, const tr_example *example,
                    const tr_weights *weights, tr_losses *out)
{
    run r = {.network = network, .pass = pass, .example = example};

    *out = (tr_losses){0};
    see(&r);
    if (example->n_questions > 0)
        lose_answers(&r, weights, out);
    lose_patches(&r, weights, out);
    lose_codes(&r, weights->code, out);
    if (pass->gradient && !pass->failed)
        tr_pass_back(pass);
}

tr_rows tr_network_logits(const tr_network *network, tr_pass *pass, const tr_example *example,
                          size_t last)
{
    run r = {.network = network, .pass = pass, .example = example};

    if (!prepare(&r))
        return (tr_rows){.width = (size_t)network->config.llm.vocabulary};
    for (size_t q = 0; q < example->n_questions; q++)
        for (size_t i = last; i > 0; i--)
            want(&r, row_of(&r, q, example->questions[q].n - 1 - i));
    return tr_decoder_logits(pass, &network->decoder, go_forward(&r));
}

tr_rows tr_network_prefix(const tr_network *network, tr_pass *pass, const tr_example *example)
{
    tr_example alone = *example;
    run r = {.network = network, .pass = pass, .example = &alone};

    alone.n_questions = 0;
    return prepare(&r) ? embed(&r) : (tr_rows){.width = (size_t)network->config.llm.width};
}

void tr_network_log_probabilities(const tr_network *network, tr_pass *pass,
                                  const tr_example *example, double temperature, float *out)
{
    run r = {.network = network, .pass = pass, .example = example};
    const int32_t *targets;

    if (!prepare(&r))
        return;
    want_learnt(&r);
    tr_rows logits = answer_logits(&r, go_forward(&r), &targets);
    tr_log_probabilities(logits, targets, temperature, out);
}
