// Keys, as section 1 of FORMAT.md has them: a session's key from the vault key, the key of a chunk and its commitment, and
// the delivery to a device by HPKE (RFC 9180), base mode, written with HMAC, X25519 and AES-GCM of WebCrypto alone.
import {refuse} from './cbor.mjs';

const {subtle} = globalThis.crypto;
const utf8 = new TextEncoder();
const latin = (s) => Buffer.from(s, 'latin1');

async function hmac(key, ...data) {
  const k = await subtle.importKey('raw', key.length ? key : new Uint8Array(32), {name: 'HMAC', hash: 'SHA-256'}, false, ['sign']);
  return Buffer.from(await subtle.sign('HMAC', k, Buffer.concat(data)));
}

async function expand(prk, info, length) {
  let out = Buffer.alloc(0), t = Buffer.alloc(0);
  for (let i = 1; out.length < length; i++) {
    t = await hmac(prk, t, info, Buffer.from([i]));
    out = Buffer.concat([out, t]);
  }
  return out.subarray(0, length);
}

// names joins what a key is bound to: each has a name, without NUL.
function names(first, list) {
  for (const name of list) if (!name || name.includes('\0')) refuse('a name is empty or has a NUL');
  return utf8.encode([first, ...list].join('\0'));
}

// sessionKey is for the service and for tests: a device never has the vault key.
export async function sessionKey(vaultKey, tenant, user, session) {
  return expand(await hmac(Buffer.alloc(0), vaultKey), names('zapas session v1', [tenant, user, session]), 32);
}

// chunkKey gives the key of the chunk with this salt, and its commitment.
export async function chunkKey(session, salt) {
  const okm = await expand(await hmac(salt, session), utf8.encode('zapas chunk v1'), 64);
  return {key: okm.subarray(0, 32), commitment: okm.subarray(32)};
}

const KEM = latin('KEM\x00\x20'), SUITE = latin('HPKE\x00\x20\x00\x01\x00\x02');
const labeledExtract = (suite, salt, label, ikm) => hmac(salt, latin('HPKE-v1'), suite, latin(label), ikm);
const labeledExpand = (suite, prk, label, info, length) =>
  expand(prk, Buffer.concat([Buffer.from([length >> 8, length & 255]), latin('HPKE-v1'), suite, latin(label), info]), length);

// A private key of X25519 is imported as PKCS #8 (RFC 8410), which is this head and the 32 bytes.
const privateKey = (bytes) =>
  subtle.importKey('pkcs8', Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), bytes]), {name: 'X25519'}, false, ['deriveBits']);

async function exchange(secret, publicBytes) {
  const pub = await subtle.importKey('raw', publicBytes, {name: 'X25519'}, false, []);
  return Buffer.from(await subtle.deriveBits({name: 'X25519', public: pub}, secret, 256));
}

// keyPair is DeriveKeyPair (RFC 9180, 7.1.3) of the 32 bytes that the device drew.
export async function keyPair(drawn) {
  const prk = await labeledExtract(KEM, Buffer.alloc(0), 'dkp_prk', drawn);
  const secret = await privateKey(await labeledExpand(KEM, prk, 'sk', Buffer.alloc(0), 32));
  const base = Buffer.alloc(32);
  base[0] = 9;
  return {secret, public: await exchange(secret, base)};
}

// openSessionKey opens what the service sealed to the device: enc (32) || cipher text (48).
export async function openSessionKey(pair, sealed, tenant, user, session, device) {
  const info = names('zapas key v1', [tenant, user, session, device]);
  if (sealed.length !== 32 + 48) refuse('a sealed session key has 80 bytes');
  const enc = sealed.subarray(0, 32);
  let dh;
  try {
    dh = await exchange(pair.secret, enc);
  } catch {
    refuse('enc is no point to agree with');
  }
  const none = Buffer.alloc(0);
  const shared = await labeledExpand(KEM, await labeledExtract(KEM, none, 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, pair.public]), 32);
  const context = Buffer.concat([Buffer.from([0]), await labeledExtract(SUITE, none, 'psk_id_hash', none), await labeledExtract(SUITE, none, 'info_hash', info)]);
  const secret = await labeledExtract(SUITE, shared, 'secret', none);
  const key = await labeledExpand(SUITE, secret, 'key', context, 32);
  return open(await aesKey(key), await labeledExpand(SUITE, secret, 'base_nonce', context, 12), sealed.subarray(32), none);
}

export const aesKey = (bytes) => subtle.importKey('raw', bytes, 'AES-GCM', false, ['decrypt']);

// open is AES-256-GCM; the tag is at the end.
export async function open(k, nonce, sealed, aad) {
  try {
    return Buffer.from(await subtle.decrypt({name: 'AES-GCM', iv: nonce, additionalData: aad, tagLength: 128}, k, sealed));
  } catch {
    return refuse('it is damaged or not what was sealed here');
  }
}

export async function sha256(bytes) {
  return Buffer.from(await subtle.digest('SHA-256', bytes));
}
