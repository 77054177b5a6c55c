/* Owns the way from rows to samples: which files and rows, what of a row becomes which part of a
 * sample. What the cells mean is table_truth.c's business, where files lie table_files.c's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/size.h"
#include "fathom/raster.h"
#include "suites/common/table_internal.h"

typedef struct {
    fm_table_spec spec;
    fm_table_wants wants;
    char data_dir[FM_PATH_BYTES], pictures_dir[FM_PATH_BYTES];
    fm_arena arena; /* of the names */
    bool names;     /* nobody looks at pictures */
    const char **files;
    size_t n_files;
    fm_table_seen seen;
    bool filled[FM_TABLE_COLUMNS]; /* columns that had a value in some row */

    /* where it is */
    fm_table *table; /* of files[file - 1]; NULL: none is open */
    char path[FM_PATH_BYTES];
    size_t file, row;
    const fm_parquet_value *values; /* of the row; until the next one is read */
    size_t ordinal;                 /* of the next sample */
} loader;

/* ---- opening ---- */

static void loader_close(void *state)
{
    loader *l = state;

    fm_table_close(l->table);
    fm_id_map_release(&l->seen.rows);
    fm_arena_release(&l->seen.paths);
    fm_arena_release(&l->arena);
    fm_arena_release(&l->spec.arena);
    free(l);
}

/* Grading needs the masks and, where answers are in pixels, the size of the picture. */
static fm_table_wants wants_of(const fm_loader_config *config)
{
    bool in_picture = config->kind == FM_ANSWER_POINTS || config->kind == FM_ANSWER_PATH2D;

    if (config->names)
        return (fm_table_wants){0};
    return (fm_table_wants){.shown = !config->grading,
                            .first = in_picture,
                            .mask = !config->grading || config->kind == FM_ANSWER_POINTS};
}

/* Whether a table's cells are pictures that are wanted, not names of files. */
static bool holds_pictures(const fm_table_spec *s)
{
    return (s->images.n && !s->images.root) || (s->mask.n && !s->mask.root) ||
           (s->depth.n && !s->depth.root);
}

static fm_status set_up(loader *l, const fm_loader_config *config, fm_err *err)
{
    fm_status st;

    if (config->annotations)
        return fm_fail(err, FM_E_USAGE,
                       "a suite of tables takes its samples from --data alone, not from '%s'",
                       config->annotations);
    l->wants = wants_of(config);
    l->names = config->names;
    snprintf(l->data_dir, sizeof(l->data_dir), "%s", config->data_dir);
    if (config->pictures_dir)
        snprintf(l->pictures_dir, sizeof(l->pictures_dir), "%s", config->pictures_dir);
    st = fm_table_spec_read(config->data, config->kind, &l->wants, &l->spec, err);
    if (st == FM_OK && config->frames && !l->spec.video)
        st = fm_fail(err, FM_E_USAGE, "shows no video of which frames could be chosen");
    if (st != FM_OK)
        return config->task ? fm_fail_within(err, st, "task '%s'", config->task) : st;
    if (!config->pictures_dir && holds_pictures(&l->spec))
        return fm_fail(
            err, FM_E_USAGE,
            "the tables in '%s' hold the pictures, and there is no folder to lay them out "
            "in: set HOME or XDG_CACHE_HOME",
            config->data_dir);
    if (config->frames)
        l->spec.images.most =
            config->frames < FM_TABLE_PICTURES ? config->frames : FM_TABLE_PICTURES;
    return fm_table_files(&l->spec, l->data_dir, &l->arena, &l->files, &l->n_files, err);
}

static fm_status loader_open(void **state, const fm_loader_config *config, fm_err *err)
{
    loader *l = calloc(1, sizeof(*l));

    if (!l)
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", config->data_dir);
    fm_status st = set_up(l, config, err);
    if (st == FM_OK)
        *state = l;
    else
        loader_close(l);
    return st;
}

static bool has_annotations(const char *data_dir)
{
    return fm_dir_exists(data_dir);
}

