/* Makes the Parquet files of this folder with writers that have nothing to do with the reader, and
 * beside them .jsonl files with their rows, told from the values that were written.
 *
 *     npm install @duckdb/node-api@1.5.6-r.1 parquet-wasm@0.8.0 apache-arrow hyparquet-writer@0.17.0
 *     node make.mjs FOLDER
 *
 * A row is an array of the columns in order; a struct an object; a map a list of key and value; bytes are
 * hexadecimal digits; whole numbers past 2^53, NaN, the infinities and -0 are strings. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const folder = process.argv[2] ?? '.';

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
