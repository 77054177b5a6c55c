/* What the parts of the loader "table" share. */
#ifndef FM_SUITES_COMMON_TABLE_INTERNAL_H
#define FM_SUITES_COMMON_TABLE_INTERNAL_H

#include "base/arena.h"
#include "base/files.h"
#include "base/idmap.h"
#include "suites/common/common.h"
#include "tables/table.h"

enum {
    FM_TABLE_COLUMNS = 64,
    FM_TABLE_PATTERNS = 16,
    FM_TABLE_CONDITIONS = 8,
    FM_TABLE_VALUES = 64,
    FM_TABLE_PICTURES = FM_MAX_PICTURES,
    FM_TABLE_CATEGORIES = 32,
    FM_TABLE_PARTS = 8,
    FM_TABLE_OPTIONS = 26,
};

/* Where a value stands in a row. */
typedef struct {
    bool given;
    size_t column; /* index into the spec's columns */
    bool indexed;  /* the value is an element of the list that stands there */
    uint64_t index;
    const char *name; /* as the suite writes it */
} fm_table_ref;

typedef struct {
    fm_table_ref refs[FM_TABLE_PICTURES];
    size_t n;
    const char *root;  /* folder of the files that the columns name; NULL: they hold the pictures */
    fm_table_ref part; /* a column whose value stands between root and rest: "images/{category}" */
    const char *rest;
    bool whole; /* all files of the folder, no columns; where they are more than `most`, so many of
                   them at equal distances */
    size_t most;
    fm_table_ref rows; /* a short cell names the row, by this column, whose picture is meant */
} fm_table_pictures;

typedef struct {
    fm_table_ref column;
    const char *values[FM_TABLE_VALUES];
    size_t n;
    bool present; /* any value will do */
} fm_table_condition;

/* Values of the category's column that are one category. */
typedef struct {
    const char *name;
    const char *values[FM_TABLE_VALUES];
    size_t n;
} fm_table_category;

typedef enum { FM_AS_LETTER, FM_AS_INDEX, FM_AS_TEXT } fm_choice_as;
typedef enum { FM_ORDER_GIVEN, FM_ORDER_HASH, FM_ORDER_REVERSED } fm_table_order; /* of options */
typedef enum { FM_AS_NUMBERS, FM_AS_LENGTHS, FM_AS_COUNT, FM_AS_CLOCK } fm_quantity_as;
typedef enum { FM_REGION_MASK, FM_REGION_POLYGON, FM_REGION_BOX } fm_region_form;
typedef enum { FM_SPACE_PX, FM_SPACE_N1, FM_SPACE_N1000 } fm_truth_space;

/* The mapping `data`, read. */
typedef struct {
    fm_arena arena;
    const char *place; /* for messages */
    fm_answer_kind kind;
    const char *columns[FM_TABLE_COLUMNS];
    size_t n_columns;

    const char *files[FM_TABLE_PATTERNS];
    size_t n_files;
    const char *rows;
    fm_table_condition where[FM_TABLE_CONDITIONS];
    size_t n_where;

    fm_table_category categories[FM_TABLE_CATEGORIES];
    size_t n_categories;

    fm_table_ref id, category, source, target, destination, steps, width, height, judgement,
        intrinsics;
    fm_table_ref instruction[FM_TABLE_PARTS];
    size_t n_instruction;
    const char *join, *without; /* of the instruction; `without` may be NULL */
    fm_table_pictures images, mask, depth;
    bool video; /* the images are frames, wanted or not */

    fm_table_ref options[FM_TABLE_OPTIONS];
    size_t n_options;
    bool own_letters; /* they begin with their letters: "A. left" */
    int lettered;     /* so many options stand in the question itself; 0: they have columns */
    fm_table_order order;

    /* truth */
    fm_table_ref answer, unit_column, expected;
    fm_choice_as as;
    fm_quantity_as words; /* how a quantity is read out of words */
    const char *yes, *no, *unit;
    fm_region_form region;
    fm_truth_space space;
    const char *member; /* of the JSON object in the answer's text; NULL: the value is the answer */
    bool corner_and_size; /* a box is x, y, width, height */
} fm_table_spec;

