package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
)

const (
	tenant  = "acme"
	user    = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	session = "01BX5ZZKBKACTAV9WEVGEMMVRZ"
	device  = "01BX5ZZKBKACTAV9WEVGEMMVS0"
)

func info(names ...string) string { return "zapas key v1\x00" + strings.Join(names, "\x00") }

func TestKeyRequest(t *testing.T) {
	t.Parallel()
	k := must[*KeyRequest](t)(NewKeyRequest(source(1)))
	public := must[hpke.PublicKey](t)(hpke.DHKEM(ecdh.X25519()).NewPublicKey(k.Public()))
	send := func(info string, plain []byte) []byte {
		return must[[]byte](t)(hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info), plain))
	}
	sealed := send(info(tenant, user, session, device), testKey[:])
	for range 2 {
		if got, err := k.Open(sealed, tenant, user, session, device); err != nil || got != testKey {
			t.Fatalf("got another key: %v", err)
		}
	}
	t.Run("SealedByThePage", func(t *testing.T) {
		t.Parallel()
		sealed := sealByThePage(t, k.Public(), noise(2, 32), info(tenant, user, session, device), testKey[:])
		if got, err := k.Open(sealed, tenant, user, session, device); err != nil || got != testKey {
			t.Errorf("got another key: %v", err)
		}
	})
	t.Run("OtherNames", func(t *testing.T) {
		t.Parallel()
		for i, names := range [][]string{
			{"other", user, session, device}, {tenant, device, session, device}, {tenant, user, device, device},
			{tenant, user, session, session}, {tenant, user, session, ""}, {"", user, session, device},
			{tenant + "\x00" + user, session, device, "x"}, {tenant, session, user, device},
		} {
			if got, err := k.Open(sealed, names[0], names[1], names[2], names[3]); err == nil || got != (SessionKey{}) {
				t.Errorf("names %d: accepted", i)
			}
		}
	})
	t.Run("OtherRequest", func(t *testing.T) {
		t.Parallel()
		other := must[*KeyRequest](t)(NewKeyRequest(source(2)))
		if bytes.Equal(k.Public(), other.Public()) || len(k.Public()) != 32 {
			t.Fatalf("public keys %x and %x", k.Public(), other.Public())
		}
		if _, err := other.Open(sealed, tenant, user, session, device); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("Changed", func(t *testing.T) {
		t.Parallel()
		for at := range sealed {
			changed := bytes.Clone(sealed)
			changed[at] ^= 1
			if _, err := k.Open(changed, tenant, user, session, device); err == nil {
				t.Errorf("byte %d: accepted", at)
			}
			if _, err := k.Open(sealed[:at], tenant, user, session, device); err == nil {
				t.Errorf("cut at %d: accepted", at)
			}
		}
	})
	t.Run("NotAKey", func(t *testing.T) {
		t.Parallel()
		for _, n := range []int{0, 31, 33} {
			if _, err := k.Open(send(info(tenant, user, session, device), make([]byte, n)), tenant, user, session, device); err == nil {
				t.Errorf("%d bytes: accepted", n)
			}
		}
	})
	t.Run("NoRandomness", func(t *testing.T) {
		t.Parallel()
		if _, err := NewKeyRequest(bytes.NewReader(make([]byte, 31))); err == nil {
			t.Error("accepted")
		}
	})
}

// sealByThePage is HPKE in base mode as RFC 9180 writes it, with a chosen ephemeral key, and no code in common with the
// library. Suite: 0x0020, 0x0001, 0x0002.
func sealByThePage(t testing.TB, public, ephemeral []byte, info string, plain []byte) []byte {
	t.Helper()
	skE := must[*ecdh.PrivateKey](t)(ecdh.X25519().NewPrivateKey(ephemeral))
	pkR := must[*ecdh.PublicKey](t)(ecdh.X25519().NewPublicKey(public))
	enc := skE.PublicKey().Bytes()
	dh := must[[]byte](t)(skE.ECDH(pkR))

	extract := func(suite, salt, label, ikm string) []byte {
		return must[[]byte](t)(hkdf.Extract(sha256.New, []byte("HPKE-v1"+suite+label+ikm), []byte(salt)))
	}
	expand := func(suite string, prk []byte, label, info string, n int) []byte {
		length := binary.BigEndian.AppendUint16(nil, uint16(n))
		return must[[]byte](t)(hkdf.Expand(sha256.New, prk, string(length)+"HPKE-v1"+suite+label+info, n))
	}
	const kem, suite = "KEM\x00\x20", "HPKE\x00\x20\x00\x01\x00\x02"
	eaePRK := extract(kem, "", "eae_prk", string(dh))
	shared := expand(kem, eaePRK, "shared_secret", string(enc)+string(public), 32)
	context := "\x00" + string(extract(suite, "", "psk_id_hash", "")) + string(extract(suite, "", "info_hash", info))
	secret := extract(suite, string(shared), "secret", "")
	block := must[cipher.Block](t)(aes.NewCipher(expand(suite, secret, "key", context, 32)))
	gcm := must[cipher.AEAD](t)(cipher.NewGCM(block))
	return append(enc, gcm.Seal(nil, expand(suite, secret, "base_nonce", context, 12), plain, nil)...)
}
