/* Owns the mapping `data` of suite.yaml: which members there are, and what each may hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "suites/common/table_internal.h"

typedef struct {
    fm_table_spec *spec;
    fm_err *err;
} reader;

static fm_status fault(const reader *r, const char *member, const char *problem)
{
    return fm_fail(r->err, FM_E_INPUT, "%s: '%s' %s", r->spec->place, member, problem);
}

static fm_status no_memory(const reader *r)
{
    return fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->spec->place);
}

static bool is_name_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Nothing but known members: what is misspelt must not be taken for absent. */
static fm_status check_members(const reader *r, const cJSON *object, const char *member,
                               const char *const *names, size_t n)
{
    const cJSON *item;

    if (!cJSON_IsObject(object))
        return fault(r, member, "must be a mapping");
    cJSON_ArrayForEach(item, object)
    {
        if (is_name_of(item->string, names, n))
            continue;
        const char *near = fm_text_nearest(item->string, names, n);
        return fm_fail(r->err, FM_E_INPUT, "%s: '%s' has no '%s'%s%s%s", r->spec->place, member,
                       item->string, near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    return FM_OK;
}

static fm_status read_text(const reader *r, const cJSON *item, const char *member, const char **out)
{
    if (!item)
        return FM_OK;
    if (!cJSON_IsString(item) || !item->valuestring[0])
        return fault(r, member, "must be a text");
    *out = fm_arena_strdup(&r->spec->arena, item->valuestring);
    return *out ? FM_OK : no_memory(r);
}

/* One of some words, by its place among them. */
static fm_status read_word(const reader *r, const cJSON *object, const char *member,
                           const char *const *words, size_t n, int *out)
{
    const cJSON *item = fm_json_get(object, member);
    char problem[160] = "must be one of";

    if (!item)
        return FM_OK;
    for (size_t i = 0; i < n; i++) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, words[i]) == 0) {
            *out = (int)i;
            return FM_OK;
        }
        size_t at = strlen(problem);
        snprintf(problem + at, sizeof(problem) - at, "%s %s", i ? "," : "", words[i]);
    }
    return fault(r, member, problem);
}

/* ---- columns ---- */

static fm_status add_column(const reader *r, const char *path, const char *member, size_t *out)
{
    fm_table_spec *s = r->spec;

    for (size_t i = 0; i < s->n_columns; i++) {
        if (strcmp(s->columns[i], path) == 0) {
            *out = i;
            return FM_OK;
        }
    }
    if (s->n_columns == FM_TABLE_COLUMNS)
        return fault(r, member, "is one column too many");
    s->columns[ *out = s->n_columns++] = path;
    return FM_OK;
}

/* "name", a path of names, or one with an element's number: "turns[1].value" is the second element of
 * the list at "turns[].value". */
static fm_status read_ref(const reader *r, const cJSON *item, const char *member, fm_table_ref *out)
{
    fm_table_ref ref = {.given = true};
    fm_status st = read_text(r, item, member, &ref.name);

    if (st != FM_OK || !item)
        return st;
    char *path = fm_arena_strdup(&r->spec->arena, ref.name);
    if (!path)
        return no_memory(r);
    char *open = strchr(path, '['), *close = open ? strchr(open, ']') : NULL;
    if (close && close > open + 1) {
        *close = '\0';
        if (!fm_text_to_uint64(open + 1, &ref.index) || strchr(close + 1, '['))
            return fault(r, member, "names an element of a list in a way that is not known");
        ref.indexed = true;
        if (close[1])
            memmove(open + 1, "]", 1), memmove(open + 2, close + 1, strlen(close + 1) + 1);
        else
            *open = '\0';
    }
    st = add_column(r, path, member, &ref.column);
    if (st == FM_OK)
        *out = ref;
    return st;
}

