package kms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDataKey    = 1024
	maxCiphertext = 6144
	maxKeyID      = 2048
	// maxContext bounds the names and values of an encryption context together.
	// AWS does not publish its own bound; 8 KiB is far above what any caller needs.
	maxContext = 8192
)

// An encryptionContext has a nil value where the request has null.
type encryptionContext map[string]*string

// unheeded are members that AWS knows and this server does not act on.
type unheeded struct {
	DryRun      bool           `json:"DryRun"`
	GrantTokens []string       `json:"GrantTokens"`
	Recipient   jsontext.Value `json:"Recipient"`
}

type generateInput struct {
	KeyID   *string           `json:"KeyId"`
	Context encryptionContext `json:"EncryptionContext"`
	KeySpec *string           `json:"KeySpec"`
	Bytes   *int              `json:"NumberOfBytes"`
	unheeded
}

type generateOutput struct {
	CiphertextBlob []byte `json:"CiphertextBlob"`
	KeyID          string `json:"KeyId"`
}

type decryptInput struct {
	Blob      []byte            `json:"CiphertextBlob"`
	Context   encryptionContext `json:"EncryptionContext"`
	KeyID     *string           `json:"KeyId"`
	Algorithm *string           `json:"EncryptionAlgorithm"`
	unheeded
}

type decryptOutput struct {
	KeyID     string `json:"KeyId"`
	Plaintext []byte `json:"Plaintext"`
	Algorithm string `json:"EncryptionAlgorithm"`
}

// decode reads a request. A member that is not known answers 501, for it may
// change what the call means.
func decode(operation string, body io.Reader, into any) error {
	err := json.UnmarshalRead(body, into, json.RejectUnknownMembers(true))
	if errors.Is(err, json.ErrUnknownName) {
		return &failure{http.StatusNotImplemented, "UnknownOperationException",
			"The operation " + operation + " with a member that is none of its own is not implemented."}
	}
	if err != nil {
		return refuse("SerializationException", "The request is not a JSON object of this operation's members.")
	}
	return nil
}

func (u unheeded) check(operation string) error {
	var name string
	switch {
	case u.DryRun:
		name = "DryRun"
	case len(u.GrantTokens) > 0:
		name = "GrantTokens"
	case len(u.Recipient) > 0 && u.Recipient.Kind() != 'n':
		name = "Recipient"
	default:
		return nil
	}
	return &failure{http.StatusNotImplemented, "UnknownOperationException", "The operation " + operation + " with " + name + " is not implemented."}
}

func (s *Server) generate(ctx context.Context, in generateInput) (any, error) {
	if err := in.unheeded.check("GenerateDataKeyWithoutPlaintext"); err != nil {
		return nil, err
	}
	if in.KeyID == nil {
		return nil, invalid("null", "keyId", "Member must not be null")
	}
	if err := checkKeyID(*in.KeyID); err != nil {
		return nil, err
	}
	n, err := in.length()
	if err != nil {
		return nil, err
	}
	if err := in.Context.check(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, err := s.resolve(*in.KeyID)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, "GenerateDataKeyWithoutPlaintext", k, in.Context); err != nil {
		return nil, err
	}
	if err := s.usable(k); err != nil {
		return nil, err
	}
	plain := make([]byte, n)
	if _, err := rand.Read(plain); err != nil {
		return nil, err
	}
	blob, err := k.seal(plain, in.Context)
	if err != nil {
		return nil, err
	}
	return generateOutput{blob, s.arn(k)}, nil
}

// length is how long a data key is asked for.
func (in generateInput) length() (int, error) {
	if (in.KeySpec == nil) == (in.Bytes == nil) {
		return 0, refuse("ValidationException", "Please specify either number of bytes or key spec.")
	}
	if in.Bytes != nil {
		switch n := *in.Bytes; {
		case n < 1:
			return 0, invalid(fmt.Sprint(n), "numberOfBytes", "Member must have value greater than or equal to 1")
		case n > maxDataKey:
			return 0, invalid(fmt.Sprint(n), "numberOfBytes", "Member must have value less than or equal to 1024")
		default:
			return n, nil
		}
	}
	switch *in.KeySpec {
	case "AES_256":
		return 32, nil
	case "AES_128":
		return 16, nil
	}
	return 0, invalid(*in.KeySpec, "keySpec", "Member must satisfy enum value set: [AES_256, AES_128]")
}

func (s *Server) decrypt(ctx context.Context, in decryptInput) (any, error) {
	if err := in.unheeded.check("Decrypt"); err != nil {
		return nil, err
	}
	switch {
	case in.Blob == nil:
		return nil, invalid("null", "ciphertextBlob", "Member must not be null")
	case len(in.Blob) == 0:
		return nil, invalid("", "ciphertextBlob", "Member must have length greater than or equal to 1")
	case len(in.Blob) > maxCiphertext:
		return nil, invalid("...", "ciphertextBlob", "Member must have length less than or equal to 6144")
	case in.Algorithm != nil && strings.HasPrefix(*in.Algorithm, "RSAES_OAEP_"):
		return nil, refuse("InvalidKeyUsageException", "You cannot specify the algorithm "+*in.Algorithm+" with a symmetric key.")
	case in.Algorithm != nil && *in.Algorithm != "SYMMETRIC_DEFAULT":
		return nil, invalid(*in.Algorithm, "encryptionAlgorithm", "Member must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256]")
	}
	if in.KeyID != nil {
		if err := checkKeyID(*in.KeyID); err != nil {
			return nil, err
		}
	}
	if err := in.Context.check(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, err := s.keyOf(in)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, "Decrypt", k, in.Context); err != nil {
		return nil, err
	}
	if err := s.usable(k); err != nil {
		return nil, err
	}
	plain, err := k.open(in.Blob, in.Context)
	if err != nil {
		return nil, errCiphertext()
	}
	return decryptOutput{s.arn(k), plain, "SYMMETRIC_DEFAULT"}, nil
}

// keyOf finds the key that a ciphertext names, which must be the one that the
// request names, if it does.
func (s *Server) keyOf(in decryptInput) (*key, error) {
	var named *key
	if in.KeyID != nil {
		var err error
		if named, err = s.resolve(*in.KeyID); err != nil {
			return nil, err
		}
	}
	k := s.keys.byID(blobKey(in.Blob))
	if k == nil {
		return nil, errCiphertext()
	}
	if named != nil && named != k {
		return nil, refuse("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return k, nil
}

func (c encryptionContext) check() error {
	total := 0
	for name, value := range c {
		if value == nil {
			return invalid("null", "encryptionContext", "Map value must not be null")
		}
		total += len(name) + len(*value)
	}
	if total > maxContext {
		return refuse("ValidationException", fmt.Sprintf("The encryption context is longer than %d bytes.", maxContext))
	}
	return nil
}

func checkKeyID(id string) error {
	if id == "" {
		return invalid("", "keyId", "Member must have length greater than or equal to 1")
	}
	if utf8.RuneCountInString(id) > maxKeyID {
		return invalid("...", "keyId", "Member must have length less than or equal to 2048")
	}
	return nil
}

func invalid(value, member, constraint string) error {
	return refuse("ValidationException", "1 validation error detected: Value '"+value+"' at '"+member+"' failed to satisfy constraint: "+constraint)
}

// errCiphertext has no message on AWS either: it says nothing about the cause.
func errCiphertext() error { return refuse("InvalidCiphertextException", "") }
