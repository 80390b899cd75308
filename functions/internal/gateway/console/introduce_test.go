package console_test

import (
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/fault"
)

// TestIntroduce: who somebody is called is read from userinfo if his token does not say it, and only if it speaks of him.
func TestIntroduce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, says  string
		named       bool // by the token
		silent      bool // no answer
		want, email string
		fails       bool
	}{
		{name: "Said", says: `{"sub":"anna","name":"Anna Nowak","email":"anna@acme.example"}`, want: "Anna Nowak", email: "anna@acme.example"},
		{name: "SaidByTheToken", says: `{"sub":"anna","name":"Another"}`, named: true, want: "Name of anna", email: "anna@example.com"},
		{name: "OfSomebodyElse", says: `{"sub":"piotr","name":"Piotr","email":"piotr@acme.example"}`},
		{name: "OfNobody", says: `{"name":"Anna Nowak"}`},
		{name: "NotTold"}, // 404
		{name: "APage", says: "<html>", fails: true},
		{name: "NoAnswer", silent: true, fails: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			i := gatewaytest.NewIssuer(t)
			v := verifier(i, still)
			claims := gatewaytest.Claims(now, "anna")
			if !row.named {
				delete(claims, "name")
				delete(claims, "email")
			}
			r := gateway.Request{Authorization: "Bearer " + gatewaytest.Sign(jwt.SigningMethodRS256, i.Key, map[string]any{"kid": gatewaytest.KeyID}, claims)}
			if row.says != "" || row.silent {
				i.Fail("/userinfo", row.says)
			}
			who, err := v.Caller(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Introduce(t.Context(), r, who)
			if fault.Is(err, fault.Unavailable) != row.fails || (err != nil) != row.fails {
				t.Errorf("it fails with %v", err)
			}
			if got.Name != row.want || got.Email != row.email || got.User != who.User {
				t.Errorf("he is %q, %q", got.Name, got.Email)
			}
			if row.named && slices.Contains(i.Asked(), "/userinfo") {
				t.Error("userinfo was asked for nothing")
			}
		})
	}
}
