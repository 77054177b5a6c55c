/* YAML files (libyaml) as cJSON trees: one configuration representation for everything that reads
 * settings. */
#ifndef FM_BASE_YAML_H
#define FM_BASE_YAML_H

#include <cjson/cJSON.h>

#include "fathom/status.h"

/**
 * One document. Plain scalars become null, booleans (true, false), numbers (JSON's syntax) or
 * strings; quoted ones are strings. Aliases, tags, several documents, duplicate keys, nesting over
 * 32 and more than 10,000 nodes are refused: a suite file is data and small. Errors are FM_E_INPUT with
 * name:line:column. The caller frees *out with cJSON_Delete.
 */
FM_MUST_CHECK fm_status fm_yaml_parse(const char *text, size_t size, const char *name, cJSON **out,
                                      fm_err *err);
FM_MUST_CHECK fm_status fm_yaml_load(const char *path, cJSON **out, fm_err *err);

#endif
