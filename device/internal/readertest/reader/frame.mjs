// Frames, as section 3 of FORMAT.md has them, down to the compressed block: what zstd (RFC 8878) says of itself is read and
// checked here. Raw blocks and those that repeat a byte are expanded, compressed ones and check sums are not looked into.
import {refuse} from './cbor.mjs';

// unpack gives the plain text of a frame; where it is not expanded, null with its length.
export function unpack(frame, limit) {
  if (frame.length < 256) refuse('a frame is cut short');
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const encoding = view[0], plain = view.readUInt32BE(1), length = view.readUInt32BE(5);
  if (plain > limit) refuse(`a block of ${plain} bytes, where ${limit} are allowed`);
  if (Math.ceil((9 + length) / 256) * 256 !== view.length) refuse('the body does not fill its frame');
  if (view.subarray(9 + length).some((b) => b !== 0)) refuse('the padding is not zero');
  const body = view.subarray(9, 9 + length);
  if (encoding === 0 && length === plain) return {length: plain, plain: body};
  if (encoding !== 1 || length >= plain) refuse(`encoding ${encoding} with ${length} bytes for ${plain}`);
  return {length: plain, plain: expand(body, plain)};
}

// expand checks that the body is one frame that states its content size, by the heads of the frame and of its blocks. It gives
// null where a block is compressed or there is a check sum.
function expand(b, plain) {
  if (b.length < 5 || b.readUInt32LE(0) !== 0xfd2fb528) refuse('it is no zstd frame');
  const descriptor = b[4];
  const single = (descriptor & 32) !== 0;
  if (descriptor & 8) refuse('a reserved bit of the zstd frame is set');
  let at = 5, window = 0;
  if (!single) {
    if (at >= b.length) refuse('the zstd frame is cut short');
    window = 2 ** (10 + (b[at] >> 3)) / 8 * (8 + (b[at] & 7));
    at++;
  }
  if (descriptor & 3) refuse('the zstd frame needs a dictionary');
  const flag = descriptor >> 6;
  const size = flag === 0 ? (single ? 1 : 0) : 1 << flag;
  if (size === 0) refuse('the zstd frame states no content size');
  if (b.length - at < size) refuse('the zstd frame is cut short');
  const stated = size === 8 ? b.readBigUInt64LE(at) : BigInt(b.readUIntLE(at, size) + (size === 2 ? 256 : 0));
  if (stated !== BigInt(plain)) refuse('the zstd frame states another content size');
  if (single) window = plain;
  if (window > 8 << 20) refuse('the zstd frame has a window of more than 8 MiB');
  const {end, pieces} = blocks(b, at + size, window, plain);
  const checked = (descriptor & 4) !== 0;
  if (end + (checked ? 4 : 0) !== b.length) refuse('the body is not one zstd frame');
  return pieces && !checked ? Buffer.concat(pieces) : null;
}

// blocks passes over the blocks of a frame: where they end and, if none is compressed, what comes of them.
function blocks(b, at, window, plain) {
  let sure = 0, pieces = []; // bytes that come of it for certain: of blocks that are not compressed
  for (let last = false; !last;) {
    if (b.length - at < 3) refuse('a zstd block is cut short');
    const head = b.readUIntLE(at, 3), type = head >> 1 & 3, size = head >> 3;
    last = (head & 1) === 1;
    if (type === 3) refuse('a zstd block is of no type');
    if (size > Math.min(Math.max(window, 1024), 128 << 10)) refuse('a zstd block is larger than any');
    at += 3;
    const body = b.subarray(at, at += type === 1 ? 1 : size);
    if (at > b.length) refuse('a zstd block is longer than its frame');
    if (type === 2) {
      pieces = null;
      continue;
    }
    if ((sure += size) > plain) refuse('a zstd frame holds more than it states');
    pieces?.push(type === 1 ? Buffer.alloc(size, body[0]) : body);
  }
  if (pieces && sure !== plain) refuse('a zstd frame holds less than it states');
  return {end: at, pieces};
}
