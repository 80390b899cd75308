package device_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/device"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

const (
	mine     = "01ARZ3NDEKTSV4RRFFQ69G5FA0"
	other    = "01ARZ3NDEKTSV4RRFFQ69G5FA1"
	retired  = "01ARZ3NDEKTSV4RRFFQ69G5FA2"
	stranger = "01ARZ3NDEKTSV4RRFFQ69G5FA3"
	damaged  = "01ARZ3NDEKTSV4RRFFQ69G5FA4"
	lost     = "01ARZ3NDEKTSV4RRFFQ69G5FA5"
	fresh    = "01ARZ3NDEKTSV4RRFFQ69G5FA6"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// rows are devices as they are stored.
type rows map[caller.DeviceID]fleet.Device

func (r rows) Device(_ context.Context, id caller.DeviceID) (fleet.Device, error) {
	if !caller.ValidID(string(id)) {
		return fleet.Device{}, errors.New("what is no id was read")
	}
	if id == lost {
		return fleet.Device{}, fault.New(fault.Unavailable, "unavailable", "busy")
	}
	d, ok := r[id]
	if !ok {
		return fleet.Device{}, fault.New(fault.NotFound, "not_found", "none")
	}
	return d, nil
}

// world is a verifier, a phone that it knows and a request to sign.
type world struct {
	device.Verifier
	phone *gatewaytest.Phone
	r     gateway.Request
}

func open(t *testing.T) world {
	t.Helper()
	w := world{phone: gatewaytest.NewPhone(t, mine)}
	key := w.phone.PublicKey()
	w.Verifier = device.Verifier{Tenant: "acme", Now: func() time.Time { return now }, Devices: rows{
		mine:    {ID: mine, Owner: "U", PublicKey: key, Enrolment: "E", State: fleet.InUse},
		other:   {ID: other, Owner: "V", PublicKey: gatewaytest.NewPhone(t, "").PublicKey(), State: fleet.InUse},
		retired: {ID: retired, Owner: "U", PublicKey: key, State: fleet.Retired},
		damaged: {ID: damaged, Owner: "U", PublicKey: key[1:], State: fleet.InUse},
		fresh:   {ID: fresh, Owner: "U", PublicKey: key, State: fleet.Unconfirmed},
	}}
	w.r = gateway.Request{Route: gatewaytest.Route("getManifest"), Path: "/v1/device/sessions/" + mine + "/manifest", Query: "cursor=200", Body: []byte("{}")}
	return w
}

func (w world) claims() jwt.MapClaims {
	return w.phone.Claims(now, "GET", w.r.Path+"?"+w.r.Query, w.r.Body)
}

func (w world) sign(header map[string]any, claims jwt.MapClaims) string {
	return "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodES256, w.phone.Key, header, claims)
}

func kid(id any) map[string]any { return map[string]any{"kid": id} }

func TestCaller(t *testing.T) {
	t.Parallel()
	w := open(t)
	for id, want := range map[string]caller.Caller{
		mine:  {Tenant: "acme", User: "U", Device: mine, Enrolment: "E"},
		fresh: {Tenant: "acme", User: "U", Device: fresh, Unconfirmed: true},
	} {
		w.r.Authorization = w.sign(kid(id), w.claims())
		got, err := w.Caller(t.Context(), w.r)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
	}
}

// TestClaims: what each claim must be, at its edges. why is a part of the answer's sentence.
func TestClaims(t *testing.T) {
	t.Parallel()
	at := now.Unix()
	for _, row := range []struct {
		name   string
		change func(c jwt.MapClaims)
		code   string // "": it is accepted
		why    string
	}{
		{"Good", func(jwt.MapClaims) {}, "", ""},
		{"JtiShortest", func(c jwt.MapClaims) { c["jti"] = strings.Repeat("a", 16) }, "", ""},
		{"JtiLongest", func(c jwt.MapClaims) { c["jti"] = strings.Repeat("a", 64) }, "", ""},
		{"JtiTooShort", func(c jwt.MapClaims) { c["jti"] = strings.Repeat("a", 15) }, "token_invalid", "jti"},
		{"JtiTooLong", func(c jwt.MapClaims) { c["jti"] = strings.Repeat("a", 65) }, "token_invalid", "jti"},
		{"NoJti", func(c jwt.MapClaims) { delete(c, "jti") }, "token_invalid", "jti"},
		{"NoIat", func(c jwt.MapClaims) { delete(c, "iat") }, "token_invalid", "iat"},
		{"NoExp", func(c jwt.MapClaims) { delete(c, "exp") }, "token_invalid", "exp"},
		{"LongestLife", func(c jwt.MapClaims) { c["exp"] = at + 300 }, "", ""},
		{"LifeTooLong", func(c jwt.MapClaims) { c["exp"] = at + 301 }, "token_invalid", "exp"},
		{"LifeForEver", func(c jwt.MapClaims) { c["exp"] = int64(1) << 40 }, "token_invalid", "exp"},
		{"ExpBeforeIat", func(c jwt.MapClaims) { c["exp"] = at - 1 }, "token_invalid", "exp"},
		{"ExpIsIat", func(c jwt.MapClaims) { c["exp"] = at }, "token_invalid", "exp"},
		{"IatAsLateAsMayBe", func(c jwt.MapClaims) { c["iat"], c["exp"] = at+60, at+120 }, "", ""},
		{"IatTooLate", func(c jwt.MapClaims) { c["iat"], c["exp"] = at+61, at+120 }, "token_time", ""},
		{"IatAsEarlyAsMayBe", func(c jwt.MapClaims) { c["iat"], c["exp"] = at-60, at+60 }, "", ""},
		{"IatTooEarly", func(c jwt.MapClaims) { c["iat"], c["exp"] = at-61, at+60 }, "token_time", ""},
		{"ThreeDaysOff", func(c jwt.MapClaims) { c["iat"], c["exp"] = at-3*86400, at-3*86400+60 }, "token_time", ""},
		{"LastSecond", func(c jwt.MapClaims) { c["iat"], c["exp"] = at-30, at+1 }, "", ""},
		{"Expired", func(c jwt.MapClaims) { c["iat"], c["exp"] = at-30, at }, "token_time", ""},
		{"NotYet", func(c jwt.MapClaims) { c["nbf"] = at + 61 }, "token_time", ""},
		{"NbfAsLateAsMayBe", func(c jwt.MapClaims) { c["nbf"] = at + 60 }, "", ""},
		{"OtherMethod", func(c jwt.MapClaims) { c["htm"] = "POST" }, "token_invalid", "htm"},
		{"MethodInOtherCase", func(c jwt.MapClaims) { c["htm"] = "get" }, "token_invalid", "htm"},
		{"NoMethod", func(c jwt.MapClaims) { delete(c, "htm") }, "token_invalid", "htm"},
		{"OtherPath", func(c jwt.MapClaims) { c["htu"] = "/v1/device/checkin" }, "token_invalid", "htu"},
		{"NoQuery", func(c jwt.MapClaims) { c["htu"] = "/v1/device/sessions/" + mine + "/manifest" }, "token_invalid", "htu"},
		{"OtherQuery", func(c jwt.MapClaims) { c["htu"] = "/v1/device/sessions/" + mine + "/manifest?cursor=400" }, "token_invalid", "htu"},
		{"WithHost", func(c jwt.MapClaims) {
			c["htu"] = "https://api.example/v1/device/sessions/" + mine + "/manifest?cursor=200"
		}, "token_invalid", "htu"},
		{"NoTarget", func(c jwt.MapClaims) { delete(c, "htu") }, "token_invalid", "htu"},
		{"OtherBody", func(c jwt.MapClaims) { c["bh"] = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) }, "token_invalid", "bh"},
		{"PaddedDigest", func(c jwt.MapClaims) { c["bh"] = c["bh"].(string) + "=" }, "token_invalid", "bh"},
		{"NoDigest", func(c jwt.MapClaims) { delete(c, "bh") }, "token_invalid", "bh"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			c := w.claims()
			row.change(c)
			w.r.Authorization = w.sign(kid(mine), c)
			who, err := w.Caller(t.Context(), w.r)
			known, _ := errors.AsType[*fault.Error](err)
			switch {
			case row.code == "":
				if err != nil {
					t.Errorf("it is refused: %v", err)
				}
			case known == nil || known.Kind != fault.Unsigned || known.Code != row.code || who.User != "" || !strings.Contains(known.Sentence, row.why):
				t.Errorf("it makes %v, %v", who, err)
			case known.Time.Equal(now) != (row.code == "token_time"):
				t.Errorf("the answer's time is %v", known.Time)
			}
		})
	}
}

