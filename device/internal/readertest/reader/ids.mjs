// Ids, as the section "Ids" of device/internal/index/FORMAT.md has them.
import {refuse} from './cbor.mjs';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

// idName writes 16 bytes as a name: the number that they are, in base 32, with leading zeros.
export function idName(bytes) {
  let n = BigInt('0x' + bytes.toString('hex')), out = '';
  for (let i = 0; i < 26; i++, n >>= 5n) out = alphabet[Number(n & 31n)] + out;
  return out;
}

// idBytes reads what idName writes.
export function idBytes(name) {
  if (name.length !== 26) refuse('an id has 26 characters');
  let n = 0n;
  for (const c of name) n = n << 5n | BigInt(alphabet.includes(c) ? alphabet.indexOf(c) : refuse('a character is none of an id'));
  if (n >> 128n) refuse('an id is a number of 128 bits');
  return Buffer.from(n.toString(16).padStart(32, '0'), 'hex');
}
