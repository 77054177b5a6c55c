/* Makes the Parquet files of this folder with writers that have nothing to do with the reader, and
 * beside them .jsonl files with their rows, told from the values that were written.
 *
 *     npm install @duckdb/node-api@1.5.6-r.1 parquet-wasm@0.8.0 apache-arrow@21.2.0 hyparquet-writer@0.17.0
 *     node make.mjs FOLDER [CORPUS]
 *
 * CORPUS, where it is given, gets the small files that the fuzzer starts from.
 *
 * A row is an array of the columns in order; a struct an object; a map a list of key and value; bytes are
 * hexadecimal digits; whole numbers past 2^53, NaN, the infinities and -0 are strings. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, crc32, gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import * as arrow from 'apache-arrow';
import { ByteWriter, parquetWriteBuffer } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import * as rust from 'parquet-wasm/node';

let folder = process.argv[2] ?? '.';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

const number = (v) =>
  !Number.isFinite(v) || Object.is(v, -0) ? (Object.is(v, -0) ? '-0' : String(v)) : v;

const integer = (v) => (v <= 2n ** 53n && v >= -(2n ** 53n) ? Number(v) : String(v));

function tell(rows) {
  return rows.map((row) => JSON.stringify(row) + '\n').join('');
}

/* ---- DuckDB: pages of version 1, PLAIN and dictionaries; with V2 the DELTA encodings ---- */

function decimal(v) {
  if (v.scale === 0 && v.width <= 18) return integer(v.value);
  return v.width <= 15 ? Number(v.toString()) : v.toString();
}

function plain(v) {
  if (v === null || typeof v === 'boolean' || typeof v === 'string') return v;
  if (typeof v === 'number') return number(v);
  if (typeof v === 'bigint') return integer(v);
  switch (v.constructor.name) {
    case 'DuckDBBlobValue': return hex(v.bytes);
    case 'DuckDBListValue': return v.items.map(plain);
    case 'DuckDBStructValue':
      return Object.fromEntries(Object.entries(v.entries).map(([k, x]) => [k, plain(x)]));
    case 'DuckDBMapValue':
      return v.entries.map((e) => ({ key: plain(e.key), value: plain(e.value) }));
    case 'DuckDBDecimalValue': return decimal(v);
    case 'DuckDBTimestampValue':
    case 'DuckDBTimestampTZValue':
    case 'DuckDBTimeValue': return integer(v.micros);
    case 'DuckDBTimestampMillisecondsValue': return integer(v.millis);
    case 'DuckDBTimestampNanosecondsValue': return integer(v.nanos);
    case 'DuckDBDateValue': return v.days;
    case 'DuckDBUUIDValue': return v.toString().replaceAll('-', '');
    default: throw new Error('no rule for ' + v.constructor.name);
  }
}

const database = await (await DuckDBInstance.create(':memory:')).connect();

async function duckdb(name, told, query, options) {
  await database.run(`create or replace table t as ${query}`);
  await database.run(`copy t to '${join(folder, name + '.parquet')}' (format parquet, ${options})`);
  const rows = (await database.runAndReadAll('select * from t')).getRows();
  writeFileSync(join(folder, told + '.jsonl'), tell(rows.map((row) => row.map(plain))));
}

const flat = `select
  i::int as i32, (i * 1234567891)::bigint - 90000000000 as i64,
  case when i % 5 = 0 then null else i / 3.0::double end as f64, (i / 8)::float as f32,
  case when i % 7 = 3 then null else 'text ' || (i % 11) end as word, 'líne ' || i as line,
  case when i % 4 = 0 then null else i % 3 = 0 end as yes, encode('blob ' || i) as bytes,
  (i - 100)::tinyint as i8, (i * 300 - 30000)::smallint as i16, i::utinyint as u8,
  (i * 300)::usmallint as u16, (4294967295 - i)::uinteger as u32,
  (18446744073709551615 - i::ubigint)::ubigint as u64,
  (i * 1.25 - 50)::decimal(9, 2) as d9, (i * -1000.5)::decimal(15, 3) as d15,
  (i * 12345678901234.5 - 99)::decimal(30, 4) as d30, (i * 1000003)::decimal(18, 0) as d18,
  case when i % 2 = 0 then (i - 100) * 0.01 end::decimal(18, 2) as d18s,
  date '2020-02-28' + i::int as day, timestamp '1969-12-31 23:00:00' + interval (i) minute as at,
  (timestamp '2021-01-01' + interval (i) second)::timestamp_ms as at_ms,
  (timestamp '2021-01-01' + interval (i) second)::timestamp_ns as at_ns,
  time '00:00:01' + interval (i) second as clock,
  ('00112233-4455-6677-8899-' || lpad(i::varchar, 12, '0'))::uuid as id,
  case when i = 20 then 'NaN'::double when i = 21 then 'infinity'::double
       when i = 22 then '-infinity'::double when i = 23 then '-0.0'::double else i end as odd,
  null::int as nothing
  from range(200) r(i)`;