// TestRefused: tokens that no enrolled device has signed. All that carry a token are answered alike.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	good := w.sign(kid(mine), w.claims())
	part := strings.Split(good, ".")
	thief := gatewaytest.NewPhone(t, mine)
	longer := w.claims()
	longer["exp"] = now.Unix() + 299
	for name, header := range map[string]string{
		"NoKid":                w.sign(nil, w.claims()),
		"KidIsNoText":          w.sign(kid(7), w.claims()),
		"KidIsNoID":            w.sign(kid("../"+mine), w.claims()),
		"KidInSmallLetters":    w.sign(kid(strings.ToLower(mine)), w.claims()),
		"KidOfAnotherDevice":   w.sign(kid(other), w.claims()),
		"KidOfAStranger":       w.sign(kid(stranger), w.claims()),
		"Retired":              w.sign(kid(retired), w.claims()),
		"OtherKey":             "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodES256, thief.Key, kid(mine), w.claims()),
		"AlgNone":              "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid(mine), w.claims()),
		"HS256WithThePublic":   "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodHS256, w.phone.PublicKey(), kid(mine), w.claims()),
		"UnknownAlg":           "Zapas-Device " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES999","kid":"`+mine+`"}`)) + "." + part[1] + "." + part[2],
		"RS256":                "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodRS256, gatewaytest.NewIssuer(t).Key, kid(mine), w.claims()),
		"NoSignature":          part[0] + "." + part[1] + ".",
		"OtherClaims":          part[0] + "." + strings.Split(w.sign(kid(mine), longer), ".")[1] + "." + part[2],
		"SignatureCutOff":      good[:len(good)-4],
		"SignatureDER":         part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString([]byte("0\x06\x02\x01\x01\x02\x01\x01")),
		"SignatureOfZeros":     part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"TwoParts":             part[0] + "." + part[1],
		"NoJSON":               "Zapas-Device a.b.c",
		"TwoHeadersJoined":     good + "," + good,
		"IatAsText":            w.sign(kid(mine), jwt.MapClaims{"iat": "now"}),
		"CurveOfAnotherLength": part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 96)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.r
			r.Authorization = header
			who, err := w.Caller(t.Context(), r)
			want := "token_invalid: The token is not signed by a device that is enrolled here; enrol this phone again if it was retired."
			if !fault.Is(err, fault.Unsigned) || err.Error() != want || who.User != "" {
				t.Errorf("it makes %v, %v", who, err)
			}
		})
	}
	for name, header := range map[string]string{"Nothing": "", "SchemeAlone": "Zapas-Device", "Bearer": strings.Replace(good, "Zapas-Device", "Bearer", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.r
			r.Authorization = header
			if _, err := w.Caller(t.Context(), r); !fault.Is(err, fault.Unsigned) || !strings.HasPrefix(err.Error(), "token_missing") {
				t.Errorf("it fails with %v", err)
			}
		})
	}
}

