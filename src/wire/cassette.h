/**
 * A cassette: HTTP exchanges in a file, one JSON object a line (docs/cassettes.md has the schema).
 *
 * Keys are not in it: secret headers are written as "<removed>", and so is every other place where
 * the value of a secret header stands, in any of the forms of wire/secrets.h. Pictures in a body are kept as size and SHA-256. Exchanges of
 * equal requests (method, path with query, body) are served in the order in which they were
 * recorded, so that a failure and its retry come back as they came; the host is no part of the
 * match. One thread.
 */
#ifndef FM_WIRE_CASSETTE_H
#define FM_WIRE_CASSETTE_H

#include "wire/client.h"

#define FM_CASSETTE_SCHEMA "fathom.cassette/1"

typedef struct fm_cassette fm_cassette;

/* One side of an exchange that was recorded. */
typedef struct {
    fm_wire_end end;    /* a cassette keeps failures of the wire as well */
    const char *detail; /* of a failure, or NULL */
    int status;
    const fm_wire_header *headers;
    size_t n_headers;
    const char *body;
    size_t size;
    double first_byte_s, total_s; /* as they were */
} fm_cassette_reply;

/* Recording appends whole lines; a cassette that is there goes on (a resumed run), and a torn last
 * line is dropped. Any other file is refused, FM_E_USAGE; one that somebody records to, FM_E_LOCKED. */
FM_MUST_CHECK fm_status fm_cassette_record(fm_cassette **out, const char *path, fm_err *err);
FM_MUST_CHECK fm_status fm_cassette_add(fm_cassette *cassette, const fm_wire_request *request,
                                        const char *body, size_t size,
                                        const fm_cassette_reply *reply, fm_err *err);

/* Playing: the index of a file that was recorded; its bodies stay on disk. FM_E_INPUT names file and
 * line; a torn last line, which a killed run leaves, is passed over. */
FM_MUST_CHECK fm_status fm_cassette_load(fm_cassette **out, const char *path, fm_err *err);
/* The next recorded reply to an equal request; it lives until the next find. *found false: there is
 * none, or no further one. `path` is the URL's path with its query, keys in it removed. */
FM_MUST_CHECK fm_status fm_cassette_find(fm_cassette *cassette, const char *method,
                                         const char *path, const char *body, size_t size,
                                         fm_cassette_reply *out, bool *found, fm_err *err);
size_t fm_cassette_exchanges(const fm_cassette *cassette);

FM_MUST_CHECK fm_status fm_cassette_close(fm_cassette *cassette, fm_err *err); /* accepts NULL */

#endif
