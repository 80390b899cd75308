// A decoder of the deterministic CBOR that the three pages speak of (RFC 8949, 4.2.1): integers, byte and text strings,
// arrays, maps, true and false. It refuses every other form of the same values, and reads nothing else.

export class Refused extends Error {}

export function refuse(why) {
  throw new Refused(why);
}

const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

// decode reads one value that takes up all of the bytes. Integers of 2^53 and more, or -2^53 and less, are BigInt, maps are Map.
export function decode(bytes, {depth = 8} = {}) {
  const r = {bytes, at: 0};
  const value = item(r, depth);
  if (r.at !== bytes.length) refuse(`${bytes.length - r.at} bytes follow the value`);
  return value;
}

// head reads a major type and its argument, which is in its shortest form unless any will do.
function head(r, any = false) {
  if (r.at >= r.bytes.length) refuse('the value is cut short');
  const first = r.bytes[r.at++];
  const major = first >> 5, info = first & 31;
  if (info < 24) return [major, info];
  if (info > 27) refuse('a length is indefinite or reserved');
  const size = 1 << (info - 24);
  if (major === 7) refuse('there are no floats and no simple values');
  if (r.bytes.length - r.at < size) refuse('the value is cut short');
  let n = 0n;
  for (let i = 0; i < size; i++) n = n << 8n | BigInt(r.bytes[r.at++]);
  if (!any && n < [24n, 1n << 8n, 1n << 16n, 1n << 32n][info - 24]) refuse('a number is not in its shortest form');
  return [major, n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n];
}

// version reads what stands first in an array, in any form: that alone is the same in every version, so it comes before the rest.
export function version(bytes) {
  const endless = bytes[0] === 0x9f;
  const r = {bytes, at: endless ? 1 : 0};
  const [major, length] = endless ? [4, 1] : head(r, true);
  if (major !== 4) refuse('it is no array');
  const [first, n] = length > 0 ? head(r, true) : [];
  if (first !== 0) refuse('the version is missing');
  return n;
}

function item(r, depth) {
  if (depth === 0) refuse('it is nested too deep');
  const [major, n] = head(r);
  switch (major) {
    case 0: return n;
    case 1: return n < Number.MAX_SAFE_INTEGER ? -1 - n : -1n - BigInt(n);
    case 2: return string(r, n);
    case 3: return utf8(string(r, n));
    case 4: return array(r, n, depth);
    case 5: return map(r, n, depth);
    case 6: return refuse('there are no tags');
  }
  if (n !== 20 && n !== 21) refuse('there is no null and no undefined');
  return n === 21;
}

function string(r, n) {
  if (n > r.bytes.length - r.at) refuse('a string is longer than what is there');
  return r.bytes.subarray(r.at, r.at += n);
}

function utf8(bytes) {
  try {
    return text.decode(bytes);
  } catch {
    return refuse('a text is not UTF-8');
  }
}

// Every member takes a byte at least, so that a huge count costs nothing.
function array(r, n, depth) {
  if (n > r.bytes.length - r.at) refuse('an array is longer than what is there');
  const out = [];
  for (let i = 0; i < n; i++) out.push(item(r, depth - 1));
  return out;
}

function map(r, n, depth) {
  if (n > (r.bytes.length - r.at) / 2) refuse('a map is longer than what is there');
  const out = new Map();
  let before = null;
  for (let i = 0; i < n; i++) {
    const start = r.at;
    const key = item(r, depth - 1);
    const encoded = r.bytes.subarray(start, r.at);
    if (before && Buffer.compare(before, encoded) >= 0) refuse('the keys of a map are not in their order, or one is there twice');
    before = encoded;
    out.set(key, item(r, depth - 1));
  }
  return out;
}

export function isUint(v, most = Number.MAX_SAFE_INTEGER) {
  return Number.isSafeInteger(v) && v >= 0 && v <= most;
}
