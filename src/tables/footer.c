/* Owns the footer: the schema as a tree with the levels at which its parts are there, and the row
 * groups, one at a time, so that a file of many thousands costs no more memory than its footer.
 *
 * How lists and maps are layered, old layerings included, is the format's LogicalTypes document. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "tables/parquet_internal.h"

typedef enum { REQUIRED, OPTIONAL, REPEATED } repetition;

typedef enum {
    NOTE_NONE,
    NOTE_TEXT,
    NOTE_ENUM,
    NOTE_JSON,
    NOTE_BSON,
    NOTE_UUID,
    NOTE_DECIMAL,
    NOTE_DATE,
    NOTE_TIME,
    NOTE_TIMESTAMP,
    NOTE_INTEGER,
    NOTE_FLOAT16,
    NOTE_INTERVAL,
    NOTE_LIST,
    NOTE_MAP
} note;

/* A line of the schema as it is stored. */
typedef struct {
    char *name;
    int32_t physical, width, n_children; /* physical: -1 where there is none */
    repetition repeats;
    note note;
    int32_t bits, scale, precision;
    bool is_unsigned;
    const char *unit;
} element;

typedef struct {
    element *elements;
    size_t n, next, n_leaves;
    fm_arena *arena;
    const char *problem; /* NULL while all is well */
    const char *at;      /* the name of the element that has it */
} builder;

/* The old way of saying what a column means. */
static void read_converted(element *e, int32_t type)
{
    static const struct {
        note note;
        int bits;
        bool is_unsigned;
        const char *unit;
    } table[] = {
        {NOTE_TEXT, 0, false, NULL},      {NOTE_MAP, 0, false, NULL},
        {NOTE_MAP, 0, false, NULL},       {NOTE_LIST, 0, false, NULL},
        {NOTE_ENUM, 0, false, NULL},      {NOTE_DECIMAL, 0, false, NULL},
        {NOTE_DATE, 0, false, NULL},      {NOTE_TIME, 0, false, "ms"},
        {NOTE_TIME, 0, false, "us"},      {NOTE_TIMESTAMP, 0, false, "ms"},
        {NOTE_TIMESTAMP, 0, false, "us"}, {NOTE_INTEGER, 8, true, NULL},
        {NOTE_INTEGER, 16, true, NULL},   {NOTE_INTEGER, 32, true, NULL},
        {NOTE_INTEGER, 64, true, NULL},   {NOTE_INTEGER, 8, false, NULL},
        {NOTE_INTEGER, 16, false, NULL},  {NOTE_INTEGER, 32, false, NULL},
        {NOTE_INTEGER, 64, false, NULL},  {NOTE_JSON, 0, false, NULL},
        {NOTE_BSON, 0, false, NULL},      {NOTE_INTERVAL, 0, false, NULL},
    };

    if (type < 0 || (size_t)type >= FM_COUNT_OF(table))
        return; /* a meaning of later days: the stored value is shown */
    e->note = table[type].note;
    e->bits = table[type].bits;
    e->is_unsigned = table[type].is_unsigned;
    e->unit = table[type].unit;
}

static const char *read_unit(fm_thrift *in, const fm_thrift_struct *field)
{
    static const char *const units[] = {NULL, "ms", "us", "ns"};
    const char *unit = NULL;

    if (!fm_thrift_enter(in, field))
        return NULL;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id >= 1 && s.id <= 3)
            unit = units[s.id];
        fm_thrift_skip(in, s.type);
    }
    return unit;
}

/* DECIMAL {1 scale, 2 precision}, TIME and TIMESTAMP {1 utc, 2 unit}, INTEGER {1 bits, 2 signed} */
static void read_logical_details(fm_thrift *in, const fm_thrift_struct *field, element *e)
{
    if (!fm_thrift_enter(in, field))
        return;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (e->note == NOTE_DECIMAL && s.id == 1)
            e->scale = fm_thrift_int32(in, &s);
        else if (e->note == NOTE_DECIMAL && s.id == 2)
            e->precision = fm_thrift_int32(in, &s);
        else if ((e->note == NOTE_TIME || e->note == NOTE_TIMESTAMP) && s.id == 2)
            e->unit = read_unit(in, &s);
        else if (e->note == NOTE_INTEGER && s.id == 1)
            e->bits = fm_thrift_int32(in, &s);
        else if (e->note == NOTE_INTEGER && s.id == 2)
            e->is_unsigned = !fm_thrift_bool(in, &s);
        else
            fm_thrift_skip(in, s.type);
    }
}

