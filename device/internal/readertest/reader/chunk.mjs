// Chunks, record parts and index sections, as sections 2, 4 and 5 of FORMAT.md have them.
import {decode, isUint, refuse} from './cbor.mjs';
import {aesKey, chunkKey, open, sha256} from './keys.mjs';
import {unpack} from './frame.mjs';

const MiB = 1 << 20;
const RECORDS = 1, LAST = 2, BLOB = 3, INDEX = 4, TRAILER = 5;
const MOST_RECORDS = 1 << 20, MOST_RECORD_BLOCK = 1 + 3 + MiB, MOST_INDEX = 4 * MiB, MOST_TABLE = MiB, MOST_BLOB = 2 ** 31;
const U32 = 2 ** 32 - 1;

async function openHeader(bytes, session) {
  if (bytes.length < 74) refuse('the header is cut short');
  const header = bytes.subarray(0, 74);
  if (header.toString('latin1', 0, 4) !== 'ZPC1') refuse('this is not a chunk');
  if (header[4] !== 0 || header[5] !== 1) refuse('this reader is too old for the version or suite');
  const {key, commitment} = await chunkKey(session, header.subarray(10, 42));
  if (!commitment.equals(header.subarray(42))) refuse('it was not sealed under this session key');
  return {header, key, aes: await aesKey(key), commitment, keyVersion: header.readUInt32BE(6)};
}

function checkSealed(length, plain) {
  const most = Math.ceil((9 + plain) / 256) * 256 + 16;
  if (!isUint(length, most) || length < 272 || length % 256 !== 16) refuse(`a sealed length of ${length} is not possible`);
}

// openBlock opens the block that lies at bytes, and tells of it.
async function openBlock(c, sealed, offset, counter, kind, limit) {
  checkSealed(sealed.length, limit);
  const tail = Buffer.alloc(17);
  tail.writeUInt32BE(counter, 8);
  tail[12] = kind;
  tail.writeUInt32BE(sealed.length, 13);
  const frame = await open(c.aes, tail.subarray(0, 12), sealed, Buffer.concat([c.header, tail]));
  const told = {kind, counter, offset, sealed: sealed.length, encoding: frame[0], frame: await digest(frame)};
  return {...unpack(frame, limit), told};
}

// digest tells of bytes, and shows few.
async function digest(bytes) {
  const told = {length: bytes.length, sha256: (await sha256(bytes)).toString('hex')};
  return bytes.length > 0 && bytes.length <= 64 ? {...told, hex: bytes.toString('hex')} : told;
}

// split gives the records of a block's plain text.
function split(plain) {
  if (plain.length === 0) refuse('the item kind is missing');
  const records = [];
  for (let at = 1; at < plain.length;) {
    let length = 0, shift = 1;
    for (let i = 0; ; i++) {
      if (at >= plain.length || i > 3) refuse('the length of a record is malformed');
      const b = plain[at++];
      length += (b & 127) * shift;
      shift *= 128;
      if (b < 128) {
        if (i > 0 && b === 0) refuse('the length of a record is not in its shortest form');
        break;
      }
    }
    if (length > MiB || length > plain.length - at) refuse('a record is longer than its block or the limit');
    records.push(plain.subarray(at, at += length));
  }
  if (records.length === 0 && plain[0] !== 0) refuse('a block without records has an item kind');
  if (plain.length > 1 + 131072 && records.length !== 1) refuse('a record block is too full');
  return {kind: plain[0], records};
}

