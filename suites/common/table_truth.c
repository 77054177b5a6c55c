/* Owns what the cells of a row mean: texts, numbers, and the truth of each kind of answer. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "fathom/quantity.h"
#include "suites/common/table_internal.h"

enum { MAX_NUMBERS = 200000 };

fm_status fm_table_fault(const fm_table_row *row, const fm_table_ref *ref, const char *problem)
{
    return fm_fail(row->err, FM_E_INPUT, "%s: row %zu: column '%s' %s", row->path, row->number,
                   ref->name ? ref->name : "?", problem);
}

fm_status fm_table_no_memory(const fm_table_row *row)
{
    return fm_fail(row->err, FM_E_NOMEM, "no memory for row %zu of '%s'", row->number, row->path);
}

const fm_parquet_value *fm_table_value(const fm_table_row *row, const fm_table_ref *ref)
{
    const fm_parquet_value *value = ref->given ? &row->values[ref->column] : NULL;

    if (value && ref->indexed)
        value = value->kind == FM_PARQUET_LIST && ref->index < value->size
                    ? &value->items[ref->index]
                    : NULL;
    return value && value->kind != FM_PARQUET_NULL ? value : NULL;
}

/* ---- texts ---- */

fm_status fm_table_text_of(const fm_table_row *row, const fm_table_ref *ref,
                           const fm_parquet_value *value, const char **out)
{
    char text[FM_JSON_NUMBER_BYTES + 1];

    switch (value->kind) {
    case FM_PARQUET_TEXT:
        if (value->size &&
            (memchr(value->bytes, '\0', value->size) || !fm_utf8_valid(value->bytes, value->size)))
            return fm_table_fault(row, ref, "is no UTF-8 text");
        *out = fm_arena_memdup(row->arena, value->size ? value->bytes : "", value->size);
        return *out ? FM_OK : fm_table_no_memory(row);
    case FM_PARQUET_INTEGER:
        snprintf(text, sizeof(text), "%" PRId64, value->integer);
        break;
    case FM_PARQUET_NATURAL:
        snprintf(text, sizeof(text), "%" PRIu64, value->natural);
        break;
    case FM_PARQUET_REAL:
        if (!isfinite(value->real))
            return fm_table_fault(row, ref, "is not finite");
        text[fm_json_format_number(value->real, text)] = '\0';
        break;
    case FM_PARQUET_BOOLEAN:
        snprintf(text, sizeof(text), "%s", value->boolean ? "true" : "false");
        break;
    default:
        return fm_table_fault(row, ref, "is no text");
    }
    *out = fm_arena_strdup(row->arena, text);
    return *out ? FM_OK : fm_table_no_memory(row);
}

fm_status fm_table_text(const fm_table_row *row, const fm_table_ref *ref, const char **out)
{
    const fm_parquet_value *value = fm_table_value(row, ref);

    *out = NULL;
    return value ? fm_table_text_of(row, ref, value, out) : FM_OK;
}

/* A list of numbers in any depth, as JSON: the boxes of what a question speaks of. */
static bool put_listed(fm_buf *out, const fm_parquet_value *value)
{
    char text[FM_JSON_NUMBER_BYTES + 1];
    double number;

    if (value->kind == FM_PARQUET_LIST) {
        fm_buf_putc(out, '[');
        for (uint32_t i = 0; i < value->size; i++) {
            fm_buf_puts(out, i ? ", " : "");
            if (!put_listed(out, &value->items[i]))
                return false;
        }
        fm_buf_putc(out, ']');
        return true;
    }
    if (!fm_parquet_number(value, &number) || !isfinite(number))
        return false;
    text[fm_json_format_number(number, text)] = '\0';
    fm_buf_puts(out, text);
    return true;
}

static fm_status list_text(const fm_table_row *row, const fm_table_ref *ref,
                           const fm_parquet_value *value, const char **out)
{
    fm_buf text = {0};
    fm_status st = FM_OK;

    if (!put_listed(&text, value))
        st = fm_table_fault(row, ref, "is neither a text nor a list of numbers");
    else if (text.failed || !(*out = fm_arena_strdup(row->arena, fm_buf_text(&text))))
        st = fm_table_no_memory(row);
    fm_buf_release(&text);
    return st;
}

