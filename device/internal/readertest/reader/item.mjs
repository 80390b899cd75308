// Items, as device/internal/item/FORMAT.md has them: the tables of that page, and what walks through them. Ids are not
// computed here.
import {decode, isUint, refuse, version} from './cbor.mjs';

const MOST = {record: 1 << 20, addresses: 1 << 14, parts: 512, extras: 512, values: 512, inline: 8192};

// A type is a check of one value, which says whether it is what is left out when it need not be there.
const int = (v) => typeof v === 'bigint' ? (BigInt.asIntN(64, v) === v ? false : refuse('a number has more than 63 bits')) :
  Number.isSafeInteger(v) ? v === 0 : refuse('a member is no integer');
const between = (low, high) => (v) => isUint(v, high) && v >= low ? v === 0 : refuse(`a number is none of ${low} to ${high}`);
const count = (v) => (typeof v === 'bigint' ? v >= 0n : isUint(v)) ? int(v) : refuse('a number is negative');
const bool = (v) => typeof v === 'boolean' ? !v : refuse('a member is not true or false');
const text = (v) => typeof v === 'string' ? v === '' : refuse('a member is no text');
const digest = (v) => v instanceof Uint8Array && v.length === 32 ? false : refuse('a SHA-256 has 32 bytes');
const list = (type, most) => (v) => {
  if (!Array.isArray(v) || v.length > most) refuse('a member is no array, or too long');
  v.forEach(type);
  return v.length === 0;
};
const attributes = (v) => {
  if (!(v instanceof Map) || v.size > MOST.extras) refuse('extras are no map, or too many');
  for (const [name, value] of v) text(name), text(value);
  return v.size === 0;
};
const extras = (v) => {
  if (!(v instanceof Map) || v.size > MOST.extras) refuse('extras are no map, or too many');
  for (const [space, attrs] of v) if (text(space), attributes(attrs)) refuse('a namespace is empty');
  return v.size === 0;
};
// map: members by key; those named in always must be there, all others must not be there empty.
const map = (members, always = [], also = () => {}) => (v) => {
  if (!(v instanceof Map)) refuse('a member is no map');
  for (const [key, value] of v) {
    if (!Object.hasOwn(members, key) || typeof key !== 'number') refuse(`key ${key} means nothing`);
    if (members[key](value) && !always.includes(key)) refuse(`key ${key} is there and empty`);
  }
  for (const key of always) if (!v.has(key)) refuse(`key ${key} is missing`);
  also(v);
  return v.size === 0;
};

const address = map({1: between(1, 6), 2: text, 3: text, 4: text}, [1], (v) => {
  const kind = v.get(1), value = v.get(3) ?? '', region = v.get(4) ?? '';
  const form = {1: /^\+[0-9]{1,20}$/, 2: /^[0-9]{1,20}$/, 5: /^[2-5]$/}[kind] ?? /^$/;
  if (!form.test(value)) refuse('an address of this kind has no such value');
  if (!(kind <= 2 ? /^([A-Z]{2})?$/ : /^$/).test(region)) refuse('an address of this kind has no such region');
});
const addresses = list(address, MOST.addresses);
const blob = map({1: digest, 2: count}, [1, 2]);
const party = map({1: between(0, 4), 2: address, 3: int, 4: extras}, [2]);
const part = map({1: int, 2: text, 3: int, 4: text, 5: text, 6: text, 7: text, 8: text, 9: blob, 10: extras}, [], (v) => {
  if (Buffer.byteLength(v.get(8) ?? '') > MOST.inline) refuse('the text of a part is too long');
});

const message = {1: between(1, 6), 2: int, 3: int, 4: between(1, 3), 5: addresses, 6: bool, 7: bool, 8: bool, 9: text, 10: extras};
const sms = map({...message, 20: text, 21: between(0, 3), 22: text, 23: int, 24: int}, [1, 4]);
const mms = map({...message, 20: list(party, MOST.addresses), 21: list(part, MOST.parts), 22: text, 23: text, 24: text, 25: int, 26: int, 27: int, 28: int, 29: int}, [1, 4]);
const call = map({1: between(1, 7), 2: int, 3: between(1, 3), 4: address, 5: count, 6: between(0, 5), 7: bool, 8: bool, 9: int, 10: extras,
  20: text, 21: text, 22: text, 23: text, 24: text, 25: text, 26: int, 27: int, 28: int, 29: text}, [1, 3, 4], (v) => {
  const shown = v.get(6) ?? 0, end = v.get(4);
  if (shown >= 2 && (end.get(1) !== 5 || end.get(3) !== String(shown))) refuse('a presentation that hides is with another address');
});

const texts = list(text, MOST.values);
const types = (v) => {
  const empty = texts(v);
  v.forEach((t, i) => i > 0 && Buffer.compare(Buffer.from(v[i - 1]), Buffer.from(t)) >= 0 && refuse('types are not sorted, or not each once'));
  return empty;
};
const labelled = (members, always) => list(map({...members, 20: types, 21: between(0, 100), 22: text, 23: text, 24: texts}, always), MOST.values);
const component = map({1: between(1, 18), 2: text}, [1, 2], (v) => v.get(2) === '' && refuse('a component is empty'));
const components = (v) => {
  const empty = list(component, MOST.values)(v);
  v.forEach((c, i) => i > 0 && c.get(1) < v[i - 1].get(1) && refuse('components are not in their order'));
  return empty;
};
const line = (v) => (text(v), !v.includes(':') || /[\r\n]/.test(v) ? refuse('a kept property is not one line') : false);
const values = labelled({1: text}, [1]);
const contact = map({
  1: text, 2: map({1: text, 2: components, 3: texts, 4: texts}), 3: texts, 4: labelled({1: text, 2: texts}), 5: labelled({1: text, 2: bool}, [1]),
  6: labelled({1: address}, [1]), 7: values, 8: labelled({1: components}), 9: labelled({1: text, 2: text}, [1]), 10: values,
  11: labelled({1: between(1, 4), 2: text, 3: bool}, [1, 2]), 12: texts, 13: labelled({1: text, 2: bool}, [1]), 14: texts,
  15: labelled({1: between(1, 4), 2: text, 3: blob}, [1, 3]), 16: bool, 17: list(line, MOST.values)}, [2]);

export function readItem(b) {
  if (b.length > MOST.record) refuse('the record is too large');
  if (version(b) !== 0) refuse('this reader is too old for the schema');
  const record = decode(b, {depth: 9});
  if (record.length !== 3) refuse('a record has three members');
  const kinds = {1: ['contact', contact], 2: ['sms', sms], 3: ['mms', mms], 4: ['call', call]};
  const [name, body] = Object.hasOwn(kinds, record[1]) && typeof record[1] === 'number' ? kinds[record[1]] : refuse('there is no such kind');
  body(record[2]);
  return {kind: name};
}