static fm_status loader_fingerprint(void *state, char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    const loader *l = state;
    fm_hash *all = fm_hash_new();
    fm_status st = all ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for '%s'", l->data_dir);

    for (size_t i = 0; st == FM_OK && i < l->n_files; i++) {
        char path[FM_PATH_BYTES], hash[FM_HASH_TEXT_BYTES];

        st = fm_table_inside(l->data_dir, l->files[i], path, err);
        if (st == FM_OK)
            st = fm_hash_file(path, hash, err);
        if (st == FM_OK) {
            fm_hash_update(all, l->files[i], strlen(l->files[i]) + 1);
            fm_hash_update(all, hash, FM_HASH_TEXT_BYTES);
        }
    }
    if (all)
        fm_hash_finish(all, out);
    return st;
}

/* ---- rows ---- */

static fm_status open_file(loader *l, fm_err *err)
{
    fm_status st = fm_table_inside(l->data_dir, l->files[l->file], l->path, err);

    if (st == FM_OK)
        st = fm_table_open(&l->table, l->path, l->spec.rows, err);
    if (st == FM_OK)
        st = fm_table_choose(l->table, l->spec.columns, l->spec.n_columns, err);
    l->file++;
    l->row = 0;
    return st;
}

/* Rows of JSON have no columns that a misspelt name could be compared with; one that is empty in all of
 * them would leave a model without its pictures, unnoticed. */
static fm_status check_columns(const loader *l, fm_err *err)
{
    if (l->row < 2 || fm_table_has_columns(l->path))
        return FM_OK;
    for (size_t i = 0; i < l->spec.n_columns; i++)
        if (!l->filled[i])
            return fm_fail(err, FM_E_INPUT, "'%s': no row has a column '%s'", l->path,
                           l->spec.columns[i]);
    return FM_OK;
}

/* The next row of the next file that has one. */
static fm_status next_row(loader *l, const fm_parquet_value **values, fm_err *err)
{
    *values = NULL;
    for (;;) {
        fm_status st = FM_OK;

        if (!l->table && l->file == l->n_files)
            return check_columns(l, err);
        if (!l->table)
            st = open_file(l, err);
        if (st == FM_OK)
            st = fm_table_next(l->table, values, err);
        l->row++;
        for (size_t i = 0; st == FM_OK && *values && i < l->spec.n_columns; i++)
            l->filled[i] |= (*values)[i].kind != FM_PARQUET_NULL;
        if (st != FM_OK || *values)
            return st;
        fm_table_close(l->table);
        l->table = NULL;
    }
}

static fm_status meets(const fm_table_row *row, const fm_table_condition *c, bool *out)
{
    const char *text;
    fm_status st = fm_table_text(row, &c->column, &text);

    *out = false;
    if (st == FM_OK && text)
        *out = c->present && text[0];
    for (size_t i = 0; st == FM_OK && text && i < c->n; i++)
        *out = *out || strcmp(text, c->values[i]) == 0;
    return st;
}

static fm_status is_sample(const fm_table_row *row, bool *out)
{
    fm_status st = FM_OK;

    *out = true;
    for (size_t i = 0; st == FM_OK && *out && i < row->spec->n_where; i++)
        st = meets(row, &row->spec->where[i], out);
    return st;
}

/* ---- samples ---- */

/* Ids name folders, so nothing may hide in them. */
static bool usable_id(const char *id)
{
    size_t n = strlen(id);

    if (n == 0 || n >= FM_SAMPLE_ID_BYTES || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7F || id[i] == '/' || id[i] == '\\')
            return false;
    return true;
}

static fm_status read_id(const fm_table_row *row, size_t ordinal, fm_sample *out)
{
    const fm_table_ref *ref = &row->spec->id;
    char number[32];

    if (!ref->given) {
        snprintf(number, sizeof(number), "%zu", ordinal);
        out->id = fm_arena_strdup(row->arena, number);
        return out->id ? FM_OK : fm_table_no_memory(row);
    }
    fm_status st = fm_table_text(row, ref, &out->id);
    if (st == FM_OK && !out->id)
        st = fm_table_fault(row, ref, "has no id");
    if (st == FM_OK && !usable_id(out->id))
        st =
            fm_table_fault(row, ref, "must be a plain name without slashes and control characters");
    return st;
}