/* `text` without a mark that stands in it for something else, such as a picture. */
static const char *leave_out(const fm_table_row *row, const char *text, const char *mark)
{
    const char *at = strstr(text, mark), *from = text;
    char *out = at ? fm_arena_strdup(row->arena, text) : NULL, *to = out;

    if (!out)
        return at ? NULL : text;
    for (; at; at = strstr(from, mark)) {
        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        from = at + strlen(mark);
    }
    memcpy(to, from, strlen(from) + 1);
    size_t n = strlen(out);
    while (n && strchr(" \t\r\n", out[n - 1]))
        out[--n] = '\0';
    return out + strspn(out, " \t\r\n");
}

fm_status fm_table_instruction(const fm_table_row *row, const fm_table_ref *ref, const char **out)
{
    const fm_parquet_value *value = fm_table_value(row, ref);
    fm_status st;

    *out = NULL;
    if (!value)
        return FM_OK;
    if (value->kind == FM_PARQUET_LIST)
        return list_text(row, ref, value, out);
    st = fm_table_text_of(row, ref, value, out);
    if (st == FM_OK && row->spec->without && !(*out = leave_out(row, *out, row->spec->without)))
        st = fm_table_no_memory(row);
    return st;
}

/* Without the white space around it. */
static fm_status needed_text(const fm_table_row *row, const fm_table_ref *ref, const char **out)
{
    fm_status st = fm_table_text(row, ref, out);

    if (st != FM_OK)
        return st;
    if (!*out)
        return fm_table_fault(row, ref, "has no value");
    const char *from = *out + strspn(*out, " \t\r\n");
    size_t n = strlen(from);
    while (n && strchr(" \t\r\n", from[n - 1]))
        n--;
    *out = fm_arena_memdup(row->arena, from, n);
    return *out ? FM_OK : fm_table_no_memory(row);
}

/* ---- numbers ---- */

typedef struct {
    double *values; /* NULL: counting */
    size_t n;
} numbers;

static bool add_number(numbers *out, double value)
{
    if (out->n == MAX_NUMBERS || !isfinite(value))
        return false;
    if (out->values)
        out->values[out->n] = value;
    out->n++;
    return true;
}

/* "[(0.1, 2), ...]", "3.5": numbers, and nothing else but brackets and what separates them. */
static bool add_listed(const char *text, size_t size, numbers *out)
{
    char one[64];

    for (size_t i = 0; i < size;) {
        size_t n = 0;

        if (strchr("[](){},; \t\r\n", text[i]) && text[i]) {
            i++;
            continue;
        }
        while (i < size && n + 1 < sizeof(one) && text[i] && strchr("+-.0123456789eE", text[i]))
            one[n++] = text[i++];
        one[n] = '\0';
        double value;
        if (n == 0 || !fm_text_to_double(one, &value) || !add_number(out, value))
            return false;
    }
    return true;
}

static bool add_numbers(const fm_parquet_value *value, numbers *out)
{
    double number;

    if (value->kind == FM_PARQUET_TEXT)
        return add_listed(value->bytes, value->size, out);
    if (value->kind != FM_PARQUET_LIST && value->kind != FM_PARQUET_STRUCT)
        return fm_parquet_number(value, &number) && add_number(out, number);
    for (uint32_t i = 0; i < value->size; i++)
        if (!add_numbers(&value->items[i], out))
            return false;
    return true;
}

static bool add_json(const cJSON *item, numbers *out)
{
    const cJSON *child;

    if (cJSON_IsNumber(item))
        return add_number(out, item->valuedouble);
    if (!cJSON_IsArray(item))
        return false;
    cJSON_ArrayForEach(child, item) if (!add_json(child, out)) return false;
    return true;
}

/* Numbers of whichever of the two is given, in the sample's arena. */
static fm_status collect(const fm_table_row *row, const fm_table_ref *ref,
                         const fm_parquet_value *value, const cJSON *item, double **out, size_t *n)
{
    numbers found = {0};

    if (item ? !add_json(item, &found) : !add_numbers(value, &found))
        return fm_table_fault(row, ref, "holds something else than finite numbers");
    *out = found.values = fm_arena_alloc(row->arena, found.n + 1, sizeof(double));
    if (!found.values)
        return fm_table_no_memory(row);
    found.n = 0;
    (void)(item ? add_json(item, &found) : add_numbers(value, &found));
    *n = found.n;
    return FM_OK;
}

fm_status fm_table_numbers(const fm_table_row *row, const fm_table_ref *ref, double **out,
                           size_t *n)
{
    const fm_parquet_value *value = fm_table_value(row, ref);

    *n = 0;
    return value ? collect(row, ref, value, NULL, out, n) : FM_OK;
}

/* Of the truth: where it is a member of a JSON object, the object begins at the text's first brace
 * ("<type>fsd_free_point</type>{"bbox": [...]}"). */
