// Package device knows how a device proves who it is: by a short token for each request, signed with the key that it
// enrolled with. It does not know what the device asks for, nor what it may do.
package device

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"zapas/functions/internal/gateway"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

const (
	scheme = "Zapas-Device"
	skew   = 60  // seconds by which a device's clock may differ
	life   = 300 // seconds that a token may last
)

// Verifier proves devices.
type Verifier struct {
	Tenant  string
	Devices interface {
		// Device reads one, strongly consistent; fault.NotFound when there is none.
		Device(ctx context.Context, id caller.DeviceID) (fleet.Device, error)
	}
	// Once are operations that a token serves once. Every other answers a repeated request as it did, changes nothing by
	// it, or is refused by what the first has changed.
	Once []string
	Used Used // nil where Once is empty
	Now  func() time.Time
}

// Used keeps which tokens were used.
type Used interface {
	// UseToken has a token serve a request; fault.Conflict when another request had it. It must be kept until the token
	// has expired.
	UseToken(ctx context.Context, device caller.DeviceID, token, request string, until time.Time) error
}

var _ gateway.Authenticator = Verifier{}

// claims are what a token says of its request.
type claims struct {
	ID         string           `json:"jti"`
	IssuedAt   *jwt.NumericDate `json:"iat"`
	ExpiresAt  *jwt.NumericDate `json:"exp"`
	NotBefore  *jwt.NumericDate `json:"nbf"`
	Method     string           `json:"htm"`
	Target     string           `json:"htu"`
	BodyDigest string           `json:"bh"`
}

func (claims) GetIssuer() (string, error)                     { return "", nil }
func (claims) GetSubject() (string, error)                    { return "", nil }
func (claims) GetAudience() (jwt.ClaimStrings, error)         { return nil, nil }
func (c claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt, nil }
func (c claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.ExpiresAt, nil }

// Caller proves a device that is enrolled. A device that is not known, one that is retired and a signature of another key
// are answered alike.
func (v Verifier) Caller(ctx context.Context, r gateway.Request) (caller.Caller, error) {
	var d fleet.Device
	c, err := v.verify(r, func(kid string, named bool) (*ecdsa.PublicKey, error) {
		if !named || !caller.ValidID(kid) {
			return nil, unknown()
		}
		var err error
		if d, err = v.Devices.Device(ctx, caller.DeviceID(kid)); fault.Is(err, fault.NotFound) || err == nil && d.State == fleet.Retired {
			return nil, unknown()
		} else if err != nil {
			return nil, err
		}
		key, err := fleet.ParseKey(d.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("the stored key of a device cannot be read: %v", err) //nolint:errorlint // wrapped it would be the caller's fault, and it is ours
		}
		return key, nil
	})
	if err == nil {
		err = v.once(ctx, r, d.ID, c)
	}
	if err != nil {
		return caller.Caller{}, err
	}
	return caller.Caller{Tenant: v.Tenant, User: d.Owner, Device: d.ID, Enrolment: d.Enrolment, Unconfirmed: d.State != fleet.InUse}, nil
}

// once refuses a token that has served another request, where a request must not be repeated by who has only seen it.
// The device itself signs anew whenever it asks again.
func (v Verifier) once(ctx context.Context, r gateway.Request, device caller.DeviceID, c claims) error {
	if !slices.Contains(v.Once, r.Route.Operation) {
		return nil
	}
	err := v.Used.UseToken(ctx, device, c.ID, r.RequestID, c.ExpiresAt.Time)
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(err, fault.Unsigned, "token_used", "The token was used before; sign a new one for each request.")
	}
	return err
}

// Proof proves that who enrols a key has it: the token is signed by that very key and names no device yet.
func (v Verifier) Proof(r gateway.Request, key *ecdsa.PublicKey) error {
	_, err := v.verify(r, func(_ string, named bool) (*ecdsa.PublicKey, error) {
		if named {
			return nil, invalid("kid: a phone that enrols has none yet")
		}
		return key, nil
	})
	return err
}

// verify checks a request's token with the key that its header leads to, and answers what it says.
func (v Verifier) verify(r gateway.Request, keyOf func(kid string, named bool) (*ecdsa.PublicKey, error)) (claims, error) {
	given, token, _ := strings.Cut(r.Authorization, " ")
	if !strings.EqualFold(given, scheme) || token == "" {
		return claims{}, fault.New(fault.Unsigned, "token_missing", "Authorization: a device signs each request; send Zapas-Device and its token.")
	}
	var c claims
	var refused error
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()).
		ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
			if _, critical := t.Header["crit"]; critical { // RFC 7515 4.1.11: what is not understood is refused
				refused = invalid("crit: no extension is understood here")
				return nil, refused
			}
			kid, named := t.Header["kid"]
			text, _ := kid.(string)
			var key *ecdsa.PublicKey
			key, refused = keyOf(text, named)
			return key, refused
		})
	switch {
	case refused != nil:
		return claims{}, refused
	case err != nil:
		return claims{}, unknown()
	}
	return c, v.check(r, c)
}

// check holds the claims against the request, which they bind to one method, target and body for a short time.
func (v Verifier) check(r gateway.Request, c claims) error {
	switch {
	case len(c.ID) < 16 || len(c.ID) > 64:
		return invalid("jti: it must have 16 to 64 characters")
	case c.IssuedAt == nil || c.ExpiresAt == nil:
		return invalid("iat, exp: both are required")
	}
	now, from, until := v.Now().Unix(), c.IssuedAt.Unix(), c.ExpiresAt.Unix()
	if until <= from || until-from > life {
		return invalid(fmt.Sprintf("exp: it must be up to %d seconds after iat", life))
	}
	if from > now+skew || from < now-skew || until <= now || c.NotBefore != nil && c.NotBefore.Unix() > now+skew {
		e := fault.New(fault.Unsigned, "token_time", "The token is not of this time; sign it by serverTime, for up to %d seconds.", life)
		e.Time = v.Now().UTC().Truncate(time.Millisecond)
		return e
	}
	sum := sha256.Sum256(r.Body)
	switch {
	case c.Method != r.Route.Method:
		return invalid("htm: it is not this request's method")
	case c.Target != r.Target():
		return invalid("htu: it is not this request's path and query")
	case subtle.ConstantTimeCompare([]byte(c.BodyDigest), []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) != 1:
		return invalid("bh: it is not the SHA-256 of this request's body")
	}
	return nil
}

func unknown() error {
	return fault.New(fault.Unsigned, "token_invalid", "The token is not signed by a device that is enrolled here; enrol this phone again if it was retired.")
}

func invalid(detail string) error {
	return fault.New(fault.Unsigned, "token_invalid", "The token is refused: %s.", detail)
}