/* A column or a list of them. */
static fm_status read_refs(const reader *r, const cJSON *item, const char *member,
                           fm_table_ref *out, size_t most, size_t *n)
{
    const cJSON *child;
    fm_status st = FM_OK;

    if (!cJSON_IsArray(item)) {
        *n = item != NULL;
        return read_ref(r, item, member, out);
    }
    cJSON_ArrayForEach(child, item)
    {
        if (*n == most)
            return fault(r, member, "has too many columns");
        if (st == FM_OK)
            st = read_ref(r, child, member, &out[(*n)++]);
    }
    return st == FM_OK && *n == 0 ? fault(r, member, "is an empty list") : st;
}

/* "images", or "images/{column}": files of a row lie in the folder that its column names. */
static fm_status read_root(const reader *r, const cJSON *item, const char *member,
                           fm_table_pictures *out)
{
    char *root = NULL;
    fm_status st = read_text(r, item, member, &out->root);

    if (st != FM_OK || !item || !strpbrk(out->root, "{}"))
        return st;
    if (!(root = fm_arena_strdup(&r->spec->arena, out->root)))
        return no_memory(r);
    char *open = strchr(root, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!close || close == open + 1 || strpbrk(open + 1, "{") || strpbrk(close + 1, "}"))
        return fault(r, member, "must be a folder, with at most one column as in 'images/{kind}'");
    *open = *close = '\0';
    cJSON name = {.type = cJSON_String, .valuestring = open + 1};
    st = read_ref(r, &name, member, &out->part);
    out->root = root;
    out->rest = close + 1;
    return st;
}

/* Of what is not wanted, the columns are not even read: pictures make up nearly all of a file. Files
 * that are only named cost nothing. */
static fm_status read_pictures(const reader *r, const cJSON *columns, const char *member,
                               const char *root, bool all, bool first, fm_table_pictures *out)
{
    fm_table_pictures made = {0};
    size_t before = r->spec->n_columns;
    fm_status st = read_root(r, fm_json_get(columns, root), root, &made);

    if (st == FM_OK)
        st = read_refs(r, fm_json_get(columns, member), member, made.refs, FM_TABLE_PICTURES,
                       &made.n);
    if (st != FM_OK)
        return st;
    if (made.root && !made.n)
        return fault(r, root, "is the folder of no column");
    if (!made.root && !all) {
        r->spec->n_columns = before;
        made.n = first && made.n ? 1 : 0;
        if (made.n)
            st = read_ref(r,
                          cJSON_IsArray(fm_json_get(columns, member))
                              ? cJSON_GetArrayItem(fm_json_get(columns, member), 0)
                              : fm_json_get(columns, member),
                          member, &made.refs[0]);
    }
    *out = made;
    return st;
}

/* All pictures of a folder: {image_folder: "frames/{scene_name}", image_most: 16}. */
static fm_status read_folder(const reader *r, const cJSON *columns, bool wanted,
                             fm_table_pictures *out)
{
    size_t before = r->spec->n_columns;
    const cJSON *folder = fm_json_get(columns, "image_folder");
    const cJSON *most = fm_json_get(columns, "image_most");
    fm_status st = FM_OK;

    if (most && !folder)
        return fault(r, "image_most", "says how many pictures of an 'image_folder' are shown");
    if (!folder)
        return FM_OK;
    if (out->n || out->root)
        return fault(r, "image_folder", "stands in place of 'images', not beside them");
    out->whole = r->spec->video = true;
    out->most = FM_TABLE_PICTURES;
    if (most && !(most->valuedouble >= 1 && most->valuedouble <= FM_TABLE_PICTURES))
        return fault(r, "image_most", "must be a number from 1 to 128");
    if (most)
        out->most = (size_t)most->valuedouble;
    st = read_root(r, folder, "image_folder", out);
    if (st == FM_OK && !out->part.given)
        st = fault(r, "image_folder", "must name a column, as in 'frames/{scene}'");
    if (!wanted) {
        r->spec->n_columns = before;
        *out = (fm_table_pictures){0};
    }
    return st;
}