/* Which pictures are wanted: columns of others are not read. */
typedef struct {
    bool shown; /* all that are shown to a model, and depth */
    bool first; /* the first one, for its size */
    bool mask;
} fm_table_wants;

/* *out is zeroed; the caller releases its arena whatever happens. FM_E_INPUT names place and member. */
FM_MUST_CHECK fm_status fm_table_spec_read(const char *data, fm_answer_kind kind,
                                           const fm_table_wants *wants, fm_table_spec *out,
                                           fm_err *err);

/* Pictures of the rows that were read, by what rows refer to them with. */
typedef struct {
    fm_id_map rows; /* -> pointer to the path */
    fm_arena paths;
} fm_table_seen;

/* The row that is being read, and where it stands. */
typedef struct {
    const fm_table_spec *spec;
    const char *path; /* of the file */
    size_t number;    /* 1-based */
    const fm_parquet_value *values;
    const char *data_dir, *pictures_dir;
    fm_table_seen *seen;
    fm_arena *arena; /* of the sample */
    fm_err *err;
} fm_table_row;

/* "<path>: row N: column 'x' <problem>", FM_E_INPUT. */
fm_status fm_table_fault(const fm_table_row *row, const fm_table_ref *ref, const char *problem);
fm_status fm_table_no_memory(const fm_table_row *row);

/* NULL: the ref is not given, or the value is null. */
const fm_parquet_value *fm_table_value(const fm_table_row *row, const fm_table_ref *ref);
/* *out becomes NULL where there is no value; numbers and booleans are written out. */
FM_MUST_CHECK fm_status fm_table_text(const fm_table_row *row, const fm_table_ref *ref,
                                      const char **out);
FM_MUST_CHECK fm_status fm_table_text_of(const fm_table_row *row, const fm_table_ref *ref,
                                         const fm_parquet_value *value, const char **out);
/* Likewise a part of what is asked: lists are written out, and what the spec leaves out is left out. */
FM_MUST_CHECK fm_status fm_table_instruction(const fm_table_row *row, const fm_table_ref *ref,
                                             const char **out);
/* The numbers of a value: one, a list of them nested in any way, or a text that lists them. */
FM_MUST_CHECK fm_status fm_table_numbers(const fm_table_row *row, const fm_table_ref *ref,
                                         double **out, size_t *n);

/* The sample's truth, of its kind. `width` and `height` are the first picture's, 0 where unknown. */
FM_MUST_CHECK fm_status fm_table_truth(const fm_table_row *row, fm_sample *sample);

/* The path of a picture: a file inside the data folder, or one that its bytes are laid out as. */
FM_MUST_CHECK fm_status fm_table_picture(const fm_table_row *row, const fm_table_ref *ref,
                                         const fm_parquet_value *value,
                                         const fm_table_pictures *pictures, const char **out);

/* The pictures of a row: those of its columns, or the files of a folder that it names; *n is at most
 * FM_TABLE_PICTURES. */
FM_MUST_CHECK fm_status fm_table_images(const fm_table_row *row, const char **out, size_t *n);

/* A name from data below the data folder. In a snapshot of a hub's cache files are links to
 * ../../blobs, which are followed. */
FM_MUST_CHECK fm_status fm_table_inside(const char *data_dir, const char *name,
                                        char out[FM_PATH_BYTES], fm_err *err);

/* Names, sorted and each once, of the files inside the data folder that a pattern matches, into an
 * array of the arena. FM_E_INPUT where a pattern matches none. */
FM_MUST_CHECK fm_status fm_table_files(const fm_table_spec *spec, const char *data_dir,
                                       fm_arena *arena, const char ***out, size_t *n, fm_err *err);

#endif