func TestCriticalExtension(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.r.Authorization = w.sign(map[string]any{"kid": mine, "crit": []string{"b64"}, "b64": false}, w.claims())
	if _, err := w.Caller(t.Context(), w.r); !fault.Is(err, fault.Unsigned) {
		t.Errorf("it makes %v", err)
	}
}

// used keeps tokens, and what they served, as they are stored.
type used map[string]string

func (u used) UseToken(_ context.Context, device caller.DeviceID, token, request string, until time.Time) error {
	if request == "unlucky" {
		return fault.New(fault.Unavailable, "unavailable", "busy")
	}
	of := string(device) + " " + token + " until " + until.UTC().Format(time.RFC3339)
	if by, ok := u[of]; ok && by != request {
		return fault.New(fault.Conflict, "changed", "taken")
	}
	u[of] = request
	return nil
}

// TestOnce: where a token serves once, it serves the same request again and no other; a token that is refused for
// another reason is not used up by that.
func TestOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	tokens := used{}
	w.Once, w.Used = []string{"getManifest"}, tokens
	claims := w.claims()
	good, stranger := w.sign(kid(mine), claims), w.sign(kid(other), claims)
	for _, step := range []struct {
		name, token, request string
		kind                 fault.Kind
		code                 string // "": it is let in
	}{
		{"NotIts", stranger, "1", fault.Unsigned, "token_invalid"},
		{"CannotBeKept", good, "unlucky", fault.Unavailable, "unavailable"},
		{"First", good, "2", 0, ""},
		{"TheSameRequest", good, "2", 0, ""},
		{"Replayed", good, "3", fault.Unsigned, "token_used"},
		{"SignedAnew", w.sign(kid(mine), w.claims()), "4", 0, ""},
	} {
		r := w.r
		r.Authorization, r.RequestID = step.token, step.request
		who, err := w.Caller(t.Context(), r)
		known, _ := errors.AsType[*fault.Error](err)
		if step.code == "" && err != nil || step.code != "" && (known == nil || known.Kind != step.kind || known.Code != step.code || who.User != "") {
			t.Errorf("%s: it makes %v, %v", step.name, who, err)
		}
	}
	if len(tokens) != 2 {
		t.Errorf("kept are %v", tokens)
	}
	for of := range tokens {
		if !strings.HasPrefix(of, mine+" ") || !strings.HasSuffix(of, " until "+time.Unix(now.Unix()+60, 0).UTC().Format(time.RFC3339)) {
			t.Errorf("kept is %s", of)
		}
	}
	w.Once = []string{"signChunks"} // another operation's tokens are not kept
	w.r.Authorization, w.r.RequestID = good, "5"
	if _, err := w.Caller(t.Context(), w.r); err != nil {
		t.Error(err)
	}
}