for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli'])
  await duckdb('duckdb_flat_' + codec, 'duckdb_flat', flat, `parquet_version v1, compression ${codec}`);
await duckdb('duckdb_flat_v2', 'duckdb_flat', flat, 'parquet_version v2, compression zstd');

const nested = `select i::int as i,
  case when i % 6 = 0 then null when i % 6 = 1 then []
       else [i, null, i * 2][1 : 1 + i % 3] end::int[] as numbers,
  case when i % 5 = 0 then null
       else {'bytes': encode('picture ' || i), 'path': case when i % 3 > 0 then i || '.png' end}
  end as image,
  case when i % 7 = 0 then null when i % 7 = 1 then [] when i % 7 = 2 then [null]
       else [{'from': 'human', 'value': 'q' || i}, null, {'from': null, 'value': 'a' || i}] end
  as conversations,
  case when i % 4 = 0 then null when i % 4 = 1 then [] when i % 4 = 2 then [[], null, [i, null]]
       else [[1, 2, 3], [i]] end::int[][] as grid,
  case when i % 3 = 0 then null when i % 3 = 1 then map {}
       else map {'k' || i: i * 0.5, 'empty': null} end::map(varchar, double) as scores,
  {'inner': {'list': [i, i + 1], 'deep': [{'x': [i]}, {'x': null}, {'x': []}]}, 'tag': 't' || i % 2}
  as outer_part
  from range(60) r(i)`;
await duckdb('duckdb_nested_v1', 'duckdb_nested', nested, 'parquet_version v1, compression snappy');
await duckdb('duckdb_nested_v2', 'duckdb_nested', nested, 'parquet_version v2, compression zstd');

await duckdb('duckdb_empty', 'duckdb_empty', 'select 1::int as a, [1]::int[] as b where false', 'compression snappy');
await duckdb('duckdb_groups', 'duckdb_groups',
             'select i::int as i, i % 3 = 0 as yes, [i % 2][1 : i % 2]::int[] as l from range(5000) r(i)',
             'compression zstd, row_group_size 2048');

/* ---- parquet-wasm: pages of version 2 and small ones, prefixes, dictionaries that are given up ---- */

const count = (n, f) => Array.from({ length: n }, (_, i) => f(i));

/* What a column holds, told as above; Arrow's typed arrays become lists. */
function told(v) {
  if (v === null || v === undefined) return null;
  if (v instanceof Uint8Array) return hex(v);
  if (v instanceof Map) return [...v].map(([key, value]) => ({ key, value: told(value) }));
  if (Array.isArray(v)) return v.map(told);
  if (typeof v === 'object')
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, told(x)]));
  return typeof v === 'bigint' ? integer(v) : typeof v === 'number' ? number(v) : v;
}

function tellColumns(name, columns) {
  const rows = count(columns[0].length, (i) => columns.map((column) => told(column[i])));
  writeFileSync(join(folder, name + '.jsonl'), tell(rows));
}

function wasm(name, toldAs, columns, set) {
  const vectors = columns.map(([title, type, values]) =>
    [title, arrow.vectorFromArray(values, type)]);
  const table = rust.Table.fromIPCStream(
    arrow.tableToIPC(new arrow.Table(Object.fromEntries(vectors)), 'stream'));
  const properties = set(new rust.WriterPropertiesBuilder()).build();
  writeFileSync(join(folder, name + '.parquet'), rust.writeParquet(table, properties));
  tellColumns(toldAs, columns.map(([, , values]) => values));
}