static fm_status read_instruction(const reader *r, const cJSON *item)
{
    static const char *const names[] = {"columns", "join", "without"};
    fm_table_spec *s = r->spec;
    fm_status st = FM_OK;

    s->join = "\n\n";
    if (cJSON_IsObject(item)) {
        st = check_members(r, item, "instruction", names, FM_COUNT_OF(names));
        if (st == FM_OK)
            st = read_text(r, fm_json_get(item, "join"), "join", &s->join);
        if (st == FM_OK)
            st = read_text(r, fm_json_get(item, "without"), "without", &s->without);
        item = fm_json_get(item, "columns");
    }
    if (st == FM_OK && !item)
        st = fault(r, "instruction", "is missing");
    return st == FM_OK ? read_refs(r, item, "instruction", s->instruction, FM_TABLE_PARTS,
                                   &s->n_instruction)
                       : st;
}

static fm_status read_options(const reader *r, const cJSON *item)
{
    static const char *const names[] = {"columns", "lettered"};
    fm_table_spec *s = r->spec;

    if (cJSON_IsObject(item)) {
        fm_status st = check_members(r, item, "options", names, FM_COUNT_OF(names));

        if (st != FM_OK)
            return st;
        s->own_letters = cJSON_IsTrue(fm_json_get(item, "lettered"));
        item = fm_json_get(item, "columns");
    }
    if (!cJSON_IsNumber(item))
        return read_refs(r, item, "options", s->options, FM_TABLE_OPTIONS, &s->n_options);
    if (!(item->valuedouble >= 2 && item->valuedouble <= FM_TABLE_OPTIONS))
        return fault(r, "options", "must be columns, or a number from 2 to 26");
    s->lettered = (int)item->valuedouble;
    return FM_OK;
}

static fm_status read_columns(const reader *r, const cJSON *columns, const fm_table_wants *wants)
{
    fm_table_spec *s = r->spec;
    const struct {
        const char *name;
        fm_table_ref *out;
    } plain[] = {
        {"id", &s->id},
        {"category", &s->category},
        {"source", &s->source},
        {"target", &s->target},
        {"destination", &s->destination},
        {"steps", &s->steps},
        {"width", &s->width},
        {"height", &s->height},
        {"judgement", &s->judgement},
        {"intrinsics", &s->intrinsics},
    };
    static const char *const others[] = {"instruction", "images",     "image_root", "image_folder",
                                         "image_most",  "image_rows", "mask",       "mask_root",
                                         "depth",       "depth_root", "options"};
    const char *names[FM_COUNT_OF(plain) + FM_COUNT_OF(others)];

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        names[i] = i < FM_COUNT_OF(plain) ? plain[i].name : others[i - FM_COUNT_OF(plain)];
    fm_status st = check_members(r, columns, "columns", names, FM_COUNT_OF(names));
    for (size_t i = 0; st == FM_OK && i < FM_COUNT_OF(plain); i++)
        st = read_ref(r, fm_json_get(columns, plain[i].name), plain[i].name, plain[i].out);
    if (st == FM_OK)
        st = read_instruction(r, fm_json_get(columns, "instruction"));
    if (st == FM_OK)
        st = read_options(r, fm_json_get(columns, "options"));
    if (st == FM_OK)
        st = read_pictures(r, columns, "images", "image_root", wants->shown,
                           wants->first && !s->width.given, &s->images);
    if (st == FM_OK)
        st = read_folder(r, columns, wants->shown || wants->first, &s->images);
    if (st == FM_OK && s->images.n)
        st = read_ref(r, fm_json_get(columns, "image_rows"), "image_rows", &s->images.rows);
    if (st == FM_OK)
        st = read_pictures(r, columns, "mask", "mask_root", wants->mask, false, &s->mask);
    if (st == FM_OK)
        st = read_pictures(r, columns, "depth", "depth_root", wants->shown, false, &s->depth);
    if (st == FM_OK && s->width.given != s->height.given)
        st = fault(r, "columns", "must have both 'width' and 'height', or neither");
    if (st == FM_OK && (s->mask.n > 1 || s->depth.n > 1))
        st = fault(r, s->mask.n > 1 ? "mask" : "depth", "must be one column");
    return st;
}

/* ---- which rows ---- */

