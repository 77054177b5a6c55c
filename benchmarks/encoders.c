/* Speed of what looks at a picture: SigLIP over one tile, MapAnything over one view with intrinsics and
 * depth, in the published models' shapes with random weights.
 *
 *     encoders [siglip] [v1] [v1.1]
 *
 * Without names: all of them. Times are medians of the rounds, with the best in brackets. Rates are by
 * processor time, which others on the machine disturb less: a product and a sum count as two operations,
 * beside what f32 can do from registers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/rng.h"
#include "base/size.h"
#include "engine/half.h"
#include "engine/layout.h"
#include "engine/limits.h"
#include "engine/presets.h"
#include "engine/spatial.h"
#include "engine/spatial_encoders.h"
#include "engine/weights_internal.h"

enum { ROUNDS = 3, WIDTH = 640, HEIGHT = 480 };

typedef struct {
    const rt_kernels *kernels;
    rt_pool *pool;
    rt_mapped values; /* bf16 */
} bench;

/* ---- models of random weights ---- */

/* The built-in configuration of the 2B model, with this generation of MapAnything. */
static fm_status read_config(const char *generation, fm_arena *arena, rt_config *out, fm_err *err)
{
    static const char before[] = "\"generation\": \"v1\"";
    const rt_preset *preset = rt_preset_find("2b");
    const char *at = strstr(preset->text, before);
    char folder[] = "/tmp/fathom-encoders-XXXXXX", path[FM_PATH_BYTES];
    fm_buf text = {0};

    if (!mkdtemp(folder))
        return fm_fail(err, FM_E_IO, "cannot make a folder in /tmp");
    fm_buf_append(&text, preset->text, (size_t)(at - preset->text));
    fm_buf_printf(&text, "\"generation\": \"%s\"", generation);
    fm_buf_puts(&text, at + sizeof(before) - 1);
    fm_status st = fm_path_join(path, folder, "config.json", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    if (st == FM_OK)
        st = rt_config_read(folder, arena, out, err);
    fm_buf_release(&text);
    unlink(path);
    rmdir(folder);
    return st;
}

typedef struct {
    const bench *bench;
    const char *part;
    rt_weights *weights;
} filling;

/* Tensors that all show the same random numbers: what they are does not matter to speed. */
static fm_status add_slot(void *context, const rt_slot *slot, fm_err *err)
{
    const filling *f = context;
    rt_tensor tensor = {.kind = RT_BF16, .rank = slot->rank, .data = f->bench->values.bytes};
    size_t n = 1;

    if (strcmp(slot->part, f->part) != 0)
        return FM_OK;
    for (int i = 0; i < slot->rank; i++)
        n *= tensor.shape[i] = slot->shape[i];
    tensor.size_bytes = n * sizeof(uint16_t);
    return rt_weights_add(f->weights, &f->bench->values, slot->name, &tensor, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rt_named *)a)->name, ((const rt_named *)b)->name);
}

static fm_status make_weights(const bench *b, const rt_config *config, const char *part,
                              rt_weights *out, fm_err *err)
{
    filling f = {b, part, out};

    out->path = "random weights";
    fm_status st = rt_layout_walk(config, add_slot, &f, err);
    if (st == FM_OK)
        qsort(out->items, out->n, sizeof(*out->items), by_name);
    return st;
}

static fm_status make_values(bench *b, fm_err *err)
{
    enum { VALUES = 16000000 }; /* as many as the largest tensor has */
    uint16_t *values = malloc(VALUES * sizeof(*values));
    fm_rng rng;

    if (!values)
        return fm_fail(err, FM_E_NOMEM, "no memory for random weights");
    fm_rng_seed(&rng, 7);
    for (size_t i = 0; i < VALUES; i++)
        values[i] = rt_f32_to_bf16((float)fm_rng_range(&rng, -0.03, 0.03));
    b->values = (rt_mapped){.path = "random weights",
                            .bytes = (const uint8_t *)values,
                            .size = VALUES * sizeof(*values)};
    return FM_OK;
}

/* ---- figures ---- */

typedef struct {
    double wall[ROUNDS], processor[ROUNDS]; /* seconds; of all threads together */
} times;

