/* The Parquet reader beside DuckDB, in turn and on the same files, which are made first where they are
 * not there yet: numbers.parquet (32 million rows of 8 columns, 1.06 GB) and pictures.parquet (10,000 rows of
 * incompressible bytes of 60 to 150 kB with a path and a question, in row groups of 100, 1.05 GB).
 *
 *     npm install @duckdb/node-api
 *     node parquet_peer.mjs FOLDER build/release/benchmarks/parquet
 *
 * Wall time and time of the processor, each the median of the rounds; DuckDB with one thread and with
 * as many as it likes. Both add up every number and count the bytes of every text and picture. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const [folder, program] = process.argv.slice(2);
const ROUNDS = 5;

const files = {
  numbers: `select sum(id), sum(a), sum(x), sum(small), sum(y), sum(big), sum(strlen(label)), sum(f)`,
  pictures: `select sum(id), sum(octet_length(image.bytes)), sum(strlen(image.path)), sum(strlen(question))`,
};

const connect = async (options) => (await DuckDBInstance.create(':memory:', options)).connect();

async function make() {
  const database = await connect();
  if (!existsSync(join(folder, 'numbers.parquet')))
    await database.run(`copy (select i::int as id, (hash(i) % 1000000)::int as a, hash(i * 7)::double / 1e9 as x,
      (hash(i * 3) % 100)::int as small, (i * 1.5)::double as y, (hash(i + 5) >> 20)::bigint as big,
      'label ' || (i % 50) as label, random()::float as f from range(32000000) r(i))
      to '${join(folder, 'numbers.parquet')}' (format parquet, compression snappy)`);
  if (existsSync(join(folder, 'pictures.parquet'))) return;
  const parts = join(folder, 'parts');
  mkdirSync(parts, { recursive: true });
  for (let i = 0; i < 100; i++) writeFileSync(join(parts, `${i}.bin`), randomBytes(60000 + i * 900));
  await database.run(`copy (select i::int as id,
    {'bytes': content || encode(i::varchar), 'path': i || '.jpg'} as image, 'what is left of ' || (i % 37) as question
    from read_blob('${join(parts, '*.bin')}'), range(100) r(i))
    to '${join(folder, 'pictures.parquet')}' (format parquet, compression snappy, row_group_size 2048)`);
  rmSync(parts, { recursive: true });
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function time(database, query) {
  const start = performance.now(), before = process.cpuUsage();
  await database.runAndReadAll(query);
  const used = process.cpuUsage(before);
  return [(performance.now() - start) / 1000, (used.user + used.system) / 1e6];
}

await make();
const peers = { 'DuckDB, one thread': await connect({ threads: '1' }), 'DuckDB': await connect() };
for (const [name, query] of Object.entries(files)) {
  const path = join(folder, name + '.parquet');
  const times = { ours: [] };
  let memory = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const line = execFileSync(program, ['--once', path], { encoding: 'utf8' });
    const [, wall, cpu, mb] = line.match(/([\d.]+) s, ([\d.]+) s of the processor, ([\d.]+) MB/);
    times.ours.push([Number(wall), Number(cpu)]);
    memory = Math.max(memory, Number(mb));
    for (const [title, database] of Object.entries(peers))
      (times[title] ??= []).push(await time(database, `${query} from '${path}'`));
  }
  console.log(`${name}: ours at most ${memory} MB`);
  for (const [title, list] of Object.entries(times))
    console.log(`  ${title.padEnd(20)} ${median(list.map((t) => t[0])).toFixed(3)} s, ` +
      `processor ${median(list.map((t) => t[1])).toFixed(3)} s   (${list.map((t) => t[0].toFixed(2)).join(' ')})`);
}
