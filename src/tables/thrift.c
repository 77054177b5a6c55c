/* Owns the wire form of Thrift's compact protocol. Knows nothing of Parquet. */
#include "tables/thrift_internal.h"

enum {
    TYPE_STOP = 0,
    TYPE_I16 = 4,
    TYPE_I32 = 5,
    TYPE_I64 = 6,
    TYPE_DOUBLE = 7,
    TYPE_BINARY = 8,
    TYPE_LIST = 9,
    TYPE_SET = 10,
    TYPE_MAP = 11,
    TYPE_UUID = 13
};

static void fault(fm_thrift *in, const char *problem)
{
    if (!in->problem)
        in->problem = problem;
    in->next = in->end; /* whatever is read next ends at once */
}

static void fault_short(fm_thrift *in)
{
    if (!in->problem)
        in->too_short = true;
    fault(in, "the bytes end in the middle of a value");
}

static size_t left(const fm_thrift *in)
{
    return (size_t)(in->end - in->next);
}

static uint8_t read_byte(fm_thrift *in)
{
    if (left(in) == 0) {
        fault_short(in);
        return 0;
    }
    return *in->next++;
}

static uint64_t read_varint(fm_thrift *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = read_byte(in);

        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return in->problem ? 0 : value;
    }
    fault(in, "a number is longer than 64 bits");
    return 0;
}

static int64_t read_zigzag(fm_thrift *in)
{
    uint64_t value = read_varint(in);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static size_t read_size(fm_thrift *in)
{
    uint64_t size = read_varint(in);

    if (size > left(in)) {
        fault_short(in);
        return 0;
    }
    return (size_t)size;
}

bool fm_thrift_next(fm_thrift *in, fm_thrift_struct *s)
{
    uint8_t header = read_byte(in);

    if (in->problem || header == TYPE_STOP)
        return false;
    s->type = header & 15;
    if (header >> 4) {
        s->id += header >> 4;
    } else {
        int64_t id = read_zigzag(in);

        if (id < INT16_MIN || id > INT16_MAX)
            fault(in, "the number of a field is out of range");
        s->id = (int)id;
    }
    if (s->id > INT16_MAX || s->type < FM_THRIFT_TRUE || s->type > TYPE_UUID)
        fault(in, "a field has no type that exists");
    return !in->problem;
}

int64_t fm_thrift_int(fm_thrift *in, const fm_thrift_struct *s)
{
    if (s->type == FM_THRIFT_BYTE)
        return (int8_t)read_byte(in);
    if (s->type >= TYPE_I16 && s->type <= TYPE_I64)
        return read_zigzag(in);
    fault(in, "a field that holds a number has another type");
    return 0;
}

int32_t fm_thrift_int32(fm_thrift *in, const fm_thrift_struct *s)
{
    int64_t value = fm_thrift_int(in, s);

    if (value < INT32_MIN || value > INT32_MAX) {
        fault(in, "a number is longer than 32 bits");
        return 0;
    }
    return (int32_t)value;
}

bool fm_thrift_bool(fm_thrift *in, const fm_thrift_struct *s)
{
    if (s->type != FM_THRIFT_TRUE && s->type != FM_THRIFT_FALSE)
        fault(in, "a field that holds a truth value has another type");
    return !in->problem && s->type == FM_THRIFT_TRUE;
}

const char *fm_thrift_bytes(fm_thrift *in, const fm_thrift_struct *s, size_t *size)
{
    if (s->type != TYPE_BINARY)
        fault(in, "a field that holds text has another type");
    *size = read_size(in);
    const char *bytes = (const char *)in->next;
    in->next += *size;
    return bytes;
}

static size_t read_list(fm_thrift *in, int *type)
{
    uint8_t header = read_byte(in);
    size_t n = header >> 4;

    *type = header & 15;
    if (n == 15)
        n = read_size(in);
    /* Every element takes a byte at least, whatever it is. */
    if (n > left(in)) {
        fault_short(in);
        return 0;
    }
    return n;
}

size_t fm_thrift_list(fm_thrift *in, const fm_thrift_struct *s, int type)
{
    int found;

    if (s->type != TYPE_LIST) {
        fault(in, "a field that holds a list has another type");
        return 0;
    }
    size_t n = read_list(in, &found);
    if (n && found != type) {
        fault(in, "a list holds values of another type");
        return 0;
    }
    return n;
}

bool fm_thrift_enter(fm_thrift *in, const fm_thrift_struct *s)
{
    if (s->type != FM_THRIFT_STRUCT)
        fault(in, "a field that holds a struct has another type");
    return !in->problem;
}

static void skip_bytes(fm_thrift *in, size_t size)
{
    if (size > left(in))
        fault_short(in);
    else
        in->next += size;
}

static void skip(fm_thrift *in, int type, bool in_list, int depth);

static void skip_struct(fm_thrift *in, int depth)
{
    for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);)
        skip(in, s.type, false, depth);
}

static void skip_list(fm_thrift *in, int depth)
{
    int type;
    size_t n = read_list(in, &type);

    for (size_t i = 0; i < n && !in->problem; i++)
        skip(in, type, true, depth);
}

static void skip_map(fm_thrift *in, int depth)
{
    size_t n = read_size(in);
    uint8_t types = n ? read_byte(in) : 0;

    for (size_t i = 0; i < n && !in->problem; i++) {
        skip(in, types >> 4, true, depth);
        skip(in, types & 15, true, depth);
    }
}

/* A truth value is part of the header of its field, and a byte of its own in a list. */
static void skip(fm_thrift *in, int type, bool in_list, int depth)
{
    if (depth == FM_THRIFT_MAX_DEPTH) {
        fault(in, "values nest too deep");
        return;
    }
    switch (type) {
    case FM_THRIFT_TRUE:
    case FM_THRIFT_FALSE:
        skip_bytes(in, in_list ? 1 : 0);
        break;
    case FM_THRIFT_BYTE:
        skip_bytes(in, 1);
        break;
    case TYPE_I16:
    case TYPE_I32:
    case TYPE_I64:
        read_varint(in);
        break;
    case TYPE_DOUBLE:
        skip_bytes(in, 8);
        break;
    case TYPE_BINARY:
        skip_bytes(in, read_size(in));
        break;
    case TYPE_LIST:
    case TYPE_SET:
        skip_list(in, depth + 1);
        break;
    case TYPE_MAP:
        skip_map(in, depth + 1);
        break;
    case FM_THRIFT_STRUCT:
        skip_struct(in, depth + 1);
        break;
    case TYPE_UUID:
        skip_bytes(in, 16);
        break;
    default:
        fault(in, "a value has no type that exists");
    }
}

void fm_thrift_skip(fm_thrift *in, int type)
{
    skip(in, type, false, 0);
}