// TestRowUnread: what is not the token's fault is not said to be.
func TestRowUnread(t *testing.T) {
	t.Parallel()
	w := open(t)
	for id, want := range map[string]fault.Kind{lost: fault.Unavailable, damaged: fault.Internal} {
		w.r.Authorization = w.sign(kid(id), w.claims())
		if _, err := w.Caller(t.Context(), w.r); err == nil || fault.KindOf(err) != want {
			t.Errorf("it fails with %v", err)
		}
	}
}

// TestProof: who enrols a key has it.
func TestProof(t *testing.T) {
	t.Parallel()
	w := open(t)
	thief := gatewaytest.NewPhone(t, "")
	stale := w.claims()
	stale["iat"], stale["exp"] = now.Unix()-61, now.Unix()+60
	body := w.claims()
	body["bh"] = "x"
	for _, row := range []struct{ name, header, code string }{
		{"Own", w.sign(nil, w.claims()), ""},
		{"WithKid", w.sign(kid(mine), w.claims()), "token_invalid"},
		{"WithEmptyKid", w.sign(kid(""), w.claims()), "token_invalid"},
		{"OtherKey", "Zapas-Device " + gatewaytest.Sign(jwt.SigningMethodES256, thief.Key, nil, w.claims()), "token_invalid"},
		{"OtherBody", w.sign(nil, body), "token_invalid"},
		{"Stale", w.sign(nil, stale), "token_time"},
		{"None", "", "token_missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := w.r
			r.Authorization = row.header
			err := w.Proof(r, &w.phone.Key.PublicKey)
			if known, _ := errors.AsType[*fault.Error](err); row.code == "" && err != nil || row.code != "" && (known == nil || known.Code != row.code) {
				t.Errorf("it fails with %v", err)
			}
		})
	}
}
