/* Owns the handle: opening, choosing columns by path, and putting rows together from the columns'
 * values and levels (the assembly of Melnik et al., "Dremel", 2010). */
#include "tables/parquet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/text.h"
#include "tables/parquet_internal.h"

/* A part of a chosen path: what is made of the values of `n_columns` columns from `first` on. */
typedef enum { PART_VALUE, PART_FIELD, PART_STRUCT, PART_LIST } part_kind;
typedef struct part part;
struct part {
    part_kind kind; /* FIELD: one field stands for its whole struct */
    const fm_pq_place *place;
    part *parts;
    size_t n_parts;
    size_t first, n_columns;
};

/* What a path gives in each row. The values of a flat one (one column, no list) are the rows' as they
 * are: a batch of them waits from `next` to `end`, so that a row costs a copy a cell. */
typedef struct {
    const fm_parquet_value *next, *end;
    part *root;
    bool flat;
} cell;

struct fm_parquet {
    char *path;
    fm_pq_source source;
    uint8_t *footer_bytes;
    fm_arena schema;
    fm_pq_footer footer, start; /* `start`: at the first row group */
    fm_pq_chunk *chunks;

    fm_arena chosen; /* cells, parts, names */
    cell *cells;
    fm_parquet_value *row;
    size_t n_cells;
    fm_pq_column *columns;
    size_t *row_ends; /* of each column: where the current row ends among the waiting values */
    size_t n_columns, room_columns;

    int64_t rows_left; /* of the row group */
    int64_t rows_done;
    fm_arena lists; /* of the current row */
    fm_err failed;  /* what every call gives after a failure */
};

/* ---- opening ---- */

static fm_status read_exactly(const fm_parquet *file, void *out, size_t size, int64_t offset,
                              fm_err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(file->source.fd, (char *)out + done, size - done, offset + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fm_fail(err, FM_E_IO, "cannot read '%s': %s", file->path,
                           n < 0 ? strerror(errno) : "it became shorter");
        done += (size_t)n;
    }
    return FM_OK;
}

/* A file is "PAR1", pages, footer, length of the footer (4 bytes), "PAR1". */
static fm_status read_footer(fm_parquet *file, fm_err *err)
{
    enum { MAGIC = 4, TAIL = 8 };
    struct stat info;
    uint8_t tail[TAIL];

    if (fstat(file->source.fd, &info) != 0)
        return fm_fail(err, FM_E_IO, "cannot read '%s': %s", file->path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return fm_fail(err, FM_E_IO, "cannot read '%s': it is a folder", file->path);
    if (!S_ISREG(info.st_mode) || info.st_size < MAGIC + TAIL)
        return fm_fail(err, FM_E_INPUT, "'%s' is not a parquet file: it is too short", file->path);
    fm_status st = read_exactly(file, tail, TAIL, info.st_size - TAIL, err);
    if (st != FM_OK)
        return st;
    if (memcmp(tail + 4, "PARE", MAGIC) == 0)
        return fm_fail(err, FM_E_INPUT, "'%s' is encrypted, which is not supported", file->path);
    if (memcmp(tail + 4, "PAR1", MAGIC) != 0)
        return fm_fail(err, FM_E_INPUT,
                       "'%s' is not a parquet file, or was cut short: it does not end with PAR1",
                       file->path);
    size_t size = fm_pq_load32(tail);
    if (size > (uint64_t)info.st_size - MAGIC - TAIL || size > FM_PARQUET_MAX_FOOTER_BYTES)
        return fm_fail(err, FM_E_INPUT, "'%s': the footer cannot have %zu bytes", file->path, size);
    file->source.data_end = info.st_size - TAIL - (int64_t)size;
    file->footer_bytes = malloc(size ? size : 1);
    if (!file->footer_bytes)
        return fm_fail(err, FM_E_NOMEM, "no memory for the footer of '%s'", file->path);
    st = read_exactly(file, file->footer_bytes, size, file->source.data_end, err);
    if (st != FM_OK)
        return st;
    st = fm_pq_footer_read(&file->start, (fm_pq_span){file->footer_bytes, size}, &file->schema,
                           file->path, err);
    if (st != FM_OK)
        return st;
    size_t n = file->start.n_leaves;
    file->chunks = calloc(n ? n : 1, sizeof(*file->chunks));
    return file->chunks ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory to read '%s'", file->path);
}

/* Back to the first row. */
static void rewind_rows(fm_parquet *file)
{
    file->footer = file->start;
    file->rows_left = file->rows_done = 0;
    file->failed = (fm_err){0};
    for (size_t i = 0; i < file->n_columns; i++)
        file->columns[i].page_left = file->columns[i].next = file->columns[i].end = 0;
    for (size_t i = 0; i < file->n_cells; i++)
        file->cells[i].next = file->cells[i].end = NULL;
}

fm_status fm_parquet_open(fm_parquet **out, const char *path, fm_err *err)
{
    fm_parquet *file = calloc(1, sizeof(*file));

    if (!file)
        return fm_fail(err, FM_E_NOMEM, "no memory to open '%s'", path);
    file->source.fd = -1;
    file->lists.cap_bytes = FM_PARQUET_MAX_ROW_BYTES;
    file->path = strdup(path);
    fm_status st = file->path ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory to open '%s'", path);
    if (st != FM_OK)
        goto done;
    file->source.path = file->path;
    file->source.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->source.fd < 0) {
        st = fm_fail(err, FM_E_IO, "cannot open '%s': %s", path, strerror(errno));
        goto done;
    }
    st = read_footer(file, err);
    if (st != FM_OK)
        goto done;
    rewind_rows(file);
    *out = file;
    file = NULL;
done:
    fm_parquet_close(file);
    return st;
}