static fm_status read_files(const reader *r, const cJSON *item)
{
    const cJSON *child;
    fm_status st = FM_OK;

    if (!cJSON_IsArray(item) || !item->child)
        return fault(r, "files", "must be a list of names");
    cJSON_ArrayForEach(child, item)
    {
        if (r->spec->n_files == FM_TABLE_PATTERNS)
            return fault(r, "files", "has too many names");
        if (st == FM_OK)
            st = read_text(r, child, "files", &r->spec->files[r->spec->n_files++]);
    }
    return st;
}

static const char not_where[] = "must map columns to lists of texts or numbers, or to 'present'";

/* A value of YAML as the text that a cell of the same value has. */
static fm_status read_value(const reader *r, const cJSON *item, const char *member,
                            const char **out)
{
    char text[FM_JSON_NUMBER_BYTES + 1];

    if (cJSON_IsNumber(item)) {
        text[fm_json_format_number(item->valuedouble, text)] = '\0';
        *out = fm_arena_strdup(&r->spec->arena, text);
    } else if (cJSON_IsBool(item)) {
        *out = cJSON_IsTrue(item) ? "true" : "false";
    } else if (cJSON_IsString(item)) {
        *out = fm_arena_strdup(&r->spec->arena, item->valuestring);
    } else {
        return fault(r, member, "must hold texts or numbers");
    }
    return *out ? FM_OK : no_memory(r);
}

static fm_status read_condition(const reader *r, const cJSON *item)
{
    fm_table_condition *c = &r->spec->where[r->spec->n_where++];
    cJSON name = {.type = cJSON_String, .valuestring = item->string};
    const cJSON *child;
    fm_status st = read_ref(r, &name, "where", &c->column);

    c->present = cJSON_IsString(item) && strcmp(item->valuestring, "present") == 0;
    if (st == FM_OK && !c->present && (!cJSON_IsArray(item) || !item->child))
        st = fault(r, "where", not_where);
    cJSON_ArrayForEach(child, item)
    {
        if (st == FM_OK && c->n == FM_TABLE_VALUES)
            st = fault(r, "where", "has too many values");
        if (st == FM_OK)
            st = read_value(r, child, "where", &c->values[c->n++]);
    }
    return st;
}

static fm_status read_where(const reader *r, const cJSON *item)
{
    const cJSON *child;
    fm_status st = FM_OK;

    if (item && !cJSON_IsObject(item))
        return fault(r, "where", not_where);
    cJSON_ArrayForEach(child, item)
    {
        if (st == FM_OK && r->spec->n_where == FM_TABLE_CONDITIONS)
            st = fault(r, "where", "has too many columns");
        if (st == FM_OK)
            st = read_condition(r, child);
    }
    return st;
}

/* ---- the truth ---- */

static fm_status read_choice(const reader *r, const cJSON *truth)
{
    static const char *const names[] = {"column", "as"}, *const words[] = {"letter", "index",
                                                                           "text"};
    int as = FM_AS_LETTER;
    fm_status st = check_members(r, truth, "truth", names, FM_COUNT_OF(names));

    if (st == FM_OK)
        st = read_word(r, truth, "as", words, FM_COUNT_OF(words), &as);
    r->spec->as = (fm_choice_as)as;
    if (st == FM_OK && !r->spec->n_options && !r->spec->lettered)
        st = fault(r, "options", "is missing");
    if (st == FM_OK && r->spec->lettered && (as == FM_AS_TEXT || r->spec->order != FM_ORDER_GIVEN))
        st = fault(r, "options", "must be columns where options are compared or shuffled");
    return st;
}

static fm_status read_yesno(const reader *r, const cJSON *truth)
{
    static const char *const names[] = {"column", "yes", "no"};
    fm_status st = check_members(r, truth, "truth", names, FM_COUNT_OF(names));

    r->spec->yes = "yes";
    r->spec->no = "no";
    if (st == FM_OK && fm_json_get(truth, "yes"))
        st = read_value(r, fm_json_get(truth, "yes"), "yes", &r->spec->yes);
    if (st == FM_OK && fm_json_get(truth, "no"))
        st = read_value(r, fm_json_get(truth, "no"), "no", &r->spec->no);
    return st;
}