static fm_status read_instruction(const fm_table_row *row, fm_sample *out)
{
    const fm_table_spec *s = row->spec;
    fm_buf text = {0};
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < s->n_instruction; i++) {
        const char *part;

        st = fm_table_instruction(row, &s->instruction[i], &part);
        if (st != FM_OK || !part)
            continue;
        if (text.size)
            fm_buf_puts(&text, s->join);
        fm_buf_puts(&text, part);
    }
    if (st == FM_OK && text.size == 0)
        st = fm_table_fault(row, &s->instruction[0], "asks nothing");
    if (st == FM_OK)
        out->instruction = fm_arena_strdup(row->arena, fm_buf_text(&text));
    if (st == FM_OK && (text.failed || !out->instruction))
        st = fm_table_no_memory(row);
    fm_buf_release(&text);
    return st;
}

static fm_status read_count(const fm_table_row *row, const fm_table_ref *ref, int most, int *out)
{
    double *values;
    size_t n;
    fm_status st = fm_table_numbers(row, ref, &values, &n);

    if (st != FM_OK || n == 0)
        return st;
    if (n != 1 || !(values[0] >= 0 && values[0] <= most && values[0] == floor(values[0])))
        return fm_table_fault(row, ref, "is no whole number, or one out of bounds");
    *out = (int)values[0];
    return FM_OK;
}

/* The name under which the suite has a value of the category's column, else the value. */
static const char *category_of(const fm_table_spec *spec, const char *value)
{
    for (size_t i = 0; value && i < spec->n_categories; i++)
        for (size_t k = 0; k < spec->categories[i].n; k++)
            if (strcmp(spec->categories[i].values[k], value) == 0)
                return spec->categories[i].name;
    return value;
}

static fm_status read_texts(const fm_table_row *row, fm_sample *out)
{
    const fm_table_spec *s = row->spec;
    const struct {
        const fm_table_ref *ref;
        const char **out;
    } texts[] = {
        {&s->category, &out->category},   {&s->source, &out->source},
        {&s->target, &out->target},       {&s->destination, &out->destination},
        {&s->judgement, &out->judgement},
    };
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && i < FM_COUNT_OF(texts); i++)
        st = fm_table_text(row, texts[i].ref, texts[i].out);
    out->category = category_of(s, out->category);
    if (st == FM_OK)
        st = read_count(row, &s->steps, 1000, &out->steps);
    if (st == FM_OK)
        st = read_count(row, &s->width, 1 << 20, &out->width);
    if (st == FM_OK)
        st = read_count(row, &s->height, 1 << 20, &out->height);
    return st;
}

/* A matrix by rows; the 4x4 form holds the 3x3 one in its corner. */
static fm_status read_camera(const fm_table_row *row, fm_sample *out)
{
    const fm_table_ref *ref = &row->spec->intrinsics;
    double *k;
    size_t n;
    fm_status st = fm_table_numbers(row, ref, &k, &n);

    if (st != FM_OK || n == 0)
        return st;
    if (n != 9 && n != 16)
        return fm_table_fault(row, ref, "is no 3x3 or 4x4 matrix of numbers");
    size_t second = n == 9 ? 3 : 4;
    out->camera = (fm_camera){.fx = k[0], .fy = k[second + 1], .cx = k[2], .cy = k[second + 2]};
    if (!fm_camera_valid(&out->camera))
        return fm_table_fault(row, ref, "is singular: both focal lengths must be positive");
    out->has_camera = true;
    return FM_OK;
}

static fm_status read_images(const fm_table_row *row, fm_sample *out)
{
    const char **paths = fm_arena_alloc(row->arena, FM_TABLE_PICTURES, sizeof(*paths));
    size_t n;

    if (!paths)
        return fm_table_no_memory(row);
    fm_status st = fm_table_images(row, paths, &n);
    if (st != FM_OK || n == 0)
        return st;
    out->image_path = paths[0];
    out->more_images = n > 1 ? paths + 1 : NULL;
    out->n_more_images = n - 1;
    return FM_OK;
}

