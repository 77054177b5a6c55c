/* Owns how parameters are found, and an encoder's block. */
#include <stdio.h>

#include "train/parts.h"

fm_status tr_find_linear(const tr_source *from, tr_affine *out, const char *name, size_t n_out,
                         size_t n_in, bool bias, fm_err *err)
{
    fm_status st = tr_store_need(from->store, &out->weight, n_out, n_in, err, from->part,
                                 "%s%s.weight", from->prefix, name);

    if (st == FM_OK && bias)
        st = tr_store_need(from->store, &out->bias, 1, n_out, err, from->part, "%s%s.bias",
                           from->prefix, name);
    return st;
}

fm_status tr_find_norm(const tr_source *from, tr_affine *out, const char *name, size_t n, bool bias,
                       fm_err *err)
{
    fm_status st = tr_store_need(from->store, &out->weight, 1, n, err, from->part, "%s%s.weight",
                                 from->prefix, name);

    if (st == FM_OK && bias)
        st = tr_store_need(from->store, &out->bias, 1, n, err, from->part, "%s%s.bias",
                           from->prefix, name);
    return st;
}

fm_status tr_find_table(const tr_source *from, tr_param *out, const char *name, size_t rows,
                        size_t columns, fm_err *err)
{
    return tr_store_need(from->store, out, rows, columns, err, from->part, "%s%s", from->prefix,
                         name);
}

tr_rows tr_apply(tr_pass *pass, tr_rows x, const tr_affine *linear)
{
    return tr_linear(pass, x, linear->weight, linear->bias);
}

/* ---- the block ---- */

static tr_affine rows_of(const tr_affine *all, size_t first, size_t n)
{
    tr_affine part = {.weight = tr_param_rows(all->weight, first, n), .bias = all->bias};

    part.bias.first += first;
    part.bias.columns = n;
    return part;
}

static fm_status find_siglip_qkv(tr_block *b, const tr_source *from, size_t width, fm_err *err)
{
    fm_status st = tr_find_linear(from, &b->q, "self_attn.q_proj", width, width, true, err);

    if (st == FM_OK)
        st = tr_find_linear(from, &b->k, "self_attn.k_proj", width, width, true, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &b->v, "self_attn.v_proj", width, width, true, err);
    return st;
}

static fm_status find_stacked_qkv(tr_block *b, const tr_source *from, size_t width, fm_err *err)
{
    tr_affine all;
    fm_status st = tr_find_linear(from, &all, "attn.qkv", 3 * width, width, true, err);

    if (st != FM_OK)
        return st;
    b->q = rows_of(&all, 0, width);
    b->k = rows_of(&all, width, width);
    b->v = rows_of(&all, 2 * width, width);
    return FM_OK;
}

static fm_status find_mlp(tr_block *b, const tr_source *from, size_t width, size_t mlp, fm_err *err)
{
    tr_affine both;
    fm_status st;

    if (!b->shape.swiglu) {
        st = tr_find_linear(from, &b->mlp_in, "mlp.fc1", mlp, width, true, err);
        return st == FM_OK ? tr_find_linear(from, &b->mlp_out, "mlp.fc2", width, mlp, true, err)
                           : st;
    }
    st = tr_find_linear(from, &both, "mlp.w12", 2 * mlp, width, true, err);
    if (st != FM_OK)
        return st;
    b->mlp_gate = rows_of(&both, 0, mlp);
    b->mlp_in = rows_of(&both, mlp, mlp);
    return tr_find_linear(from, &b->mlp_out, "mlp.w3", width, mlp, true, err);
}

