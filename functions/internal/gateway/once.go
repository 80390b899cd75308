package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// maxKey is how long an Idempotency-Key may be.
const maxKey = 128

// Keeper sees to it that a request takes effect once: what it answered before under its caller's key, or what serve
// answers, which is given the same id in every attempt. fault.Unprocessable when the key stands for another request.
type Keeper interface {
	Once(ctx context.Context, who caller.UserID, key, digest string, serve func(id string) ([]byte, error)) ([]byte, error)
}

// Once is an operation whose requests may carry an Idempotency-Key. It must be safe to repeat while Request.NewID is the
// same, and its answers are kept as they are: none may hold a secret.
func Once(op Operation) Operation {
	op.once = true
	return op
}

// Secret is an operation whose answer may be kept nowhere: a request with an Idempotency-Key is refused, for whoever sends
// one counts on being answered the same again.
func Secret(op Operation) Operation {
	op.secret = true
	return op
}

func noKey(r Request) error {
	return fault.New(fault.Invalid, "idempotency_unsupported",
		"Idempotency-Key: what %s answers is kept nowhere, and cannot be answered again; send none, and ask for another if the answer is lost.", r.Route.Operation)
}

// kept is a reply as it is kept.
type kept struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
}

// serveOnce answers a request that carries a key.
func (a *API) serveOnce(ctx context.Context, r Request, op Operation) (reply, error) {
	if err := checkKey(r.key); err != nil {
		return reply{}, err
	}
	if a.Keeper == nil {
		return reply{}, fmt.Errorf("function %s cannot keep what %s answers: give it a keeper", a.Function, r.Route.Operation)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s", r.Route.Operation, r.ID, r.Body)
	answer, err := a.Keeper.Once(ctx, r.Who.User, r.key, hex.EncodeToString(h.Sum(nil)), func(id string) ([]byte, error) {
		r.NewID = id
		out, err := op.serve(ctx, r)
		if err != nil {
			return nil, err
		}
		return json.Marshal(kept{Status: out.status, Header: out.header, Body: string(out.body)})
	})
	if err != nil {
		return reply{}, err
	}
	var k kept
	if err := json.Unmarshal(answer, &k); err != nil {
		return reply{}, fmt.Errorf("a kept answer cannot be read: %w", err)
	}
	return reply{status: k.Status, header: k.Header, body: []byte(k.Body)}, nil
}

func checkKey(key string) error {
	wrong := len(key) > maxKey
	for _, c := range []byte(key) {
		wrong = wrong || c <= ' ' || c > '~'
	}
	if wrong {
		return fault.Fields([]fault.Field{{Pointer: "Idempotency-Key", Code: "invalid", Detail: "it must be 1 to 128 visible ASCII characters, such as a UUID"}})
	}
	return nil
}
