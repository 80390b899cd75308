// Package kms knows how AWS KMS makes and opens data keys with symmetric keys,
// over its AWS JSON 1.1 protocol, and keeps the keys in one file. It does not know
// who calls: signatures are checked before a request comes here, and an Authorizer
// says what the caller may do.
//
// It has GenerateDataKeyWithoutPlaintext and Decrypt, and of what makes keys CreateKey
// (symmetric ones, with a policy), DisableKey, EnableKey and ScheduleKeyDeletion; every
// other operation, and every member of these that it does not heed (grant tokens, dry
// runs, enclaves), answers 501 and names itself. Keys are rotated by the program, not by
// a call.
//
// A ciphertext is sealed with AES-256-GCM; the key's id and version and the
// encryption context are bound to it. The format is this package's own: AWS cannot
// open it, nor can this package open what AWS sealed. The key file holds the key
// material in the clear, so whoever reads it opens everything.
package kms

import (
	"bytes"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Config says where the keys live and what their ARNs say. All fields but Authorizer and Attach are required.
type Config struct {
	// Dir is a folder of this server alone.
	Dir             string
	Account, Region string
	// Authorizer may be nil: then everything is allowed.
	Authorizer Authorizer
	// Attach puts the policy of a key, named by its ARN, in force; nil: keys have no policies.
	Attach func(arn string, policy []byte) error
	// Now dates keys.
	Now func() time.Time
	Log *slog.Logger
}

// A Server answers KMS's calls. It is safe for concurrent use.
type Server struct {
	cfg Config

	mu   sync.RWMutex
	keys keyring
}

// maxBody is far above the longest valid request of either operation.
const maxBody = 1 << 20

// ServeHTTP answers one call, whose signature the caller has verified.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(r)
	if err != nil {
		var f *failure
		if !errors.As(err, &f) {
			s.cfg.Log.Error("a KMS call failed", slog.Any("error", err))
			f = &failure{http.StatusInternalServerError, "KMSInternalException", "An internal error occurred."}
		}
		answer = map[string]string{"__type": f.code, "message": f.message}
		s.write(w, f.status, answer)
		return
	}
	s.write(w, http.StatusOK, answer)
}

func (s *Server) answer(r *http.Request) (any, error) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if r.Method != http.MethodPost || !ok {
		return nil, &failure{http.StatusBadRequest, "UnknownOperationException", "KMS is called by POST with an X-Amz-Target of TrentService."}
	}
	body := http.MaxBytesReader(nil, r.Body, maxBody)
	switch operation {
	case "GenerateDataKeyWithoutPlaintext":
		var in generateInput
		if err := decode(operation, body, &in); err != nil {
			return nil, err
		}
		return s.generate(r.Context(), in)
	case "Decrypt":
		var in decryptInput
		if err := decode(operation, body, &in); err != nil {
			return nil, err
		}
		return s.decrypt(r.Context(), in)
	case "CreateKey":
		var in createInput
		if err := decode(operation, body, &in); err != nil {
			return nil, err
		}
		return s.createKey(r.Context(), in)
	case "DisableKey", "EnableKey", "ScheduleKeyDeletion":
		var in stateInput
		if err := decode(operation, body, &in); err != nil {
			return nil, err
		}
		return s.changeState(r.Context(), operation, in)
	}
	return nil, &failure{http.StatusNotImplemented, "UnknownOperationException", "The operation " + operation + " is not implemented."}
}

func (s *Server) write(w http.ResponseWriter, status int, answer any) {
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, answer); err != nil {
		s.cfg.Log.Error("a KMS answer cannot be encoded", slog.Any("error", err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", rand.Text())
	w.WriteHeader(status)
	// A client that has gone cannot be told.
	_, _ = w.Write(b.Bytes())
}

// A failure is an error of the KMS API Reference.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func refuse(code, message string) error {
	return &failure{http.StatusBadRequest, code, message}
}