static void release_choice(fm_parquet *file)
{
    for (size_t i = 0; i < file->n_columns; i++)
        fm_pq_column_release(&file->columns[i]);
    free(file->columns);
    free(file->row_ends);
    fm_arena_release(&file->chosen);
}

void fm_parquet_close(fm_parquet *file)
{
    if (!file)
        return;
    release_choice(file);
    fm_pq_codecs_release(&file->source.codecs);
    fm_arena_release(&file->lists);
    fm_arena_release(&file->schema);
    if (file->source.fd >= 0)
        close(file->source.fd);
    free(file->chunks);
    free(file->footer_bytes);
    free(file->path);
    free(file);
}

const fm_parquet_node *fm_parquet_schema(const fm_parquet *file)
{
    return &file->start.root;
}

int64_t fm_parquet_rows(const fm_parquet *file)
{
    return file->start.rows;
}

/* ---- choosing ---- */

/* What stands after the end of a step of a path: nothing, a dot and more, or "[]"; else NULL. */
static const char *after_step(const char *path)
{
    if (*path == '.')
        return path[1] ? path + 1 : NULL;
    return *path == '\0' || *path == '[' ? path : NULL;
}

/* What stands after `name` at the front of a path, without its dot; NULL where the path does not go
 * through `name`. */
static const char *after_name(const char *path, const char *name)
{
    size_t n = strlen(name);

    return strncmp(path, name, n) == 0 ? after_step(path + n) : NULL;
}

/* The same for the step from a list to its elements: "[]", or the names that the file has for it. */
static const char *after_list(const char *path, const fm_parquet_node *list)
{
    const fm_pq_place *place = list->place;

    if (strncmp(path, "[]", 2) == 0)
        return after_step(path + 2);
    const char *rest = after_name(path, place->repeated);
    if (rest && place->wrapped && *rest)
        return after_name(rest, list->children[0].name);
    return rest;
}

/* The nodes from a column to where `path` ends, into `way`; 0 where it leads nowhere. A name may hold
 * dots, so each field whose name fits is tried. */
static size_t find_way(const fm_parquet_node *node, const char *path, const fm_parquet_node **way,
                       size_t depth)
{
    way[depth++] = node;
    if (*path == '\0')
        return depth;
    if (node->kind == FM_PARQUET_LIST) {
        const char *rest = after_list(path, node);

        return rest ? find_way(&node->children[0], rest, way, depth) : 0;
    }
    for (size_t i = 0; i < node->n_children; i++) {
        const char *rest = after_name(path, node->children[i].name);
        size_t found = rest ? find_way(&node->children[i], rest, way, depth) : 0;

        if (found)
            return found;
    }
    return 0;
}