const field = (name, type) => new arrow.Field(name, type, true);
const listOf = (type) => new arrow.List(field('item', type));

const words = ['depth', 'depths', 'deep', 'deeper', '', 'depth map', 'ümlaut'];
const arrowColumns = [
  ['i8', new arrow.Int8(), count(300, (i) => (i % 9 ? (i % 256) - 128 : null))],
  ['u16', new arrow.Uint16(), count(300, (i) => i * 200)],
  ['u32', new arrow.Uint32(), count(300, (i) => 4294967295 - i)],
  ['u64', new arrow.Uint64(), count(300, (i) => 18446744073709551615n - BigInt(i))],
  ['i64', new arrow.Int64(), count(300, (i) => BigInt(i % 3 ? i : -i) * 9007199254740993n)],
  ['f32', new arrow.Float32(), count(300, (i) => (i % 10 ? i * 0.25 : null))],
  ['f64', new arrow.Float64(), count(300, (i) => Math.sqrt(i))],
  ['yes', new arrow.Bool(), count(300, (i) => (i % 8 ? i % 3 === 0 : null))],
  ['word', new arrow.Utf8(), count(300, (i) => (i % 6 ? words[i % 7] + (i >> 3) : null))],
  ['few', new arrow.Utf8(), count(300, (i) => words[i % 7])],
  ['bytes', new arrow.Binary(), count(300, (i) => (i % 5 ? new Uint8Array(i % 40).fill(i) : null))],
  ['ten', new arrow.FixedSizeBinary(10),
    count(300, (i) => (i % 4 ? new Uint8Array(10).fill(i >> 4) : null))],
];
const small = (builder) => builder.setWriteBatchSize(16).setDataPageSizeLimit(256);
wasm('wasm_v2_plain', 'wasm_flat', arrowColumns, (b) =>
  small(b).setWriterVersion(rust.WriterVersion.V2).setCompression(rust.Compression.SNAPPY)
    .setDictionaryEnabled(false).setEncoding(rust.Encoding.PLAIN));
wasm('wasm_v2_defaults', 'wasm_flat', arrowColumns, (b) =>
  small(b).setWriterVersion(rust.WriterVersion.V2).setCompression(rust.Compression.LZ4_RAW)
    .setDictionaryEnabled(false).setColumnEncoding('bytes', rust.Encoding.DELTA_LENGTH_BYTE_ARRAY));
wasm('wasm_v1_fallback', 'wasm_flat', arrowColumns, (b) =>
  small(b).setWriterVersion(rust.WriterVersion.V1).setCompression(rust.Compression.GZIP)
    .setDictionaryPageSizeLimit(200));
wasm('wasm_v2_fallback', 'wasm_flat', arrowColumns, (b) =>
  small(b).setWriterVersion(rust.WriterVersion.V2).setCompression(rust.Compression.BROTLI)
    .setDictionaryPageSizeLimit(200).setMaxRowGroupSize(170));

/* Columns larger than what is read of a file at a time: a dictionary and many pages. */
const longWords = count(2600, (i) => `word number ${i}, ${'x'.repeat(i % 23)}`);
wasm('wasm_long', 'wasm_long', [['dictionary', new arrow.Utf8(), longWords], ['plain', new arrow.Utf8(), longWords]],
     (b) => b.setCompression(rust.Compression.UNCOMPRESSED).setColumnDictionaryEnabled('plain', false)
       .setWriteBatchSize(50).setDataPageSizeLimit(1000));

const turn = new arrow.Struct([field('from', new arrow.Utf8()), field('value', new arrow.Utf8())]);
const picture = new arrow.Struct([field('bytes', new arrow.Binary()),
                                  field('path', new arrow.Utf8())]);