static fm_status true_numbers(const fm_table_row *row, double **out, size_t *n)
{
    const fm_table_ref *ref = &row->spec->answer;
    const char *text, *object;
    cJSON *tree = NULL;

    *n = 0;
    if (!row->spec->member)
        return fm_table_numbers(row, ref, out, n);
    fm_status st = fm_table_text(row, ref, &text);
    if (st != FM_OK || !text)
        return st;
    object = strchr(text, '{');
    if (!object || fm_json_parse(object, strlen(object), ref->name, &tree, NULL) != FM_OK)
        return fm_table_fault(row, ref, "holds no JSON object");
    const cJSON *item = fm_json_get(tree, row->spec->member);
    if (item)
        st = collect(row, ref, NULL, item, out, n);
    else
        st = fm_fail(row->err, FM_E_INPUT, "%s: row %zu: column '%s' has no member '%s'", row->path,
                     row->number, ref->name, row->spec->member);
    cJSON_Delete(tree);
    return st;
}

static fm_status one_number(const fm_table_row *row, const fm_table_ref *ref, double *out)
{
    double *values;
    size_t n;
    fm_status st = fm_table_numbers(row, ref, &values, &n);

    if (st == FM_OK && n != 1)
        st = fm_table_fault(row, ref, "is not one number");
    if (st == FM_OK)
        *out = values[0];
    return st;
}

/* ---- choices ---- */

static fm_status add_option(const fm_table_row *row, const fm_table_ref *ref,
                            const fm_parquet_value *value, const char **options, size_t *n)
{
    if (value->kind == FM_PARQUET_NULL)
        return FM_OK;
    if (*n == FM_TABLE_OPTIONS)
        return fm_table_fault(row, ref, "gives more than 26 options");
    fm_status st = fm_table_text_of(row, ref, value, &options[*n]);
    if (st == FM_OK && row->spec->own_letters) {
        const char *text = options[*n];

        if (text[0] != (char)('A' + *n) || !strchr(".):", text[1]) || !text[1])
            return fm_table_fault(row, ref, "has an option that does not begin with its letter");
        options[*n] = text + 2 + strspn(text + 2, " ");
    }
    ++*n;
    return st;
}

static fm_status read_options(const fm_table_row *row, const char **options, size_t *n)
{
    static const char *const letters[FM_TABLE_OPTIONS] = {
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
        "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z"};
    const fm_table_spec *s = row->spec;
    fm_status st = FM_OK;

    for (int i = 0; i < s->lettered; i++)
        options[(*n)++] = letters[i];
    for (size_t i = 0; st == FM_OK && i < s->n_options; i++) {
        const fm_parquet_value *value = fm_table_value(row, &s->options[i]);

        if (!value)
            continue;
        if (value->kind != FM_PARQUET_LIST)
            st = add_option(row, &s->options[i], value, options, n);
        else
            for (uint32_t k = 0; st == FM_OK && k < value->size; k++)
                st = add_option(row, &s->options[i], &value->items[k], options, n);
    }
    if (st == FM_OK && *n < 2)
        st = fm_table_fault(row, &s->options[0], "gives fewer than two options");
    return st;
}

/* "(B)", "B", "B.", "b)" */
static bool letter_of(const char *text, size_t *out)
{
    text += *text == '(';
    if (!isalpha((unsigned char)*text))
        return false;
    *out = (size_t)(toupper((unsigned char)*text) - 'A');
    text++;
    return *text == '\0' || (strchr(").:", *text) && text[1] == '\0');
}

static fm_status find_option(const fm_table_row *row, const char *text, fm_truth_choice *out)
{
    size_t found = 0;

    for (size_t i = 0; i < out->n; i++) {
        if (strcmp(out->options[i], text) == 0) {
            out->index = i;
            found++;
        }
    }
    if (found == 1)
        return FM_OK;
    return fm_table_fault(row, &row->spec->answer,
                          found ? "is several of the options" : "is none of the options");
}