/* A choice while it is made, so that a failed one leaves the handle as it was. */
typedef struct {
    fm_parquet *file;
    fm_arena arena;
    fm_pq_column *columns;
    size_t n_columns, room;
    fm_err *err;
} choice;

static fm_status choice_no_memory(const choice *c)
{
    return fm_fail(c->err, FM_E_NOMEM, "no memory to choose columns of '%s'", c->file->path);
}

static fm_status add_column(choice *c, const fm_pq_leaf *leaf, const char *name)
{
    if (c->n_columns == c->room) {
        size_t room = c->room ? c->room * 2 : 16;
        fm_pq_column *columns = realloc(c->columns, room * sizeof(*columns));

        if (!columns)
            return choice_no_memory(c);
        c->columns = columns;
        c->room = room;
    }
    return fm_pq_column_init(&c->columns[c->n_columns++], &c->file->source, leaf, name, c->err);
}

/* The path of a part of a node whose path is `name`, for messages. */
static const char *name_below(choice *c, const char *name, const fm_parquet_node *node,
                              const fm_parquet_node *child)
{
    fm_buf text = {0};

    fm_buf_puts(&text, name);
    if (node->kind == FM_PARQUET_LIST)
        fm_buf_puts(&text, "[]");
    else
        fm_buf_printf(&text, ".%s", child->name);
    const char *copy = text.failed ? NULL : fm_arena_strdup(&c->arena, fm_buf_text(&text));
    fm_buf_release(&text);
    return copy;
}

/* A way has at most this many nodes: each level of the schema gives one. */
enum { MAX_WAY = FM_PARQUET_MAX_DEPTH + 4 };

/* Make the part for way[0], of which only way[1] is wanted where the way goes on. */
static fm_status plan(choice *c, part *out, const fm_parquet_node *const *way, size_t n,
                      const char *name)
{
    const fm_parquet_node *node = way[0];
    fm_status st = FM_OK;

    *out = (part){.place = node->place, .first = c->n_columns};
    out->n_parts = n > 1 || node->kind == FM_PARQUET_LIST ? 1 : node->n_children;
    if (node->kind == FM_PARQUET_LIST)
        out->kind = PART_LIST;
    else if (node->kind == FM_PARQUET_STRUCT)
        out->kind = n > 1 ? PART_FIELD : PART_STRUCT;
    if (out->n_parts) {
        out->parts = fm_arena_alloc(&c->arena, out->n_parts, sizeof(*out->parts));
        if (!out->parts)
            return choice_no_memory(c);
    }
    for (size_t i = 0; i < out->n_parts && st == FM_OK; i++) {
        if (n > 1) {
            st = plan(c, &out->parts[i], way + 1, n - 1, name);
        } else {
            const fm_parquet_node *child = &node->children[i];
            const char *below = name_below(c, name, node, child);

            st = below ? plan(c, &out->parts[i], &child, 1, below) : choice_no_memory(c);
        }
    }
    if (st == FM_OK && out->kind == PART_VALUE)
        st = add_column(c, &node->place->leaf, name);
    out->n_columns = c->n_columns - out->first;
    return st;
}

static bool is_flat(const part *p)
{
    while (p->kind == PART_FIELD)
        p = &p->parts[0];
    return p->kind == PART_VALUE;
}

static fm_status no_such_path(const choice *c, const char *path)
{
    const fm_parquet_node *root = &c->file->start.root;
    const char **names = calloc(root->n_children + 1, sizeof(*names));
    const char *nearest = NULL;

    for (size_t i = 0; names && i < root->n_children; i++)
        names[i] = root->children[i].name;
    if (names)
        nearest = fm_text_nearest(path, names, root->n_children);
    free(names);
    if (nearest)
        return fm_fail(c->err, FM_E_USAGE, "'%s' has no column '%s', did you mean '%s'?",
                       c->file->path, path, nearest);
    return fm_fail(c->err, FM_E_USAGE, "'%s' has no column '%s'", c->file->path, path);
}