static void read_logical(fm_thrift *in, const fm_thrift_struct *field, element *e)
{
    static const note notes[] = {
        [1] = NOTE_TEXT,     [2] = NOTE_MAP,   [3] = NOTE_LIST,  [4] = NOTE_ENUM,
        [5] = NOTE_DECIMAL,  [6] = NOTE_DATE,  [7] = NOTE_TIME,  [8] = NOTE_TIMESTAMP,
        [10] = NOTE_INTEGER, [12] = NOTE_JSON, [13] = NOTE_BSON, [14] = NOTE_UUID,
        [15] = NOTE_FLOAT16,
    };

    if (!fm_thrift_enter(in, field))
        return;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id < 1 || (size_t)s.id >= FM_COUNT_OF(notes) || notes[s.id] == NOTE_NONE) {
            fm_thrift_skip(in, s.type);
            continue;
        }
        e->note = notes[s.id];
        read_logical_details(in, &s, e);
    }
}

static void read_element(fm_thrift *in, fm_arena *arena, element *e)
{
    const char *name = "";
    size_t size = 0;

    *e = (element){.physical = -1};
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        int32_t number = 0;

        if (s.id != 4 && s.id <= 8)
            number = fm_thrift_int32(in, &s);
        switch (s.id) {
        case 1:
            e->physical = number;
            break;
        case 2:
            e->width = number;
            break;
        case 3:
            e->repeats = number == 1 ? OPTIONAL : number == 2 ? REPEATED : REQUIRED;
            break;
        case 4:
            name = fm_thrift_bytes(in, &s, &size);
            break;
        case 5:
            e->n_children = number;
            break;
        case 6:
            read_converted(e, number);
            break;
        case 7:
            e->scale = number;
            break;
        case 8:
            e->precision = number;
            break;
        case 10:
            read_logical(in, &s, e);
            break;
        default:
            fm_thrift_skip(in, s.type);
        }
    }
    if (memchr(name, '\0', size) && !in->problem)
        in->problem = "a name of the schema holds a NUL byte";
    e->name = fm_arena_memdup(arena, name, size);
}

static const char *arena_printf(builder *b, const char *fmt, ...) FM_PRINTF(2, 3);

static const char *arena_printf(builder *b, const char *fmt, ...)
{
    char text[64];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const char *copy = fm_arena_strdup(b->arena, text);
    return copy ? copy : "";
}

static void refuse(builder *b, const element *e, const char *problem)
{
    if (!b->problem) {
        b->problem = problem;
        b->at = e->name;
    }
}

static void describe_decimal(builder *b, const element *e, fm_parquet_node *node, fm_pq_leaf *leaf)
{
    enum { MAX_DIGITS = 76, EXACT_DIGITS = 15, INT64_DIGITS = 18 };

    if (e->precision < 1 || e->precision > MAX_DIGITS || e->scale < 0 || e->scale > e->precision) {
        refuse(b, e, "the digits of a decimal are out of range");
        return;
    }
    if (leaf->physical != FM_PQ_INT32 && leaf->physical != FM_PQ_INT64 &&
        leaf->physical != FM_PQ_BYTE_ARRAY && leaf->physical != FM_PQ_FIXED) {
        refuse(b, e, "a decimal has a type that cannot hold it");
        return;
    }
    leaf->scale = e->scale;
    node->type = arena_printf(b, "decimal(%" PRId32 ",%" PRId32 ")", e->precision, e->scale);
    if (e->scale == 0 && e->precision <= INT64_DIGITS) {
        node->kind = FM_PARQUET_INTEGER;
        leaf->conversion = FM_PQ_AS_DECIMAL_INTEGER;
    } else if (e->precision <= EXACT_DIGITS) {
        node->kind = FM_PARQUET_REAL;
        leaf->conversion = FM_PQ_AS_DECIMAL_REAL;
    } else {
        node->kind = FM_PARQUET_TEXT;
        leaf->conversion = FM_PQ_AS_DECIMAL_TEXT;
    }
}