fm_status tr_block_find(tr_block *out, const tr_block_shape *shape, bool siglip,
                        const tr_source *from, fm_err *err)
{
    size_t width = (size_t)shape->width, head = width / (size_t)shape->heads;
    tr_block b = {.shape = *shape};
    fm_status st = tr_find_norm(from, &b.norm1, siglip ? "layer_norm1" : "norm1", width, true, err);

    /* Parts of stacked matrices are found among the panels only where they begin one. */
    if (st == FM_OK && (width % TR_PANEL != 0 || shape->mlp % TR_PANEL != 0))
        st = fm_fail(err, FM_E_INPUT, "%s: widths of %d and %d: multiples of %d are needed",
                     from->part, shape->width, shape->mlp, TR_PANEL);
    if (st == FM_OK)
        st = tr_find_norm(from, &b.norm2, siglip ? "layer_norm2" : "norm2", width, true, err);
    if (st == FM_OK)
        st =
            siglip ? find_siglip_qkv(&b, from, width, err) : find_stacked_qkv(&b, from, width, err);
    if (st == FM_OK)
        st = tr_find_linear(from, &b.out, siglip ? "self_attn.out_proj" : "attn.proj", width, width,
                            true, err);
    if (st == FM_OK)
        st = find_mlp(&b, from, width, (size_t)shape->mlp, err);
    if (st == FM_OK && shape->qk_norm)
        st = tr_find_norm(from, &b.q_norm, siglip ? "self_attn.q_norm" : "attn.q_norm", head, true,
                          err);
    if (st == FM_OK && shape->qk_norm)
        st = tr_find_norm(from, &b.k_norm, siglip ? "self_attn.k_norm" : "attn.k_norm", head, true,
                          err);
    if (st == FM_OK && shape->layer_scale)
        st = tr_find_table(from, &b.scale1, "ls1.gamma", 1, width, err);
    if (st == FM_OK && shape->layer_scale)
        st = tr_find_table(from, &b.scale2, "ls2.gamma", 1, width, err);
    if (st == FM_OK)
        *out = b;
    return st;
}

/* Each head of x by itself. */
static tr_rows norm_heads(tr_pass *pass, tr_rows x, const tr_block *b, const tr_affine *norm)
{
    tr_rows each = tr_rows_of_width(x, x.width / (size_t)b->shape.heads);

    each = tr_layer_norm(pass, each, norm->weight, norm->bias, b->shape.eps);
    return tr_rows_of_width(each, x.width);
}

static tr_rows attend(tr_pass *pass, const tr_block *b, tr_rows x)
{
    tr_rows normed = tr_layer_norm(pass, x, b->norm1.weight, b->norm1.bias, b->shape.eps);
    tr_rows q = tr_apply(pass, normed, &b->q), k = tr_apply(pass, normed, &b->k);
    tr_rows v = tr_apply(pass, normed, &b->v);
    size_t heads = (size_t)b->shape.heads;

    if (b->shape.qk_norm) {
        q = norm_heads(pass, q, b, &b->q_norm);
        k = norm_heads(pass, k, b, &b->k_norm);
    }
    return tr_apply(pass, tr_attention_all(pass, q, k, v, heads), &b->out);
}

static tr_rows think(tr_pass *pass, const tr_block *b, tr_rows x)
{
    tr_rows normed = tr_layer_norm(pass, x, b->norm2.weight, b->norm2.bias, b->shape.eps);
    tr_rows in = tr_apply(pass, normed, &b->mlp_in);

    in = b->shape.swiglu ? tr_silu_gate(pass, tr_apply(pass, normed, &b->mlp_gate), in)
                         : tr_gelu(pass, in, b->shape.gelu_tanh);
    return tr_apply(pass, in, &b->mlp_out);
}

tr_rows tr_block_run(tr_pass *pass, const tr_block *block, tr_rows x)
{
    tr_rows more = attend(pass, block, x);

    if (block->shape.layer_scale)
        more = tr_scale(pass, more, block->scale1);
    x = tr_add(pass, x, more);
    more = think(pass, block, x);
    if (block->shape.layer_scale)
        more = tr_scale(pass, more, block->scale2);
    return tr_add(pass, x, more);
}