/* An order that depends on the id and on nothing else: by the hash of id and place. */
static fm_status shuffle(const fm_table_row *row, const char *id, fm_truth_choice *choice)
{
    char keys[FM_TABLE_OPTIONS][FM_HASH_TEXT_BYTES], text[FM_SAMPLE_ID_BYTES + 16];
    const char **shuffled = fm_arena_alloc(row->arena, choice->n, sizeof(*shuffled));
    size_t index = 0;

    if (!shuffled)
        return fm_table_no_memory(row);
    for (size_t i = 0; i < choice->n; i++) {
        int n = snprintf(text, sizeof(text), "%s\n%zu", id, i);

        fm_hash_bytes(text, (size_t)n, keys[i]);
    }
    for (size_t i = 0; i < choice->n; i++) {
        size_t rank = 0;

        for (size_t k = 0; k < choice->n; k++)
            rank += strcmp(keys[k], keys[i]) < 0;
        if (row->spec->order == FM_ORDER_REVERSED)
            rank = choice->n - 1 - rank;
        shuffled[rank] = choice->options[i];
        index = i == choice->index ? rank : index;
    }
    choice->options = shuffled;
    choice->index = index;
    return FM_OK;
}

static fm_status read_choice(const fm_table_row *row, const char *id, fm_truth_choice *out)
{
    const fm_table_ref *ref = &row->spec->answer;
    const char **options = fm_arena_alloc(row->arena, FM_TABLE_OPTIONS, sizeof(*options)), *text;
    double index = -1;
    fm_status st = options ? needed_text(row, ref, &text) : fm_table_no_memory(row);

    if (st == FM_OK)
        st = read_options(row, options, &out->n);
    if (st != FM_OK)
        return st;
    out->options = options;
    if (row->spec->as == FM_AS_TEXT) {
        st = find_option(row, text, out);
    } else {
        bool good = row->spec->as == FM_AS_LETTER
                        ? letter_of(text, &out->index)
                        : fm_text_to_double(text, &index) && index >= 0 && index == floor(index);

        if (row->spec->as == FM_AS_INDEX && good)
            out->index = index < FM_TABLE_OPTIONS ? (size_t)index : FM_TABLE_OPTIONS;
        if (!good || out->index >= out->n)
            st = fm_table_fault(row, ref,
                                good                            ? "is beyond the options"
                                : row->spec->as == FM_AS_LETTER ? "is no letter of an option"
                                                                : "is no index of an option");
    }
    return st == FM_OK && row->spec->order != FM_ORDER_GIVEN ? shuffle(row, id, out) : st;
}

/* ---- the other kinds ---- */

static fm_status read_yesno(const fm_table_row *row, fm_truth_yesno *out)
{
    const char *text;
    fm_status st = needed_text(row, &row->spec->answer, &text);

    if (st != FM_OK)
        return st;
    out->yes = strcasecmp(text, row->spec->yes) == 0;
    if (!out->yes && strcasecmp(text, row->spec->no) != 0)
        return fm_table_fault(row, &row->spec->answer, "is neither of yes and no");
    return FM_OK;
}

/* The name that graders know the unit by. */
static fm_status read_unit(const fm_table_row *row, const char **out)
{
    static const struct {
        const char *name;
        double metres;
    } lengths[] = {{"m", 1}, {"cm", 0.01}, {"mm", 0.001}, {"ft", 0.3048}, {"in", 0.0254}};
    const fm_table_ref *ref = &row->spec->unit_column;
    const char *text = row->spec->unit;
    double metres;
    fm_status st = text ? FM_OK : needed_text(row, ref, &text);

    if (st != FM_OK)
        return st;
    if (strcmp(text, "count") == 0 || strcmp(text, "clock") == 0) {
        *out = text;
        return FM_OK;
    }
    if (fm_unit_metres((fm_span){text, strlen(text)}, &metres)) {
        for (size_t i = 0; i < FM_COUNT_OF(lengths); i++) {
            if (fabs(metres - lengths[i].metres) < 1e-9) {
                *out = lengths[i].name;
                return FM_OK;
            }
        }
    }
    return fm_table_fault(row, ref->given ? ref : &row->spec->answer,
                          "has a unit that is none of m, cm, mm, ft, in, count, clock");
}

/* What the words say; where they say nothing of the kind, the grader tells. */
static fm_status read_words(const fm_table_row *row, const char *question, fm_truth_quantity *out)
{
    const char *text;
    fm_status st = needed_text(row, &row->spec->answer, &text);
    fm_span words = {st == FM_OK ? text : NULL, st == FM_OK ? strlen(text) : 0};

    if (st != FM_OK)
        return st;
    out->unit = row->spec->unit;
    if (row->spec->words == FM_AS_LENGTHS)
        out->n =
            fm_quantity_list_beyond(words, fm_span_of(question), 1, out->values, FM_MAX_QUANTITIES);
    else if (row->spec->words == FM_AS_COUNT)
        out->n = fm_number_last(words, &out->values[0]);
    else
        out->n = fm_number_clock(words, &out->values[0]);
    return FM_OK;
}

