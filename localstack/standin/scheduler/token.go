package scheduler

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
)

// tokenLife is how long a client token is remembered. AWS does not say how long it does; its SDKs try for minutes.
const tokenLife = 24 * time.Hour

// token is what a request with a client token did.
type token struct {
	key       string // of the operation, the schedule and the token
	Digest    string // of the request
	Performed time.Time
}

// newToken is the token of a request; nil: it has none.
func newToken(operation, arn, value string, request any, now time.Time) (*token, error) {
	if value == "" {
		return nil, nil
	}
	if err := pattern("clientToken", value, `[a-zA-Z0-9\-_]{1,64}`); err != nil {
		return nil, err
	}
	digest, err := sum(request)
	return &token{operation + " " + arn + " " + value, digest, now}, err
}

// repeated says whether the request was performed already. Another one with the same token is refused.
func (s *Server) repeated(t *token) (again bool, err error) {
	if t == nil {
		return false, nil
	}
	var before token
	err = s.db.View(func(tx *bolt.Tx) error {
		data := tx.Bucket([]byte(tokensBucket)).Get([]byte(t.key))
		if data == nil {
			return nil
		}
		return json.Unmarshal(data, &before)
	})
	switch {
	case err != nil || before.Digest == "" || before.Performed.Before(t.Performed.Add(-tokenLife)):
		return false, err
	case before.Digest != t.Digest:
		return false, conflict("The client token was used for another request.")
	}
	return true, nil
}

func (t *token) put(tx *bolt.Tx) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return intact.Put(tx, []byte(tokensBucket), []byte(t.key), data)
}

// forget removes the tokens that are too old to matter.
func (s *Server) forget(now time.Time) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		var old [][]byte
		err := tx.Bucket([]byte(tokensBucket)).ForEach(func(key, data []byte) error {
			var t token
			if err := json.Unmarshal(data, &t); err != nil {
				return err
			}
			if t.Performed.Before(now.Add(-tokenLife)) {
				old = append(old, append([]byte(nil), key...))
			}
			return nil
		})
		for _, key := range old {
			if err == nil {
				err = intact.Delete(tx, []byte(tokensBucket), key)
			}
		}
		return err
	})
}

func digest(text []byte) string {
	d := sha256.Sum256(text)
	return hex.EncodeToString(d[:])
}