static fm_status choose_path(choice *c, cell *out, const char *path)
{
    const fm_parquet_node *way[MAX_WAY];
    size_t n = *path ? find_way(&c->file->start.root, path, way, 0) : 0;
    const char *name = fm_arena_strdup(&c->arena, path);

    if (n < 2)
        return no_such_path(c, path);
    out->root = fm_arena_alloc(&c->arena, 1, sizeof(*out->root));
    if (!name || !out->root)
        return choice_no_memory(c);
    fm_status st = plan(c, out->root, way + 1, n - 1, name);
    if (st == FM_OK && is_flat(out->root))
        out->flat = c->columns[out->root->first].flat = true;
    return st;
}

fm_status fm_parquet_choose(fm_parquet *file, const char *const *paths, size_t n, fm_err *err)
{
    choice c = {.file = file, .err = err};
    cell *cells = fm_arena_alloc(&c.arena, n + 1, sizeof(*cells));
    fm_parquet_value *row = fm_arena_alloc(&c.arena, n + 1, sizeof(*row));
    size_t *row_ends = NULL;
    fm_status st = cells && row ? FM_OK : choice_no_memory(&c);

    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = choose_path(&c, &cells[i], paths[i]);
    if (st == FM_OK) {
        row_ends = calloc(c.n_columns + 1, sizeof(*row_ends));
        st = row_ends ? FM_OK : choice_no_memory(&c);
    }
    if (st != FM_OK) {
        for (size_t i = 0; i < c.n_columns; i++)
            fm_pq_column_release(&c.columns[i]);
        free(c.columns);
        fm_arena_release(&c.arena);
        return st;
    }
    release_choice(file);
    file->chosen = c.arena;
    file->cells = cells;
    file->row = row;
    file->n_cells = n;
    file->columns = c.columns;
    file->n_columns = c.n_columns;
    file->row_ends = row_ends;
    rewind_rows(file);
    return FM_OK;
}

/* ---- rows ---- */

/* Find where the row ends that begins at column->next: before the next value that repeats nothing.
 * All of its values wait then. */
static fm_status gather(fm_parquet *file, size_t index, fm_err *err)
{
    fm_pq_column *column = &file->columns[index];
    size_t length = 0;

    /* Values that were kept for the row before are no longer needed. */
    if (column->kept) {
        column->kept = 0;
        fm_arena_reset(&column->moved);
    }
    for (;;) {
        while (column->next + length < column->end) {
            uint32_t level = column->repetitions ? column->repetitions[column->next + length] : 0;

            if (length ? level == 0 : level != 0) {
                if (length == 0)
                    return fm_pq_column_fault(column, err, "a row begins in the middle of a list");
                file->row_ends[index] = column->next + length;
                return FM_OK;
            }
            length++;
            if (!column->repetitions) {
                file->row_ends[index] = column->next + length;
                return FM_OK;
            }
        }
        size_t before = column->end - column->next;
        fm_status st = fm_pq_column_fill(column, err);
        if (st != FM_OK)
            return st;
        if (column->end - column->next == before)
            break;
    }
    if (length == 0)
        return fm_pq_column_fault(column, err, "the column has fewer rows than its row group");
    file->row_ends[index] = column->next + length;
    return FM_OK;
}

static fm_status disagree(const fm_parquet *file, size_t column, fm_err *err)
{
    return fm_pq_column_fault(&file->columns[column], err,
                              "its lists do not fit those of the columns beside it");
}

static fm_status no_room(const fm_parquet *file, const part *p, fm_err *err)
{
    return fm_pq_column_fault(&file->columns[p->first], err,
                              "a row is larger than the %zu bytes allowed",
                              FM_PARQUET_MAX_ROW_BYTES);
}

static uint32_t level_of(const uint32_t *levels, size_t at)
{
    return levels ? levels[at] : 0;
}

/* Step over one value of each column of a part, which all end there: at a null or an empty list. */
static fm_status step_over(fm_parquet *file, const part *p, uint32_t definition,
                           uint32_t repetition, fm_err *err)
{
    for (size_t i = p->first; i < p->first + p->n_columns; i++) {
        fm_pq_column *column = &file->columns[i];

        if (column->next == file->row_ends[i] ||
            level_of(column->definitions, column->next) != definition ||
            level_of(column->repetitions, column->next) != repetition)
            return disagree(file, i, err);
        column->next++;
    }
    return FM_OK;
}

