package console_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/console"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/caller"
	"zapas/shared/fault"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func verifier(i *gatewaytest.Issuer, at func() time.Time) *console.Verifier {
	return &console.Verifier{Issuer: gatewaytest.IssuerURL, Tenant: "acme", Audience: []string{"other", gatewaytest.Audience}, GroupsClaim: "groups",
		NameClaim: "name", EmailClaim: "email", Transport: i, Now: at,
		Roles: map[string]caller.Role{"it": caller.Admin, "desk": caller.Viewer, "second-desk": caller.Viewer}}
}

func still() time.Time { return now }

func TestCaller(t *testing.T) {
	t.Parallel()
	i := gatewaytest.NewIssuer(t)
	v := verifier(i, still)
	got, err := v.Caller(t.Context(), gateway.Request{Authorization: i.Bearer(now, "anna", "it", "unknown")})
	if err != nil {
		t.Fatal(err)
	}
	want := caller.Caller{Tenant: "acme", User: caller.UserOf(gatewaytest.IssuerURL, "acme", "anna"), Subject: "anna", Name: "Name of anna",
		Email: "anna@example.com", Roles: []caller.Role{caller.Admin}, AuthTime: now}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestClaims: what a good token's claims make of its bearer.
func TestClaims(t *testing.T) {
	t.Parallel()
	i := gatewaytest.NewIssuer(t)
	v := verifier(i, still)
	admin, viewer := []caller.Role{caller.Admin}, []caller.Role{caller.Viewer}
	for _, row := range []struct {
		name   string
		change func(c jwt.MapClaims)
		want   any // of the caller: roles, text or time
	}{
		{"NoGroups", func(c jwt.MapClaims) { delete(c, "groups") }, []caller.Role(nil)},
		{"OneGroup", func(c jwt.MapClaims) { c["groups"] = []string{"it"} }, admin},
		{"GroupsInTheOrderOfRoles", func(c jwt.MapClaims) { c["groups"] = []string{"desk", "it"} }, []caller.Role{caller.Admin, caller.Viewer}},
		{"TwoGroupsOfOneRole", func(c jwt.MapClaims) { c["groups"] = []string{"desk", "second-desk"} }, viewer},
		{"GroupAlone", func(c jwt.MapClaims) { c["groups"] = "desk" }, viewer},
		{"GroupsFlattened", func(c jwt.MapClaims) { c["groups"] = "[it desk]" }, []caller.Role(nil)},
		{"GroupsWithComma", func(c jwt.MapClaims) { c["groups"] = "it,desk" }, []caller.Role(nil)},
		{"GroupsAsObject", func(c jwt.MapClaims) { c["groups"] = map[string]bool{"it": true} }, []caller.Role(nil)},
		{"GroupsAsNumber", func(c jwt.MapClaims) { c["groups"] = 7 }, []caller.Role(nil)},
		{"GroupsNull", func(c jwt.MapClaims) { c["groups"] = nil }, []caller.Role(nil)},
		{"GroupsOfMixedKinds", func(c jwt.MapClaims) { c["groups"] = []any{"it", 7} }, []caller.Role(nil)},
		{"GroupInOtherCase", func(c jwt.MapClaims) { c["groups"] = []string{"IT"} }, []caller.Role(nil)},
		{"RoleIsNoGroup", func(c jwt.MapClaims) { c["groups"] = []string{"admin"} }, []caller.Role(nil)},
		{"RolesClaim", func(c jwt.MapClaims) { c["groups"] = []string{}; c["roles"] = []string{"admin"} }, []caller.Role(nil)},
		{"EmptyGroup", func(c jwt.MapClaims) { c["groups"] = []string{""} }, []caller.Role(nil)},
		{"GroupsElsewhere", func(c jwt.MapClaims) {
			delete(c, "groups")
			c["_claim_names"], c["_claim_sources"] = map[string]any{"groups": "a"}, map[string]any{"a": map[string]any{"endpoint": "https://x"}}
		}, []caller.Role(nil)},
		{"NoAuthTime", func(c jwt.MapClaims) { delete(c, "auth_time") }, time.Time{}},
		{"AuthTimeAsText", func(c jwt.MapClaims) { c["auth_time"] = "now" }, time.Time{}},
		{"AuthTimeNegative", func(c jwt.MapClaims) { c["auth_time"] = -1 }, time.Time{}},
		{"AuthTimeFraction", func(c jwt.MapClaims) { c["auth_time"] = float64(now.Unix()) + 0.9 }, now},
		{"NoName", func(c jwt.MapClaims) { delete(c, "name") }, ""},
		{"NameAsNumber", func(c jwt.MapClaims) { c["name"] = 7 }, ""},
		{"NameTooLong", func(c jwt.MapClaims) { c["name"] = strings.Repeat("ż", 300) }, strings.Repeat("ż", 256)},
		{"ClientIDInPlaceOfAudience", func(c jwt.MapClaims) { delete(c, "aud"); c["client_id"] = "other"; c["groups"] = "it" }, admin},
		{"SeveralAudiences", func(c jwt.MapClaims) { c["aud"] = []string{"x", "zapas"}; c["groups"] = "it" }, admin},
		{"StartsSoon", func(c jwt.MapClaims) { c["nbf"] = now.Add(4 * time.Minute).Unix(); c["groups"] = "it" }, admin},
		{"LastSecond", func(c jwt.MapClaims) { c["exp"] = now.Unix(); c["groups"] = "it" }, admin},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := gatewaytest.Claims(now, "anna")
			row.change(c)
			who, err := v.Caller(t.Context(), gateway.Request{Authorization: "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, i.Key, map[string]any{"kid": gatewaytest.KeyID}, c)})
			if err != nil {
				t.Fatal(err)
			}
			var got any
			switch row.want.(type) {
			case []caller.Role:
				got = who.Roles
			case string:
				got = who.Name
			case time.Time:
				got = who.AuthTime
			}
			if d := cmp.Diff(row.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestGroupsClaim: any claim may hold the groups, and only that one counts.
func TestGroupsClaim(t *testing.T) {
	t.Parallel()
	i := gatewaytest.NewIssuer(t)
	v := verifier(i, still)
	v.GroupsClaim = "cognito:groups"
	c := gatewaytest.Claims(now, "anna", "it")
	c["cognito:groups"] = []string{"desk"}
	who, err := v.Caller(t.Context(), gateway.Request{Authorization: "bearer " + gatewaytest.Sign(jwt.SigningMethodRS512, i.Key, nil, c)})
	if err != nil || !slices.Equal(who.Roles, []caller.Role{caller.Viewer}) {
		t.Errorf("the roles are %v, %v", who.Roles, err)
	}
}

// TestRefused: every token that is not what it should be.
func TestRefused(t *testing.T) {
	t.Parallel()
	i, stranger := gatewaytest.NewIssuer(t), gatewaytest.NewIssuer(t)
	v := verifier(i, still)
	der, err := x509.MarshalPKIXPublicKey(i.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	kid := map[string]any{"kid": gatewaytest.KeyID}
	with := func(change func(c jwt.MapClaims)) string {
		c := gatewaytest.Claims(now, "anna", "it")
		change(c)
		return "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, i.Key, kid, c)
	}
	good := i.Bearer(now, "anna", "it")
	claims := gatewaytest.Claims(now, "anna", "it")
	part := strings.Split(good, ".")
	swapped := part[0] + "." + strings.Split(i.Bearer(now, "ada", "it"), ".")[1] + "." + part[2]
	for name, header := range map[string]string{
		"Nothing":                "",
		"SchemeAlone":            "Bearer",
		"SchemeAndSpace":         "Bearer ",
		"OtherScheme":            "Basic YTpi",
		"DeviceScheme":           strings.Replace(good, "Bearer", "Zapas-Device", 1),
		"NoScheme":               strings.TrimPrefix(good, "Bearer "),
		"NoToken":                "Bearer x",
		"TwoHeadersJoined":       good + "," + good,
		"SpaceBefore":            "Bearer  " + strings.TrimPrefix(good, "Bearer "),
		"SpaceInside":            strings.Replace(good, ".", " .", 1),
		"JSONForm":               `Bearer {"protected":"` + strings.TrimPrefix(part[0], "Bearer ") + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`,
		"AlgNone":                "Bearer " + gatewaytest.Sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, claims),
		"NoneInCapitals":         "Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"NONE"}`)) + "." + part[1] + ".",
		"NoSignature":            part[0] + "." + part[1] + ".",
		"PublicKeyAsHS256Secret": "Bearer " + gatewaytest.Sign(jwt.SigningMethodHS256, asSecret, kid, claims),
		"PublicKeyDERAsSecret":   "Bearer " + gatewaytest.Sign(jwt.SigningMethodHS256, der, kid, claims),
		"PS256":                  "Bearer " + gatewaytest.Sign(jwt.SigningMethodPS256, i.Key, kid, claims),
		"ES256":                  "Bearer " + gatewaytest.Sign(jwt.SigningMethodES256, gatewaytest.NewPhone(t, "").Key, kid, claims),
		"OtherKey":               stranger.Bearer(now, "anna", "it"),
		"OtherKeyWithoutKid":     "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, stranger.Key, nil, claims),
		"UnknownKid":             "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, i.Key, map[string]any{"kid": "key-2"}, claims),
		"KidIsAPath":             "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, stranger.Key, map[string]any{"kid": "../../dev/null"}, claims),
		"KeyInTheHeader":         "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, stranger.Key, map[string]any{"jku": "https://evil.example/jwks"}, claims),
		"CriticalExtension":      "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, i.Key, map[string]any{"kid": gatewaytest.KeyID, "crit": []string{"x"}, "x": 1}, claims),
		"OtherPayload":           swapped,
		"OneByteOff":             good[:len(good)-10] + "AAAAAAAAAA",
		"Expired":                with(func(c jwt.MapClaims) { c["exp"] = now.Unix() - 1 }),
		"NoExpiry":               with(func(c jwt.MapClaims) { delete(c, "exp") }),
		"NotYet":                 with(func(c jwt.MapClaims) { c["nbf"] = now.Add(6 * time.Minute).Unix() }),
		"OtherIssuer":            with(func(c jwt.MapClaims) { c["iss"] = "https://login.example/u" }),
		"IssuerWithSlash":        with(func(c jwt.MapClaims) { c["iss"] = gatewaytest.IssuerURL + "/" }),
		"NoIssuer":               with(func(c jwt.MapClaims) { delete(c, "iss") }),
		"OtherAudience":          with(func(c jwt.MapClaims) { c["aud"] = "shop" }),
		"AudienceOfAnotherToken": with(func(c jwt.MapClaims) { c["aud"] = []string{"shop", "bank"} }),
		"OtherAudienceWithOurClientID": with(func(c jwt.MapClaims) {
			c["aud"], c["client_id"] = "shop", gatewaytest.Audience
		}),
		"NoAudience":           with(func(c jwt.MapClaims) { delete(c, "aud") }),
		"EmptyAudience":        with(func(c jwt.MapClaims) { c["aud"] = "" }),
		"OtherClientID":        with(func(c jwt.MapClaims) { delete(c, "aud"); c["client_id"] = "shop" }),
		"ClientIDNoText":       with(func(c jwt.MapClaims) { delete(c, "aud"); c["client_id"] = []string{"zapas"} }),
		"NoSubject":            with(func(c jwt.MapClaims) { delete(c, "sub") }),
		"EmptySubject":         with(func(c jwt.MapClaims) { c["sub"] = "" }),
		"SubjectNoText":        with(func(c jwt.MapClaims) { c["sub"] = 7 }),
		"ClaimSourceMissing":   with(func(c jwt.MapClaims) { c["_claim_names"] = map[string]any{"groups": "a"} }),
		"DuplicateClaimInside": duplicate(t, i),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := v.Caller(t.Context(), gateway.Request{Authorization: header})
			if !fault.Is(err, fault.Unsigned) || who.User != "" {
				t.Errorf("it makes %v, %v", who, err)
			}
		})
	}
}

// duplicate is a token whose claims name the groups twice, signed by the provider itself.
func duplicate(t *testing.T, i *gatewaytest.Issuer) string {
	t.Helper()
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`))
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + gatewaytest.IssuerURL + `","aud":"zapas","sub":"anna","exp":4102444800,"groups":[],"groups":["it"]}`))
	sig, err := jwt.SigningMethodRS256.Sign(head+"."+body, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + head + "." + body + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// TestProvider: it is asked when a token needs it, no more often, and again after it has failed.
func TestProvider(t *testing.T) {
	t.Parallel()
	const discovery, jwks = "/.well-known/openid-configuration", "/jwks"
	for _, row := range []struct{ name, path, answer string }{
		{"DiscoveryGivesNoAnswer", discovery, ""},
		{"DiscoveryGivesAPage", discovery, "<html>"},
		{"DiscoveryOfAnotherIssuer", discovery, `{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}`},
		{"DiscoveryWithoutEnd", discovery, strings.Repeat(" ", 2<<20) + "{}"},
		{"KeysGiveNoAnswer", jwks, ""},
		{"KeysGiveAPage", jwks, "<html>"},
		{"KeysWithoutEnd", jwks, strings.Repeat(" ", 2<<20) + "{}"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			i := gatewaytest.NewIssuer(t)
			v := verifier(i, still)
			r := gateway.Request{Authorization: i.Bearer(now, "anna")}
			i.Fail(row.path, row.answer)
			if _, err := v.Caller(t.Context(), r); !fault.Is(err, fault.Unavailable) {
				t.Errorf("the failure is %v, want one that passes", err)
			}
			i.Mend()
			for range 3 {
				if _, err := v.Caller(t.Context(), r); err != nil {
					t.Errorf("it fails when the provider answers again: %v", err)
				}
			}
			if asked := i.Asked(); len(asked) != 3 {
				t.Errorf("the provider was asked for %v", asked)
			}
		})
	}
}

func TestKeysChange(t *testing.T) {
	t.Parallel()
	i := gatewaytest.NewIssuer(t)
	at := now
	v := verifier(i, func() time.Time { return at })
	if asked := i.Asked(); len(asked) != 0 {
		t.Errorf("the provider was asked for %v before any token came", asked)
	}
	ask := func() error {
		_, err := v.Caller(t.Context(), gateway.Request{Authorization: i.Bearer(at, "anna")})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.Publish("key-2", next)
	token := "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, next, map[string]any{"kid": "key-2"}, gatewaytest.Claims(now, "anna"))
	if _, err := v.Caller(t.Context(), gateway.Request{Authorization: token}); err != nil {
		t.Errorf("a key that the provider has added is refused: %v", err)
	}
	i.Fail("/jwks", "")
	at = at.Add(time.Hour - time.Second)
	if err := ask(); err != nil {
		t.Errorf("keys of less than an hour are not believed: %v", err)
	}
	at = at.Add(time.Second)
	if err := ask(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("keys of an hour are still believed: %v", err)
	}
}