const nestedColumns = [
  ['image', picture, count(200, (i) => (i % 5 ?
    { bytes: new Uint8Array(i).fill(i), path: i % 3 ? i + '.png' : null } : null))],
  ['numbers', listOf(new arrow.Int32()),
    count(200, (i) => (i % 6 ? count(i % 6 - 1, (k) => (k % 2 ? null : i + k)) : null))],
  ['turns', listOf(turn), count(200, (i) => (i % 7 ?
    count(i % 7 - 1, (k) => (k === 2 ? null : { from: k % 2 ? 'gpt' : null, value: 'v' + i * k }))
    : null))],
  ['grid', listOf(listOf(new arrow.Float64())),
    count(200, (i) => (i % 4 ? count(i % 4 - 1, (k) => (k ? [i / 2, null] : i % 3 ? [] : null)) : null))],
  ['many', listOf(new arrow.Utf8()), count(200, (i) => count(i === 150 ? 1500 : i % 12, (k) => 'item' + k))],
];
for (const version of ['V1', 'V2'])
  wasm('wasm_nested_' + version.toLowerCase(), 'wasm_nested', nestedColumns, (b) =>
    small(b).setWriterVersion(rust.WriterVersion[version]).setCompression(rust.Compression.ZSTD));

/* ---- hyparquet-writer: an encoding for each column, split streams, fixed widths, halves ---- */

const fixed = (name, width, more) =>
  ({ name, type: 'FIXED_LEN_BYTE_ARRAY', type_length: width, repetition_type: 'OPTIONAL', ...more });

