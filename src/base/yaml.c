/* Owns the walk over libyaml's events. */
#include "base/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/files.h"
#include "base/text.h"

enum { MAX_DEPTH = 32, MAX_NODES = 10000, MAX_FILE_BYTES = 4 << 20 };

typedef struct {
    yaml_parser_t parser;
    const char *name;
    int nodes;
    fm_err *err;
} reader;

static fm_status fault(reader *r, const yaml_mark_t *mark, const char *problem)
{
    return fm_fail(r->err, FM_E_INPUT, "%s:%zu:%zu: %s", r->name, mark->line + 1, mark->column + 1,
                   problem);
}

static fm_status next(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return FM_OK;
    const char *problem = r->parser.problem ? r->parser.problem : "not YAML";
    return r->parser.error == YAML_MEMORY_ERROR
               ? fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->name)
               : fault(r, &r->parser.problem_mark, problem);
}

static cJSON *scalar(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    double number;

    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (!*text || strcmp(text, "null") == 0 || strcmp(text, "~") == 0)
            return cJSON_CreateNull();
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return cJSON_CreateBool(*text == 't');
        if (fm_text_to_double(text, &number))
            return cJSON_CreateNumber(number);
    }
    return cJSON_CreateString(text);
}

static fm_status node(reader *r, yaml_event_t *event, int depth, cJSON **out);

static fm_status members(reader *r, cJSON *into, bool mapping, int depth)
{
    for (;;) {
        yaml_event_t event;
        cJSON *value = NULL;
        char key[256] = "";
        fm_status st = next(r, &event);

        if (st != FM_OK)
            return st;
        if (event.type == (mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT)) {
            yaml_event_delete(&event);
            return FM_OK;
        }
        if (mapping) {
            bool usable = event.type == YAML_SCALAR_EVENT &&
                          event.data.scalar.length < sizeof(key) &&
                          strlen((const char *)event.data.scalar.value) == event.data.scalar.length;

            if (usable)
                memcpy(key, event.data.scalar.value, event.data.scalar.length + 1);
            if (!usable)
                st = fault(r, &event.start_mark, "a key must be a short string");
            else if (cJSON_GetObjectItemCaseSensitive(into, key))
                st = fault(r, &event.start_mark, "this key stands twice in its mapping");
            yaml_event_delete(&event);
            if (st == FM_OK)
                st = next(r, &event);
            if (st != FM_OK)
                return st;
        }
        st = node(r, &event, depth + 1, &value);
        yaml_event_delete(&event);
        if (st != FM_OK)
            return st;
        if (!(mapping ? cJSON_AddItemToObject(into, key, value)
                      : cJSON_AddItemToArray(into, value))) {
            cJSON_Delete(value);
            return fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->name);
        }
    }
}

static fm_status node(reader *r, yaml_event_t *event, int depth, cJSON **out)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    fm_status st = FM_OK;
    cJSON *made;

    if (depth > MAX_DEPTH)
        return fault(r, &event->start_mark, "nested too deeply");
    if (++r->nodes > MAX_NODES)
        return fault(r, &event->start_mark, "too many values for a settings file");
    if (event->type == YAML_ALIAS_EVENT)
        return fault(r, &event->start_mark, "aliases are not accepted here");
    if ((event->type == YAML_SCALAR_EVENT && event->data.scalar.tag) ||
        (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag) ||
        (mapping && event->data.mapping_start.tag))
        return fault(r, &event->start_mark, "tags are not accepted here");
    if (event->type == YAML_SCALAR_EVENT) {
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return fault(r, &event->start_mark, "a string holds a NUL character");
        made = scalar(event);
    } else {
        made = mapping ? cJSON_CreateObject() : cJSON_CreateArray();
    }
    if (!made)
        return fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->name);
    if (event->type != YAML_SCALAR_EVENT)
        st = members(r, made, mapping, depth);
    if (st != FM_OK)
        cJSON_Delete(made);
    else
        *out = made;
    return st;
}

static fm_status expect(reader *r, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t event;
    fm_status st = next(r, &event);

    if (st != FM_OK)
        return st;
    if (event.type != type)
        st = fault(r, &event.start_mark, otherwise);
    yaml_event_delete(&event);
    return st;
}

fm_status fm_yaml_parse(const char *text, size_t size, const char *name, cJSON **out, fm_err *err)
{
    reader r = {.name = name, .err = err};
    yaml_event_t event;
    cJSON *made = NULL;
    fm_status st;

    if (!yaml_parser_initialize(&r.parser))
        return fm_fail(err, FM_E_NOMEM, "no memory for '%s'", name);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    st = expect(&r, YAML_STREAM_START_EVENT, "not YAML");
    if (st == FM_OK)
        st = expect(&r, YAML_DOCUMENT_START_EVENT, "the file is empty");
    if (st == FM_OK)
        st = next(&r, &event);
    if (st == FM_OK) {
        st = node(&r, &event, 0, &made);
        yaml_event_delete(&event);
    }
    if (st == FM_OK)
        st = expect(&r, YAML_DOCUMENT_END_EVENT, "not YAML");
    if (st == FM_OK)
        st = expect(&r, YAML_STREAM_END_EVENT, "only one document is accepted");
    yaml_parser_delete(&r.parser);
    if (st != FM_OK)
        cJSON_Delete(made);
    else
        *out = made;
    return st;
}

fm_status fm_yaml_load(const char *path, cJSON **out, fm_err *err)
{
    fm_buf text = {0};
    fm_status st = fm_file_read(path, MAX_FILE_BYTES, &text, err);

    if (st == FM_OK)
        st = fm_yaml_parse(fm_buf_text(&text), text.size, path, out, err);
    fm_buf_release(&text);
    return st;
}
