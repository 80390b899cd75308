// Indexes, as device/internal/index/FORMAT.md has them.
import {decode, isUint, refuse, version} from './cbor.mjs';

const MOST_CHUNKS = 10_000, MOST_RECORDS = 1 << 20, MOST_MEMBERS = 16, MOST_BYTES = 4 << 20;
const bytes = (v, ...lengths) => v instanceof Uint8Array && lengths.includes(v.length) ? Buffer.from(v).toString('hex') : refuse('an id or digest has another length');
const tuple = (v, n) => Array.isArray(v) && v.length === n ? v : refuse('an array has another form');
const uint = (v, most) => isUint(v, most) ? v : refuse('a number is out of its range');

export function readIndex(b) {
  if (b.length > MOST_BYTES) refuse('the index has too many bytes');
  if (version(b) !== 0) refuse('this reader is too old for the format');
  const [, schema, snapshot, previous, sessions, chunks, counts, coverage] = tuple(decode(b, {depth: 6}), 8);
  const out = {schema: uint(schema), snapshot: bytes(snapshot, 16), previous: bytes(previous, 0, 32), chunks: []};
  if (/^0+$/.test(out.previous)) refuse('the one before is named by zeros');
  if (!Array.isArray(sessions) || !Array.isArray(chunks) || !(counts instanceof Map) || !(coverage instanceof Map)) refuse('a member has another type');
  if (chunks.length < 1 || chunks.length > MOST_CHUNKS) refuse(`${chunks.length} chunks are not possible`);
  const named = sessions.map((s) => bytes(s, 16));
  if (new Set(named).size !== named.length) refuse('a session stands there twice');
  let first = 0; // sessions that chunks have named so far
  for (const [i, c] of chunks.entries()) {
    const got = readChunk(c, i === chunks.length - 1);
    if (got.session >= named.length || got.session > first) refuse('a session is not listed, or not in its order');
    if (got.session === first) first++;
    out.chunks.push({...got, session: named[got.session]});
  }
  if (first !== named.length) refuse('a session made no chunk');
  const ids = out.chunks.map((c) => c.id);
  if (new Set(ids).size !== ids.length) refuse('a chunk stands there twice');
  if (out.chunks.at(-1).session !== out.snapshot) refuse('the last chunk is not of this snapshot');
  if (counts.size > MOST_MEMBERS || coverage.size > MOST_MEMBERS) refuse('a map has too many members');
  for (const [k, n] of counts) if (typeof k !== 'string' || !isUint(n)) refuse('a count is none');
  for (const [k, s] of coverage) if (typeof k !== 'string' || typeof s !== 'string') refuse('a coverage is none');
  return {...out, counts: Object.fromEntries(counts), coverage: Object.fromEntries(coverage)};
}

function readChunk(c, last) {
  const [session, id, size, records, mark, runs, parts, dead] = tuple(c, 8);
  const bare = Array.isArray(runs) && runs.length === 0; // without records
  const got = {session: uint(session), id: bytes(id, 0, bare ? 8 : 16), size: uint(size), records: uint(records, size), mark: bytes(mark, 0, 8)};
  const own = got.id === '';
  if (own !== last || /^0+$/.test(got.id)) refuse('the id is known of all chunks but the last');
  if ((own || bare) && (got.size !== 0 || got.records !== 0)) refuse('size and records stand there of chunks with records alone');
  if (!Array.isArray(runs) || !Array.isArray(parts) || !(dead instanceof Uint8Array)) refuse('a member has another type');
  if ((got.mark === '') !== (own || runs.length === 0)) refuse('a chunk has a mark that it needs not, or needs one');
  let total = 0, before = -1;
  for (const run of runs) {
    const [kind, count] = tuple(run, 2);
    if (uint(kind, 255) === before || uint(count, MOST_RECORDS) === 0) refuse('a run is empty or goes on with the one before');
    before = kind;
    total += count;
  }
  if (total > MOST_RECORDS) refuse('a chunk has too many records');
  let kinds = -1;
  for (const part of parts) {
    const [kind, count] = tuple(part, 2);
    if (uint(kind, 255) <= kinds || uint(count, 2 ** 32 - 1) === 0) refuse('blobs of a kind are none or not in order');
    kinds = kind;
  }
  return {...got, runs, parts, dead: numbers(dead, total)};
}

// numbers reads ascending numbers below a limit.
function numbers(b, limit) {
  const out = [];
  let next = 0;
  for (let at = 0; at < b.length;) {
    let n = 0;
    for (let i = 0; ; i++) {
      if (at >= b.length || i > 2) refuse('a dead number is malformed');
      const v = b[at++];
      n += (v & 127) * 128 ** i;
      if (v < 128) {
        if (i > 0 && v === 0) refuse('a dead number is not in its shortest form');
        break;
      }
    }
    if (next + n >= limit) refuse('a dead record is not there');
    out.push(next + n);
    next += n + 1;
  }
  return out;
}