static fm_status assemble(fm_parquet *file, const part *p, uint32_t repetition,
                          fm_parquet_value *out, fm_err *err);

static fm_status assemble_struct(fm_parquet *file, const part *p, uint32_t repetition,
                                 fm_parquet_value *out, fm_err *err)
{
    fm_parquet_value *fields = fm_arena_alloc(&file->lists, p->n_parts, sizeof(*fields));

    if (!fields)
        return no_room(file, p, err);
    for (size_t i = 0; i < p->n_parts; i++) {
        fm_status st = assemble(file, &p->parts[i], repetition, &fields[i], err);
        if (st != FM_OK)
            return st;
    }
    *out = (fm_parquet_value){
        .items = fields, .size = (uint32_t)p->n_parts, .kind = FM_PARQUET_STRUCT};
    return FM_OK;
}

/* The elements of the list that begins at the first column's next value. */
static size_t count_elements(const fm_parquet *file, const part *p)
{
    const fm_pq_column *column = &file->columns[p->first];
    uint32_t level = p->place->item_repetition;
    size_t n = 1;

    for (size_t i = column->next + 1; i < file->row_ends[p->first]; i++) {
        if (column->repetitions[i] < level)
            break;
        n += column->repetitions[i] == level;
    }
    return n;
}

static fm_status assemble_list(fm_parquet *file, const part *p, uint32_t repetition,
                               fm_parquet_value *out, fm_err *err)
{
    size_t n = count_elements(file, p);
    fm_parquet_value *items = fm_arena_alloc(&file->lists, n, sizeof(*items));

    if (!items)
        return no_room(file, p, err);
    for (size_t i = 0; i < n; i++) {
        fm_status st = assemble(file, &p->parts[0], i ? p->place->item_repetition : repetition,
                                &items[i], err);
        if (st != FM_OK)
            return st;
    }
    *out = (fm_parquet_value){.items = items, .size = (uint32_t)n, .kind = FM_PARQUET_LIST};
    return FM_OK;
}

/* Make the value of a part from the waiting values. `repetition`: the level at which the first of them
 * must stand, which shows whether columns that belong together tell the same lists. */
static fm_status assemble(fm_parquet *file, const part *p, uint32_t repetition,
                          fm_parquet_value *out, fm_err *err)
{
    fm_pq_column *column = &file->columns[p->first];

    if (column->next == file->row_ends[p->first])
        return disagree(file, p->first, err);
    uint32_t definition = level_of(column->definitions, column->next);
    if (definition < p->place->definition) {
        *out = (fm_parquet_value){.size = 0};
        return step_over(file, p, definition, repetition, err);
    }
    switch (p->kind) {
    case PART_FIELD:
        return assemble(file, &p->parts[0], repetition, out, err);
    case PART_STRUCT:
        return assemble_struct(file, p, repetition, out, err);
    case PART_LIST:
        if (definition >= p->place->item_definition)
            return assemble_list(file, p, repetition, out, err);
        *out = (fm_parquet_value){.kind = FM_PARQUET_LIST};
        return step_over(file, p, definition, repetition, err);
    default:
        *out = column->values[column->next];
        return step_over(file, p, definition, repetition, err);
    }
}

static fm_status assemble_cell(fm_parquet *file, const part *root, fm_parquet_value *out,
                               fm_err *err)
{
    size_t end = root->first + root->n_columns;

    for (size_t i = root->first; i < end; i++) {
        fm_status st = gather(file, i, err);
        if (st != FM_OK)
            return st;
    }
    fm_status st = assemble(file, root, 0, out, err);
    for (size_t i = root->first; i < end && st == FM_OK; i++)
        if (file->columns[i].next != file->row_ends[i])
            st = disagree(file, i, err);
    return st;
}