static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Start a round's clock, and stop it. */
static void begin_round(times *t, int round)
{
    t->wall[round] = -fm_clock_seconds();
    t->processor[round] = -processor_seconds();
}

static void end_round(times *t, int round)
{
    t->wall[round] += fm_clock_seconds();
    t->processor[round] += processor_seconds();
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_times(const char *name, times *t, double operations)
{
    qsort(t->wall, ROUNDS, sizeof(*t->wall), by_value);
    qsort(t->processor, ROUNDS, sizeof(*t->processor), by_value);
    printf("    %-34s %6.2f [%5.2f] s, processor %6.2f [%5.2f] s: %4.0f e9/s\n", name,
           t->wall[ROUNDS / 2], t->wall[0], t->processor[ROUNDS / 2], t->processor[0],
           1e-9 * operations / t->processor[ROUNDS / 2]);
    fflush(stdout);
}

static double of_blocks(int layers, int width, int mlp, bool swiglu, double tokens)
{
    double w = width, matrices = 4 * w * w + (swiglu ? 3 : 2) * w * mlp;

    return layers * (2 * tokens * matrices + 4 * tokens * tokens * w);
}

static double of_tower(const rt_tower_config *c, double tokens)
{
    return of_blocks(c->used_layers, c->width, c->mlp, c->swiglu, tokens) +
           2 * tokens * 3 * c->patch * c->patch * c->width;
}

static double of_dense(const rt_spatial_config *c, int channels, double patches)
{
    double in = channels * c->tower.patch * c->tower.patch;
    double a = c->dense[0], b = c->dense[1], d = c->dense[2];

    return 2 * patches *
           (9 * (in * a + a * b + b * b + b * d + d * d) + a * b + b * d + d * c->tower.width);
}

/* ---- SigLIP ---- */

/* The matrices of one layer, q, k and v one after another. */
typedef struct {
    rt_linear linears[6];
    float *x, *out; /* [tokens][mlp] */
    void *scratch;
} products;

static void products_release(products *p)
{
    free(p->x);
    free(p->out);
    free(p->scratch);
}

static fm_status products_make(products *p, const rt_tower_config *c, size_t tokens,
                               rt_packer *packer, const rt_weights *weights, fm_err *err)
{
    static const char *const names[] = {"self_attn.q_proj", "self_attn.k_proj",
                                        "self_attn.v_proj", "self_attn.out_proj",
                                        "mlp.fc1",          "mlp.fc2"};
    size_t width = (size_t)c->width, mlp = (size_t)c->mlp;
    fm_status st = FM_OK;

    p->x = calloc(tokens * mlp, sizeof(*p->x));
    p->out = malloc(tokens * mlp * sizeof(*p->out));
    p->scratch = malloc(rt_linear_scratch_bytes(tokens, mlp));
    if (!p->x || !p->out || !p->scratch)
        return fm_fail(err, FM_E_NOMEM, "no memory");
    for (size_t i = 0; i < FM_COUNT_OF(names) && st == FM_OK; i++) {
        char name[96];

        snprintf(name, sizeof(name), "vision_model.encoder.layers.0.%s", names[i]);
        st = rt_linear_load(&p->linears[i], packer, weights, name, i == 4 ? mlp : width,
                            i == 5 ? mlp : width, true, err);
    }
    return st;
}

/* So many layers' products by themselves. */
static void products_run(const products *p, const rt_compute *compute, size_t tokens, int layers)
{
    for (int layer = 0; layer < layers; layer++)
        for (size_t i = 0; i < FM_COUNT_OF(p->linears); i++) {
            const rt_linear *l = &p->linears[i];

            rt_linear_apply(l, compute, p->out, l->n_out, p->x, l->n_in, tokens, p->scratch);
        }
}

static fm_status measure_siglip(const bench *b, rt_pack pack, bool int8, fm_err *err)
{
    rt_compute compute = {b->kernels, b->pool, int8};
    fm_arena arena = {0};
    rt_weights weights = {0};
    rt_packer *packer = NULL;
    rt_tower *tower = NULL;
    products alone = {0};
    rt_config c;
    times whole, multiplied;
    fm_status st = read_config("v1", &arena, &c, err);
    size_t side = st == FM_OK ? (size_t)c.vision.image : 0, tokens = side / 14 * (side / 14);
    float *pixels = calloc(side * side * 3 + 1, sizeof(float));
    float *out = calloc(tokens * 1152 + 1, sizeof(float));

    if (st == FM_OK && (!pixels || !out))
        st = fm_fail(err, FM_E_NOMEM, "no memory");
    if (st == FM_OK)
        st = make_weights(b, &c, "vision_tower", &weights, err);
    if (st == FM_OK)
        st = rt_packer_new(&packer, pack, b->pool, err);
    if (st == FM_OK)
        st = rt_tower_load(&tower, &c.vision, true, packer, &weights, "vision_model.", err);
    if (st == FM_OK)
        st = products_make(&alone, &c.vision, tokens, packer, &weights, err);
    for (int r = 0; r < ROUNDS && st == FM_OK; r++) {
        begin_round(&whole, r);
        st = rt_tower_run(tower, &compute, out, NULL, pixels, 1, (int)side, (int)side, err);
        end_round(&whole, r);
        begin_round(&multiplied, r);
        products_run(&alone, &compute, tokens, c.vision.used_layers);
        end_round(&multiplied, r);
    }
    if (st == FM_OK) {
        double width = c.vision.width;

        print_times(int8 ? "SigLIP, tile of 448, q8 int8" : "SigLIP, tile of 448, bf16", &whole,
                    of_tower(&c.vision, (double)tokens));
        print_times("  its products alone", &multiplied,
                    c.vision.used_layers * 4.0 * (double)tokens * width *
                        (2 * width + c.vision.mlp));
    }
    products_release(&alone);
    rt_tower_free(tower);
    rt_packer_free(packer);
    free(weights.items);
    fm_arena_release(&weights.arena);
    fm_arena_release(&arena);
    free(pixels);
    free(out);
    return st;
}

/* ---- MapAnything ---- */

static fm_status measure_parts(const rt_compute *compute, const rt_spatial *spatial,
                               const rt_config *c, rt_packer *packer, const rt_weights *weights,
                               const char *title, fm_err *err)
{
    enum { ROWS = 28, COLUMNS = 37, PATCHES = ROWS * COLUMNS };
    const rt_spatial_config *s = &c->spatial;
    static uint8_t rgb[HEIGHT * WIDTH * 3];
    static float depth[HEIGHT * WIDTH];
    float *out = calloc((size_t)PATCHES * (size_t)s->tower.width, sizeof(*out));
    float *field = calloc((size_t)PATCHES * 14 * 14 * 3, sizeof(*field));
    rt_picture picture = {.rgb = rgb,
                          .width = WIDTH,
                          .height = HEIGHT,
                          .depth_m = depth,
                          .has_intrinsics = true,
                          .fx = 500,
                          .fy = 500,
                          .cx = 320,
                          .cy = 240};
    rt_dense_encoder *rays = NULL;
    rt_tower *tower = NULL;
    times whole, seen, felt;
    double tokens = PATCHES;
    char name[64];
    fm_status st = out && field ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory");

    for (size_t i = 0; i < FM_COUNT_OF(depth); i++)
        depth[i] = 1 + (float)(i % 17) / 10;
    if (st == FM_OK)
        st = rt_tower_load(&tower, &s->tower, false, packer, weights, "encoder.model.", err);
    if (st == FM_OK)
        st = rt_dense_encoder_load(&rays, 3, s->tower.patch, s->dense, s->tower.width, packer,
                                   weights, "ray_dirs_encoder", err);
    for (int r = 0; r < ROUNDS && st == FM_OK; r++) {
        rt_spatial_features f = {0};

        begin_round(&whole, r);
        st = rt_spatial_run(spatial, compute, &picture, 1, &f, err);
        end_round(&whole, r);
        begin_round(&seen, r);
        if (st == FM_OK)
            st = rt_tower_run(tower, compute, out, NULL, field, 1, ROWS * 14, COLUMNS * 14, err);
        end_round(&seen, r);
        begin_round(&felt, r);
        if (st == FM_OK)
            st = rt_dense_encoder_run(rays, compute, out, field, ROWS, COLUMNS, err);
        end_round(&felt, r);
        rt_spatial_features_release(&f);
    }
    if (st == FM_OK) {
        double tower_work = of_tower(&s->tower, tokens), ray_work = of_dense(s, 3, tokens);
        double shared = of_blocks(s->layers, s->width, s->mlp, s->swiglu, tokens);

        snprintf(name, sizeof(name), "MapAnything %s", title);
        print_times(name, &whole, tower_work + ray_work + of_dense(s, 1, tokens) + shared);
        print_times("  its DINOv2", &seen, tower_work);
        print_times("  its encoder of rays", &felt, ray_work);
    }
    rt_dense_encoder_free(rays);
    rt_tower_free(tower);
    free(out);
    free(field);
    return st;
}

static fm_status measure_mapanything(const bench *b, const char *generation, rt_pack pack,
                                     bool int8, fm_err *err)
{
    rt_compute compute = {b->kernels, b->pool, int8};
    fm_arena arena = {0};
    rt_weights weights = {0};
    rt_packer *packer = NULL;
    rt_spatial *spatial = NULL;
    rt_config c;
    char title[48];
    fm_status st = read_config(generation, &arena, &c, err);

    snprintf(title, sizeof(title), "%s, 518 x 392, %s", generation, int8 ? "q8 int8" : "bf16");
    if (st == FM_OK)
        st = make_weights(b, &c, "spatial_encoder", &weights, err);
    if (st == FM_OK)
        st = rt_packer_new(&packer, pack, b->pool, err);
    if (st == FM_OK)
        st = rt_spatial_load(&spatial, &c.spatial, packer, &weights, err);
    if (st == FM_OK)
        st = measure_parts(&compute, spatial, &c, packer, &weights, title, err);
    rt_spatial_free(spatial);
    rt_packer_free(packer);
    free(weights.items);
    fm_arena_release(&weights.arena);
    fm_arena_release(&arena);
    return st;
}

/* ---- which ---- */

enum { SIGLIP = 1, V1 = 2, V11 = 4 };

static fm_status measure(const bench *b, unsigned what, fm_err *err)
{
    double load = -1;
    fm_status st = FM_OK;

    if (getloadavg(&load, 1) < 1)
        load = -1;
    printf("%d threads, kernels '%s', load %.2f when this began; f32 from registers %.0f e9/s a "
           "thread\n",
           rt_pool_threads(b->pool), b->kernels->name, load,
           rt_limit(b->pool, b->kernels->name, RT_LIMIT_F32) / rt_pool_threads(b->pool));
    for (int int8 = 0; int8 < 2 && st == FM_OK; int8++) {
        rt_pack pack = int8 ? RT_PACK_Q8 : RT_PACK_BF16;

        if (what & SIGLIP)
            st = measure_siglip(b, pack, int8, err);
        if (st == FM_OK && what & V1)
            st = measure_mapanything(b, "v1", pack, int8, err);
        if (st == FM_OK && what & V11)
            st = measure_mapanything(b, "v1.1", pack, int8, err);
    }
    return st;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"siglip", SIGLIP}, {"v1", V1}, {"v1.1", V11}};
    bench b = {.kernels = rt_kernels_choose(NULL)};
    unsigned what = 0;
    fm_err err = {0};

    for (int i = 1; i < argc; i++) {
        size_t n = 0;

        while (n < FM_COUNT_OF(names) && strcmp(argv[i], names[n].name) != 0)
            n++;
        if (n == FM_COUNT_OF(names)) {
            fprintf(stderr, "usage: encoders [siglip] [v1] [v1.1]\n");
            return 2;
        }
        what |= names[n].bit;
    }
    fm_status st = rt_pool_new(&b.pool, 0, &err);
    if (st == FM_OK)
        st = make_values(&b, &err);
    if (st == FM_OK)
        st = measure(&b, what ? what : SIGLIP | V1 | V11, &err);
    if (st != FM_OK)
        fprintf(stderr, "benchmark encoders: %s\n", err.text);
    free((void *)(uintptr_t)b.values.bytes);
    rt_pool_free(b.pool);
    return fm_status_exit_code(st);
}