static void describe_integer(builder *b, const element *e, fm_parquet_node *node, fm_pq_leaf *leaf)
{
    bool wide = leaf->physical == FM_PQ_INT64;

    node->kind = FM_PARQUET_INTEGER;
    node->type = wide ? "int64" : "int32";
    if (e->note == NOTE_DATE) {
        node->type = "date";
    } else if (e->unit && (e->note == NOTE_TIME || e->note == NOTE_TIMESTAMP)) {
        node->type =
            arena_printf(b, "%s(%s)", e->note == NOTE_TIME ? "time" : "timestamp", e->unit);
    } else if (e->note == NOTE_INTEGER) {
        node->type = arena_printf(b, "%sint%" PRId32, e->is_unsigned ? "u" : "", e->bits);
        if (e->is_unsigned)
            leaf->conversion = wide ? FM_PQ_AS_UINT64 : FM_PQ_AS_UINT32;
        if (e->is_unsigned && wide)
            node->kind = FM_PARQUET_NATURAL;
    }
}

static void describe_bytes(const element *e, fm_parquet_node *node, fm_pq_leaf *leaf)
{
    static const struct {
        note note;
        const char *type;
        bool text;
    } table[] = {
        {NOTE_TEXT, "string", true}, {NOTE_ENUM, "enum", true},  {NOTE_JSON, "json", true},
        {NOTE_BSON, "bson", false},  {NOTE_UUID, "uuid", false}, {NOTE_INTERVAL, "interval", false},
    };

    node->kind = FM_PARQUET_BINARY;
    node->type = "binary";
    for (size_t i = 0; i < FM_COUNT_OF(table); i++)
        if (e->note == table[i].note)
            node->type = table[i].type;
    if (e->note == NOTE_TEXT || e->note == NOTE_ENUM || e->note == NOTE_JSON) {
        node->kind = FM_PARQUET_TEXT;
        leaf->conversion = FM_PQ_AS_TEXT;
    }
    if (e->note == NOTE_FLOAT16 && leaf->physical == FM_PQ_FIXED && leaf->width == 2) {
        node->kind = FM_PARQUET_REAL;
        node->type = "float16";
        leaf->conversion = FM_PQ_AS_FLOAT16;
    }
}

static void describe(builder *b, const element *e, fm_parquet_node *node, fm_pq_leaf *leaf)
{
    static const uint32_t widths[] = {0, 4, 8, 12, 4, 8, 0};

    if (e->physical < FM_PQ_BOOLEAN || e->physical > FM_PQ_FIXED) {
        refuse(b, e, "it has neither a type that exists nor parts");
        return;
    }
    leaf->physical = (fm_pq_physical)e->physical;
    if (leaf->physical == FM_PQ_FIXED &&
        (e->width < 1 || (uint32_t)e->width > FM_PARQUET_MAX_PAGE_BYTES)) {
        refuse(b, e, "the width of its values is out of range");
        return;
    }
    leaf->width = leaf->physical == FM_PQ_FIXED ? (uint32_t)e->width : widths[leaf->physical];
    if (e->note == NOTE_DECIMAL) {
        describe_decimal(b, e, node, leaf);
        return;
    }
    switch (leaf->physical) {
    case FM_PQ_BOOLEAN:
        node->kind = FM_PARQUET_BOOLEAN;
        node->type = "boolean";
        break;
    case FM_PQ_INT32:
    case FM_PQ_INT64:
        describe_integer(b, e, node, leaf);
        break;
    case FM_PQ_INT96:
        node->kind = FM_PARQUET_INTEGER;
        node->type = "int96";
        break;
    case FM_PQ_FLOAT:
    case FM_PQ_DOUBLE:
        node->kind = FM_PARQUET_REAL;
        node->type = leaf->physical == FM_PQ_FLOAT ? "float" : "double";
        break;
    default:
        describe_bytes(e, node, leaf);
    }
}

/* What is known on the way down. */
typedef struct {
    uint8_t definition, repetition;
    int depth;
} level;

static void build(builder *b, fm_parquet_node *node, level at, bool repeated_above);

static fm_parquet_node *new_children(builder *b, const element *e, size_t n)
{
    fm_parquet_node *children = fm_arena_alloc(b->arena, n ? n : 1, sizeof(*children));

    if (!children)
        refuse(b, e, "no memory for it");
    return children;
}

static void build_struct(builder *b, const element *e, fm_parquet_node *node, level at)
{
    size_t n = (size_t)e->n_children;
    fm_parquet_node *children = new_children(b, e, n);

    node->kind = FM_PARQUET_STRUCT;
    node->type = "struct";
    at.depth++;
    for (size_t i = 0; i < n && !b->problem; i++)
        build(b, &children[i], at, false);
    node->children = children;
    node->n_children = n;
}

