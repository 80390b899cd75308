package seal

import (
	"bytes"
	"strings"
	"testing"
)

func keyVector(t *testing.T) vector {
	v := vector{About: "a session key sealed to the device by HPKE", What: "session key", Key: noise(40, 32),
		Names: &names{tenant, user, session, device}}
	v.Input = sealedKey(t, v, testKey[:])
	k := must[*KeyRequest](t)(NewKeyRequest(bytes.NewReader(v.Key)))
	v.Want = &want{SessionKey: testKey[:], Public: k.Public()}
	return v
}

// sealedKey seals a key, or what is none, to who drew what the vector says.
func sealedKey(t *testing.T, v vector, key []byte) []byte {
	k := must[*KeyRequest](t)(NewKeyRequest(bytes.NewReader(v.Key)))
	return sealByThePage(t, k.Public(), noise(41, 32), info(tenant, user, session, device), key)
}

// addKeys adds session keys that do not open.
func addKeys(t *testing.T, all map[string]vector) {
	const other, nameless = "it was not sealed for this request", "each need a name, without NUL"
	for name, row := range map[string]struct {
		about, err string
		change     func(*vector)
	}{
		"key-other-tenant":     {"asked for under another tenant", other, func(v *vector) { v.Names.Tenant = "other" }},
		"key-other-user":       {"asked for under another user", other, func(v *vector) { v.Names.User = device }},
		"key-other-session":    {"asked for as that of another session", other, func(v *vector) { v.Names.Session = user }},
		"key-other-device":     {"asked for by another device", other, func(v *vector) { v.Names.Device = user }},
		"key-lower-case":       {"the session's name in small letters", other, func(v *vector) { v.Names.Session = strings.ToLower(session) }},
		"key-other-request":    {"sealed to the key pair of another request", other, func(v *vector) { v.Key = noise(42, 32) }},
		"key-none":             {"no bytes", other, func(v *vector) { v.Input = nil }},
		"key-enc-only":         {"no cipher text behind enc", other, func(v *vector) { v.Input = v.Input[:32] }},
		"key-cut":              {"cut by one byte, to 79", other, func(v *vector) { v.Input = v.Input[:79] }},
		"key-long":             {"a byte after it: 81", other, func(v *vector) { v.Input = append(v.Input, 0) }},
		"key-enc":              {"a bit of enc", other, func(v *vector) { v.Input[0] ^= 1 }},
		"key-cipher-text":      {"a bit of the cipher text", other, func(v *vector) { v.Input[32] ^= 1 }},
		"key-tag":              {"a bit of the tag", other, func(v *vector) { v.Input[79] ^= 1 }},
		"key-enc-zero":         {"enc is a point of low order, 0", other, func(v *vector) { clear(v.Input[:32]) }},
		"key-enc-one":          {"enc is a point of low order, 1", other, func(v *vector) { clear(v.Input[:32]); v.Input[0] = 1 }},
		"key-tenant-nameless":  {"the tenant's name is empty", nameless, func(v *vector) { v.Names.Tenant = "" }},
		"key-user-nameless":    {"the user's name is empty", nameless, func(v *vector) { v.Names.User = "" }},
		"key-session-nameless": {"the session's name is empty", nameless, func(v *vector) { v.Names.Session = "" }},
		"key-device-nameless":  {"the device's name is empty", nameless, func(v *vector) { v.Names.Device = "" }},
		"key-name-nul": {"a NUL in a name: the same info would come of other names", nameless, func(v *vector) {
			*v.Names = names{tenant + "\x00" + user, session, device, "x"}
			v.Input = sealByThePage(t, must[*KeyRequest](t)(NewKeyRequest(bytes.NewReader(v.Key))).Public(), noise(41, 32),
				info(tenant, user, session, device, "x"), testKey[:])
		}},
		"key-plain-short": {"it opens to 31 bytes", "31 bytes instead of 32", func(v *vector) { v.Input = sealedKey(t, *v, testKey[:31]) }},
		"key-plain-long":  {"it opens to 33 bytes", "33 bytes instead of 32", func(v *vector) { v.Input = sealedKey(t, *v, append(testKey[:], 0)) }},
	} {
		v := keyVector(t)
		row.change(&v)
		v.About, v.Want, v.Error, v.Reach = "session key: "+row.about, nil, row.err, "block"
		all[name] = v
	}
}