// readTable checks the trailer's plain text and works out where everything is.
function readTable(plain) {
  const t = decode(plain, {depth: 5});
  if (!(t instanceof Map) || !Array.isArray(t.get(1)) || !Array.isArray(t.get(2))) refuse('the table of blocks lacks a list');
  if (t.size !== (t.has(3) ? 3 : 2)) refuse('the table of blocks has an unknown key');
  const tuple = (v, n) => Array.isArray(v) && v.length === n ? v : refuse('an entry of the table has another form');
  const uints = (v, most) => v.every((n) => isUint(n, most)) ? v : refuse('an entry of the table is no number');
  let end = 74, counter = 0, count = 0;
  const take = (sealed) => {
    const p = {offset: end, counter: counter++, sealed};
    end += sealed;
    return p;
  };
  const records = t.get(1).map((e, i, all) => {
    const [kind, n, length, sealed] = uints(tuple(e, 4), U32);
    const empty = all.length === 1 && n === 0 && length === 1 && kind === 0;
    if (kind > 255 || n === 0 && !empty || n > Math.max(0, length - 1)) refuse('a record block cannot hold that');
    if (length < 1 || length > MOST_RECORD_BLOCK || length > 1 + 131072 && n !== 1) refuse('a record block is too full');
    checkSealed(sealed, length);
    end += 5;
    const block = {...take(sealed), itemKind: kind, first: count, count: n, length, kind: i === all.length - 1 ? LAST : RECORDS};
    if ((count += n) > MOST_RECORDS) refuse('the chunk has too many records');
    return block;
  });
  if (records.length === 0) refuse('the last record block is missing');
  const recordPart = end;
  const blobs = t.get(2).map((e) => {
    const [sum, size, offset, lengths] = tuple(e, 4);
    if (!(sum instanceof Uint8Array) || sum.length !== 32 || !Array.isArray(lengths)) refuse('an entry of the table has another form');
    uints([size, offset, ...lengths], U32);
    if (size > MOST_BLOB || offset % MiB !== 0 || offset > 0 && offset >= size || size > 0 && lengths.length === 0) refuse('no such part of a blob is possible');
    let left = size - offset;
    const blocks = lengths.map((sealed) => {
      const length = Math.min(left, MiB);
      if (length === 0) refuse('a blob has too many blocks');
      checkSealed(sealed, length);
      left -= length;
      return {...take(sealed), length};
    });
    return {sum, size, offset, blocks};
  });
  let index = null;
  if (t.has(3)) {
    const [length, sealed] = uints(tuple(t.get(3), 2), U32);
    if (length > MOST_INDEX) refuse('the index is too large');
    checkSealed(sealed, length);
    end += 78;
    index = {...take(sealed), length};
  }
  return {records, recordPart, blobs, index, end, counter};
}

// openChunk opens all of a chunk, as section 5 says. Compressed blocks are opened and not expanded; unexpanded is how many.
export async function openChunk(bytes, session) {
  if (bytes.length < 86 || bytes.length > 16 * MiB) refuse('no chunk has this size');
  const c = await openHeader(bytes, session);
  const footer = bytes.subarray(bytes.length - 12);
  if (footer.toString('latin1', 8) !== 'ZPCE') refuse('the chunk does not end here');
  const counter = footer.readUInt32BE(0), sealed = footer.readUInt32BE(4);
  checkSealed(sealed, MOST_TABLE);
  const at = bytes.length - 12 - sealed;
  if (at < 74) refuse('the trailer is longer than the chunk');
  const trailer = await openBlock(c, bytes.subarray(at, at + sealed), at, counter, TRAILER, MOST_TABLE);
  const out = {keyVersion: c.keyVersion, chunkKey: c.key.toString('hex'), commitment: c.commitment.toString('hex'), blocks: [], records: [], blobs: [], unexpanded: 0};
  if (trailer.plain === null) return {...out, blocks: [trailer.told], unexpanded: 1}; // what is before it cannot be found
  const table = readTable(trailer.plain);
  if (table.end !== at || table.counter !== counter) refuse('the table of blocks does not end where the trailer begins');
  out.recordPart = table.recordPart;
  const block = async (p, kind, limit) => {
    const b = await openBlock(c, bytes.subarray(p.offset, p.offset + p.sealed), p.offset, p.counter, kind, limit);
    out.blocks.push(b.told);
    if (b.plain === null) out.unexpanded++;
    return b;
  };
  for (const p of table.records) {
    if (bytes[p.offset - 5] !== p.kind || bytes.readUInt32BE(p.offset - 4) !== p.sealed) refuse('what is before a record block is not its own');
    const b = await block(p, p.kind, MOST_RECORD_BLOCK);
    const {kind, records} = b.plain === null ? {kind: p.itemKind, records: []} : split(b.plain);
    if (b.length !== p.length || kind !== p.itemKind || b.plain !== null && records.length !== p.count) refuse('a record block is not what the table says');
    for (const [i, r] of records.entries()) out.records.push({number: p.first + i, kind, bytes: await digest(r)});
  }
  for (const blob of table.blobs) await openBlob(blob, block, out);
  if (table.index) {
    const start = table.index.offset - 78;
    if (!bytes.subarray(start, start + 74).equals(c.header) || bytes.readUInt32BE(start + 74) !== table.index.counter) refuse('the index is not of this chunk');
    const b = await block(table.index, INDEX, MOST_INDEX);
    if (b.length !== table.index.length) refuse('the index has another length than the table says');
    Object.assign(out, {indexOffset: start, indexLength: 78 + table.index.sealed});
    if (b.plain !== null) out.index = await digest(b.plain);
  }
  out.blocks.push(trailer.told);
  return out;
}

