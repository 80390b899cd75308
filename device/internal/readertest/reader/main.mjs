// A second reader of the formats, written from the three pages FORMAT.md and for the tests alone: it needs Node 20 and no
// package. It opens chunks down to the compressed block, since Node 20 has no zstd, and decodes indexes and items.
//
//   node main.mjs chunks FILE...       one JSON file of seal's vectors each
//   node main.mjs indexes|items FILE   a JSON file with a list of vectors
//
// It prints a line of JSON for each vector: its name and what was read, or why it was refused.
import {readFileSync} from 'node:fs';
import {basename} from 'node:path';
import {Refused} from './cbor.mjs';
import {keyPair, openSessionKey, sessionKey} from './keys.mjs';
import {openChunk, openIndexSection, openRecordPart} from './chunk.mjs';
import {readIndex} from './index.mjs';
import {readItem} from './item.mjs';

async function openSealed(v) {
  const key = Buffer.from(v.key, 'hex'), input = Buffer.from(v.input ?? '', 'base64'), n = v.names;
  switch (v.what) {
    case 'chunk': {
      const got = await openChunk(input, key);
      if (got.recordPart) await openRecordPart(input.subarray(0, got.recordPart), key);
      if (got.indexLength) await openIndexSection(input.subarray(got.indexOffset, got.indexOffset + got.indexLength), key);
      return got;
    }
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
    await tell(basename(file, '.json'), () => openSealed(vectors));
    continue;
  }
  const read = {indexes: readIndex, items: readItem}[what];
  for (const v of vectors) await tell(v.name, () => read(Buffer.from(v.cbor, 'hex')));
}
