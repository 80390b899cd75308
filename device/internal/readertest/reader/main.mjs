// A second reader of the formats, written from the three pages FORMAT.md and for the tests alone: it needs Node 20 and no
// package. It opens chunks down to the compressed block, since Node 20 has no zstd, and decodes indexes and items.
//
//   node main.mjs chunks FILE...            JSON files of one of seal's vectors each, or of a map of them by name
//   node main.mjs indexes|items|ids FILE    a JSON file with a list of vectors
//
// It prints a line of JSON for each vector: its name and what was read, or why it was refused.
import {readFileSync} from 'node:fs';
import {basename} from 'node:path';
import {Refused} from './cbor.mjs';
import {keyPair, openSessionKey, sessionKey} from './keys.mjs';
import {openChunk, openIndexSection, openRecordPart} from './chunk.mjs';
import {idBytes, idName} from './ids.mjs';
import {readIndex} from './index.mjs';
import {readItem} from './item.mjs';

// openWhole opens a chunk, then its record part and its index section by themselves. Where those are, the table says, or the
// vector where the table is compressed; what they hold is then told in place of what the table had told.
async function openWhole(input, key, want) {
  const got = await openChunk(input, key);
  const tabled = got.recordPart !== undefined;
  const {recordPart, indexOffset, indexLength} = tabled ? got : want;
  if (!recordPart) return got;
  const part = await openRecordPart(input.subarray(0, recordPart), key);
  const section = indexLength ? await openIndexSection(input.subarray(indexOffset, indexOffset + indexLength), key, indexOffset) : {blocks: [], unexpanded: 0};
  if (tabled) return got;
  return {...got, ...part, ...section, recordPart, blocks: [...part.blocks, ...section.blocks, ...got.blocks],
    unexpanded: part.unexpanded + section.unexpanded + got.unexpanded};
}

async function openSealed(v) {
  const key = Buffer.from(v.key, 'hex'), input = Buffer.from(v.input ?? '', 'base64'), n = v.names;
  switch (v.what) {
    case 'chunk': return openWhole(input, key, v.want ?? {});
    case 'record part': return openRecordPart(input, key);
    case 'index': return openIndexSection(input, key);
    case 'vault key': return {sessionKey: (await sessionKey(key, n.tenant, n.user, n.session)).toString('hex')};
    case 'session key': {
      const pair = await keyPair(key);
      const opened = await openSessionKey(pair, input, n.tenant, n.user, n.session, n.device);
      return {sessionKey: opened.toString('hex'), public: pair.public.toString('hex')};
    }
  }
  throw new Error(`unknown vector of a ${v.what}`);
}

// readId reads an id, and writes it again.
function readId(id) {
  const bytes = idBytes(id);
  return {bytes: bytes.toString('hex'), id: idName(bytes)};
}

async function tell(name, read) {
  let line;
  try {
    line = {name, got: await read()};
  } catch (e) {
    if (!(e instanceof Refused)) throw new Error(`${name}: ${e.stack}`);
    line = {name, refused: e.message};
  }
  process.stdout.write(JSON.stringify(line) + '\n');
}

const [what, ...files] = process.argv.slice(2);
for (const file of files) {
  const vectors = JSON.parse(readFileSync(file, 'utf8'));
  if (what === 'chunks') {
    for (const [name, v] of Object.entries(vectors.what ? {[basename(file, '.json')]: vectors} : vectors)) await tell(name, () => openSealed(v));
    continue;
  }
  const read = {indexes: readIndex, items: readItem}[what];
  for (const v of vectors) await tell(v.name, () => what === 'ids' ? readId(v.id) : read(Buffer.from(v.cbor, 'hex')));
}