static fm_status read_quantity(const reader *r, const cJSON *truth)
{
    static const char *const names[] = {"column", "unit", "as"}, *const of_unit[] = {"column"};
    static const char *const words[] = {"numbers", "lengths", "count", "clock"};
    static const char *const units[] = {NULL, "m", "count", "clock"};
    const cJSON *unit = fm_json_get(truth, "unit");
    int as = FM_AS_NUMBERS;
    fm_status st = check_members(r, truth, "truth", names, FM_COUNT_OF(names));

    if (st == FM_OK)
        st = read_word(r, truth, "as", words, FM_COUNT_OF(words), &as);
    r->spec->words = (fm_quantity_as)as;
    r->spec->unit = units[as];
    if (as != FM_AS_NUMBERS)
        return st == FM_OK && unit
                   ? fault(r, "unit", "goes with numbers alone; words have their own")
                   : st;
    if (st == FM_OK && !unit)
        st = fault(r, "unit", "is missing: a unit, or the column of one");
    if (st == FM_OK && cJSON_IsObject(unit)) {
        st = check_members(r, unit, "unit", of_unit, FM_COUNT_OF(of_unit));
        return st == FM_OK ? read_ref(r, fm_json_get(unit, "column"), "unit", &r->spec->unit_column)
                           : st;
    }
    return st == FM_OK ? read_text(r, unit, "unit", &r->spec->unit) : st;
}

static const char *const spaces[] = {
    [FM_SPACE_PX] = "px", [FM_SPACE_N1] = "n1", [FM_SPACE_N1000] = "n1000"};

static fm_status read_space(const reader *r, const cJSON *truth)
{
    int space = -1;
    fm_status st = read_word(r, truth, "space", spaces, FM_COUNT_OF(spaces), &space);

    if (st == FM_OK && space < 0)
        st = fault(r, "space", "is missing: px, n1 or n1000");
    r->spec->space = (fm_truth_space)space;
    return st;
}

static fm_status read_region(const reader *r, const cJSON *truth, const fm_table_wants *wants)
{
    static const char *const names[] = {"mask",  "polygon",  "box",   "space",
                                        "order", "expected", "member"};
    static const char *const orders[] = {"xyxy", "xywh"};
    const cJSON *mask = fm_json_get(truth, "mask");
    const char *form = fm_json_get(truth, "polygon") ? "polygon" : "box";
    int order = 0;
    fm_status st = check_members(r, truth, "truth", names, FM_COUNT_OF(names));

    if (st == FM_OK)
        st = read_ref(r, fm_json_get(truth, "expected"), "expected", &r->spec->expected);
    if (st != FM_OK)
        return st;
    if (!!fm_json_get(truth, "polygon") + !!fm_json_get(truth, "box") + !!mask != 1)
        return fault(r, "truth", "must have one of 'mask', 'polygon' and 'box'");
    if (mask) {
        if (!cJSON_IsTrue(mask) || (wants->mask && !r->spec->mask.n))
            return fault(r, "truth", "with 'mask: true' needs the column 'mask'");
        return FM_OK;
    }
    st = read_text(r, fm_json_get(truth, "member"), "member", &r->spec->member);
    if (st != FM_OK)
        return st;
    r->spec->region = form[0] == 'p' ? FM_REGION_POLYGON : FM_REGION_BOX;
    st = read_ref(r, fm_json_get(truth, form), form, &r->spec->answer);
    if (st == FM_OK)
        st = read_word(r, truth, "order", orders, FM_COUNT_OF(orders), &order);
    r->spec->corner_and_size = order == 1;
    return st == FM_OK ? read_space(r, truth) : st;
}

static fm_status read_path(const reader *r, const cJSON *truth)
{
    static const char *const names[] = {"column", "space", "member"};
    fm_status st = check_members(r, truth, "truth", names, FM_COUNT_OF(names));

    if (st == FM_OK)
        st = read_text(r, fm_json_get(truth, "member"), "member", &r->spec->member);
    return st == FM_OK ? read_space(r, truth) : st;
}

static fm_status read_reference(const reader *r, const cJSON *truth)
{
    static const char *const names[] = {"column"};

    return check_members(r, truth, "truth", names, FM_COUNT_OF(names));
}

