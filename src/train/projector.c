/* Owns the projectors of NVILA: blocks of patches into channels, then linears. */
#include "train/parts.h"

static const double NORM_EPS = 1e-5;

size_t tr_projector_side(const rt_projector_config *config)
{
    return config->kind == RT_PROJECT_DOWN_2X2 ? 2 : config->kind == RT_PROJECT_DOWN_3X3 ? 3 : 1;
}

/* The linears in order, by kind: their names, and those of the norms in front of the first and the
 * second. */
typedef struct {
    const char *first_norm, *second_norm, *linears[3];
} name_set;

static const name_set names_of[] = {
    [RT_PROJECT_LINEAR] = {NULL, NULL, {"layers"}},
    [RT_PROJECT_MLP2X] = {NULL, NULL, {"layers.0", "layers.2"}},
    [RT_PROJECT_DOWN_2X2] = {"layers.1", NULL, {"layers.2", "layers.4"}},
    [RT_PROJECT_DOWN_3X3] = {"layers.1", "layers.4", {"layers.2", "layers.5", "layers.7"}},
};

fm_status tr_projector_find(tr_projector *out, const rt_projector_config *config,
                            const tr_store *store, const char *part, fm_err *err)
{
    const name_set *names = &names_of[config->kind];
    tr_source from = {store, part, ""};
    size_t side = tr_projector_side(config), in = (size_t)config->in * side * side;
    tr_projector p = {.config = *config};
    fm_status st = FM_OK;

    if (names->first_norm)
        st = tr_find_norm(&from, &p.first_norm, names->first_norm, in, true, err);
    for (size_t i = 0; i < 3 && names->linears[i] && st == FM_OK; i++) {
        bool narrows = config->kind == RT_PROJECT_DOWN_3X3 && i == 0;
        size_t n_out = narrows ? 3 * (size_t)config->in : (size_t)config->out;

        st = tr_find_linear(&from, &p.linears[i], names->linears[i], n_out, in, true, err);
        in = n_out;
    }
    if (st == FM_OK && names->second_norm)
        st = tr_find_norm(&from, &p.second_norm, names->second_norm, 3 * (size_t)config->in, true,
                          err);
    if (st == FM_OK)
        *out = p;
    return st;
}

size_t tr_projector_tokens(const rt_projector_config *config, size_t rows, size_t columns)
{
    size_t side = tr_projector_side(config);

    return (rows + side - 1) / side * ((columns + side - 1) / side);
}

/* Blocks of side x side patches as rows: row in the block, column in the block, channel; zeros past
 * the borders. */
static tr_rows join(tr_pass *pass, tr_rows x, size_t rows, size_t columns, size_t side)
{
    size_t across = (columns + side - 1) / side, down = (rows + side - 1) / side;
    size_t n = across * down * side * side;
    tr_place *places = tr_pass_take(pass, n * sizeof(*places));

    for (size_t i = 0; places && i < n; i++) {
        size_t token = i / (side * side), within = i % (side * side);
        size_t row = token / across * side + within / side;
        size_t column = token % across * side + within % side;
        bool inside = row < rows && column < columns;

        places[i] = inside ? (tr_place){0, row * columns + column} : (tr_place){TR_NOTHING, 0};
    }
    tr_rows out = tr_gather(pass, &x, 1, places, n, x.width);
    return tr_rows_of_width(out, x.width * side * side);
}

tr_rows tr_projector_run(tr_pass *pass, const tr_projector *projector, tr_rows features,
                         size_t rows, size_t columns)
{
    const tr_projector *p = projector;
    size_t side = tr_projector_side(&p->config);
    tr_rows x = features;

    if (side > 1)
        x = join(pass, x, rows, columns, side);
    if (p->first_norm.weight.rows)
        x = tr_layer_norm(pass, x, p->first_norm.weight, p->first_norm.bias, NORM_EPS);
    x = tr_apply(pass, x, &p->linears[0]);
    for (size_t i = 1; i < 3 && p->linears[i].weight.rows; i++) {
        x = tr_gelu(pass, x, false);
        if (i == 1 && p->second_norm.weight.rows)
            x = tr_layer_norm(pass, x, p->second_norm.weight, p->second_norm.bias, NORM_EPS);
        x = tr_apply(pass, x, &p->linears[i]);
    }
    return x;
}