/* Is the repeated layer itself the element of the list, as old writers have it, or is its one field? */
static bool layer_is_element(const builder *b, const element *list, const element *layer)
{
    size_t n = strlen(list->name);

    if (list->note == NOTE_MAP || layer->physical >= 0 || layer->n_children != 1)
        return true;
    if (layer->note == NOTE_LIST || layer->note == NOTE_MAP || b->next + 1 >= b->n ||
        b->elements[b->next + 1].repeats == REPEATED)
        return true;
    return strcmp(layer->name, "array") == 0 ||
           (strncmp(layer->name, list->name, n) == 0 && strcmp(layer->name + n, "_tuple") == 0);
}

/* b->next is the repeated layer. */
static void build_list(builder *b, const element *list, fm_parquet_node *node, fm_pq_place *place,
                       level at)
{
    const element *layer = &b->elements[b->next];
    fm_parquet_node *child = new_children(b, list, 1);

    node->kind = FM_PARQUET_LIST;
    node->type = list->note == NOTE_MAP ? "map" : "list";
    at.depth++;
    place->item_definition = ++at.definition;
    place->item_repetition = ++at.repetition;
    place->repeated = layer->name;
    place->wrapped = layer != list && !layer_is_element(b, list, layer);
    if (place->wrapped)
        b->next++;
    if (child)
        build(b, child, at, !place->wrapped);
    node->children = child;
    node->n_children = 1;
}

/* Build the node of the element b->next and all below it. `repeated_above`: that the element repeats
 * is already a list of its own, of which it is the element. */
static void build(builder *b, fm_parquet_node *node, level at, bool repeated_above)
{
    if (b->problem)
        return;
    if (b->next >= b->n) {
        b->problem = "the schema ends before all of its parts are told";
        return;
    }
    const element *e = &b->elements[b->next];
    fm_pq_place *place = fm_arena_alloc(b->arena, 1, sizeof(*place));
    bool repeats = e->repeats == REPEATED && !repeated_above;

    if (!place || at.depth > FM_PARQUET_MAX_DEPTH) {
        refuse(b, e, place ? "it lies too deep" : "no memory for it");
        return;
    }
    node->name = e->name;
    node->nullable = e->repeats == OPTIONAL;
    at.definition += node->nullable;
    place->definition = at.definition;
    node->place = place;
    if (repeats) {
        build_list(b, e, node, place, at);
        return;
    }
    b->next++;
    if (e->n_children < 0 || (size_t)e->n_children > b->n - b->next) {
        refuse(b, e, "the number of its parts is out of range");
    } else if (e->n_children == 0) {
        place->leaf = (fm_pq_leaf){.index = b->n_leaves++,
                                   .max_definition = at.definition,
                                   .max_repetition = at.repetition};
        describe(b, e, node, &place->leaf);
    } else if ((e->note == NOTE_LIST || e->note == NOTE_MAP) && e->n_children == 1 &&
               b->elements[b->next].repeats == REPEATED) {
        build_list(b, e, node, place, at);
    } else {
        build_struct(b, e, node, at);
    }
}

static fm_status footer_fault(fm_err *err, const char *path, const char *problem)
{
    return fm_fail(err, FM_E_INPUT, "'%s': the footer is malformed: %s", path, problem);
}

static fm_status read_schema(fm_pq_footer *footer, fm_thrift *in, size_t n, fm_arena *arena,
                             const char *path, fm_err *err)
{
    if (n == 0 || n > FM_PARQUET_MAX_ELEMENTS)
        return footer_fault(err, path, "the schema has no parts, or too many");
    builder b = {.n = n, .arena = arena};
    b.elements = fm_arena_alloc(arena, n, sizeof(*b.elements));
    if (!b.elements)
        return fm_fail(err, FM_E_NOMEM, "no memory for the schema of '%s'", path);
    for (size_t i = 0; i < n && !in->problem; i++) {
        read_element(in, arena, &b.elements[i]);
        if (!b.elements[i].name)
            return fm_fail(err, FM_E_NOMEM, "no memory for the schema of '%s'", path);
    }
    if (in->problem)
        return footer_fault(err, path, in->problem);
    /* The root stands for the file: whatever it says of repetition means nothing. */
    const element *root = &b.elements[b.next++];
    footer->root.name = root->name;
    if (root->n_children < 0 || (size_t)root->n_children >= n)
        b.problem = "the number of columns is out of range";
    else
        build_struct(&b, root, &footer->root, (level){0});
    if (!b.problem && b.next != n)
        b.problem = "the schema has parts that belong to nothing";
    if (b.problem && b.at)
        return fm_fail(err, FM_E_INPUT, "'%s': the schema is malformed: '%s': %s", path, b.at,
                       b.problem);
    if (b.problem)
        return footer_fault(err, path, b.problem);
    footer->n_leaves = b.n_leaves;
    return FM_OK;
}