static fm_status read_truth(const reader *r, const cJSON *truth, const fm_table_wants *wants)
{
    fm_status st = FM_E_INPUT;

    switch (r->spec->kind) {
    case FM_ANSWER_CHOICE:
        st = read_choice(r, truth);
        break;
    case FM_ANSWER_YESNO:
        st = read_yesno(r, truth);
        break;
    case FM_ANSWER_QUANTITY:
        st = read_quantity(r, truth);
        break;
    case FM_ANSWER_POINTS:
        return read_region(r, truth, wants);
    case FM_ANSWER_PATH2D:
        st = read_path(r, truth);
        break;
    case FM_ANSWER_TEXT:
        st = read_reference(r, truth);
        break;
    default:
        return fm_fail(r->err, FM_E_INPUT, "%s: tables have no %s answers", r->spec->place,
                       fm_answer_kind_name(r->spec->kind));
    }
    if (st == FM_OK && !fm_json_get(truth, "column"))
        st = fault(r, "truth", "must have a 'column'");
    return st == FM_OK ? read_ref(r, fm_json_get(truth, "column"), "column", &r->spec->answer) : st;
}

/* {name: [values]}: what the column of the category has as several is one. */
static fm_status read_categories(const reader *r, const cJSON *item)
{
    fm_table_spec *s = r->spec;
    const cJSON *child, *value;
    fm_status st = FM_OK;

    if (item && !cJSON_IsObject(item))
        return fault(r, "categories", "must map names to lists of values");
    cJSON_ArrayForEach(child, item)
    {
        if (s->n_categories == FM_TABLE_CATEGORIES)
            return fault(r, "categories", "has too many names");
        fm_table_category *c = &s->categories[s->n_categories++];
        if (!(c->name = fm_arena_strdup(&s->arena, child->string)))
            return no_memory(r);
        if (!cJSON_IsArray(child) || !child->child || cJSON_GetArraySize(child) > FM_TABLE_VALUES)
            return fault(r, "categories", "must map names to lists of values");
        cJSON_ArrayForEach(value, child) if (st == FM_OK) st =
            read_value(r, value, "categories", &c->values[c->n++]);
    }
    return st;
}

static fm_status read_shuffle(const reader *r, const cJSON *data)
{
    static const char *const words[] = {"hash", "reversed"};
    int way = -1;
    fm_status st = read_word(r, data, "shuffle_options", words, FM_COUNT_OF(words), &way);

    r->spec->order = way == 0 ? FM_ORDER_HASH : way == 1 ? FM_ORDER_REVERSED : FM_ORDER_GIVEN;
    return st;
}

fm_status fm_table_spec_read(const char *data, fm_answer_kind kind, const fm_table_wants *wants,
                             fm_table_spec *out, fm_err *err)
{
    static const char *const names[] = {"files",      "rows",  "where",          "columns",
                                        "categories", "truth", "shuffle_options"};
    reader r = {.spec = out, .err = err};
    cJSON *tree = NULL;

    out->kind = kind;
    out->place = "data";
    if (!data)
        return fm_fail(err, FM_E_INPUT,
                       "the task's 'data' is missing, which says where its table is");
    fm_status st = fm_json_parse(data, strlen(data), "data", &tree, err);
    if (st == FM_OK)
        st = check_members(&r, tree, "data", names, FM_COUNT_OF(names));
    if (st == FM_OK)
        st = read_files(&r, fm_json_get(tree, "files"));
    if (st == FM_OK)
        st = read_text(&r, fm_json_get(tree, "rows"), "rows", &out->rows);
    if (st == FM_OK)
        st = read_where(&r, fm_json_get(tree, "where"));
    if (st == FM_OK)
        st = read_categories(&r, fm_json_get(tree, "categories"));
    if (st == FM_OK)
        st = read_shuffle(&r, tree);
    if (st == FM_OK)
        st = read_columns(&r, fm_json_get(tree, "columns"), wants);
    if (st == FM_OK)
        st = read_truth(&r, fm_json_get(tree, "truth"), wants);
    cJSON_Delete(tree);
    return st;
}