/* After the last row of a group no column may have values left. */
static fm_status check_group_end(fm_parquet *file, fm_err *err)
{
    bool more = false;
    size_t first = 0;

    for (size_t i = 0; i < file->n_cells && !more; i++) {
        first = file->cells[i].root->first;
        more = file->cells[i].next != file->cells[i].end;
    }
    for (size_t i = 0; i < file->n_columns && !more; i++) {
        const fm_pq_column *column = &file->columns[i];

        first = i;
        more = column->next != column->end || column->page_left || column->values_left;
    }
    if (more)
        return fm_pq_column_fault(&file->columns[first], err,
                                  "the column has more rows than its row group");
    return FM_OK;
}

/* End the row group and begin others until one has rows; none is left where rows_left stays 0. */
static fm_status next_group(fm_parquet *file, fm_err *err)
{
    fm_status st = check_group_end(file, err);

    while (st == FM_OK && file->rows_left == 0 && file->footer.n_groups) {
        int64_t rows;

        st = fm_pq_footer_group(&file->footer, file->chunks, &rows, file->path, err);

        for (size_t i = 0; i < file->n_columns && st == FM_OK; i++) {
            fm_pq_column *column = &file->columns[i];

            st = fm_pq_column_start(column, &file->chunks[column->leaf->index], err);
        }
        if (st == FM_OK && rows == 0)
            st = check_group_end(file, err);
        if (st == FM_OK)
            file->rows_left = rows;
    }
    return st;
}

/* The next batch of a flat cell. Its column has nothing waiting then: the cell has it. */
static fm_status fill_cell(fm_parquet *file, cell *flat, fm_err *err)
{
    fm_pq_column *column = &file->columns[flat->root->first];
    fm_status st = fm_pq_column_fill(column, err);

    if (st != FM_OK)
        return st;
    if (column->next == column->end)
        return fm_pq_column_fault(column, err, "the column has fewer rows than its row group");
    flat->next = column->values;
    flat->end = column->values + column->end;
    column->next = column->end;
    return FM_OK;
}

static fm_status read_row(fm_parquet *file, fm_err *err)
{
    fm_parquet_value *row = file->row;
    cell *cells = file->cells;
    size_t n = file->n_cells;

    if (file->lists.used_bytes)
        fm_arena_reset(&file->lists);
    for (size_t i = 0; i < n; i++) {
        cell *chosen = &cells[i];

        if (chosen->next == chosen->end) {
            fm_status st = chosen->flat ? fill_cell(file, chosen, err)
                                        : assemble_cell(file, chosen->root, &row[i], err);
            if (st != FM_OK)
                return st;
            if (!chosen->flat)
                continue;
        }
        row[i] = *chosen->next++;
    }
    return FM_OK;
}

static fm_status next_row(fm_parquet *file, const fm_parquet_value **row, fm_err *err)
{
    if (file->rows_left == 0) {
        fm_status st = next_group(file, err);
        if (st != FM_OK)
            return st;
    }
    if (file->rows_left == 0) {
        if (file->rows_done != file->start.rows)
            return fm_fail(err, FM_E_INPUT,
                           "'%s': the row groups have %" PRId64 " rows, the footer says %" PRId64,
                           file->path, file->rows_done, file->start.rows);
        *row = NULL;
        return FM_OK;
    }
    fm_status st = read_row(file, err);
    if (st != FM_OK)
        return st;
    file->rows_left--;
    file->rows_done++;
    *row = file->row;
    return FM_OK;
}

fm_status fm_parquet_next(fm_parquet *file, const fm_parquet_value **row, fm_err *err)
{
    if (file->failed.code != FM_OK)
        return fm_fail(err, file->failed.code, "%s", file->failed.text);
    fm_status st = next_row(file, row, &file->failed);
    return st == FM_OK ? FM_OK : fm_fail(err, st, "%s", file->failed.text);
}

bool fm_parquet_number(const fm_parquet_value *value, double *out)
{
    const int64_t most = INT64_C(1) << 53;

    switch (value->kind) {
    case FM_PARQUET_INTEGER:
        if (value->integer > most || value->integer < -most)
            return false;
        *out = (double)value->integer;
        return true;
    case FM_PARQUET_NATURAL:
        if (value->natural > (uint64_t)most)
            return false;
        *out = (double)value->natural;
        return true;
    case FM_PARQUET_REAL:
        *out = value->real;
        return true;
    default:
        return false;
    }
}