fm_status fm_pq_footer_read(fm_pq_footer *out, fm_pq_span bytes, fm_arena *arena, const char *path,
                            fm_err *err)
{
    fm_pq_footer footer = {0};
    fm_thrift in = {.next = bytes.bytes, .end = bytes.bytes + bytes.size};
    bool has_schema = false;

    for (fm_thrift_struct s = {0}; fm_thrift_next(&in, &s);) {
        if (s.id == 2 && !has_schema) {
            size_t n = fm_thrift_list(&in, &s, FM_THRIFT_STRUCT);

            if (in.problem)
                break;
            fm_status st = read_schema(&footer, &in, n, arena, path, err);
            if (st != FM_OK)
                return st;
            has_schema = true;
        } else if (s.id == 3) {
            footer.rows = fm_thrift_int(&in, &s);
        } else if (s.id == 4) {
            fm_thrift inside = in;

            footer.n_groups = fm_thrift_list(&inside, &s, FM_THRIFT_STRUCT);
            footer.groups = inside;
            fm_thrift_skip(&in, s.type);
        } else {
            fm_thrift_skip(&in, s.type);
        }
    }
    if (in.problem || footer.groups.problem)
        return footer_fault(err, path, in.problem ? in.problem : footer.groups.problem);
    if (!has_schema)
        return footer_fault(err, path, "it has no schema");
    if (footer.rows < 0)
        return footer_fault(err, path, "the number of rows is negative");
    *out = footer;
    return FM_OK;
}

static void read_chunk_meta(fm_thrift *in, const fm_thrift_struct *field, fm_pq_chunk *chunk)
{
    if (!fm_thrift_enter(in, field))
        return;
    chunk->present = true;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        switch (s.id) {
        case 1:
            chunk->physical = fm_thrift_int32(in, &s);
            break;
        case 4:
            chunk->codec = fm_thrift_int32(in, &s);
            break;
        case 5:
            chunk->values = fm_thrift_int(in, &s);
            break;
        case 7:
            chunk->stored_bytes = fm_thrift_int(in, &s);
            break;
        case 9:
            chunk->data_offset = fm_thrift_int(in, &s);
            break;
        case 11:
            chunk->dictionary_offset = fm_thrift_int(in, &s);
            break;
        default:
            fm_thrift_skip(in, s.type);
        }
    }
}

static void read_chunk(fm_thrift *in, fm_pq_chunk *chunk)
{
    *chunk = (fm_pq_chunk){0};
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 3) {
            read_chunk_meta(in, &s, chunk);
            continue;
        }
        chunk->elsewhere = chunk->elsewhere || s.id == 1;
        chunk->encrypted = chunk->encrypted || s.id == 8 || s.id == 9;
        fm_thrift_skip(in, s.type);
    }
}

fm_status fm_pq_footer_group(fm_pq_footer *footer, fm_pq_chunk *chunks, int64_t *rows,
                             const char *path, fm_err *err)
{
    fm_thrift *in = &footer->groups;
    size_t n = 0;

    *rows = 0;
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);) {
        if (s.id == 1) {
            n = fm_thrift_list(in, &s, FM_THRIFT_STRUCT);
            if (n != footer->n_leaves)
                break;
            for (size_t i = 0; i < n; i++)
                read_chunk(in, &chunks[i]);
        } else if (s.id == 3) {
            *rows = fm_thrift_int(in, &s);
        } else {
            fm_thrift_skip(in, s.type);
        }
    }
    if (in->problem)
        return footer_fault(err, path, in->problem);
    if (n != footer->n_leaves)
        return footer_fault(err, path, "a row group has not the columns of the schema");
    if (*rows < 0)
        return footer_fault(err, path, "a row group has a negative number of rows");
    footer->n_groups--;
    return FM_OK;
}