static fm_status read_raster(const fm_table_row *row, const fm_table_pictures *p, const char **out)
{
    const fm_parquet_value *value = p->n ? fm_table_value(row, &p->refs[0]) : NULL;

    return value ? fm_table_picture(row, &p->refs[0], value, p, out) : FM_OK;
}

static fm_status read_pictures(const fm_table_row *row, bool sized, fm_sample *out)
{
    fm_raster_info info;
    fm_status st = read_images(row, out);

    if (st == FM_OK)
        st = read_raster(row, &row->spec->mask, &out->mask_path);
    if (st == FM_OK)
        st = read_raster(row, &row->spec->depth, &out->depth_path);
    /* A file that cannot be read leaves the size unknown, which is the grader's to tell. */
    if (st == FM_OK && sized && out->width == 0 && out->image_path &&
        fm_raster_probe(out->image_path, &info, NULL) == FM_OK) {
        out->width = info.width;
        out->height = info.height;
    }
    return st;
}

/* A path in parts of the picture has no pixels before the picture's size is known. */
static bool truth_needs_picture(const loader *l)
{
    return l->spec.kind == FM_ANSWER_PATH2D && l->spec.space != FM_SPACE_PX;
}

static fm_status read_sample(const loader *l, const fm_table_row *row, fm_sample *out)
{
    fm_sample sample = {.kind = l->spec.kind};
    fm_status st;

    if ((st = read_id(row, l->ordinal, &sample)) != FM_OK ||
        (st = read_instruction(row, &sample)) != FM_OK ||
        (st = read_texts(row, &sample)) != FM_OK || (st = read_camera(row, &sample)) != FM_OK ||
        (st = truth_needs_picture(l) ? FM_OK : fm_table_truth(row, &sample)) != FM_OK ||
        /* A file's name that leaves the data is refused before anything is asked. */
        (st = l->names ? read_pictures(row, false, &sample) : FM_OK) != FM_OK)
        return st;
    *out = sample;
    return FM_OK;
}

static fm_table_row row_of(loader *l, fm_arena *arena, fm_err *err)
{
    return (fm_table_row){.spec = &l->spec,
                          .path = l->path,
                          .number = l->row,
                          .values = l->values,
                          .data_dir = l->data_dir,
                          .pictures_dir = l->pictures_dir,
                          .seen = &l->seen,
                          .arena = arena,
                          .err = err};
}

static fm_status loader_next(void *state, fm_arena *arena, fm_sample *out, bool *more, fm_err *err)
{
    loader *l = state;
    bool wanted = false;

    *more = false;
    while (!wanted) {
        fm_arena_place mark = fm_arena_mark(arena);
        fm_status st = next_row(l, &l->values, err);

        if (st != FM_OK || !l->values)
            return st;
        fm_table_row row = row_of(l, arena, err);
        st = is_sample(&row, &wanted);
        /* Another row may refer to the picture of one that is no sample, or not one that is asked. */
        if (st == FM_OK && l->spec.images.rows.given)
            st = read_images(&row, &(fm_sample){0});
        fm_arena_rewind(arena, mark);
        if (st == FM_OK && wanted)
            st = read_sample(l, &row, out);
        if (st != FM_OK)
            return st;
    }
    l->ordinal++;
    *more = true;
    return FM_OK;
}

static fm_status loader_complete(void *state, fm_arena *arena, fm_sample *sample, fm_err *err)
{
    loader *l = state;
    fm_table_row row = row_of(l, arena, err);
    fm_status st = read_pictures(&row, l->wants.first, sample);

    return st == FM_OK && truth_needs_picture(l) && l->wants.first ? fm_table_truth(&row, sample)
                                                                   : st;
}

const fm_loader_ops fm_loader_table = {
    .name = "table",
    .summary = "rows of Parquet, JSON, JSON lines or TSV files, as suite.yaml describes them",
    .open = loader_open,
    .next = loader_next,
    .complete = loader_complete,
    .close = loader_close,
    .has_annotations = has_annotations,
    .fingerprint = loader_fingerprint,
};