async function openBlob(blob, block, out) {
  const pieces = [];
  for (const p of blob.blocks) {
    const b = await block(p, BLOB, MiB);
    if (b.length !== p.length) refuse('a blob block has another length than follows from its size');
    pieces.push(b.plain);
  }
  if (pieces.includes(null)) return;
  const bytes = Buffer.concat(pieces);
  const told = await digest(bytes), sum = Buffer.from(blob.sum).toString('hex');
  if (bytes.length === blob.size && told.sha256 !== sum) refuse('a blob is not what was backed up');
  out.blobs.push({sum, size: blob.size, offset: blob.offset, bytes: told});
}

// openRecordPart opens the beginning of a chunk by itself. From a block on that is not expanded, records have no numbers.
export async function openRecordPart(bytes, session) {
  const c = await openHeader(bytes, session);
  const out = {blocks: [], records: [], unexpanded: 0};
  let at = 74, count = 0;
  for (let counter = 0; ; counter++) {
    if (bytes.length - at < 5) refuse('the record part is cut short');
    const kind = bytes[at], sealed = bytes.readUInt32BE(at + 1);
    if (kind !== RECORDS && kind !== LAST) refuse(`a block of kind ${kind} does not belong here`);
    checkSealed(sealed, MOST_RECORD_BLOCK);
    at += 5;
    if (at + sealed > Math.min(bytes.length, 16 * MiB)) refuse('the record part is cut short');
    const b = await openBlock(c, bytes.subarray(at, at + sealed), at, counter, kind, MOST_RECORD_BLOCK);
    out.blocks.push(b.told);
    at += sealed;
    if (b.plain === null) {
      out.unexpanded++;
    } else {
      const {kind: itemKind, records} = split(b.plain);
      if (records.length === 0 && (kind !== LAST || counter > 0)) refuse('a block holds no record');
      for (const r of out.unexpanded ? [] : records) out.records.push({number: out.records.length, kind: itemKind, bytes: await digest(r)});
      if ((count += records.length) > MOST_RECORDS) refuse('the chunk has too many records');
    }
    if (kind === LAST) break;
  }
  if (at !== bytes.length) refuse('the record part does not end here');
  return out;
}

// openIndexSection opens the index by itself, which lies at an offset of its chunk.
export async function openIndexSection(bytes, session, offset = 0) {
  const c = await openHeader(bytes, session);
  if (bytes.length < 78) refuse('the index section is cut short');
  const b = await openBlock(c, bytes.subarray(78), offset + 78, bytes.readUInt32BE(74), INDEX, MOST_INDEX);
  const out = {blocks: [b.told], indexOffset: offset, indexLength: bytes.length, unexpanded: b.plain === null ? 1 : 0};
  return b.plain === null ? out : {...out, index: await digest(b.plain)};
}