static fm_status read_quantity(const fm_table_row *row, const char *question,
                               fm_truth_quantity *out)
{
    double *values;

    if (row->spec->words != FM_AS_NUMBERS)
        return read_words(row, question, out);
    fm_status st = fm_table_numbers(row, &row->spec->answer, &values, &out->n);

    if (st == FM_OK && (out->n == 0 || out->n > FM_MAX_QUANTITIES))
        st = fm_table_fault(row, &row->spec->answer, "must hold one to eight numbers");
    for (size_t i = 0; st == FM_OK && i < out->n; i++)
        out->values[i] = values[i];
    return st == FM_OK ? read_unit(row, &out->unit) : st;
}

/* Pairs of numbers in the units of the truth: of the picture's pixels, or [0, 1] of it. */
static fm_status read_pairs(const fm_table_row *row, double (**out)[2], size_t *n)
{
    double *values, scale = row->spec->space == FM_SPACE_N1000 ? 0.001 : 1;
    size_t count;
    fm_status st = true_numbers(row, &values, &count);

    if (st == FM_OK && (count == 0 || count % 2))
        st = fm_table_fault(row, &row->spec->answer, "is no list of points (x, y)");
    if (st != FM_OK)
        return st;
    *n = count / 2;
    *out = fm_arena_alloc(row->arena, *n, sizeof(**out));
    if (!*out)
        return fm_table_no_memory(row);
    for (size_t i = 0; i < count; i++)
        (*out)[i / 2][i % 2] = values[i] * scale;
    return FM_OK;
}

static fm_status read_box(const fm_table_row *row, fm_truth_region *out)
{
    double *v, scale = row->spec->space == FM_SPACE_N1000 ? 0.001 : 1;
    size_t n;
    fm_status st = true_numbers(row, &v, &n);

    if (st != FM_OK)
        return st;
    if (n != 4)
        return fm_table_fault(row, &row->spec->answer, "is no box of four numbers");
    for (int i = 0; i < 4; i++)
        out->box[i] = v[i] * scale;
    if (row->spec->corner_and_size) {
        out->box[2] += out->box[0];
        out->box[3] += out->box[1];
    }
    if (out->box[2] < out->box[0] || out->box[3] < out->box[1])
        return fm_table_fault(row, &row->spec->answer, "is a box that ends before it begins");
    out->has_box = true;
    return FM_OK;
}

static fm_status read_region(const fm_table_row *row, fm_truth_region *out)
{
    double expected = 0;
    fm_status st = FM_OK;

    if (fm_table_value(row, &row->spec->expected))
        st = one_number(row, &row->spec->expected, &expected);
    if (st == FM_OK && !(expected >= 0 && expected <= 1000 && expected == floor(expected)))
        st = fm_table_fault(row, &row->spec->expected, "is no count of points");
    if (st != FM_OK)
        return st;
    out->expected = (size_t)expected;
    out->normalised = row->spec->space != FM_SPACE_PX;
    if (row->spec->region == FM_REGION_BOX)
        return read_box(row, out);
    if (row->spec->region == FM_REGION_POLYGON)
        return read_pairs(row, &out->polygon, &out->n_polygon);
    return FM_OK;
}

static fm_status read_path(const fm_table_row *row, const fm_sample *sample, fm_truth_path *out)
{
    fm_status st = read_pairs(row, &out->points, &out->n);

    if (st != FM_OK || row->spec->space == FM_SPACE_PX)
        return st;
    if (sample->width == 0)
        return fm_table_fault(row, &row->spec->answer,
                              "is in parts of a picture whose size is not known");
    for (size_t i = 0; i < out->n; i++) {
        out->points[i][0] *= sample->width;
        out->points[i][1] *= sample->height;
    }
    return FM_OK;
}

fm_status fm_table_truth(const fm_table_row *row, fm_sample *sample)
{
    switch (sample->kind) {
    case FM_ANSWER_CHOICE:
        return read_choice(row, sample->id, &sample->truth.choice);
    case FM_ANSWER_YESNO:
        return read_yesno(row, &sample->truth.yesno);
    case FM_ANSWER_QUANTITY:
        return read_quantity(row, sample->instruction, &sample->truth.quantity);
    case FM_ANSWER_POINTS:
        return read_region(row, &sample->truth.region);
    case FM_ANSWER_PATH2D:
        return read_path(row, sample, &sample->truth.path);
    case FM_ANSWER_TEXT:
        return needed_text(row, &row->spec->answer, &sample->truth.text.reference);
    default:
        return FM_E_INTERNAL; /* refused when the spec was read */
    }
}