function hyparquet(name, codec) {
  const columns = [];
  const add = (title, type, encoding, f) =>
    columns.push({ name: title, type, encoding, nullable: true, data: count(150, (i) => (i % 11 ? f(i) : null)) });
  for (const encoding of ['PLAIN', 'BYTE_STREAM_SPLIT', 'DELTA_BINARY_PACKED', 'RLE_DICTIONARY']) {
    add('i32 ' + encoding, 'INT32', encoding, (i) => (i % 2 ? i : -i * 1000000));
    add('i64 ' + encoding, 'INT64', encoding, (i) => (1n << BigInt(i % 63)) * (i % 2 ? 1n : -1n));
  }
  for (const encoding of ['PLAIN', 'BYTE_STREAM_SPLIT', 'RLE_DICTIONARY']) {
    add('f32 ' + encoding, 'FLOAT', encoding, (i) => (i - 75) / 8);
    add('f64 ' + encoding, 'DOUBLE', encoding, (i) => (i === 1 ? NaN : i === 2 ? -0 : i / 7));
    add('half ' + encoding, 'FLOAT16', encoding, (i) =>
      [0, -2, 65504, 6.103515625e-5, 5.960464477539063e-8, Infinity, 0.333251953125][i % 7]);
  }
  for (const encoding of ['PLAIN', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY', 'RLE_DICTIONARY'])
    add('text ' + encoding, 'STRING', encoding, (i) => words[i % 7] + (i % 30));
  for (const encoding of ['PLAIN', 'RLE'])
    add('yes ' + encoding, 'BOOLEAN', encoding, (i) => i % 3 === 0 || i > 100);
  const compressors = { GZIP: (bytes) => new Uint8Array(gzipSync(bytes)),
                        BROTLI: (bytes) => new Uint8Array(brotliCompressSync(bytes)) };
  const buffer = parquetWriteBuffer({ columnData: columns, codec, compressors, pageSize: 300,
                                      rowGroupSize: 100 });
  writeFileSync(join(folder, name + '.parquet'), Buffer.from(buffer));
  tellColumns('hyparquet', columns.map((column) => column.data));
}
for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP'])
  hyparquet('hyparquet_' + codec.toLowerCase(), codec);

/* ---- by hand, from the format's text: what no writer at hand writes any more ---- */

function thrift(struct) {
  const writer = new ByteWriter();
  serializeTCompactProtocol(writer, struct);
  return Buffer.from(writer.getBytes());
}

const int32s = (...numbers) => Buffer.from(new Int32Array(numbers).buffer);
const sized = (bytes) => Buffer.concat([int32s(bytes.length), bytes]);
const texts = (...list) => Buffer.concat(list.map((text) => sized(Buffer.from(text))));
const PLAIN = 0, RLE = 3, BIT_PACKED = 4;

/* A page of version 1: levels (with their lengths, where they have any) and values. */
function page(values, body, { definition = RLE, repetition = RLE, checked = false, encoding = PLAIN,
                              unpacked = body.length, stored = body.length } = {}) {
  const header = { field_1: 0, field_2: unpacked, field_3: stored,
                   field_4: checked ? crc32(body) | 0 : undefined,
                   field_5: { field_1: values, field_2: encoding, field_3: definition, field_4: repetition } };
  return Buffer.concat([thrift(header), body]);
}

const indexPage = Buffer.concat([thrift({ field_1: 1, field_2: 3, field_3: 3, field_6: {} }),
                                 Buffer.from('abc')]);

/* A file with one row group; columns: physical type, number of values, pages. Without lines it is one
 * that must be refused. */
function byHand(name, rows, schema, columns, lines, { codec = 0, elsewhere, groupRows = rows } = {}) {
  let offset = 4;
  const chunks = columns.map(([type, values, ...pages]) => {
    const size = Buffer.concat(pages).length;
    offset += size;
    return { field_1: elsewhere, field_2: BigInt(offset - size),
             field_3: { field_1: type, field_2: [PLAIN], field_3: ['x'], field_4: codec,
                        field_5: BigInt(values), field_6: BigInt(size), field_7: BigInt(size),
                        field_9: BigInt(offset - size) } };
  });
  const footer = thrift({ field_1: 1, field_2: schema, field_3: BigInt(rows),
                          field_4: [{ field_1: chunks, field_2: 0n, field_3: BigInt(groupRows) }] });
  writeFileSync(join(folder, name + '.parquet'),
    Buffer.concat([Buffer.from('PAR1'), ...columns.flatMap((column) => column.slice(2)), footer,
                   int32s(footer.length), Buffer.from('PAR1')]));
  if (lines) writeFileSync(join(folder, name + '.jsonl'), tell(lines));
}

const BYTE_ARRAY = 6, INT96 = 3, INT32 = 1, REQUIRED = 0, OPTIONAL = 1, REPEATED = 2;
const UTF8 = 0, LIST = 3, DECIMAL = 5;
const nanoseconds = (day, ns) => Buffer.concat([Buffer.from(new BigInt64Array([ns]).buffer), int32s(day)]);

byHand('by_hand', 4,
  [{ field_4: 'schema', field_5: 6 },
   { field_1: INT32, field_3: OPTIONAL, field_4: 'packed levels' },
   { field_1: INT96, field_3: REQUIRED, field_4: 'at' },
   { field_1: BYTE_ARRAY, field_3: REPEATED, field_4: 'words', field_6: UTF8 },
   { field_3: OPTIONAL, field_4: 'old', field_5: 1, field_6: LIST },
   { field_3: REPEATED, field_4: 'array', field_5: 1 },
   { field_1: INT32, field_3: OPTIONAL, field_4: 'a' },
   { field_1: BYTE_ARRAY, field_3: REQUIRED, field_4: 'cost', field_6: DECIMAL, field_7: 2, field_8: 20 },
   { field_3: OPTIONAL, field_4: 'tags', field_5: 1, field_6: LIST },
   { field_1: INT32, field_3: REPEATED, field_4: 'element' }],
  [[INT32, 4, indexPage,
    page(4, Buffer.concat([Buffer.from([0b10110000]), int32s(7, -8, 9)]), { definition: BIT_PACKED })],
   [INT96, 4, page(2, Buffer.concat([nanoseconds(2440588, 5n), nanoseconds(2440587, 0n)]), { checked: true }),
    page(2, Buffer.concat([nanoseconds(2459216, 1n), nanoseconds(2440589, 86399999999999n)]), { checked: true })],
   /* [one, two, three] [] [four] [five, six], the first and the last row over two pages and three */
   [BYTE_ARRAY, 7,
    page(2, Buffer.concat([sized(Buffer.from([2, 0, 2, 1])), sized(Buffer.from([4, 1])), texts('one', 'two')])),
    page(4, Buffer.concat([sized(Buffer.from([3, 0b0001])), sized(Buffer.from([3, 0b1101])),
                           texts('three', 'four', 'five')])),
    page(0, Buffer.concat([sized(Buffer.alloc(0)), sized(Buffer.alloc(0))])),
    page(1, Buffer.concat([sized(Buffer.from([2, 1])), sized(Buffer.from([2, 1])), texts('six')]))],
   /* null, [], [{a: null}, {a: 5}], [{a: 6}] */
   [INT32, 5, page(5, Buffer.concat([Buffer.from([0b00010000]), Buffer.from([0b00011011, 0b11000000]),
                                     int32s(5, 6)]), { definition: BIT_PACKED, repetition: BIT_PACKED })],
   [BYTE_ARRAY, 4, page(4, Buffer.concat([sized(Buffer.from([0])), sized(Buffer.from([0xff])),
                                          sized(Buffer.from('7fffffffffffffffffffffff', 'hex')),
                                          sized(Buffer.from('ff00', 'hex'))]))],
   /* [1, 2], [], null, [3] */
   [INT32, 5, page(5, Buffer.concat([sized(Buffer.from([3, 0b00010])), sized(Buffer.from([3, 0b00011010, 0b10])),
                                     int32s(1, 2, 3)]))]],
  [[7, 5, ['one', 'two', 'three'], null, '0.00', [1, 2]],
   [null, '-86400000000000', [], [], '-0.01', []],
   [-8, '1609459200000000001', ['four'], [{ a: null }, { a: 5 }], '396140812571321687967719751.67', null],
   [9, '172799999999999', ['five', 'six'], [{ a: 6 }], '-2.56', [3]]]);

/* A row over several packed pages: its first values outlive the pages they came from. */
const packed = (values, body) => page(values, gzipSync(body), { unpacked: body.length });
const levels = (values, first, rest) => Buffer.concat([
  sized(Buffer.from([2, first, 2 * (values - 1), rest])), sized(Buffer.from([2 * values, 1]))]);
const word = (i) => `word ${i} ${'abc'[i % 3].repeat(i % 9)}`;
byHand('by_hand_spanning', 2, [{ field_4: 'schema', field_5: 1 },
  { field_1: BYTE_ARRAY, field_3: REPEATED, field_4: 'words', field_6: UTF8 }],
  [[BYTE_ARRAY, 50, ...count(5, (k) => packed(10, Buffer.concat(
    [levels(10, k % 4 ? 1 : 0, 1), texts(...count(10, (i) => word(k * 10 + i)))])))]],
  [[count(40, word)], [count(10, (i) => word(40 + i))]], { codec: 2 });

/* Files that must be refused, each for one reason. */
const root = (n) => ({ field_4: 'schema', field_5: n });
const int = { field_1: INT32, field_3: REQUIRED, field_4: 'n' };
const text = { field_1: BYTE_ARRAY, field_3: REQUIRED, field_4: 's' };
const three = page(3, int32s(1, 2, 3));
const refused = (name, schema, columns, options, rows = 3) =>
  byHand('bad_' + name, rows, schema, columns, null, options);

refused('page_size', [root(1), int], [[INT32, 3, page(3, int32s(1, 2, 3), { unpacked: 2 ** 30 })]], { codec: 4 });
refused('ratio', [root(1), int], [[INT32, 3, page(3, int32s(1, 2, 3), { unpacked: 4e8 })]], { codec: 1 });
refused('snappy', [root(1), int], [[INT32, 3, three]], { codec: 1 });
refused('sizes', [root(1), int], [[INT32, 3, page(3, int32s(1, 2, 3), { unpacked: 16 })]]);
refused('beyond', [root(1), int], [[INT32, 3, page(3, int32s(1, 2, 3), { stored: 16, unpacked: 16 })]]);
refused('values', [root(1), int], [[INT32, 3, page(4, int32s(1, 2, 3, 4))]]);
refused('missing', [root(1), int], [[INT32, 3, page(2, int32s(1, 2))]]);
refused('short', [root(1), int], [[INT32, 3, page(3, int32s(1, 2))]]);
refused('fewer_rows', [root(1), int], [[INT32, 3, three]], {}, 4);
refused('more_rows', [root(1), int], [[INT32, 3, three]], {}, 2);
refused('row_sum', [root(1), int], [[INT32, 3, three]], { groupRows: 3 }, 5);
refused('type', [root(1), int], [[2, 3, three]]);
refused('codec', [root(1), int], [[INT32, 3, three]], { codec: 3 });
refused('elsewhere', [root(1), int], [[INT32, 3, three]], { elsewhere: '/etc/passwd' });
refused('encoding', [root(1), int], [[INT32, 3, page(3, int32s(1, 2, 3), { encoding: 6 })]]);
refused('no_dictionary', [root(1), int], [[INT32, 3, page(3, Buffer.from([1, 6, 0]), { encoding: 8 })]]);
refused('text', [root(1), text], [[BYTE_ARRAY, 1, page(1, int32s(5))]], {}, 1);
/* lengths of prefixes 0, 9 after a word of three letters; then of suffixes 3, 0 */
refused('prefix', [root(1), text], [[BYTE_ARRAY, 2, page(2, Buffer.from([
  128, 1, 4, 2, 0, 18, 0, 0, 0, 0, 128, 1, 4, 2, 6, 5, 0, 0, 0, 0, 97, 98, 99]), { encoding: 7 })]], {}, 2);
refused('level', [root(1), { field_3: OPTIONAL, field_4: 'a', field_5: 1 },
                  { field_1: INT32, field_3: OPTIONAL, field_4: 'b' }],
        [[INT32, 1, page(1, Buffer.concat([sized(Buffer.from([2, 3])), int32s(1)]))]], {}, 1);
refused('middle', [root(1), { field_1: INT32, field_3: REPEATED, field_4: 'l' }],
        [[INT32, 1, page(1, Buffer.concat([sized(Buffer.from([2, 1])), sized(Buffer.from([2, 1])), int32s(1)]))]], {}, 1);
/* two elements of a, one of b */
refused('lists', [root(1), { field_3: REPEATED, field_4: 'l', field_5: 2 },
                  { ...int, field_4: 'a' }, { ...int, field_4: 'b' }],
        [[INT32, 2, page(2, Buffer.concat([sized(Buffer.from([3, 2])), sized(Buffer.from([4, 1])), int32s(1, 2)]))],
         [INT32, 1, page(1, Buffer.concat([sized(Buffer.from([2, 0])), sized(Buffer.from([2, 1])), int32s(3)]))]], {}, 1);
/* a: [[1, 2], [3]], b: [[1], [2, 3]] */
const shape = (bits) => page(3, Buffer.concat([sized(Buffer.from([3, bits, 0])), sized(Buffer.from([6, 2])), int32s(1, 2, 3)]));
refused('shapes', [root(1), { field_3: REPEATED, field_4: 'l', field_5: 1 },
                   { field_3: REPEATED, field_4: 'm', field_5: 2 }, { ...int, field_4: 'a' }, { ...int, field_4: 'b' }],
        [[INT32, 3, shape(0b011000)], [INT32, 3, shape(0b100100)]], {}, 1);
refused('deep', [root(1), ...count(100, (i) => ({ field_3: REQUIRED, field_4: 'g' + i, field_5: 1 })), int],
        [[INT32, 3, three]]);
refused('children', [root(1), { field_3: REQUIRED, field_4: 'g', field_5: 1000000 }, int], [[INT32, 3, three]]);
refused('decimal', [root(1), { ...int, field_6: DECIMAL, field_7: 9, field_8: 5 }], [[INT32, 3, three]]);

/* ---- the fuzzer's seeds: each of the above with a few rows, so that a changed byte matters ---- */

if (process.argv[3]) {
  folder = process.argv[3];
  const few = (query, n) => query.replace(/range\(\d+\)/, `range(${n})`);
  const head = (columns, n) => columns.map(([title, type, values]) => [title, type, values.slice(0, n)]);
  await duckdb('flat_snappy', 'seed', few(flat, 3), 'parquet_version v1, compression snappy');
  await duckdb('flat_v2_plain', 'seed', few(flat, 3), 'parquet_version v2, compression uncompressed');
  await duckdb('nested_v1', 'seed', few(nested, 8), 'parquet_version v1, compression uncompressed');
  await duckdb('nested_v2', 'seed', few(nested, 8), 'parquet_version v2, compression zstd');
  for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW'])
    wasm('rust_' + codec.toLowerCase(), 'seed', head(arrowColumns, 6), (b) =>
      b.setWriterVersion(rust.WriterVersion.V2).setCompression(rust.Compression[codec])
        .setDictionaryEnabled(codec === 'SNAPPY').setStatisticsEnabled(rust.EnabledStatistics.None));
  wasm('rust_nested', 'seed', head(nestedColumns, 12), (b) =>
    small(b).setCompression(rust.Compression.UNCOMPRESSED)
      .setStatisticsEnabled(rust.EnabledStatistics.None));
  writeFileSync(join(folder, 'by_hand.parquet'), readFileSync(join(process.argv[2], 'by_hand.parquet')));
  rmSync(join(folder, 'seed.jsonl'));
}
